//! What procd runs for an interface: processes for which netifd, its hotplug queue and this program
//! do not wait.

use std::time::SystemTime;

use mape_nft::InterfaceName;
use mape_system::json::object;
use serde_json::Value;

use crate::bus::Bus;

/// Path of this program on a router.
const PROGRAM: &str = "/usr/sbin/mape-proto";
/// The service whose instances open interfaces.
const OPENING: &str = "mape-rs";
/// Before the scripts of a boot, which keep the processor busy: the rules are loaded in half the
/// time.
const NICE: i32 = -10;
/// Wait after a call of `provision` that died, in seconds.
const RESPAWN_DELAY: u64 = 60;

/// Asks procd to run `open` for an interface that netifd has just brought up. Returns at once.
///
/// procd starts an instance that does not run, and restarts one that runs with another command. The
/// time makes each request another command: a process that has read the former state file would
/// otherwise count as the answer to this request.
pub(super) fn open(bus: &mut dyn Bus, interface: &InterfaceName) {
    let name = interface.as_str();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let now = format!("{}.{:09}", now.as_secs(), now.subsec_nanos());
    let command = [PROGRAM, "open", name, &now];
    let instance = object(vec![("command", texts(&command)), ("nice", NICE.into())]);
    let instances = object(vec![(name, instance)]);
    // `set` would end the instances of the other interfaces.
    let message = object(vec![("name", OPENING.into()), ("instances", instances)]);
    if let Err(error) = bus.call("service", "add", &message) {
        log::warn!("procd does not load the rules, so they wait for the hotplug hook: {error}");
    }
}

/// Removes the instance of an interface that was deleted from the configuration.
pub(super) fn forget(bus: &mut dyn Bus, interface: &InterfaceName) {
    let instance = interface.as_str().into();
    let message = object(vec![("name", OPENING.into()), ("instance", instance)]);
    // If the interface was never up, procd has no such instance.
    let _ = bus.call("service", "delete", &message);
}

/// Has `provision` called at `until` (seconds since the machine's start), or at once where that is
/// 0. procd holds the wait: an instance that ends is started again after its `respawn` time.
///
/// procd starts an instance whose description changes, so there is one call too many before each
/// wait; it finds nothing due. Called from within the instance, this ends the process.
pub(super) fn provision_at(bus: &mut dyn Bus, interface: &InterfaceName, until: u64, now: u64) {
    let wait = if until == 0 { RESPAWN_DELAY } else { until.saturating_sub(now).max(1) };
    let name = interface.as_str();
    let instance = object(vec![
        ("command", texts(&[PROGRAM, "provision", name, &until.to_string()])),
        // Runs shorter than 0 s are failures, the wait, and no limit for failures.
        ("respawn", texts(&["0", &wait.to_string(), "0"])),
        ("stderr", true.into()),
    ]);
    let instances = object(vec![(name, instance)]);
    let message = object(vec![("name", provisioning(interface)), ("instances", instances)]);
    if let Err(error) = bus.call("service", "set", &message) {
        log::warn!("procd does not call provisioning again: {error}");
    }
}

/// Ends the calls of `provision`.
pub(super) fn stop_provisioning(bus: &mut dyn Bus, interface: &InterfaceName) {
    // Where there is none it is as wanted.
    let _ = bus.call("service", "delete", &object(vec![("name", provisioning(interface))]));
}

fn provisioning(interface: &InterfaceName) -> Value {
    format!("mape-rs-{interface}").into()
}

fn texts(texts: &[&str]) -> Value {
    texts.into()
}
