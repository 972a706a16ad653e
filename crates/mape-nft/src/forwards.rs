//! Hosts behind the line that are reached from outside, and the shared address seen from inside.
//!
//! A published port is a reserved one, so it passes the edge as it is and no outgoing connection
//! gets it. What arrives there is sent to a host: from the line, from the router itself, and as
//! *hairpin* from the devices that the port [names](crate::Forwards::with_hairpin). The host then sees the
//! public address, as in every connection from outside. From any other device the packet goes to
//! the router itself, as if nothing were published.
//!
//! # The neighbours
//! Other subscribers have the same address and other ports. Linux takes the whole address for its
//! own: what is sent to them would end here, and what they send would be dropped as coming from
//! ourselves. So inside the box they have another address, [`NEIGHBOURS`], and the edge exchanges
//! the two. They are reached from the router and from the devices of the hairpin, as far as the
//! firewall lets those out.
//!
//! All of this is there only where a port is published. Except for the exchange at the edge, only
//! the first packet of a connection meets it. So does what is always there: a packet from the line
//! whose source is no address of the internet is dropped ([`drop_bogons`]).

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv4Net;

use crate::admitted;
use crate::interface::Interface;
use crate::published::{Devices, Published, Transport};
use crate::text::{Object, list};

/// Stands for the other subscribers of the shared address, inside the box only: the IPv4 dummy
/// address (RFC 7600 section 4.8), which nobody has.
pub(crate) const NEIGHBOURS: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);

/// Sources that no packet of the internet has: RFC 6890, and RFC 6598 for addresses behind a
/// carrier's NAT.
const BOGONS: [&str; 9] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/29",
    "192.168.0.0/16",
    "224.0.0.0/3",
];

/// The chains on hooks, removed where nothing is published.
pub(crate) fn chains(interface: &Interface) -> [String; 2] {
    ["dnat-local", "hairpin"].map(|name| interface.object_name(name))
}

/// What is always there. Where nothing is published, only the first rule of `arriving` does
/// anything.
pub(crate) fn permanent_objects(interface: &Interface) -> [Object; 4] {
    let published = interface.published();
    let (mut arriving, mut neighbours) = (vec![drop_bogons(interface)], None);
    if !published.is_empty() {
        arriving.extend(to_own_address(interface));
        neighbours = to_neighbours(interface);
    }
    let elements = admitted::list(&admitted::servers(interface));
    [
        Object::elements("set", interface.object_name("published"), admitted::TYPE, &elements),
        Object::chain(interface.object_name("dnat-forwards"), to_hosts(&published)),
        Object::chain(interface.object_name("dnat-neighbours"), Vec::from_iter(neighbours)),
        // Before the redirects of others.
        Object::hooked(
            interface.object_name("dnat-in"),
            "type nat hook prerouting priority dstnat - 5; policy accept;",
            arriving,
        ),
    ]
}

/// A host that trusts its LAN would take such a packet for one of it, and answers would go into a
/// network that did not ask. An ICMP error from a private address of some router on the way passes:
/// it belongs to a connection that there is.
fn drop_bogons(interface: &Interface) -> String {
    let address = interface.dataplane.address();
    // A line with such an address has neighbours with such addresses.
    let is_ours = |net: &&str| net.parse().is_ok_and(|net: Ipv4Net| net.contains(&address));
    let mut strange: Vec<&str> = BOGONS.iter().copied().filter(|net| !is_ours(net)).collect();
    let neighbours = NEIGHBOURS.to_string();
    if neighbours_at_edge(interface, "daddr").is_empty() {
        strange.push(&neighbours);
    }
    format!("iif {} ip saddr {{ {} }} counter drop", interface.key(), strange.join(", "))
}

