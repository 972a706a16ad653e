//! Endpoint-independent filtering for UDP ("full cone"): after a host has sent from an external
//! port, packets from any source to that port are delivered to the host.
//!
//! It relies on endpoint-independent mapping: a socket keeps its external port towards every
//! destination. Learned ports survive a replacement of the rules.

use crate::interface::Interface;
use crate::text::Object;
use mape_core::IntoVec as _;

/// Names of the two chains on hooks.
pub(crate) fn chains(interface: &Interface) -> [String; 2] {
    [interface.object_name("full-cone-learn"), interface.object_name("full-cone-in")]
}

/// Returns whether full cone is on for all hosts or for some.
pub(crate) fn is_needed(interface: &Interface) -> bool {
    interface.options.full_cone || !interface.forwards.full_cone_hosts().is_empty()
}

/// Returns the match on the sender: any LAN host, or one of the chosen hosts.
fn sender_match(interface: &Interface) -> String {
    let hosts = interface.forwards.full_cone_hosts();
    if interface.options.full_cone {
        return format!("ct original ip saddr != {}", interface.dataplane.addresses());
    }
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).into_vec();
    format!("ct original ip saddr {{ {} }}", hosts.join(", "))
}

pub(crate) fn objects(interface: &Interface) -> Vec<Object> {
    let [learn, arrive] = chains(interface);
    let cone = interface.object_name("full-cone");
    let (key, address) = (interface.key(), interface.dataplane.address());
    // As large as the port space: the size of a map cannot be changed later.
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
                "iif {key} ip daddr {address} meta l4proto udp dnat ip to udp dport map @{cone}"
            )],
        ),
    ]
}
