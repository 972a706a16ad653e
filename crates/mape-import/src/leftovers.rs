//! What others left on the router that would work against the new section.
//!
//! Found by what it says, not by checksums: scripts are edited by hand. Nothing here is removed by
//! us; every finding names the commands that do.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;
use mape_nft::DeviceName;
use mape_uci::Section;

use super::router::Router;

mod network;
mod packages;
mod rules;
mod scripts;

pub(super) use network::notes;

/// Something that would stand in the way.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Leftover {
    /// What kind of thing it is; the names are stable.
    pub kind: &'static str,
    /// The file, table or option.
    pub what: String,
    /// Why it is in the way.
    pub why: String,
    /// Commands that remove it, in order.
    pub remove: Vec<String>,
}

impl Leftover {
    fn new(kind: &'static str, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { kind, what: what.into(), why: why.into(), remove: Vec::new() }
    }

    fn remove(mut self, command: impl Into<String>) -> Self {
        self.remove.push(command.into());
        self
    }
}

/// What the new interface will have.
struct Subject<'a> {
    section: &'a Section,
    /// Its address or addresses, where known.
    ipv4: Option<Ipv4Net>,
    /// Its CE address, where known.
    ce: Option<Ipv6Addr>,
    /// Names of its device: upstream's, ours, and that of a protocol that uses the interface's.
    devices: Vec<String>,
}

impl Subject<'_> {
    /// Whether a rule with this address is about the line.
    fn has(&self, address: &str) -> bool {
        let address: Option<Ipv4Addr> = address.parse().ok();
        matches!((address, self.ipv4), (Some(address), Some(own)) if own.contains(&address))
    }
}

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

/// The lines of a script that do something.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("//"))
}

/// Words, names and numbers of a line; a path is as many words as it has parts.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let inner = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.');
    line.split(move |char| !inner(char)).filter(|word| !word.is_empty())
}

/// The beginning of a line, to show where it stands.
fn excerpt(line: &str) -> String {
    line.chars().take(60).collect()
}
