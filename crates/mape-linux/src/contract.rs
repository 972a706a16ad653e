//! Sends the line's address to the provider of a fixed-IPv4 contract, once the line is up.
//!
//! The journal records what was sent, so each CE address is sent once.

use std::net::{IpAddr, Ipv6Addr, ToSocketAddrs as _};

use log::Level;
use mape_core::Explain as _;
use mape_netifd::Update;
use mape_netifd::ddns_update::{fingerprint, send_update};
use mape_provision::may_be_led_to;

use crate::config::Config;
use crate::journal::Journal;
use crate::system::System;

/// The result of an update.
#[derive(Debug, Default)]
pub(super) struct UpdateResult {
    /// A note for the user.
    pub(super) note: Option<(Level, String)>,
    /// The update that failed, and is to be repeated.
    pub(super) postponed: Option<Postponed>,
}

/// An update that failed. One of another address, or with another password, does not wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postponed {
    /// [`fingerprint`] of the update.
    pub fingerprint: String,
    /// After how many seconds to try again.
    pub wait: u64,
}

/// Sends the update if it was not sent yet, and is not the one that is `postponed`.
pub(super) fn send_if_new(
    config: &Config,
    system: &System,
    journal: &mut Journal,
    ce: Ipv6Addr,
    postponed: Option<&str>,
) -> UpdateResult {
    let Some(update) = pending(config, journal, ce) else { return UpdateResult::default() };
    let host = update.url().host();
    let fingerprint = fingerprint(update, ce);
    if postponed == Some(fingerprint.as_str()) {
        let note = (Level::Warn, format!("{host} does not know the address {ce} yet"));
        return UpdateResult { note: Some(note), postponed: None };
    }
    let before = journal.clone();
    let result = match send_update(update, ce, config.authority.as_deref(), &addresses) {
        Ok(()) => {
            (journal.update_sent, journal.update_failure) = (Some(fingerprint), None);
            let note = format!("{host} knows the address {ce} now");
            UpdateResult { note: Some((Level::Info, note)), postponed: None }
        }
        Err(error) => {
            let next = if error.is_refused() {
                error.hint()
            } else {
                "the next `up` tries again, and `mape-proto watch` does so by itself; if it stays, check \
                 update_url and the machine's resolvers"
                    .to_owned()
            };
            let note = Some((Level::Warn, format!("{error}; {next}")));
            journal.update_failure = Some((error.to_string(), next));
            let postponed = Postponed { fingerprint, wait: error.retry_delay() };
            UpdateResult { note, postponed: Some(postponed) }
        }
    };
    if *journal != before {
        if let Err(error) = journal.write(&system.env.run, &config.interface) {
            log::warn!("the update of {host} cannot be remembered: {error}");
        }
    }
    result
}

/// Returns whether the provider of the contract knows the line's address: which server does, or
/// why not, and the next step. `None` if the contract has no update server.
pub(crate) fn state(
    config: &Config,
    journal: &Journal,
    ce: Ipv6Addr,
) -> Option<Result<String, (String, String)>> {
    let host = config.fixed.as_ref()?.update.as_ref()?.url().host();
    if pending(config, journal, ce).is_none() {
        return Some(Ok(format!("{host} knows the address {ce}")));
    }
    Some(Err(journal.update_failure.clone().unwrap_or_else(|| {
        let what = format!("{host} does not know the address {ce} yet");
        (what, "run mape-proto up, which tells it; `mape-proto watch` does so by itself".to_owned())
    })))
}

/// Returns a sentence about what [`send_if_new`] would do.
pub(super) fn intended(config: &Config, journal: &Journal, ce: Ipv6Addr) -> Option<String> {
    let update = pending(config, journal, ce)?;
    Some(format!("`up` tells {} the address {ce} then", update.url().host()))
}

fn pending<'config>(
    config: &'config Config,
    journal: &Journal,
    ce: Ipv6Addr,
) -> Option<&'config Update> {
    let update = config.fixed.as_ref()?.update.as_ref()?;
    (journal.update_sent.as_ref() != Some(&fingerprint(update, ce))).then_some(update)
}

/// Resolves a name with the machine's own resolver.
fn addresses(host: &str) -> Vec<Ipv6Addr> {
    let found = (host, 0).to_socket_addrs().into_iter().flatten();
    let ipv6 = |address: IpAddr| match address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    };
    let found = found.filter_map(|address| ipv6(address.ip()));
    found.filter(|address| may_be_led_to(*address, &[])).collect()
}
