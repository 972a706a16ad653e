//! The way to netifd: calls over ubus, and the messages that every caller sends.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use mape_firewall::Env;
use mape_nft::InterfaceName;
use mape_ubus::{Client, UbusError};
use serde_json::{Map, Value};

use super::dump::Dump;
use super::interface_data::InterfaceData;

/// Connects to ubusd. No call takes longer than `timeout`.
///
/// # Errors
/// [`UbusError`] if the socket does not exist or ubusd does not answer.
pub fn connect(env: &Env, timeout: Duration) -> Result<Client, UbusError> {
    let path = env.ubus.iter().find(|path| path.exists()).or(env.ubus.first());
    Client::connect(path.map_or_else(|| "".as_ref(), PathBuf::as_path), timeout)
}

/// Returns a bus for a caller that outlives a connection. No call takes longer than `timeout`.
#[must_use]
pub const fn bus(env: &Env, timeout: Duration) -> Connection<'_> {
    Connection { env, timeout, until: None, client: None }
}

/// Returns such a bus on which all calls together take no longer than `time`.
#[must_use]
pub fn bus_within(env: &Env, time: Duration) -> Connection<'_> {
    Connection { until: Some(Instant::now() + time), ..bus(env, time) }
}

/// A bus that connects with the first call. A call during which the connection breaks fails, as it
/// may have had its effect; the next call connects again.
pub struct Connection<'env> {
    env: &'env Env,
    timeout: Duration,
    /// When all calls have to be over.
    until: Option<Instant>,
    client: Option<Client>,
}

impl Connection<'_> {
    /// Returns how long the next step may take.
    fn left(&self) -> Result<Duration, UbusError> {
        let Some(until) = self.until else { return Ok(self.timeout) };
        let left = until.saturating_duration_since(Instant::now()).min(self.timeout);
        if left.is_zero() { Err(UbusError::Timeout(self.timeout)) } else { Ok(left) }
    }
}

impl Bus for Connection<'_> {
    fn call_within(
        &mut self,
        time: Duration,
        object: &str,
        method: &str,
        arguments: &Value,
    ) -> Result<Value, UbusError> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => connect(self.env, self.left()?.min(time))?,
        };
        client.set_timeout(self.left()?.min(time));
        let answer = client.call(object, method, arguments);
        let broke = matches!(answer, Err(UbusError::Lost(_) | UbusError::Protocol(_)));
        self.client = (!broke).then_some(client);
        answer
    }
}

/// Limit of a call: netifd answers in milliseconds, unless it is reloading everything on a slow
/// router.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// Limit of all calls of a teardown together: netifd kills it after five seconds, and the teardown
/// takes the device down and removes the state file before it calls.
pub const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// Calls methods of ubus objects. Tests implement it with a recorder.
pub trait Bus {
    /// Calls a method and returns its answer.
    ///
    /// # Errors
    /// [`UbusError`]
    fn call(&mut self, object: &str, method: &str, arguments: &Value) -> Result<Value, UbusError> {
        self.call_within(Duration::MAX, object, method, arguments)
    }

    /// The same, for an answer that may never come: waits for it no longer than `time`.
    ///
    /// # Errors
    /// [`UbusError`]
    fn call_within(
        &mut self,
        time: Duration,
        object: &str,
        method: &str,
        arguments: &Value,
    ) -> Result<Value, UbusError>;
}

impl Bus for Client {
    fn call_within(
        &mut self,
        time: Duration,
        object: &str,
        method: &str,
        arguments: &Value,
    ) -> Result<Value, UbusError> {
        let usual = self.timeout();
        self.set_timeout(usual.min(time));
        let answer = Client::call(self, object, method, arguments);
        self.set_timeout(usual);
        answer
    }
}

/// netifd's object for all interfaces.
const NETIFD: &str = "network.interface";

/// Returns the name of netifd's object for one interface.
pub(super) fn interface_object(interface: &str) -> String {
    format!("{NETIFD}.{interface}")
}

/// Returns what netifd reports of all interfaces.
///
/// # Errors
/// [`UbusError`]
pub fn read_dump(bus: &mut dyn Bus) -> Result<Dump, UbusError> {
    let empty = Value::Object(Map::new());
    bus.call(NETIFD, "dump", &empty).map(|answer| Dump::of(&answer))
}

/// Sends a message of a protocol handler.
pub(super) fn notify(bus: &mut dyn Bus, message: &Value) -> Result<(), UbusError> {
    bus.call(NETIFD, "notify_proto", message).map(drop)
}

/// Sets keys of the `data` that `ifstatus` shows; netifd raises no event for it.
pub(super) fn set_data(
    bus: &mut dyn Bus,
    interface: &InterfaceName,
    data: &InterfaceData,
) -> Result<(), UbusError> {
    bus.call(&interface_object(interface.as_str()), "set_data", &data.to_value()).map(drop)
}
