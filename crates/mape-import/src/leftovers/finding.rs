//! A conflicting leftover, and the interface that it conflicts with.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;
use mape_uci::Section;

/// A conflicting leftover.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Leftover {
    /// The kind; the names are stable.
    pub kind: &'static str,
    /// The file, table or option.
    pub what: String,
    /// Why it conflicts.
    pub why: String,
    /// Commands that remove it, in order.
    pub remove: Vec<String>,
}

impl Leftover {
    pub(super) fn new(kind: &'static str, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { kind, what: what.into(), why: why.into(), remove: Vec::new() }
    }

    pub(super) fn remove(mut self, command: impl Into<String>) -> Self {
        self.remove.push(command.into());
        self
    }
}

/// Addresses and devices of the new interface.
pub(super) struct Subject<'a> {
    pub(super) section: &'a Section,
    /// Its IPv4 address or addresses, if known.
    pub(super) ipv4: Option<Ipv4Net>,
    /// Its CE address, if known.
    pub(super) ce: Option<Ipv6Addr>,
    /// Names of its device: upstream's, ours, and that of a protocol that uses the interface's.
    pub(super) devices: Vec<String>,
}

impl Subject<'_> {
    /// Whether a rule with this address is about the line.
    pub(super) fn has(&self, address: &str) -> bool {
        let address: Option<Ipv4Addr> = address.parse().ok();
        matches!((address, self.ipv4), (Some(address), Some(own)) if own.contains(&address))
    }
}
