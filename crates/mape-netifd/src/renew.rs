//! Whether another call of the handler would change an interface, and the request for one.

use mape_firewall::{Env, State};
use mape_nft::InterfaceName;
use mape_system::json;

use super::bus::{Bus, interface_object, read_dump};
use super::decide::{decide, outcome};
use super::dump::{Dump, InterfaceDump};
use super::interface_cache::InterfaceCache;
use super::{call_lock, ce_alias};

/// Asks netifd to renew an interface if that makes a difference, or in any case if `always`.
pub(super) fn renew_if_changed(bus: &mut dyn Bus, env: &Env, name: &InterfaceName, always: bool) {
    let Ok(dump) = read_dump(bus) else { return };
    let Some(interface) = dump.interface(name.as_str()) else { return };
    if always || changes(bus, env, &dump, interface) {
        let _ = bus.call(&interface_object(name.as_str()), "renew", &json::object(Vec::new()));
    }
}

/// Whether another call of the handler would come to another result than the last one did.
pub(super) fn changes(
    bus: &mut dyn Bus,
    env: &Env,
    dump: &Dump,
    interface: &InterfaceDump,
) -> bool {
    let Ok(name) = interface.name.parse::<InterfaceName>() else { return false };
    let directory = &env.run;
    let cache = InterfaceCache::read(directory, &name);
    let died = !cache.settled && !call_lock::is_held(directory, &name);
    if died {
        return true;
    }
    let decision = decide(bus, env, &name, dump, &cache.options, &cache);
    let is_broken = || is_shut(env, dump, &name) || is_without_ce(env, dump, &name);
    outcome(&decision) != cache.outcome || (decision.is_ok() && is_broken())
}

/// Whether netifd has the interface up and the uplink has lost its CE address: the tunnel sends
/// nothing, or no duplicate is detected any more.
pub(super) fn is_without_ce(env: &Env, dump: &Dump, name: &InterfaceName) -> bool {
    let up = dump.interface(name.as_str()).filter(|interface| interface.up);
    let ce = up.and_then(|interface| interface.data.ce);
    ce.is_some_and(|ce| ce_alias::is_lost(env, name, ce))
}

/// Whether netifd has the interface up and the loader cannot open it: its state file is lost,
/// truncated, or that of another version of this program.
pub(super) fn is_shut(env: &Env, dump: &Dump, name: &InterfaceName) -> bool {
    dump.interface(name.as_str()).is_some_and(|interface| interface.up)
        && !State::is_usable(&env.run, name)
}
