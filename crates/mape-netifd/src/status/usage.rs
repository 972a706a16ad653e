//! Which external ports of the set are in use.

use std::cmp::Reverse;
use std::net::Ipv4Addr;

use mape_core::{IntoVec as _, Plan, PortRange};
use mape_kernel::conntrack::{Entry, Protocol};
use mape_nft::{Dataplane, Edge};
use serde::Serialize;

/// A number for each protocol that has ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PerProtocol<T> {
    /// TCP
    pub tcp: T,
    /// UDP
    pub udp: T,
    /// ICMP echo; its identifier is the port.
    pub icmp: T,
}

impl<T> PerProtocol<T> {
    /// The same for each.
    pub fn map<U>(self, each: impl Fn(T) -> U) -> PerProtocol<U> {
        PerProtocol { tcp: each(self.tcp), udp: each(self.udp), icmp: each(self.icmp) }
    }

    fn of(&mut self, protocol: Protocol) -> Option<&mut T> {
        match protocol {
            Protocol::Tcp => Some(&mut self.tcp),
            Protocol::Udp => Some(&mut self.udp),
            Protocol::Icmp => Some(&mut self.icmp),
            Protocol::Other(_) => None,
        }
    }
}

/// What a port of the set is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// NAT assigns it to outgoing connections.
    Nat,
    /// Kept for port forwards.
    Reserved,
    /// A port forward leads to a host of the LAN.
    Published,
    /// UPnP, NAT-PMP and PCP assign it.
    Upnp,
    /// Without use: port 0, or a port that the translation leaves over.
    Unused,
}

/// A line's ports.
pub(crate) struct Ports {
    line: Dataplane,
    /// Ports of the set without 0.
    blocks: Vec<PortRange>,
    published: Vec<u16>,
    upnp: Vec<PortRange>,
}

/// Connections by port and by host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Connections on each external port that has any, and the hosts that have them, sorted.
    ports: Vec<(u16, PerProtocol<u32>, Vec<Ipv4Addr>)>,
    /// The hosts behind the line, and the router under the line's own address, sorted.
    hosts: Vec<Host>,
}

/// A host behind the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Host {
    /// Its address; the line's own one is the router.
    pub address: Ipv4Addr,
    /// Connections on ports of the set.
    pub connections: u32,
}

impl Ports {
    pub(crate) fn new(plan: &Plan, line: &Dataplane) -> Self {
        let blocks = plan.port_set().ranges();
        let blocks = blocks.filter_map(|block| PortRange::new(block.first().max(1), block.last()));
        Self {
            line: line.clone(),
            blocks: blocks.into_vec(),
            published: Vec::new(),
            upnp: Vec::new(),
        }
    }

    /// The same with what the reserved ports are for, where that is known.
    pub(crate) fn with_servers(self, published: Vec<u16>, upnp: Vec<PortRange>) -> Self {
        Self { published, upnp, ..self }
    }

    pub(crate) fn address(&self) -> Ipv4Addr {
        self.line.address()
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.line.mapping().is_some()
    }

    pub(crate) fn blocks(&self) -> &[PortRange] {
        &self.blocks
    }

    /// Returns how many ports outgoing connections can get.
    pub(crate) fn usable(&self) -> usize {
        match (self.line.mapping(), self.line.outgoing()) {
            (Some(mapping), _) => mapping.usable(),
            (None, Some(outgoing)) => outgoing.ports().len(),
            (None, None) => self.blocks.iter().map(|block| block.ports().len()).sum(),
        }
    }

    pub(crate) fn reserved(&self) -> &[PortRange] {
        self.line.reserved()
    }

    /// Every port of the set in ascending order.
    pub(crate) fn all(&self) -> impl Iterator<Item = u16> {
        self.blocks.iter().flat_map(|block| block.ports())
    }

    pub(crate) fn role(&self, port: u16) -> Role {
        let within = |ranges: &[PortRange]| ranges.iter().any(|range| range.contains(port));
        let is_outgoing = match self.line.mapping() {
            Some(mapping) => mapping.to_internal(port).is_some(),
            None => self.line.outgoing().is_none_or(|range| range.contains(port)),
        };
        if self.published.contains(&port) {
            Role::Published
        } else if self.is_shared() && within(&self.upnp) {
            Role::Upnp
        } else if is_outgoing {
            Role::Nat
        } else if within(self.reserved()) {
            Role::Reserved
        } else {
            Role::Unused
        }
    }

