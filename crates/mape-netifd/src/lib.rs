//! The router's side: what netifd asks of a protocol handler, and what its events ask of us.
//!
//! netifd runs `setup`, `teardown` and `renew` through a shell shim, hotplug runs `hotplug`. None
//! of them stays: what has to be waited for is an event that starts the next one. The exception are
//! causes that raise no event (nft refuses, netifd does not answer, another device has our
//! address): then `setup` itself looks again, and netifd ends it when it tears the interface down.
//! It ends by itself where netifd has ended.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mape_kernel::conntrack::{self, ConntrackError};
use mape_kernel::netlink::NetlinkError;
use mape_nft::InterfaceName;
use mape_ubus::{Client, UbusError};
use mape_uci::Directories;
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
pub use dump::{Candidate, Facts, InterfaceFacts};
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

/// Where things are. Tests have them elsewhere.
#[derive(Clone, Debug)]
pub struct Places {
    /// State files, devices and nft, as the loader has them.
    pub firewall: mape_firewall::Env,
    /// ubusd's socket: the first that exists is taken.
    pub ubus: Vec<PathBuf>,
    /// The kernel's tables, `/proc/net`.
    pub proc_net: PathBuf,
    /// UCI's files.
    pub uci: Directories,
    /// What outlives a boot: the last good answers of provisioning.
    pub flash: PathBuf,
    /// Forgets the connections of an address that the line no longer has.
    pub forget: fn(Ipv4Addr) -> Result<usize, ConntrackError>,
    /// Takes a device down, by its index.
    pub device_down: fn(u32) -> Result<(), NetlinkError>,
    /// Between two attempts for a cause that raises no event.
    pub patience: Duration,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            firewall: mape_firewall::Env::default(),
            ubus: vec!["/var/run/ubus/ubus.sock".into(), "/var/run/ubus.sock".into()],
            proc_net: "/proc/net".into(),
            uci: Directories::below("/".as_ref()),
            flash: "/etc/mape-rs".into(),
            forget: |address| conntrack::forget(address, |_, _| false),
            device_down: mape_kernel::link::device_down,
            patience: Duration::from_secs(30),
        }
    }
}

impl Places {
    /// Connects to ubusd. No call takes longer than `timeout`.
    ///
    /// # Errors
    /// [`UbusError`] where nobody listens there.
    pub fn connect(&self, timeout: Duration) -> Result<Client, UbusError> {
        let path = self.ubus.iter().find(|path| path.exists()).or(self.ubus.first());
        Client::connect(path.map_or_else(|| "".as_ref(), PathBuf::as_path), timeout)
    }

    /// The way to netifd for whoever outlives a connection. No call takes longer than `timeout`.
    #[must_use]
    pub const fn bus(&self, timeout: Duration) -> Connection<'_> {
        Connection { places: self, timeout, until: None, client: None }
    }

    /// The same where all calls together may take no longer than `time`.
    #[must_use]
    pub fn bus_within(&self, time: Duration) -> Connection<'_> {
        Connection { until: Some(Instant::now() + time), ..self.bus(time) }
    }
}

/// Connects with the first call. Where the connection broke, so does this call, as it may have had
/// its effect, and the next one connects again.
pub struct Connection<'places> {
    places: &'places Places,
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
            None => self.places.connect(self.left()?)?,
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

///
/// # Errors
/// [`UbusError`]
pub fn facts(bus: &mut dyn Bus) -> Result<Facts, UbusError> {
    let empty = Value::Object(Map::new());
    bus.call(NETIFD, "dump", &empty).map(|dump| Facts::parse(&dump))
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
