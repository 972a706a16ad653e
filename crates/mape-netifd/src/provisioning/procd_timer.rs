//! The wait until the next try, held by procd: an instance that ends is started again after its
//! `respawn` time, so no process of ours sleeps.

use mape_nft::InterfaceName;
use serde_json::json;

use crate::bus::Bus;

/// Where it is installed.
const PROGRAM: &str = "/usr/sbin/mape-proto";
/// After a call that died, in seconds.
const RESPAWN_DELAY: u64 = 60;

fn service(interface: &InterfaceName) -> String {
    format!("mape-rs-{interface}")
}

/// Has `provision` called at `until` (seconds since the machine's start), or at once where that is
/// 0.
///
/// procd starts an instance whose description changes, so there is one call too many before each
/// wait; it finds nothing due. Called from within the instance, this ends the process.
pub(super) fn arrange(bus: &mut dyn Bus, interface: &InterfaceName, until: u64, now: u64) {
    let wait = if until == 0 { RESPAWN_DELAY } else { until.saturating_sub(now).max(1) };
    let name = interface.as_str();
    let instance = json!({
        "command": [PROGRAM, "provision", name, until.to_string()],
        // Runs shorter than 0 s are failures, the wait, and no limit for failures.
        "respawn": ["0", wait.to_string(), "0"],
        "stderr": true,
    });
    let message = json!({ "name": service(interface), "instances": { name: instance } });
    if let Err(error) = bus.call("service", "set", &message) {
        log::warn!("procd does not call provisioning again: {error}");
    }
}

/// No more calls.
pub(super) fn stop(bus: &mut dyn Bus, interface: &InterfaceName) {
    // Where there is none it is as wanted.
    let _ = bus.call("service", "delete", &json!({ "name": service(interface) }));
}
