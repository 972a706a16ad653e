//! firewall4: whether its loaded rules have a device in a zone.

use std::thread::sleep;
use std::time::Duration;

use mape_nft::DeviceName;
use mape_system::files;
use mape_system::json::{self, items};
use mape_system::program::{Command, Program};
use serde_json::Value;

use crate::env::Env;
use crate::error::FirewallError;
use crate::lock;
use crate::state_files::device_index;

/// Directory of firewall4's files.
const RUN: &str = "var/run";
/// What firewall4 has loaded: zones and their devices. The file is missing while it is stopped.
pub(crate) const STATE: &str = "var/run/fw4.state";
/// firewall4 holds this lock until nft has loaded the rules that the state file describes.
const LOCK: &str = "fw4.lock";
/// Several reloads may come first, each of some seconds on a slow router.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);
const RELOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Has firewall4 reload its rules if they lack a new device of this zone after [`Env::hook_delay`].
///
/// firewall4 finds the devices of a zone when it loads its rules. Until then it rejects what LAN
/// hosts send to a device that is newer than the rules. Its own hotplug hook has it reload; a
/// second reload would cost as much as the first, so that hook is waited for. A failure is logged.
pub fn reload_if_late(env: &Env, zone: &str, device: &DeviceName) {
    sleep(env.hook_delay);
    // If the device is gone, the next one causes another call.
    if device_index(env, device.as_str()).is_some() {
        match reload_unless_in_zone(env, zone, device) {
            Ok(true) => log::info!("firewall4 reloaded: zone {zone} has {device} now"),
            Ok(false) => {}
            Err(error) => log::warn!("firewall4 was not reloaded: {error}"),
        }
    }
}

/// Returns whether firewall4 was reloaded. A reload that is running is waited for.
fn reload_unless_in_zone(
    env: &Env,
    zone: &str,
    device: &DeviceName,
) -> Result<bool, FirewallError> {
    if !env.root.join(STATE).exists() && !env.root.join(RUN).join(LOCK).exists() {
        return Ok(false);
    }
    let lock = lock::take_within(&env.root.join(RUN), LOCK, LOCK_TIMEOUT)?;
    let state = files::text(env.root.join(STATE)).unwrap_or_default();
    drop(lock);
    if has_device(&state, zone, device.as_str()) != Some(false) {
        return Ok(false);
    }
    let mut command = Command::new(&env.fw4);
    command.args(&["-q", "reload"]);
    match Program::new(command, RELOAD_TIMEOUT).silent().output() {
        Ok(_) => Ok(true),
        Err(error) => Err(FirewallError::NoVerdict(error.to_string())),
    }
}

/// Whether the zone has the device in this state. `None` if firewall4 is stopped or has no such
/// zone: a reload would change nothing.
fn has_device(state: &str, zone: &str, device: &str) -> Option<bool> {
    let state: Value = json::value(state).ok()?;
    let named = |it: &&Value| it.get("name").and_then(Value::as_str) == Some(zone);
    let zone = items(&state, "zones").iter().find(named)?;
    let rules = items(zone, "match_rules").iter();
    let mut devices = rules.flat_map(|rule| items(rule, "devices_pos")).filter_map(Value::as_str);
    Some(devices.any(|listed| match listed.strip_suffix('*') {
        Some(beginning) => device.starts_with(beginning),
        None => listed == device,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = r#"{"zones":[
        {"name":"lan","match_rules":[{"devices_pos":["br-lan"],"devices_neg":null}]},
        {"name":"wan","match_rules":[{"devices_pos":null},{"devices_pos":["eth1","mape-a"]}]},
        {"name":"any","match_rules":[{"devices_pos":["mape-*"]}]},
        {"name":"empty","match_rules":[]}]}"#;

    #[test]
    fn a_zone_has_the_devices_of_its_rules() {
        for (zone, device, expected) in [
            ("wan", "mape-a", Some(true)),
            ("wan", "mape-b", Some(false)),
            ("wan", "br-lan", Some(false)),
            ("any", "mape-b", Some(true)),
            ("any", "map-b", Some(false)),
            ("empty", "mape-a", Some(false)),
            ("guest", "mape-a", None),
        ] {
            assert_eq!(has_device(STATE, zone, device), expected, "{zone} {device}");
        }
        assert_eq!(has_device("", "wan", "mape-a"), None);
        assert_eq!(has_device("{\"zones\":[", "wan", "mape-a"), None);
    }
}
