//! Full cone for UDP: who once sent from an outside port receives there from anyone.
//!
//! It works because a socket keeps its outside port towards every destination. What was learned is
//! kept when the rules are replaced.

use crate::interface::Interface;
use crate::text::Object;

/// Names of the two base chains.
pub(crate) fn chains(interface: &Interface) -> [String; 2] {
    [interface.object_name("full-cone-learn"), interface.object_name("full-cone-in")]
}

/// Whether anybody is to be reached in this way: all hosts, or some.
pub(crate) fn is_needed(interface: &Interface) -> bool {
    interface.options.full_cone || !interface.forwards.full_cone_hosts().is_empty()
}

/// What a packet was sent from: a host of the LAN's, or one of those chosen.
fn sender_match(interface: &Interface) -> String {
    let hosts = interface.forwards.full_cone_hosts();
    if interface.options.full_cone {
        return format!("ct original ip saddr != {}", interface.dataplane.addresses());
    }
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    format!("ct original ip saddr {{ {} }}", hosts.join(", "))
}

pub(crate) fn objects(interface: &Interface) -> Vec<Object> {
    let [learn, arrive] = chains(interface);
    let cone = interface.object_name("full-cone");
    let (key, addresses) = (interface.key(), interface.dataplane.addresses());
    // Of the size of the port space, as the size of a map cannot be changed later.
    let map = "type inet_service : ipv4_addr . inet_service\nsize 65535\nflags dynamic,timeout\ntimeout 5m";
    vec![
        Object::persistent("map", cone.clone(), map),
        Object::hooked(
            learn,
            "type filter hook postrouting priority srcnat + 10; policy accept;",
            vec![format!(
                "oif {key} meta l4proto udp {} \
                 update @{cone} {{ udp sport : ct original ip saddr . ct original proto-src }}",
                sender_match(interface)
            )],
        ),
        Object::hooked(
            arrive,
            "type nat hook prerouting priority dstnat + 5; policy accept;",
            vec![format!(
                "iif {key} ip daddr {addresses} meta l4proto udp dnat ip to udp dport map @{cone}"
            )],
        ),
    ]
}
