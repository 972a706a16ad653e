//! When provisioning has something to do for an interface, and the request to procd to start it.

use std::io::Write;
use std::net::Ipv6Addr;

use mape_core::ReceivedPrefix;
use mape_firewall::Env;
use mape_nft::InterfaceName;
use mape_provision::Mode;

use super::client::Asker;
use super::clock::now;
use super::store::Store;
use super::{ddns_update, procd_timer};
use crate::bus::Bus;
use crate::config::Config;
use crate::dump::{Dump, InterfaceDump};
use crate::interface_cache::Memory;

/// The CE address of an interface that is up.
pub(super) fn ce_of(own: &InterfaceDump) -> Option<Ipv6Addr> {
    own.up.then_some(())?;
    own.data.get("ce")?.as_str()?.parse().ok()
}

/// Starts [`provision`](super::provision) if the line's prefixes are not those that were asked for
/// last, and erases the answer if the user has switched provisioning off. It waits for nothing.
pub(crate) fn look(
    bus: &mut dyn Bus,
    env: &Env,
    interface: &InterfaceName,
    dump: &Dump,
    log: &mut dyn Write,
) {
    let store = Store::new(env, interface);
    let config = match wish(env, dump, interface) {
        Wish::Of(config) => config,
        Wish::Nothing if store.exists() => return forget(bus, env, interface),
        Wish::Nothing | Wish::Unknown => return,
    };
    let asker = Asker::of(&config, dump);
    let asks = config.provisioning != Mode::Off && !asker.prefixes.is_empty();
    let update = config.fixed.as_ref().and_then(|fixed| fixed.update.as_ref());
    let ce = dump.interface(interface.as_str()).and_then(ce_of);
    let mark = update.zip(ce).map(|(update, ce)| ddns_update::mark(update, ce));
    let to_ask = asks && is_due(&store, &config.provisioning, &asker.prefixes);
    if to_ask || mark.is_some_and(|mark| store.announced() != Some(mark)) {
        procd_timer::arrange(bus, interface, 0, 0, log);
    }
}

/// Whether these prefixes were not asked for yet, or the next try is due.
fn is_due(store: &Store<'_>, mode: &Mode, prefixes: &[ReceivedPrefix]) -> bool {
    !store.pause().is_some_and(|pause| {
        mode.has_made(&pause.source) && pause.prefixes == prefixes && pause.until > now(store.env)
    })
}

/// Whether provisioning has something to do for an interface.
pub(super) enum Wish {
    /// It asks a server, or reports the CE address, by this configuration.
    Of(Box<Config>),
    /// The user has switched provisioning off.
    Nothing,
    /// The interface is stopped or was not set up since boot. The cached answer is kept.
    Unknown,
}

pub(super) fn wish(env: &Env, dump: &Dump, interface: &InterfaceName) -> Wish {
    let name = interface.as_str();
    if !dump.interface(name).is_some_and(|it| dump.is_ours(name) && it.autostart) {
        return Wish::Unknown;
    }
    let memory = Memory::read(&env.run, interface);
    let read = |options: &str| Config::parse(options).ok();
    let Some(config) = read(&memory.options).or_else(|| read(&memory.good_options)) else {
        return Wish::Unknown;
    };
    let tells = config.fixed.as_ref().is_some_and(|fixed| fixed.update.is_some());
    if config.provisioning != Mode::Off || tells {
        Wish::Of(Box::new(config))
    } else {
        Wish::Nothing
    }
}

/// Stops provisioning for an interface and erases its answer.
pub(crate) fn forget(bus: &mut dyn Bus, env: &Env, interface: &InterfaceName) {
    procd_timer::stop(bus, interface);
    Store::new(env, interface).forget();
}
