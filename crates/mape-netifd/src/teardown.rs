//! `teardown`, and the end of a line that the network withdrew.

use mape_firewall::{Env, State};
use mape_nft::{DeviceName, InterfaceName};

use super::bus::{Bus, notify};
use super::interface_cache::InterfaceCache;
use super::invocation::Invocation;
use super::{ce_alias, log_scope, messages};

/// Removes what `setup` made and netifd does not remove by itself. A failure is logged, and the
/// next step taken.
pub fn teardown(bus: &mut dyn Bus, env: &Env, interface: &InterfaceName) {
    log_scope::of_last_call(env, interface);
    remove(bus, env, interface);
}

fn remove(bus: &mut dyn Bus, env: &Env, interface: &InterfaceName) {
    // netifd takes the tunnel down after this, and the kernel complains of each packet that is sent
    // without its address.
    let device = DeviceName::of_interface(interface);
    let index = mape_firewall::device_index(env, device.as_str());
    if let Some(index) = index {
        if let Err(error) = (env.device_down)(index) {
            log::warn!("{device} could not be taken down: {error}");
        }
    }
    if let Err(error) = State::retire(&env.run, interface) {
        log::warn!("the state file could not be removed: {error}");
    }
    ce_alias::remove(bus, interface);
    if index.is_some() {
        log::info!("down");
    }
}

/// Takes the tunnel away and leaves the interface pending: it comes back with the next rule.
pub(super) fn take_down(call: &mut Invocation<'_>, cache: &mut InterfaceCache) {
    if let Err(error) = notify(call.bus, &messages::link_lost(call.interface)) {
        log::warn!("netifd keeps the tunnel: {error}");
    }
    remove(call.bus, call.env, call.interface);
    cache.applied = None;
    cache.last_published = None;
}
