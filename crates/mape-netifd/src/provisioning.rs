//! Provisioning on a router: who is asked when, and what becomes of the answer.
//!
//! Nothing waits in memory. `mape-proto provision IFACE UNTIL` asks what is due and ends; procd,
//! which starts it again when the wait is over, gets the delay. Set-up and hotplug only
//! start it where the line's prefixes are not those that were asked for.

use mape_core::{Code, Failure};
use mape_firewall::Env;
use mape_nft::InterfaceName;

use super::bus::{Bus, read_dump, set_data};
use super::config::Config;
use super::dump::InterfaceDump;
use super::interface_data::InterfaceData;
use super::log_scope;
use super::renew::renew_if_changed;
use super::status::Issue;
use crate::procd;
use mape_net::Fetcher;

mod ask;
mod client;
mod clock;
pub mod ddns_update;
mod options;
pub(super) mod schedule;
pub(super) mod store;

pub use ask::{Asked, ask_for_rule};
pub use client::ProvisioningClient;
pub use options::mode_of;
pub(super) use options::{identity, mode};
pub use store::Store;

use clock::now;
use schedule::{Effective, ce_of, effective_config, forget};

/// Asks what is due for an interface, keeps the answer, has the interface renewed where that makes
/// a difference, and arranges the next try. `until` is the time this call was arranged for, in
/// seconds since the machine's start; 0 for at once.
///
/// # Errors
/// netifd does not answer.
pub fn provision(
    bus: &mut dyn Bus,
    env: &Env,
    interface: &InterfaceName,
    until: u64,
) -> Result<(), Failure> {
    log_scope::of_last_call(env, interface);
    let dump = read_dump(bus)?;
    let store = Store::new(env, interface);
    let config = match effective_config(env, &dump, interface) {
        Effective::Config(config) => config,
        Effective::Off => {
            forget(bus, env, interface);
            return Ok(());
        }
        Effective::Unknown => {
            procd::stop_provisioning(bus, interface);
            return Ok(());
        }
    };
    let client = ProvisioningClient::of(&config, &dump);
    let (uplink, count) = (&client.interface, client.prefixes.len());
    log::debug!("provisioning: uplink {uplink:?} with {count} prefixes that may be asked for");
    // procd starts an instance at once although its start is arranged for later; such a call only
    // waits.
    let early = Some(until).filter(|until| *until > now(env));
    let own = dump.interface(interface.as_str());
    let next = [
        ask_and_renew(bus, env, interface, &config, &client),
        report_ce_address(bus, &config, own, &client, &store, early),
    ];
    match next.into_iter().flatten().min() {
        None => procd::stop_provisioning(bus, interface),
        Some(next) if next == until => {}
        Some(next) => {
            log::debug!("provisioning: next call in {} s", next.saturating_sub(now(env)));
            procd::provision_at(bus, interface, next, now(env));
        }
    }
    Ok(())
}

/// Asks for the rule; when to ask again.
fn ask_and_renew(
    bus: &mut dyn Bus,
    env: &Env,
    interface: &InterfaceName,
    config: &Config,
    client: &ProvisioningClient,
) -> Option<u64> {
    let store = Store::new(env, interface);
    if client.prefixes.is_empty() {
        // What was arranged stays: the line may come back as it was.
        return store.pause().map(|pause| pause.until).filter(|until| *until > now(env));
    }
    let fetcher = Fetcher::find(config.authority.clone());
    let mode = config.provisioning.clone();
    let asked = ask_for_rule(&store, mode, client, fetcher.as_ref(), |failure| failure)?;
    renew_if_changed(bus, env, interface, asked.changed);
    Some(asked.next)
}

/// Tells the provider of a fixed-IPv4 contract where the line is; when to try again if that fails.
fn report_ce_address(
    bus: &mut dyn Bus,
    config: &Config,
    own: Option<&InterfaceDump>,
    client: &ProvisioningClient,
    store: &Store<'_>,
    early: Option<u64>,
) -> Option<u64> {
    let update = config.fixed.as_ref()?.update.as_ref()?;
    let own = own?;
    let ce = ce_of(own)?;
    let fingerprint = ddns_update::fingerprint(update, ce);
    if store.announced().as_ref() == Some(&fingerprint) {
        return None;
    }
    if early.is_some() {
        return early;
    }
    let shown = own.data.warning().and_then(|warning| warning.code.as_deref());
    // A warning about the options goes before.
    let free = shown.is_none_or(|code| code == Code::ProvisioningUpdate.as_str());
    let authority = config.authority.as_deref();
    match ddns_update::send_update(update, ce, authority, &|host| client.resolvers.aaaa(host)) {
        Ok(()) => {
            let host = update.url().host();
            log::info!("{host} knows the address {ce} now");
            if let Err(error) = store.note_announced(&fingerprint) {
                log::warn!("that cannot be remembered: {error}");
            }
            if free && shown.is_some() {
                let _ = set_data(bus, store.interface, &InterfaceData::of_warning(None));
            }
            None
        }
        Err(failed) => {
            let delay = failed.retry_delay();
            let failure = Failure::from(failed);
            log::warn!("{}", failure.line());
            if free {
                let _ = set_data(bus, store.interface, &InterfaceData::of_warning(Some(&failure)));
            }
            Some(now(store.env) + delay)
        }
    }
}

/// Why the last try for an interface gave nothing, and what to do: `None` where nothing is asked,
/// or all went well.
#[must_use]
pub fn last_failure(env: &Env, interface: &InterfaceName) -> Option<Issue> {
    Store::new(env, interface).issue()
}
