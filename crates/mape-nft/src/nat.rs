//! The rules that admit new connections to the line, and the source NAT of these connections.

use std::net::Ipv4Addr;

use mape_core::{IntoVec as _, PortRange};

use crate::dataplane::Dataplane;
use crate::edge::Edge;
use crate::forwards;
use crate::interface::Interface;
use crate::mapping::Mapping;
use crate::text::{Object, list};

/// Number of buckets over which destinations are spread, if the edge does not translate.
const BUCKETS: usize = 64;
/// Largest number of map entries in all buckets together, so that a set of many ranges loads fast.
const BUCKET_ENTRIES: usize = 8192;
/// A constant seed ("mape"), so that the text and the choice of ports are the same in every load.
const SEED: &str = "0x6d617065";
/// Matches for nearly all IPv4 packets, without a lookup: UDP and TCP.
pub(crate) const COMMON_PROTOCOLS: [&str; 2] = ["@nh,72,8 17", "@nh,72,8 6"];
const SHAREABLE: &str = "meta l4proto { tcp, udp, icmp }";

/// Returns the chains `snat` and `egress-filter` with the objects that they need.
pub(crate) fn objects(interface: &Interface) -> Vec<Object> {
    let dataplane = &interface.dataplane;
    let address = dataplane.address();
    let mut objects = Vec::new();
    let mut rules = Vec::new();
    if let Some(seconds) = interface.options.time_wait {
        // The value is part of the name, because nft cannot change the policy of an existing
        // object.
        let name = interface.object_name(&format!("time-wait-{seconds}"));
        let policy = format!("protocol tcp;\nl3proto ip;\npolicy = {{ time_wait : {seconds} }};");
        rules.push(format!("meta l4proto tcp ct timeout set \"{name}\""));
        objects.push(Object::persistent("ct timeout", name, &policy));
    }
    match dataplane.mapping() {
        None => {
            // Binding a connection to the address that it has keeps a later masquerade from
            // changing it.
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

/// Returns the rule that keeps the source port of a service on the router that sends from a
/// reserved port.
fn snat_reserved(dataplane: &Dataplane) -> Option<String> {
    let (address, reserved) = (dataplane.address(), list(dataplane.reserved()));
    (!reserved.is_empty()).then(|| {
        format!(
            "ip saddr {address} meta l4proto {{ tcp, udp }} th sport {{ {reserved} }} \
             snat ip to {address}"
        )
    })
}

/// Returns the rules that accept or refuse a packet to the line. Protocols without port or
/// identifier cannot share an address; the sender gets an ICMP error.
fn gate(interface: &Interface) -> Vec<String> {
    if interface.dataplane.mapping().is_none() {
        // A packet to an address of the block that no host has would go back to the line.
        let back =
            format!("iif {} counter reject with icmp type host-unreachable", interface.key());
        let unused = interface.dataplane.prefix().map(|_| back);
        return unused.into_iter().chain(["accept".to_owned()]).into_vec();
    }
    let mut rules = vec![format!("{SHAREABLE} accept")];
    rules.push("meta nfproto ipv4 reject with icmp type prot-unreachable".to_owned());
    rules.push("counter drop".to_owned());
    rules
}

/// Returns the chains of the buckets, if the edge does not translate. Each bucket of destinations
/// cycles through the ranges by itself, so that many connections to one server use all ranges
/// equally.
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
        (0..count).map(|bucket| format!("{bucket} : goto {}", name(bucket))).into_vec();
    let targets = targets.join(", ");
    for (protocols, hashed) in [("{ tcp, udp }", "ip daddr . th dport"), ("icmp", "ip daddr")] {
        rules.push(format!(
            "meta l4proto {protocols} jhash {hashed} mod {count} seed {SEED} vmap {{ {targets} }}"
        ));
    }
    (0..count)
        .map(|bucket| Object::chain(name(bucket), vec![walk(address, &ranges, bucket)]))
        .into_vec()
}

/// Returns the rule of one bucket. It uses the ranges in turn, and each bucket begins with another
/// range.
fn walk(address: Ipv4Addr, ranges: &[PortRange], bucket: usize) -> String {
    let turned = ranges.iter().cycle().skip(bucket % ranges.len().max(1)).take(ranges.len());
    let entry = |(index, range): (usize, &PortRange)| {
        // A single port is written as a range too: nft refuses a map that contains both.
        format!("{index} : {address} . {}-{}", range.first(), range.last())
    };
    let entries: Vec<String> = turned.enumerate().map(entry).into_vec();
    format!(
        "{SHAREABLE} snat ip to numgen inc mod {} map {{ {} }}",
        ranges.len(),
        entries.join(", ")
    )
}
