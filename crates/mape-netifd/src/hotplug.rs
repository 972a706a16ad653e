//! What happens when an interface goes up, down, or changes.

use mape_core::Failure;
use mape_firewall::{Env, State, firewall4};
use mape_nft::{DeviceName, InterfaceName};
use mape_system::json;

use super::bus::{Bus, interface_object, notify, read_dump, set_data};
use super::dump::{ALIAS_SUFFIX, Dump, InterfaceDump};
use super::interface_cache::InterfaceCache;
use super::interface_data::InterfaceData;
use super::messages;
use super::provisioning::schedule::{self, schedule_if_due};
use super::renew::{changes, is_shut, is_without_ce, renew_if_changed};
use super::zones::Zones;
use super::{call_lock, log_scope, procd, rivals};
use crate::status;

/// An event of netifd's, as hotplug passes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `ifup`, `ifupdate`, `ifdown` …
    pub action: String,
    /// The interface's name.
    pub interface: String,
}

/// For an interface of proto `mape`: loads its rules. For another interface: asks netifd to renew
/// those `mape` interfaces whose decision it changes, and no others. Otherwise events alone could
/// keep a failing interface busy.
///
/// # Errors
/// netifd or nft refused. The error was logged, and reported to netifd if possible.
pub fn hotplug(bus: &mut dyn Bus, env: &Env, event: &Event) -> Result<(), Failure> {
    let dump = read_dump(bus).map_err(Failure::from).inspect_err(log_failure)?;
    let tells = matches!(event.action.as_str(), "ifup" | "ifupdate");
    let done = if dump.is_ours(&event.interface) {
        event.interface.parse().map_or(Ok(()), |name| own(bus, env, &dump, &name))
    } else if event.action == "ifdown" && dump.interface(&event.interface).is_none() {
        removed(bus, env, &event.interface)
    } else if dump.is_our_alias(&event.interface) == tells {
        // Of an alias only its removal matters: another alias may then have its address.
        return Ok(());
    } else {
        Ok(())
    };
    let done = done.inspect_err(log_failure);
    let owner = event.interface.strip_suffix(ALIAS_SUFFIX).unwrap_or(&event.interface);
    // A set-up that follows a killed teardown finds the alias that netifd has yet to remove.
    let has_lost = owner.parse().is_ok_and(|owner| is_without_ce(env, &dump, &owner));
    // Also for a `mape` interface: another one may have waited for its line.
    let waiting = |it: &&InterfaceDump| {
        let is_owner = dump.is_ours(owner) && it.name == owner && !has_lost;
        let is_its = it.name == event.interface || is_owner;
        dump.is_ours(&it.name) && it.autostart && !is_its
    };
    for interface in dump.interfaces().filter(waiting) {
        let Ok(name) = interface.name.parse::<InterfaceName>() else { continue };
        log_scope::of_last_call(env, &name);
        let changes = changes(bus, env, &dump, interface);
        let (action, of) = (&event.action, &event.interface);
        log::debug!("{action} of {of}: {}", if changes { "renew" } else { "nothing changes" });
        if changes {
            // If netifd refuses to renew now, it sets the interface up later by itself.
            let _ =
                bus.call(&interface_object(&interface.name), "renew", &json::object(Vec::new()));
        }
        schedule_if_due(bus, env, &name, &dump);
    }
    done
}

/// Loads the rules of an interface that has come up or was changed, then has firewall4 reload if
/// its own hotplug hook has not done so after [`Env::hook_delay`]. procd runs this: netifd runs the
/// hooks of all interfaces one after the other, so at boot they come many seconds later.
///
/// # Errors
/// As [`hotplug`].
pub fn open(bus: &mut dyn Bus, env: &Env, interface: &InterfaceName) -> Result<(), Failure> {
    let dump = read_dump(bus).map_err(Failure::from).inspect_err(log_failure)?;
    own(bus, env, &dump, interface).inspect_err(log_failure)?;
    let name = interface.as_str();
    let joined = dump.interface(name).and_then(|own| own.data.zone.clone());
    let listed = || Zones::read(&env.config()).of_interface(name).map(str::to_owned);
    if let Some(zone) = joined.or_else(listed) {
        firewall4::reload_if_late(env, &zone, &DeviceName::of_interface(interface));
    }
    Ok(())
}

fn log_failure(failure: &Failure) {
    log::error!("{}", failure.line());
}

/// An event of a `mape` interface: loads its rules.
fn own(
    bus: &mut dyn Bus,
    env: &Env,
    dump: &Dump,
    interface: &InterfaceName,
) -> Result<(), Failure> {
    log_scope::of_last_call(env, interface);
    schedule_if_due(bus, env, interface, dump);
    load(bus, env, dump, interface)?;
    // If the state file is lost, the loader has just closed the interface.
    if is_shut(env, dump, interface) || is_without_ce(env, dump, interface) {
        renew_if_changed(bus, env, interface, false);
    }
    Ok(())
}

/// The section was deleted from the configuration: removes all files of the interface.
fn removed(bus: &mut dyn Bus, env: &Env, interface: &str) -> Result<(), Failure> {
    let Ok(interface) = interface.parse::<InterfaceName>() else { return Ok(()) };
    log_scope::of_last_call(env, &interface);
    call_lock::forget(&env.run, &interface);
    status::forget(&env.run, &interface);
    State::forget(&env.run, &interface);
    rivals::forget(&env.run, &interface);
    procd::forget(bus, &interface);
    if InterfaceCache::forget(&env.run, &interface) {
        schedule::forget(bus, env, &interface);
        mape_firewall::load(env)?.log();
    }
    Ok(())
}

/// Loads the rules and shows the edge in use.
fn load(
    bus: &mut dyn Bus,
    env: &Env,
    dump: &Dump,
    interface: &InterfaceName,
) -> Result<(), Failure> {
    let report = mape_firewall::load(env).map_err(|error| {
        let failure = Failure::from(error);
        mape_firewall::capability_cache::clear(env);
        let _ = notify(bus, &messages::error(interface, &failure));
        let _ = set_data(bus, interface, &InterfaceData::of_warning(Some(&failure)));
        failure
    })?;
    report.log();
    forget_former(env, interface);
    let Some(edge) = report.edge_of(interface) else { return Ok(()) };
    let shown = dump.interface(interface.as_str()).and_then(|it| it.data.edge.as_deref());
    if shown != Some(edge.name()) {
        let edge = Some(edge.name().to_owned());
        set_data(bus, interface, &InterfaceData { edge, ..InterfaceData::default() })?;
    }
    Ok(())
}

/// Deletes the connections of a former address or port set. While a host keeps sending, the entry
/// does not time out and uses numbers that the line no longer has.
fn forget_former(env: &Env, interface: &InterfaceName) {
    let directory = &env.run;
    let mut cache = InterfaceCache::read(directory, interface);
    let addresses = cache.take_flush_addresses();
    if addresses.is_empty() {
        return;
    }
    // A set-up may write the file while connections are deleted.
    let _ = cache.write(directory, interface);
    for address in addresses {
        match (env.forget)(address) {
            Ok(count) => log::info!("{address}: {count} connections forgotten"),
            Err(error) => log::warn!("{address}: connections not forgotten: {error}"),
        }
    }
}
