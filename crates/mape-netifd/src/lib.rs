//! The router's side: what netifd asks of a protocol handler, and what its events ask of us.
//!
//! netifd runs `setup`, `teardown` and `renew` through a shell shim, hotplug runs `hotplug`. None
//! of them stays: what has to be waited for is an event that starts the next one. The exception are
//! causes that raise no event (nft refuses, netifd does not answer, another device has our
//! address): then `setup` itself looks again, and netifd ends it when it tears the interface down.
//! It ends by itself where netifd has ended.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use mape_firewall::Env;
use mape_nft::InterfaceName;
use mape_ubus::{Client, UbusError};
use serde_json::{Map, Value};

mod ce_alias;
mod config;
mod decide;
mod detect;
mod dhcpv6;
mod dump;
mod error;
mod fixed_ipv4;
mod handler;
mod hotplug;
mod interface_cache;
mod messages;
pub mod net;
mod options;
mod provisioning;
mod rivals;
pub mod status;
mod uplink;
mod zones;

pub use config::Config;
pub use config::NUMBERS;
pub use detect::line_facts;
pub use detect::{Question, recognise};
pub use dump::{Candidate, Dump, InterfaceDump};
pub use fixed_ipv4::Fixed;
pub use fixed_ipv4::{CONTRACTS, Update};
pub use handler::{renew, setup, teardown};
pub use hotplug::{Event, hotplug};
pub use options::OptionError;
pub use options::planned_uplink_mtu;
pub use provisioning::ddns_update;
pub use provisioning::provision;
pub use provisioning::trouble as provisioning_trouble;
pub use rivals::Taken;
pub use uplink::{Uplink, UplinkError, choose};
pub use zones::Zones;

/// Connects to ubusd. No call takes longer than `timeout`.
///
/// # Errors
/// [`UbusError`] where the socket is not there or does not answer.
pub fn connect(env: &Env, timeout: Duration) -> Result<Client, UbusError> {
    let path = env.ubus.iter().find(|path| path.exists()).or(env.ubus.first());
    Client::connect(path.map_or_else(|| "".as_ref(), PathBuf::as_path), timeout)
}

/// The way to netifd for a caller that outlives a connection. No call takes longer than `timeout`.
#[must_use]
pub const fn bus(env: &Env, timeout: Duration) -> Connection<'_> {
    Connection { env, timeout, until: None, client: None }
}

/// The same where all calls together may take no longer than `time`.
#[must_use]
pub fn bus_within(env: &Env, time: Duration) -> Connection<'_> {
    Connection { until: Some(Instant::now() + time), ..bus(env, time) }
}

/// Connects with the first call. Where the connection broke, so does this call, as it may have had
/// its effect, and the next one connects again.
pub struct Connection<'env> {
    env: &'env Env,
    timeout: Duration,
    /// When all calls have to be over.
    until: Option<Instant>,
    client: Option<Client>,
}

impl Connection<'_> {
    /// What the next step may take.
    fn left(&self) -> Result<Duration, UbusError> {
        let Some(until) = self.until else { return Ok(self.timeout) };
        let left = until.saturating_duration_since(Instant::now()).min(self.timeout);
        if left.is_zero() { Err(UbusError::Timeout(self.timeout)) } else { Ok(left) }
    }
}

impl Bus for Connection<'_> {
    fn call(&mut self, object: &str, method: &str, arguments: &Value) -> Result<Value, UbusError> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => connect(self.env, self.left()?)?,
        };
        client.set_timeout(self.left()?);
        let answer = client.call(object, method, arguments);
        let broke = matches!(answer, Err(UbusError::Lost(_) | UbusError::Protocol(_)));
        self.client = (!broke).then_some(client);
        answer
    }
}

/// netifd answers in milliseconds; it may be busy reloading everything on a slow router.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// For all calls of a teardown together: netifd kills it after five seconds, and what it does on
/// the machine itself comes before.
pub const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// The way to netifd.
pub trait Bus {
    /// Calls a method and returns its answer.
    ///
    /// # Errors
    /// [`UbusError`]
    fn call(&mut self, object: &str, method: &str, arguments: &Value) -> Result<Value, UbusError>;
}

impl Bus for Client {
    fn call(&mut self, object: &str, method: &str, arguments: &Value) -> Result<Value, UbusError> {
        Client::call(self, object, method, arguments)
    }
}

/// All interfaces of netifd.
const NETIFD: &str = "network.interface";

fn interface_object(interface: &str) -> String {
    format!("{NETIFD}.{interface}")
}

/// Returns what netifd reports of all interfaces.
///
/// # Errors
/// [`UbusError`]
pub fn read_dump(bus: &mut dyn Bus) -> Result<Dump, UbusError> {
    let empty = Value::Object(Map::new());
    bus.call(NETIFD, "dump", &empty).map(|dump| Dump::parse(&dump))
}

fn notify(bus: &mut dyn Bus, message: &Value) -> Result<(), UbusError> {
    bus.call(NETIFD, "notify_proto", message).map(drop)
}

/// Adds to what `ifstatus` shows, without any event.
fn set_data(
    bus: &mut dyn Bus,
    interface: &InterfaceName,
    key: &str,
    value: Value,
) -> Result<(), UbusError> {
    let mut data = Map::new();
    data.insert(key.to_owned(), value);
    bus.call(&interface_object(interface.as_str()), "set_data", &data.into()).map(drop)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
#[allow(clippy::unwrap_used, dead_code, reason = "of tests")]
#[path = "../../../tests/support/executable.rs"]
mod executable;
