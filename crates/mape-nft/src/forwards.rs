//! Port forwards, and the shared address as seen from inside.
//!
//! A forwarded port is a reserved port: the edge does not translate it, and no outgoing connection
//! gets it. Packets to it are translated to a LAN host if they come from the line, from the router
//! itself, or as *hairpin* from the devices that the [forward
//! names](crate::Forwards::with_hairpin). The host of a hairpin connection sees the public address,
//! as in a connection from outside. Packets from any other device go to the router itself, as if
//! the port were not forwarded.
//!
//! # The neighbours
//!
//! Neighbours are the other subscribers, who have the same address and other ports. Linux treats
//! the whole address as its own: it would deliver packets for neighbours locally and drop packets
//! from them as spoofed. Inside the router, neighbours therefore have another address,
//! [`NEIGHBOURS`], and the edge exchanges the two. The router and the devices of the hairpin reach
//! them, as far as the firewall permits.
//!
//! These rules exist only if a port is forwarded. Apart from the exchange at the edge, only the
//! first packet of a connection traverses them. One rule always exists: it drops packets from the
//! line whose source is no internet address ([`drop_bogons`]).

use mape_core::IntoVec as _;
use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv4Net;

use crate::admitted;
use crate::interface::Interface;
use crate::published::{Devices, Published, Transport};
use crate::text::{Object, list};

/// Stands for the neighbours inside the router: the IPv4 dummy address (RFC 7600 section 4.8),
/// which no host uses.
pub(crate) const NEIGHBOURS: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);

/// Sources that no internet packet has: RFC 6890, and RFC 6598 for addresses behind a carrier's
/// NAT.
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

/// Names of the chains on hooks, which are removed if no port is forwarded.
pub(crate) fn chains(interface: &Interface) -> [String; 2] {
    ["dnat-local", "hairpin"].map(|name| interface.object_name(name))
}

/// Returns the objects that always exist. If no port is forwarded, only the first rule of `dnat-in`
/// acts.
pub(crate) fn permanent_objects(interface: &Interface) -> [Object; 4] {
    let published = interface.published();
    let (mut dnat_in, mut neighbours) = (vec![drop_bogons(interface)], None);
    if !published.is_empty() {
        dnat_in.extend(to_own_address(interface));
        neighbours = to_neighbours(interface);
    }
    let elements = admitted::list(&admitted::servers(interface));
    [
        Object::elements("set", interface.object_name("published"), admitted::TYPE, &elements),
        Object::chain(interface.object_name("dnat-forwards"), to_hosts(&published)),
        Object::chain(interface.object_name("dnat-neighbours"), Vec::from_iter(neighbours)),
        // Before the redirects of other programs.
        Object::hooked(
            interface.object_name("dnat-in"),
            "type nat hook prerouting priority dstnat - 5; policy accept;",
            dnat_in,
        ),
    ]
}

/// Returns the rule that drops packets from the line with a source that is no internet address.
///
/// A host that trusts its LAN would take such a packet for a LAN packet, and its answers would go
/// to another network. An ICMP error from a router with a private address passes: it belongs to an
/// existing connection, and this chain sees only first packets.
fn drop_bogons(interface: &Interface) -> String {
    let address = interface.dataplane.address();
    // A line with such an address has neighbours with such an address.
    let is_ours = |net: &&str| net.parse().is_ok_and(|net: Ipv4Net| net.contains(&address));
    let mut strange: Vec<&str> = BOGONS.iter().copied().filter(|net| !is_ours(net)).into_vec();
    let neighbours = NEIGHBOURS.to_string();
    if neighbours_at_edge(interface, "daddr").is_empty() {
        strange.push(&neighbours);
    }
    format!("iif {} ip saddr {{ {} }} counter drop", interface.key(), strange.join(", "))
}

fn to_own_address(interface: &Interface) -> Vec<String> {
    let (key, address) = (interface.key(), interface.dataplane.address());
    let [servers, neighbours] =
        ["dnat-forwards", "dnat-neighbours"].map(|name| interface.object_name(name));
    let mut rules = vec![format!("iif {key} ip daddr {address} jump {servers}")];
    let mut devices: Vec<&Devices> =
        interface.published_with_devices().flat_map(|(_, from)| from).into_vec();
    devices.sort_unstable();
    devices.dedup();
    for device in devices {
        let here = interface.published_with_devices().filter(|(_, from)| from.contains(device));
        let here: Vec<&Published> = here.map(|(one, _)| one).into_vec();
        let packets = format!("iifname \"{device}\" ip daddr {address}");
        rules.extend(to_hosts(&here).iter().map(|rule| format!("{packets} {rule}")));
        if interface.dataplane.mapping().is_some() {
            rules.push(format!("{packets} jump {neighbours}"));
        }
    }
    rules
}

pub(crate) fn objects(interface: &Interface) -> [Object; 2] {
    let [own, hairpin] = chains(interface);
    let address = interface.dataplane.address();
    let to = |chain| format!("ip daddr {address} jump {}", interface.object_name(chain));
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

/// Returns the rules that translate the source of hairpin connections, so that the answers come
/// back through the router even if both hosts are in one network. The host sees the public address.
/// It does not see the router's LAN address, which it may trust.
fn hairpin(interface: &Interface) -> Vec<String> {
    let (key, address) = (interface.key(), interface.dataplane.address());
    let published = interface.object_name("published");
    // For a set of intervals, nft would convert the byte order of `meta l4proto`, which is one
    // byte; kernel 6.12.118 refuses that. `ip protocol` is read from the packet without conversion.
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
            .into_vec();
        let pairs = (!pairs.is_empty()).then(|| pairs.join(", "))?;
        Some(format!("dnat ip to {} dport map {{ {pairs} }}", transport.name()))
    };
    Transport::ALL.into_iter().filter_map(rule).into_vec()
}

/// Returns the rule that sends packets for ports outside the port set to the neighbours. It does
/// not apply to packets from the line: the edge has checked their ports, and they are internal
/// ports here.
fn to_neighbours(interface: &Interface) -> Option<String> {
    let owned = list(interface.dataplane.mapping()?.owned());
    Some(format!("meta l4proto {{ tcp, udp }} th dport != {{ {owned} }} dnat ip to {NEIGHBOURS}"))
}

/// Returns the rules with which the edge exchanges the neighbours' address; `address` is the field
/// that holds our address. A packet from the line with [`NEIGHBOURS`] as its source belongs to no
/// host and is dropped.
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

/// Returns the rule that keeps the port of a forwarded UDP service that sends first, as game
/// servers do to register with a list of servers.
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
        .into_vec();
    (!pairs.is_empty()).then(|| {
        format!("meta l4proto udp snat ip to ip saddr . udp sport map {{ {} }}", pairs.join(", "))
    })
}
