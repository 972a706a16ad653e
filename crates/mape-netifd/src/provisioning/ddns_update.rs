//! Reports the CE address to the provider of a fixed-IPv4 contract, from that address.

use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::time::Duration;

use mape_core::{Code, Explain, Explanation};
use mape_net::UpdateRequest;
use mape_provision::{digest, may_be_asked};

use super::super::fixed_ipv4::Update;

/// For each step of the call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// After a call without an answer, in seconds.
const RETRY_DELAY: u64 = 300;
/// After a refusal, in seconds: a password does not become right, and some servers count.
const RETRY_DELAY_REFUSED: u64 = 3600;

/// The provider does not know the CE address. The line stays as it is.
#[derive(Debug, thiserror::Error)]
#[error("the update server {server} {why}, so the provider may not know the address {ce}")]
pub struct UpdateFailed {
    server: String,
    ce: Ipv6Addr,
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("has no IPv6 address that may be asked")]
    NoAddress,
    #[error("refused the call with status {0}")]
    Status(u16),
    #[error("cannot be reached: {0}")]
    NoAnswer(io::Error),
}

impl UpdateFailed {
    /// When to try again, in seconds.
    #[must_use]
    pub const fn retry_delay(&self) -> u64 {
        if self.is_refused() { RETRY_DELAY_REFUSED } else { RETRY_DELAY }
    }

    /// A server that fails itself says nothing about the call.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(self.why, Why::Status(..500))
    }
}

impl Explain for UpdateFailed {
    fn explain(&self) -> Explanation {
        let hint = if self.is_refused() {
            "check update_user and update_password, and update_url if you entered one, against the \
             papers of the contract"
        } else {
            "nothing to do at once, it is tried again; if it stays, check update_url and the \
             uplink's resolvers"
        };
        Explanation::new(Code::ProvisioningUpdate, hint)
            .text("server", &self.server)
            .param("ce", &self.ce)
            .param("reason", &self.why)
    }
}

/// Returns what is kept of a successful update: the address, and a digest of server, user and
/// password.
#[must_use]
pub fn fingerprint(update: &Update, ce: Ipv6Addr) -> String {
    let request = update.request(ce);
    let basic = request.basic.unwrap_or_default();
    format!("{ce} {}", digest(&format!("{}{basic}", update.url())))
}

/// Tells it. Only the server hears the password. `authority` is a file with the certificate of an
/// authority that is trusted for that. `addresses` are those of a host's name.
///
/// # Errors
/// The server cannot be reached from there, or has answered anything but 200.
pub fn send_update(
    update: &Update,
    ce: Ipv6Addr,
    authority: Option<&str>,
    addresses: &dyn Fn(&str) -> Vec<Ipv6Addr>,
) -> Result<(), UpdateFailed> {
    let authority = authority.map(str::to_owned);
    let (url, request) = (update.url(), UpdateRequest { authority, ..update.request(ce) });
    let host = url.host();
    // An address is in the URL that the user entered, or in ours.
    let named = host.parse().map_or_else(|_| addresses(host), |address| vec![address]);
    let mut why = Why::NoAddress;
    for address in named.into_iter().filter(|address| may_be_asked(*address)) {
        let server = SocketAddrV6::new(address, url.port(), 0, 0);
        why = match request.send(ce, server, CONNECT_TIMEOUT) {
            Ok(200) => return Ok(()),
            Ok(status) => Why::Status(status),
            Err(error) => Why::NoAnswer(error),
        };
    }
    Err(UpdateFailed { server: host.to_owned(), ce, why })
}
