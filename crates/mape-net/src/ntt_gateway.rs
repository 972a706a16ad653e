//! The check of an NTT home gateway: whether it carries IPv4 over IPv6 itself.

use mape_provision::Gateway;

use super::Fetcher;

/// Answered by the gateway itself; elsewhere the name does not exist.
const CHECK: &str = "http://ntt.setup:8888/enabler.ipv4/check";

/// Asks it; `None` where none answers.
#[must_use]
pub fn ask_gateway(fetcher: &Fetcher) -> Option<Gateway> {
    Gateway::parse(&fetcher.get_near(CHECK)?)
}
