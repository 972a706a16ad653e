//! Finds leftovers of other packages that conflict with the new section.
//!
//! Scripts are recognised by their content and not by checksums, because users edit them. This
//! crate removes nothing: each finding has the commands that do.

use mape_core::IntoVec as _;
use std::net::Ipv6Addr;

use ipnet::Ipv4Net;
use mape_nft::DeviceName;
use mape_uci::Section;

use super::router::Router;

mod finding;
mod network;
mod packages;
mod rules;
mod scripts;
mod words;

pub use finding::Leftover;
use finding::Subject;
pub(super) use network::notes;

/// Returns all conflicting leftovers, files first. The addresses are the new interface's, if known.
pub(super) fn find(
    router: &Router,
    section: &Section,
    ipv4: Option<Ipv4Net>,
    ce: Option<Ipv6Addr>,
) -> Vec<Leftover> {
    let name = section.name();
    let own = name.parse().map(|name| DeviceName::of_interface(&name).to_string()).ok();
    let devices =
        own.into_iter().chain([format!("map-{name}"), format!("fleth-{name}")]).into_vec();
    let subject = Subject { section, ipv4, ce, devices };
    let mut found = scripts::handlers(router);
    found.extend(packages::find(router));
    found.extend(scripts::hooks(router, &subject));
    found.extend(rules::find(router, &subject));
    found.extend(network::find(router, &subject));
    found
}
