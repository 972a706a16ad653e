//! Keeps flows from flow offload if the edge has to see their packets.
//!
//! Packets of a flow in a flowtable skip `prerouting` and `postrouting`. firewall4 adds flows to
//! its flowtable in the first rule of its chain `forward`. A flow can be in one flowtable only, so
//! our chain, which runs earlier, adds our flows to a flowtable of `lo`, through which no such
//! packet arrives.

use crate::edge::Edge;
use crate::interface::Interface;
use crate::text::Object;

/// Name of the chain, which is removed if it is not needed.
pub(crate) fn chain(interface: &Interface) -> String {
    interface.object_name("no-offload")
}

/// Returns whether the flows of this interface must be kept from flow offload.
pub(crate) fn is_needed(interface: &Interface) -> bool {
    // With the plain edge conntrack does all translation, and offloaded flows get the same
    // translation.
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
