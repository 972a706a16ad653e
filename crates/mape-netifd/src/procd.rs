//! What procd runs for an interface: processes for which netifd, its hotplug queue and this program
//! do not wait.

use std::time::SystemTime;

use mape_nft::InterfaceName;
use serde_json::json;

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
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_nanos());
    let instance = json!({ "command": [PROGRAM, "open", name, now.to_string()], "nice": NICE });
    // `set` would end the instances of the other interfaces.
    let message = json!({ "name": OPENING, "instances": { name: instance } });
    if let Err(error) = bus.call("service", "add", &message) {
        log::warn!("procd does not load the rules, so they wait for the hotplug hook: {error}");
    }
}

/// Removes the instance of an interface that was deleted from the configuration.
pub(super) fn forget(bus: &mut dyn Bus, interface: &InterfaceName) {
    let message = json!({ "name": OPENING, "instance": interface.as_str() });
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
    let instance = json!({
        "command": [PROGRAM, "provision", name, until.to_string()],
        // Runs shorter than 0 s are failures, the wait, and no limit for failures.
        "respawn": ["0", wait.to_string(), "0"],
        "stderr": true,
    });
    let message = json!({ "name": provisioning(interface), "instances": { name: instance } });
    if let Err(error) = bus.call("service", "set", &message) {
        log::warn!("procd does not call provisioning again: {error}");
    }
}

/// Ends the calls of `provision`.
pub(super) fn stop_provisioning(bus: &mut dyn Bus, interface: &InterfaceName) {
    // Where there is none it is as wanted.
    let _ = bus.call("service", "delete", &json!({ "name": provisioning(interface) }));
}

fn provisioning(interface: &InterfaceName) -> String {
    format!("mape-rs-{interface}")
}
