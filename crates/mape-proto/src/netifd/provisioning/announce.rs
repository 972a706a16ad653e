//! Telling the provider of a fixed-IPv4 contract the CE address, from that address.

use std::io::Write;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::time::Duration;

use mape_provision::may_be_asked;

use super::super::fixed::Update;
use super::store::Store;
use crate::provision::{Resolvers, get_from};

/// For each step of the call.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells it, where it has not been told; whether it knows now. The log never hears the password.
pub(super) fn announce(
    update: &Update,
    ce: Ipv6Addr,
    resolvers: &Resolvers,
    store: &Store<'_>,
    log: &mut dyn Write,
) -> bool {
    if store.announced() == Some(ce) {
        return true;
    }
    let url = update.url();
    let host = url.host();
    let named = host.parse().map_or_else(|_| resolvers.aaaa(host), |address| vec![address]);
    let servers = named.into_iter().filter(|address| may_be_asked(*address));
    let mut said = format!("{host} has no IPv6 address that may be asked");
    for address in servers {
        let server = SocketAddrV6::new(address, url.port(), 0, 0);
        match get_from(ce, server, url, PATIENCE) {
            Ok(200) => {
                let _ = writeln!(log, "{host} knows the address {ce} now");
                if let Err(error) = store.note_announced(ce) {
                    let _ = writeln!(log, "that cannot be remembered: {error}");
                }
                return true;
            }
            Ok(status) => said = format!("{host} refused the address {ce} with status {status}"),
            Err(error) => said = format!("{host} cannot be told the address {ce}: {error}"),
        }
    }
    let _ = writeln!(log, "{said}; it is tried again");
    false
}
