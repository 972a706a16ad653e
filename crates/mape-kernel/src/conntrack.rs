//! The kernel's list of connections, as far as it concerns a line's IPv4 address.
//!
//! conntrack has *internal* ports (see [`mape_nft::Mapping`]). A caller that shows one to a person
//! converts it to the external port.

mod constants;
mod counters;
mod entry;
mod error;
mod flush;

use std::net::Ipv4Addr;

use constants::{IPCTNL_MSG_CT_GET, NFNL_SUBSYS_CTNETLINK, NFPROTO_IPV4};
pub use counters::Counters;
pub use entry::{Entry, Protocol, Status, Tuple};
pub use error::ConntrackError;
pub use flush::forget;
pub use flush::{Flows, forget_flows};

use crate::netlink::Kernel;
use crate::netlink::NetlinkError;
use crate::netlink::Request;

/// Returns all IPv4 entries whose replies go to this address, or whose first packet came to it.
///
/// # Errors
/// [`ConntrackError`]
pub fn list(kernel: &Kernel, address: Ipv4Addr) -> Result<Vec<Entry>, ConntrackError> {
    Ok(select(kernel, |entry| entry.concerns(address))?)
}

/// Returns the entries that `wanted` selects. The caller gets no others, because the whole list can
/// be as large as the router's memory.
fn select(kernel: &Kernel, wanted: impl Fn(&Entry) -> bool) -> Result<Vec<Entry>, NetlinkError> {
    let everything = Request::dump(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, NFPROTO_IPV4);
    kernel.list("conntrack", &everything, |family, attributes| {
        if family != NFPROTO_IPV4 {
            return Ok(None);
        }
        let entry = Entry::read(attributes)?;
        Ok(wanted(&entry).then_some(entry))
    })
}

#[cfg(test)]
pub mod tests;
