//! When provisioning has something to do for an interface, and the request to procd to start it.

use std::net::Ipv6Addr;

use mape_firewall::Env;
use mape_nft::InterfaceName;
use mape_provision::Mode;

use super::client::ProvisioningClient;
use super::ddns_update;
use super::store::Store;
use crate::bus::Bus;
use crate::config::Config;
use crate::dump::{Dump, InterfaceDump};
use crate::interface_cache::InterfaceCache;
use crate::procd;

/// The CE address of an interface that is up.
pub(super) fn ce_of(own: &InterfaceDump) -> Option<Ipv6Addr> {
    own.data.ce.filter(|_| own.up)
}

/// Starts [`provision`](super::provision) if the line's prefixes are not those that were asked for
/// last, and erases the answer if the user has switched provisioning off. It waits for nothing.
pub(crate) fn schedule_if_due(
    bus: &mut dyn Bus,
    env: &Env,
    interface: &InterfaceName,
    dump: &Dump,
) {
    let store = Store::new(env, interface);
    let config = match effective_config(env, dump, interface) {
        Effective::Config(config) => config,
        Effective::Off if store.exists() => return forget(bus, env, interface),
        Effective::Off | Effective::Unknown => return,
    };
    let client = ProvisioningClient::of(&config, dump);
    let asks = config.provisioning != Mode::Off && !client.prefixes.is_empty();
    let update = config.fixed.as_ref().and_then(|fixed| fixed.update.as_ref());
    let ce = dump.interface(interface.as_str()).and_then(ce_of);
    let fingerprint = update.zip(ce).map(|(update, ce)| ddns_update::fingerprint(update, ce));
    let to_ask = asks && store.due_in(&config.provisioning, &client.prefixes) == 0;
    if to_ask || fingerprint.is_some_and(|fingerprint| store.announced() != Some(fingerprint)) {
        procd::provision_at(bus, interface, 0, 0);
    }
}

/// Whether provisioning has something to do for an interface.
pub(super) enum Effective {
    /// It asks a server, or reports the CE address, by this configuration.
    Config(Box<Config>),
    /// The user has switched provisioning off.
    Off,
    /// The interface is stopped or was not set up since boot. The cached answer is kept.
    Unknown,
}

pub(super) fn effective_config(env: &Env, dump: &Dump, interface: &InterfaceName) -> Effective {
    let name = interface.as_str();
    if !dump.interface(name).is_some_and(|it| dump.is_ours(name) && it.autostart) {
        return Effective::Unknown;
    }
    let cache = InterfaceCache::read(&env.run, interface);
    let read = |options: &str| Config::parse(options).ok();
    let Some(config) = read(&cache.options).or_else(|| read(&cache.good_options)) else {
        return Effective::Unknown;
    };
    let tells = config.fixed.as_ref().is_some_and(|fixed| fixed.update.is_some());
    if config.provisioning != Mode::Off || tells {
        Effective::Config(Box::new(config))
    } else {
        Effective::Off
    }
}

/// Stops provisioning for an interface and erases its answer.
pub(crate) fn forget(bus: &mut dyn Bus, env: &Env, interface: &InterfaceName) {
    procd::stop_provisioning(bus, interface);
    Store::new(env, interface).forget();
}
