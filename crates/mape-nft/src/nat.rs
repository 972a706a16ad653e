//! Which connections there are to the line: the gate, and what conntrack does with new ones.

use std::net::Ipv4Addr;

use mape_core::PortRange;

use crate::dataplane::Dataplane;
use crate::edge::Edge;
use crate::forwards;
use crate::interface::Interface;
use crate::mapping::Mapping;
use crate::text::{Object, list};

/// Destinations are spread over this many range counters (fallback without second stage).
const BUCKETS: usize = 64;
/// Most entries of all counters together, so that a set of very many ranges still loads quickly.
const BUCKET_ENTRIES: usize = 8192;
/// Fixed, so that the text and the choice of ports are the same each time: "mape".
const SEED: &str = "0x6d617065";
/// Nearly all packets, without a lookup: IPv4 without options, and TCP or UDP.
pub(crate) const COMMON_PACKETS: [&str; 2] =
    ["@nh,0,8 0x45 @nh,72,8 6", "@nh,0,8 0x45 @nh,72,8 17"];
const SHAREABLE: &str = "meta l4proto { tcp, udp, icmp }";

/// The chains `nat` and `gate`, with what they need.
pub(crate) fn objects(interface: &Interface) -> Vec<Object> {
    let dataplane = &interface.dataplane;
    let address = dataplane.address();
    let mut objects = Vec::new();
    let mut rules = Vec::new();
    if let Some(seconds) = interface.options.time_wait {
        // The value is part of the name: nft cannot change a policy, only declare another.
        let name = interface.object_name(&format!("time-wait-{seconds}"));
        let policy = format!("protocol tcp;\nl3proto ip;\npolicy = {{ time_wait : {seconds} }};");
        rules.push(format!("meta l4proto tcp ct timeout set \"{name}\""));
        objects.push(Object::persistent("ct timeout", name, &policy));
    }
    match dataplane.mapping() {
        None => {
            // Binding them to the address they have keeps a later masquerade away from them.
            if let Some(prefix) = dataplane.prefix() {
                rules.push(format!("ip saddr {prefix} snat ip to ip saddr"));
            }
            if let Some(outgoing) = dataplane.outgoing() {
                rules.extend(forwards::snat_published(interface));
                rules.extend(snat_reserved(dataplane));
                rules.push(format!("meta l4proto {{ tcp, udp }} snat ip to {address}:{outgoing}"));
            }
            rules.push(format!("snat ip to {address}"));
        }
        Some(mapping) => {
            rules.extend(forwards::snat_published(interface));
            rules.extend(snat_reserved(dataplane));
            if interface.edge == Edge::Plain {
                objects.extend(buckets(interface, mapping, &mut rules));
            } else {
                rules.push(format!("{SHAREABLE} snat ip to {address}:{}", mapping.internal()));
            }
            rules.push("counter drop".to_owned());
        }
    }
    objects.push(Object::chain(interface.object_name("snat"), rules));
    objects.push(Object::chain(interface.object_name("egress-filter"), gate(interface)));
    objects
}

/// A server on the router that speaks first, from its reserved port, keeps it.
fn snat_reserved(dataplane: &Dataplane) -> Option<String> {
    let (address, reserved) = (dataplane.address(), list(dataplane.reserved()));
    (!reserved.is_empty()).then(|| {
        format!(
            "ip saddr {address} meta l4proto {{ tcp, udp }} th sport {{ {reserved} }} \
             snat ip to {address}"
        )
    })
}

/// What may go to the line at all. Protocols without port or identifier cannot share an address,
/// and the sender is told.
fn gate(interface: &Interface) -> Vec<String> {
    if interface.dataplane.mapping().is_none() {
        return vec!["accept".to_owned()];
    }
    let mut rules = COMMON_PACKETS.map(|packet| format!("{packet} accept")).to_vec();
    rules.push(format!("{SHAREABLE} accept"));
    rules.push("meta nfproto ipv4 reject with icmp type prot-unreachable".to_owned());
    rules.push("counter drop".to_owned());
    rules
}

/// Without a second stage: each bucket of destinations walks through the ranges by itself, so that
/// many connections to one server meet each range equally often.
fn buckets(interface: &Interface, mapping: &Mapping, rules: &mut Vec<String>) -> Vec<Object> {
    let address = interface.dataplane.address();
    let ranges = mapping.unreserved();
    if let [range] = ranges.as_slice() {
        rules.push(format!("{SHAREABLE} snat ip to {address}:{range}"));
        return Vec::new();
    }
    let count = (BUCKET_ENTRIES / ranges.len().max(1)).clamp(1, BUCKETS);
    let name = |bucket: usize| interface.object_name(&format!("snat-bucket{bucket}"));
    let targets: Vec<String> =
        (0..count).map(|bucket| format!("{bucket} : goto {}", name(bucket))).collect();
    let targets = targets.join(", ");
    for (protocols, hashed) in [("{ tcp, udp }", "ip daddr . th dport"), ("icmp", "ip daddr")] {
        rules.push(format!(
            "meta l4proto {protocols} jhash {hashed} mod {count} seed {SEED} vmap {{ {targets} }}"
        ));
    }
    (0..count)
        .map(|bucket| Object::chain(name(bucket), vec![walk(address, &ranges, bucket)]))
        .collect()
}

/// One range after the other; each bucket begins at another one.
fn walk(address: Ipv4Addr, ranges: &[PortRange], bucket: usize) -> String {
    let turned = ranges.iter().cycle().skip(bucket % ranges.len().max(1)).take(ranges.len());
    let entry = |(index, range): (usize, &PortRange)| {
        // A single port as a range too: nft refuses a map that has both.
        format!("{index} : {address} . {}-{}", range.first(), range.last())
    };
    let entries: Vec<String> = turned.enumerate().map(entry).collect();
    format!(
        "{SHAREABLE} snat ip to numgen inc mod {} map {{ {} }}",
        ranges.len(),
        entries.join(", ")
    )
}