fn to_own_address(interface: &Interface) -> Vec<String> {
    let (key, addresses) = (interface.key(), interface.dataplane.addresses());
    let [servers, neighbours] =
        ["dnat-forwards", "dnat-neighbours"].map(|name| interface.object_name(name));
    let mut rules = vec![format!("iif {key} ip daddr {addresses} jump {servers}")];
    let mut devices: Vec<&Devices> =
        interface.published_with_devices().flat_map(|(_, from)| from).collect();
    devices.sort_unstable();
    devices.dedup();
    for device in devices {
        let here = interface.published_with_devices().filter(|(_, from)| from.contains(device));
        let here: Vec<&Published> = here.map(|(one, _)| one).collect();
        let packets = format!("iifname \"{device}\" ip daddr {addresses}");
        rules.extend(to_hosts(&here).iter().map(|rule| format!("{packets} {rule}")));
        if interface.dataplane.mapping().is_some() {
            rules.push(format!("{packets} jump {neighbours}"));
        }
    }
    rules
}

pub(crate) fn objects(interface: &Interface) -> [Object; 2] {
    let [own, hairpin] = chains(interface);
    let addresses = interface.dataplane.addresses();
    let to = |chain| format!("ip daddr {addresses} jump {}", interface.object_name(chain));
    let mut from_us = vec![to("dnat-forwards")];
    if interface.dataplane.mapping().is_some() {
        from_us.push(to("dnat-neighbours"));
    }
    [
        Object::hooked(own, "type nat hook output priority -105; policy accept;", from_us),
        Object::hooked(
            hairpin,
            "type nat hook postrouting priority srcnat - 6; policy accept;",
            self::hairpin(interface),
        ),
    ]
}

/// The answer has to come back through the router, also from a host beside the one that asks. The
/// host sees the public address: the router's own address in the LAN is one that it may trust.
fn hairpin(interface: &Interface) -> Vec<String> {
    let (key, address) = (interface.key(), interface.dataplane.address());
    let published = interface.object_name("published");
    // nft would convert the byte order of `meta l4proto`, one byte, for a set of intervals; kernel
    // 6.12.118 refuses that. `ip protocol` is read from the packet as it is.
    let rule = |transport: Transport| {
        format!(
            "iif != {key} oif != {key} meta l4proto {} ct status dnat ct original ip daddr . \
             ip protocol . ct original proto-dst . ip daddr @{published} snat ip to {address}",
            transport.name()
        )
    };
    Transport::ALL.map(rule).to_vec()
}

fn to_hosts(published: &[&Published]) -> Vec<String> {
    let rule = |transport: Transport| {
        let of_it = published.iter().filter(|one| one.transport == transport);
        let pairs: Vec<String> = of_it
            .map(|one| format!("{} : {} . {}", one.port, one.host.ip(), one.host.port()))
            .collect();
        let pairs = (!pairs.is_empty()).then(|| pairs.join(", "))?;
        Some(format!("dnat ip to {} dport map {{ {pairs} }}", transport.name()))
    };
    Transport::ALL.into_iter().filter_map(rule).collect()
}

/// Ports of the address that are not ours. Not for what comes from the line: there the edge has
/// looked, and ports are inside ones.
fn to_neighbours(interface: &Interface) -> Option<String> {
    let owned = list(interface.dataplane.mapping()?.owned());
    Some(format!("meta l4proto {{ tcp, udp }} th dport != {{ {owned} }} dnat ip to {NEIGHBOURS}"))
}

/// What the edge does with the neighbours' address, `address` being which of the packet's is ours.
/// A packet that comes with their address in place of the shared one belongs to no host.
pub(crate) fn neighbours_at_edge(interface: &Interface, address: &str) -> Vec<String> {
    if interface.dataplane.mapping().is_none() || interface.published().is_empty() {
        return Vec::new();
    }
    let ours = interface.dataplane.address();
    match address {
        "saddr" => vec![format!("ip daddr {NEIGHBOURS} ip daddr set {ours}")],
        _ => vec![
            format!("ip saddr {NEIGHBOURS} counter drop"),
            format!("ip saddr {ours} ip saddr set {NEIGHBOURS}"),
        ],
    }
}

/// A published UDP server that speaks first, as games do with their list of servers, keeps its
/// port.
pub(crate) fn snat_published(interface: &Interface) -> Option<String> {
    let address = interface.dataplane.address();
    let mut pairs: Vec<(SocketAddrV4, u16)> = Vec::new();
    for Published { transport, port, host } in interface.published() {
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