    /// Counts the connections on each port. Where the edge is unknown, ports of the set that
    /// conntrack shows count as external ports, as with the edge `plain`.
    pub(crate) fn usage(&self, entries: &[Entry], edge: Option<Edge>) -> Usage {
        let mut used = Vec::new();
        for entry in entries {
            let Some(port) = entry.port_on(self.address()).and_then(|port| self.real(port, edge))
            else {
                continue;
            };
            if self.is_noise(entry, port) {
                continue;
            }
            let protocol = entry.original.protocol;
            if !matches!(protocol, Protocol::Other(_)) {
                used.push((port, self.host(entry), protocol));
            }
        }
        Usage::of(used)
    }

    /// Whether a packet from outside came to a port without a listener: the router itself got it.
    fn is_noise(&self, entry: &Entry, port: u16) -> bool {
        entry.reply.destination != self.address()
            && !entry.status.is_destination_translated()
            && self.is_shared()
            && !matches!(self.role(port), Role::Reserved | Role::Published | Role::Upnp)
    }

    /// Returns the host behind the line that has this connection.
    fn host(&self, entry: &Entry) -> Ipv4Addr {
        if entry.reply.destination == self.address() {
            entry.original.source
        } else {
            entry.reply.source
        }
    }

    /// Returns the external port of one that conntrack shows; `None` where the set does not have
    /// it.
    fn real(&self, port: u16, edge: Option<Edge>) -> Option<u16> {
        let Some(mapping) = self.line.mapping() else { return Some(port) };
        let own =
            |ranges: &[PortRange]| ranges.iter().any(|range| range.contains(port)).then_some(port);
        match edge {
            Some(Edge::Plain) => own(&self.blocks),
            Some(_) => mapping.to_external(port).or_else(|| own(mapping.reserved())),
            None => mapping.to_external(port).or_else(|| own(&self.blocks)),
        }
    }
}

impl Usage {
    /// Counts from the port, the host and the protocol of each connection.
    fn of(mut used: Vec<(u16, Ipv4Addr, Protocol)>) -> Self {
        used.sort_unstable_by_key(|(port, host, _)| (*port, *host));
        let mut hosts = used.iter().map(|(_, host, _)| *host).into_vec();
        hosts.sort_unstable();
        let ports = used.chunk_by(|a, b| a.0 == b.0).filter_map(|connections| {
            let mut counts = PerProtocol::default();
            let mut theirs = Vec::new();
            for (_, host, protocol) in connections {
                if let Some(count) = counts.of(*protocol) {
                    *count += 1;
                }
                if theirs.last() != Some(host) {
                    theirs.push(*host);
                }
            }
            Some((connections.first()?.0, counts, theirs))
        });
        let hosts = hosts.chunk_by(PartialEq::eq).filter_map(|connections| {
            let count = u32::try_from(connections.len()).unwrap_or(u32::MAX);
            Some(Host { address: *connections.first()?, connections: count })
        });
        Self { ports: ports.into_vec(), hosts: hosts.into_vec() }
    }

    /// Returns the connections on this port, and the hosts that have them.
    pub(crate) fn on(&self, port: u16) -> (PerProtocol<u32>, &[Ipv4Addr]) {
        let place = self.ports.binary_search_by_key(&port, |(port, ..)| *port);
        let found = place.ok().and_then(|place| self.ports.get(place));
        found.map_or_else(Default::default, |(_, counts, hosts)| (*counts, hosts.as_slice()))
    }

    /// Returns how many ports of this range are in use.
    pub(crate) fn within(&self, range: PortRange) -> PerProtocol<u32> {
        let mut used = PerProtocol::default();
        for (_, counts, _) in self.ports.iter().filter(|(port, ..)| range.contains(*port)) {
            used.tcp += u32::from(counts.tcp > 0);
            used.udp += u32::from(counts.udp > 0);
            used.icmp += u32::from(counts.icmp > 0);
        }
        used
    }

    /// Returns how many ports are in use.
    pub(crate) fn ports(&self) -> PerProtocol<u32> {
        PortRange::new(0, u16::MAX).map(|all| self.within(all)).unwrap_or_default()
    }

    /// Returns the hosts with the most connections, at most `number`; of equals the lower address.
    pub(crate) fn top_hosts(&self, number: usize) -> Vec<Host> {
        let mut hosts = self.hosts.clone();
        hosts.sort_unstable_by_key(|host| (Reverse(host.connections), host.address));
        hosts.truncate(number);
        hosts
    }

    /// Returns how many connections there are.
    pub(crate) fn connections(&self) -> PerProtocol<u32> {
        let mut sum = PerProtocol::default();
        for (_, counts, _) in &self.ports {
            sum.tcp += counts.tcp;
            sum.udp += counts.udp;
            sum.icmp += counts.icmp;
        }
        sum
    }
}

#[cfg(test)]
mod tests;
