//! Endpoint-independent filtering for UDP ("full cone"): after a host has sent from an external
//! port, packets from any source to that port are delivered to the host.
//!
//! It relies on endpoint-independent mapping: a socket keeps its external port towards every
//! destination. Learned ports survive a replacement of the rules.
//!
//! # Hairpin
//! Other LAN hosts are such sources too (RFC 4787 REQ-9). conntrack has *external* ports for these
//! connections, because no edge translates them: the destination is that of the packet, and the
//! source becomes the external address and port of the sender's own mapping (REQ-9a). A map cannot
//! be looked up with the result of another lookup. The rules therefore write the first result into
//! the packet and read it there; NAT then writes the final port. Only the first packet of a
//! connection meets these rules.

use crate::edge::Edge;
use crate::interface::Interface;
use crate::mapping::Mapping;
use crate::text::{Object, list, pairs};
use mape_core::IntoVec as _;

const LEARN: &str = "type filter hook postrouting priority srcnat + 10; policy accept;";
const ARRIVE: &str = "type nat hook prerouting priority dstnat + 5; policy accept;";
/// Before the hairpin of port forwards, whose source has no certain port.
const HAIRPIN: &str = "type nat hook postrouting priority srcnat - 7; policy accept;";
/// As large as the port space: the size of a map cannot be changed later.
const HOST_BY_PORT: &str =
    "type inet_service : ipv4_addr . inet_service\nsize 65535\nflags dynamic,timeout\ntimeout 5m";
const PORT_BY_HOST: &str =
    "type ipv4_addr . inet_service : inet_service\nsize 65535\nflags dynamic,timeout\ntimeout 5m";
const PORTS: &str = "type inet_service : inet_service";

/// Names of the chains on hooks.
pub(crate) fn chains(interface: &Interface) -> [String; 3] {
    ["full-cone-learn", "full-cone-in", "full-cone-hairpin"].map(|it| interface.object_name(it))
}

/// Returns whether full cone is on for all hosts or for some.
pub(crate) fn is_needed(interface: &Interface) -> bool {
    interface.options.full_cone || !interface.forwards.full_cone_hosts().is_empty()
}

/// Returns the match on the sender: any LAN host, or one of the chosen hosts.
fn sender_match(interface: &Interface) -> String {
    let hosts = interface.forwards.full_cone_hosts();
    if interface.options.full_cone {
        return format!("!= {}", interface.dataplane.addresses());
    }
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).into_vec();
    format!("{{ {} }}", hosts.join(", "))
}

pub(crate) fn objects(interface: &Interface) -> Vec<Object> {
    let [learn, arrive, hairpin] = chains(interface);
    let [cone, source, to_hosts, from_mapping] =
        ["full-cone", "full-cone-source", "full-cone-to-hosts", "full-cone-from-mapping"]
            .map(|name| interface.object_name(name));
    let (key, address) = (interface.key(), interface.dataplane.address());
    // A sender without a mapping. A port forward has a rule of its own.
    let others = match list(interface.dataplane.reserved()) {
        none if none.is_empty() => none,
        reserved => format!("meta l4proto udp ct original proto-dst != {{ {reserved} }} "),
    };
    let mut objects = Vec::new();
    // For UDP, a checksum of 0 means "none" and stays 0. If a port belongs to no host, the packet
    // goes to the router as it came.
    let (hosts, sources) = if let Some(mapping) = translated(interface) {
        let [to_external, to_internal] =
            ["full-cone-int2ext", "full-cone-ext2int"].map(|name| interface.object_name(name));
        let by_internal: Vec<(u16, u16)> = mapping.pairs().into_vec();
        for (name, map) in
            [(&to_external, by_internal.as_slice()), (&to_internal, mapping.pairs_by_external())]
        {
            objects.push(Object::elements("map", name.clone(), PORTS, &pairs(map, u32::from)));
        }
        let hosts = format!(
            "udp checksum 0 th dport set udp dport map @{to_internal} \
             dnat ip to udp dport map @{cone}\n\
             udp checksum != 0 udp dport set udp dport map @{to_internal} \
             dnat ip to udp dport map @{cone}\n\
             udp checksum 0 th dport set ct original proto-dst\n\
             udp checksum != 0 udp dport set ct original proto-dst"
        );
        let sources = format!(
            "udp checksum 0 th sport set ip saddr . udp sport map @{source} \
             snat ip to {address}:udp sport map @{to_external}\n\
             udp checksum != 0 udp sport set ip saddr . udp sport map @{source} \
             snat ip to {address}:udp sport map @{to_external}\n\
             {others}snat ip to {address}"
        );
        (hosts, sources)
    } else {
        let hosts = format!("meta l4proto udp dnat ip to udp dport map @{cone}");
        let sources = format!(
            "meta l4proto udp snat ip to {address}:ip saddr . udp sport map @{source}\n\
             {others}snat ip to {address}"
        );
        (hosts, sources)
    };
    let learned = format!(
        "oif {key} meta l4proto udp ct original ip saddr {} \
         update @{cone} {{ udp sport : ct original ip saddr . ct original proto-src }} \
         update @{source} {{ ct original ip saddr . ct original proto-src : udp sport }}",
        sender_match(interface)
    );
    let arriving = format!(
        "iif {key} ip daddr {address} meta l4proto udp dnat ip to udp dport map @{cone}\n\
         iif != {key} ip daddr {address} meta l4proto udp goto {to_hosts}"
    );
    let back = format!(
        "iif != {key} oif != {key} meta l4proto udp ct status dnat \
         ct original ip daddr {address} goto {from_mapping}"
    );
    for (name, declaration) in [(cone, HOST_BY_PORT), (source, PORT_BY_HOST)] {
        objects.push(Object::persistent("map", name, declaration));
    }
    for (name, hook, rules) in [
        (to_hosts, "", hosts),
        (from_mapping, "", sources),
        (learn, LEARN, learned),
        (arrive, ARRIVE, arriving),
        (hairpin, HAIRPIN, back),
    ] {
        let rules = rules.lines().map(str::to_owned).into_vec();
        objects.push(Object::hooked(name, hook, rules));
    }
    objects
}

/// Returns the mapping, if conntrack has other ports than the line.
fn translated(interface: &Interface) -> Option<&Mapping> {
    interface.dataplane.mapping().filter(|_| interface.edge != Edge::Plain)
}
