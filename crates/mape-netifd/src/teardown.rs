//! `teardown`, and the end of a line that the network withdrew.

use std::io::Write;

use mape_firewall::{Env, State};
use mape_nft::{DeviceName, InterfaceName};

use super::bus::{Bus, notify};
use super::interface_cache::InterfaceCache;
use super::invocation::Invocation;
use super::{ce_alias, messages};

/// Removes what `setup` made and netifd does not remove by itself. Each failure is reported to
/// `log`, and the next step taken.
pub fn teardown(bus: &mut dyn Bus, env: &Env, interface: &InterfaceName, log: &mut dyn Write) {
    // netifd takes the tunnel down after this, and the kernel complains of each packet that is sent
    // without its address.
    let device = DeviceName::of_interface(interface);
    if let Some(index) = mape_firewall::device_index(env, device.as_str()) {
        if let Err(error) = (env.device_down)(index) {
            let _ = writeln!(log, "{device} could not be taken down: {error}");
        }
    }
    if let Err(error) = State::retire(&env.run, interface) {
        let _ = writeln!(log, "the state file could not be removed: {error}");
    }
    ce_alias::remove(bus, interface, log);
}

/// Takes the tunnel away and leaves the interface pending: it comes back with the next rule.
pub(super) fn take_down(call: &mut Invocation<'_>, cache: &mut InterfaceCache) {
    if let Err(error) = notify(call.bus, &messages::link_lost(call.interface)) {
        let _ = writeln!(call.log, "netifd keeps the tunnel: {error}");
    }
    teardown(call.bus, call.env, call.interface, call.log);
    cache.applied = None;
    cache.last_published = None;
}
