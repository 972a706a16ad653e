//! Keeping flows on the slow path where the edge needs to see their packets.
//!
//! A software flow offload takes packets of established flows past `prerouting` and `postrouting`,
//! and firewall4 does it in the first rule of its `forward` chain. But a flow joins one flowtable
//! only. So ours join another one before, of a device that no packet enters through.

use crate::edge::Edge;
use crate::interface::Interface;
use crate::text::Object;

/// The chain, removed where it is not needed.
pub(crate) fn chain(interface: &Interface) -> String {
    interface.object_name("no-offload")
}

/// Whether the flows have to be kept from a flowtable.
pub(crate) fn is_needed(interface: &Interface) -> bool {
    // The plain edge lets conntrack do everything, and offload does what conntrack does.
    interface.options.flow_offload
        && interface.edge == Edge::Postrouting
        && interface.dataplane.mapping().is_some()
}

pub(crate) fn objects(interface: &Interface) -> Vec<Object> {
    let key = interface.key();
    let join = |direction: &str| {
        format!("{direction} {key} meta l4proto {{ tcp, udp }} flow add @no_offload")
    };
    vec![
        Object::persistent(
            "flowtable",
            "no_offload",
            "hook ingress priority filter\ndevices = { lo }",
        ),
        Object::hooked(
            chain(interface),
            "type filter hook forward priority filter - 1; policy accept;",
            vec![join("oif"), join("iif")],
        ),
    ]
}
