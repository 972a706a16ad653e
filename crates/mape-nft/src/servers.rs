//! Hosts behind the line that are reached from outside, and the shared address seen from inside.
//!
//! A published port is a reserved one, so it passes the edge as it is and no outgoing connection gets it. What
//! arrives there is sent to a host, from wherever it comes: from the line, and as *hairpin* from the
//! LAN, from that very host, from another zone and from the router itself.
//!
//! # The neighbours
//! Other subscribers have the same address and other ports. Linux takes the whole address for its own: what is
//! sent to them would end here, and what they send would be dropped as coming from ourselves. So inside
//! the box they have another address, [`NEIGHBOURS`], and the edge exchanges the two.
//!
//! All of this is there only where a port is published. Except for the exchange at the edge, only the first
//! packet of a connection meets it.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::edge_rules::list;
use crate::interface::Interface;
use crate::section::Object;

/// Stands for the other subscribers of the shared address, inside the box only: the IPv4 dummy address
/// (RFC 7600 section 4.8), which nobody has.
pub(crate) const NEIGHBOURS: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);

/// What a port is published for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP
    Tcp,
    /// UDP
    Udp,
}

impl Transport {
    /// Both, in the order in which they are written.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];

    /// The name in nft and UCI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// A port that leads to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// TCP or UDP.
    pub transport: Transport,
    /// The real port outside. Without effect unless it is reserved.
    pub port: u16,
    /// Host and port inside.
    pub host: SocketAddrV4,
}

/// Hosts that are reached from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Servers {
    published: Vec<Published>,
    cone_hosts: Vec<Ipv4Addr>,
}

impl Servers {
    /// Of two entries for one port the first counts. `cone_hosts` are those whose UDP sockets hear from anyone
    /// once they have sent anything, as all do with [`full_cone`](crate::Options::full_cone).
    #[must_use]
    pub fn new(published: Vec<Published>, cone_hosts: Vec<Ipv4Addr>) -> Self {
        let mut servers = Self { published: Vec::new(), cone_hosts };
        for one in published {
            let same =
                |other: &Published| (other.transport, other.port) == (one.transport, one.port);
            if !servers.published.iter().any(same) {
                servers.published.push(one);
            }
        }
        servers
    }

    pub(crate) fn cone_hosts(&self) -> &[Ipv4Addr] {
        &self.cone_hosts
    }
}

/// What can arrive: published ports that are reserved, or all where the address is not shared.
pub(crate) fn published(interface: &Interface) -> Vec<&Published> {
    let arrives = |one: &&Published| {
        let mapping = interface.line.mapping();
        mapping.is_none_or(|it| it.reserved().iter().any(|range| range.contains(one.port)))
    };
    interface.servers.published.iter().filter(arrives).collect()
}

/// The chains, removed where nothing is published.
pub(crate) fn chains(interface: &Interface) -> [String; 4] {
    ["arriving", "own", "hairpin", "servers"].map(|name| interface.own(name))
}

pub(crate) fn objects(interface: &Interface) -> Vec<Object> {
    let [arriving, own, hairpin, servers] = chains(interface);
    let (key, addresses) = (interface.key(), interface.line.addresses());
    let mut rules: Vec<String> =
        Transport::ALL.into_iter().filter_map(|transport| to_hosts(interface, transport)).collect();
    rules.extend(to_neighbours(interface));
    let to_us = vec![format!("ip daddr {addresses} jump {servers}")];
    // The answer has to come back through the router, also from a host beside the one that asks.
    let back = format!(
        "iif != {key} oif != {key} ct status dnat ct original ip daddr {addresses} masquerade"
    );
    vec![
        Object::chain(servers, rules),
        // Before the redirects of others.
        Object::hooked(
            arriving,
            "type nat hook prerouting priority dstnat - 5; policy accept;",
            to_us.clone(),
        ),
        Object::hooked(own, "type nat hook output priority -105; policy accept;", to_us),
        Object::hooked(
            hairpin,
            "type nat hook postrouting priority srcnat - 6; policy accept;",
            vec![back],
        ),
    ]
}

fn to_hosts(interface: &Interface, transport: Transport) -> Option<String> {
    let published = published(interface);
    let of_it = published.iter().filter(|one| one.transport == transport);
    let pairs: Vec<String> = of_it
        .map(|one| format!("{} : {} . {}", one.port, one.host.ip(), one.host.port()))
        .collect();
    let name = transport.name();
    (!pairs.is_empty()).then(|| format!("dnat ip to {name} dport map {{ {} }}", pairs.join(", ")))
}

/// Ports of the address that are not ours, except what comes from the line: there the edge has looked,
/// and ports are inside ones.
fn to_neighbours(interface: &Interface) -> Option<String> {
    let owned = list(interface.line.mapping()?.owned());
    Some(format!(
        "iif != {} meta l4proto {{ tcp, udp }} th dport != {{ {owned} }} dnat ip to {NEIGHBOURS}",
        interface.key()
    ))
}

/// What the edge does with the neighbours' address, `address` being which of the packet's is ours.
pub(crate) fn neighbours_at_edge(interface: &Interface, address: &str) -> Option<String> {
    interface.line.mapping()?;
    (!published(interface).is_empty()).then(|| {
        let ours = interface.line.address();
        match address {
            "saddr" => format!("ip daddr {NEIGHBOURS} ip daddr set {ours}"),
            _ => format!("ip saddr {ours} ip saddr set {NEIGHBOURS}"),
        }
    })
}

/// A published UDP server that speaks first, as games do with their list of servers, keeps its port.
pub(crate) fn from_published(interface: &Interface) -> Option<String> {
    let address = interface.line.address();
    let mut pairs: Vec<(SocketAddrV4, u16)> = Vec::new();
    for Published { transport, port, host } in published(interface) {
        let is_first = pairs.iter().all(|(known, _)| known != host);
        if *transport == Transport::Udp && is_first {
            pairs.push((*host, *port));
        }
    }
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(host, port)| format!("{} . {} : {address} . {port}", host.ip(), host.port()))
        .collect();
    (!pairs.is_empty()).then(|| {
        format!("meta l4proto udp snat ip to ip saddr . udp sport map {{ {} }}", pairs.join(", "))
    })
}
