//! Applies a decision: nft checks the rules, netifd gets the host dependency, the uplink gets the
//! CE address, the loader gets the state file, and netifd gets one update.

use std::net::Ipv6Addr;
use std::time::SystemTime;

use mape_core::{Failure, Plan, Quoted};
use mape_firewall::{Env, State};
use mape_kernel::listening_ports;
use mape_nft::{DeviceName, Edge, InterfaceName};
use serde_json::Value;

use super::bus::notify;
use super::ce_alias;
use super::decide::Target;
use super::dump::{Dump, InterfaceDump};
use super::error::SetupError;
use super::interface_cache::{Change, InterfaceCache};
use super::invocation::Invocation;
use super::messages::{self, Update};
use super::plan_numbers::ports;
use super::procd;
use super::zones::Zones;

/// State of the interface before this call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Down,
    Up,
}

/// Duplicate address detection of a tunnel that is up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Detection {
    Over,
    /// Another device may still be found to have this CE address.
    Running(Ipv6Addr),
}

/// The rules of a target, as nft accepts them.
pub(super) struct CheckedRules {
    state: State,
    edge: Edge,
}

/// Has nft check the rules of a target, unless rules of this shape were checked before.
pub(super) fn check(
    env: &Env,
    interface: &InterfaceName,
    target: &Target,
) -> Result<CheckedRules, Failure> {
    let Target { config, plan, .. } = target;
    let listening = listening_ports::ports(&env.proc_net());
    let state = State::new(interface, plan, &listening, config.edge, config.nft)
        .with_upnp(config.upnp_ports, config.full_cone_hosts.clone())
        .after(State::last(&env.run, interface).as_ref());
    let edge = mape_firewall::capability_cache::edge_for(env, &state)?;
    Ok(CheckedRules { state, edge })
}

/// Applies a target whose line this interface has claimed.
///
/// **A tunnel is never created beside one with the same endpoints**, so that is checked before
/// anything is changed. **From the first change on, the cache says that the call is not finished.**
/// If the call dies, the hotplug hook has it made again.
pub(super) fn apply(
    call: &mut Invocation<'_>,
    cache: &mut InterfaceCache,
    dump: &Dump,
    target: &Target,
    rules: &CheckedRules,
    before: Before,
) -> Result<Detection, Failure> {
    let Target { uplink, plan, .. } = target;
    let in_the_way = tunnel_in_the_way(call.env, call.interface, dump, plan, Some(&uplink.device));
    if let Some(error) = in_the_way {
        return Err(error.into());
    }
    // If the uplink is down, netifd ends this process during the call, and starts another one when
    // the uplink is up.
    notify(call.bus, &messages::host_dependency(call.interface, &uplink.interface))?;
    if before == Before::Up {
        // The link goes before its address does: the kernel logs each packet that a tunnel without
        // its address sends.
        notify(call.bus, &messages::link_lost(call.interface))?;
    }
    ce_alias::add(call, dump, &uplink.interface, plan.ce())?;
    // Where neighbours ask for the address, it gives no answer before that. After a duplicate, each
    // attempt would bring the tunnel up and take it down again.
    let detection = if !uplink.is_ce_on_link && !cache.ce_was_in_use {
        Detection::Running(plan.ce())
    } else {
        ce_alias::wait_or_remove(call, plan.ce())?;
        cache.ce_was_in_use = false;
        Detection::Over
    };
    cache.applied = None;
    cache.settled = false;
    call.keep(cache);
    rules.state.write(&call.env.run).map_err(SetupError::State)?;
    let (message, change) = update(call, cache, dump, target, rules.edge);
    if let Err(error) = notify(call.bus, &message) {
        let _ = State::retire(&call.env.run, call.interface);
        let known = tunnel_in_the_way(call.env, call.interface, dump, plan, None);
        return Err(known.unwrap_or(SetupError::NoTunnel(error)).into());
    }
    // netifd has created the device.
    procd::open(call.bus, call.interface);
    log::info!(
        "{}: {}, through {} ({}) to the BR {}, by the {} rule",
        if change.renumbered { "renumbered" } else { "up" },
        ports(plan),
        uplink.interface,
        uplink.device,
        plan.br(),
        target.source.name()
    );
    cache.prefix = uplink.prefix.to_string();
    cache.applied = Some(target.fingerprint());
    cache.last_published = Some(target.published_rule());
    Ok(detection)
}

/// Returns the message that brings the tunnel up, and the change of the line's numbers.
fn update(
    call: &mut Invocation<'_>,
    cache: &mut InterfaceCache,
    dump: &Dump,
    target: &Target,
    edge: Edge,
) -> (Value, Change) {
    let Target { config, uplink, plan, warning, .. } = target;
    let zones = Zones::read(&call.env.config()).with_joined(dump);
    if let Some(zone) = zones.missing(config).map(Quoted::new) {
        log::warn!("the firewall has no zone {zone}; correct or remove option zone");
    }
    let device = DeviceName::of_interface(call.interface);
    let change = cache.note(plan, seconds_since_1970());
    let update = Update {
        interface: call.interface,
        device: device.as_str(),
        config,
        uplink,
        plan,
        about: &target.published_rule(),
        edge,
        zones: &zones,
        change: &change,
        warning: warning.as_ref(),
    };
    (update.message(), change)
}

/// Returns an error if another tunnel has the same endpoints: the kernel creates no second one.
fn tunnel_in_the_way(
    env: &Env,
    interface: &InterfaceName,
    dump: &Dump,
    plan: &Plan,
    link: Option<&str>,
) -> Option<SetupError> {
    let (ce, br) = (plan.ce(), plan.br());
    let own = DeviceName::of_interface(interface);
    let device = mape_kernel::link::tunnel_between(&env.devices, (ce, br), link, own.as_str())?;
    let is_its = |it: &&InterfaceDump| it.device.as_deref() == Some(device.as_str());
    let owner = dump.interfaces().find(is_its).map(|it| Quoted::new(&it.name));
    Some(SetupError::TunnelExists { device: Quoted::new(&device), owner, ce, br })
}

fn seconds_since_1970() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_secs())
}
