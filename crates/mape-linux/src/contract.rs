//! Sends the line's address to the provider of a fixed-IPv4 contract, once the line is up.
//!
//! The journal records what was sent, so each CE address is sent once.

use std::net::{IpAddr, Ipv6Addr, ToSocketAddrs as _};
use std::time::Duration;

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
    /// After how long to try again, if the update failed.
    pub(super) again: Option<Duration>,
}

/// Sends the update if it was not sent yet. With `may_send` false nothing is sent.
pub(super) fn send_if_new(
    config: &Config,
    system: &System,
    journal: &mut Journal,
    ce: Ipv6Addr,
    may_send: bool,
) -> UpdateResult {
    let Some(update) = pending(config, journal, ce) else { return UpdateResult::default() };
    let host = update.url().host();
    if !may_send {
        return UpdateResult {
            note: Some((Level::Warn, format!("{host} does not know the address {ce} yet"))),
            again: None,
        };
    }
    match send_update(update, ce, &addresses) {
        Ok(()) => {
            journal.update_sent = Some(fingerprint(update, ce));
            let kept = journal.write(&system.env.run, &config.interface);
            let forgotten = kept.err().map(|error| format!("; that cannot be remembered: {error}"));
            let note =
                format!("{host} knows the address {ce} now{}", forgotten.unwrap_or_default());
            UpdateResult { note: Some((Level::Info, note)), again: None }
        }
        Err(error) => {
            let next = if error.is_refused() {
                error.hint()
            } else {
                "the next `up` tries again, and `mape-proto watch` does so by itself; if it stays, check \
                 update_url and the machine's resolvers"
                    .to_owned()
            };
            let again = Some(Duration::from_secs(error.retry_delay()));
            UpdateResult { note: Some((Level::Warn, format!("{error}; {next}"))), again }
        }
    }
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
