//! What others left on the router that would work against the new section.
//!
//! Found by what it says, not by checksums: scripts are edited by hand. Nothing here is removed by
//! us; every finding names the commands that do.

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

/// Everything in the way, files first. The addresses are the new interface's, where known.
pub(super) fn find(
    router: &Router,
    section: &Section,
    ipv4: Option<Ipv4Net>,
    ce: Option<Ipv6Addr>,
) -> Vec<Leftover> {
    let name = section.name();
    let own = name.parse().map(|name| DeviceName::of_interface(&name).to_string()).ok();
    let devices = own.into_iter().chain([format!("map-{name}"), format!("fleth-{name}")]).collect();
    let subject = Subject { section, ipv4, ce, devices };
    let mut found = scripts::handlers(router);
    found.extend(packages::find(router));
    found.extend(scripts::hooks(router, &subject));
    found.extend(rules::find(router, &subject));
    found.extend(network::find(router, &subject));
    found
}
