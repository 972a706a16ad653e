//! What is loaded where another program offloads flows in software.
//!
//! Packets of a flow in a flowtable skip `prerouting`, `forward` and `postrouting`, but not the
//! hooks of the devices. firewall4 adds flows to its flowtable in the first rule of its chain
//! `forward`. A flow can be in one flowtable only, so our chains, which run earlier, decide
//! (docs/decisions/0069-own-flowtable.md).

use std::fmt::Write as _;

use crate::interface::Interface;
use crate::offload::Offload;
use crate::text::Object;

/// Kinds of the chains on hooks. They are removed if they are not needed.
pub(crate) const KINDS: [&str; 4] = [OWN, "no-offload-in", "no-offload-out", KEPT_OUT];
const KEPT_OUT: &str = "no-offload";
/// The kind of chain that adds flows to our flowtable.
pub(crate) const OWN: &str = "offload";

/// Name of our flowtable. (`offload` is a word of nft's.)
pub(crate) const FLOWTABLE: &str = "lan_and_tunnels";

const FORWARD: &str = "type filter hook forward priority filter - 1; policy accept;";

/// Name of the chain that every text without it removes.
pub(crate) fn kept_out_chain(interface: &Interface) -> String {
    interface.object_name(KEPT_OUT)
}

pub(crate) fn objects(interface: &Interface) -> Vec<Object> {
    let (flowtable, kind, devices) = match &interface.offload {
        Offload::Untouched => return Vec::new(),
        Offload::Refused => return expecting(interface),
        Offload::KeptOut => ("no_offload", KEPT_OUT, "lo".to_owned()),
        // Each load adds the devices that the flowtable does not have. Those that left the LAN stay
        // until the flowtable is removed; no rule adds flows of theirs.
        Offload::Own(ports) => {
            let mut devices = String::new();
            for port in ports {
                // Writing into a `String` cannot fail.
                let _ = write!(devices, "\"{port}\", ");
            }
            let _ = write!(devices, "\"{}\"", interface.device);
            (FLOWTABLE, OWN, devices)
        }
    };
    let declaration = format!("hook ingress priority filter\ndevices = {{ {devices} }}");
    let rules = ["oif", "iif"].map(|way| matching(interface, way, "flow add @") + flowtable);
    vec![
        Object::persistent("flowtable", flowtable, &declaration),
        Object::hooked(interface.object_name(kind), FORWARD, rules.to_vec()),
    ]
}

/// Returns the rules that set an expectation on each connection of the interface.
fn expecting(interface: &Interface) -> Vec<Object> {
    let chain = |kind, hook: &str, way| {
        let hook = format!("type nat hook {hook} - 6; policy accept;");
        let rule = matching(interface, way, "ct expectation set \"no_offload\"");
        Object::hooked(interface.object_name(kind), &hook, vec![rule])
    };
    vec![
        Object::persistent("ct expectation", "no_offload", EXPECTATION),
        chain("no-offload-out", "postrouting priority srcnat", "oif"),
        chain("no-offload-in", "prerouting priority dstnat", "iif"),
    ]
}

/// Returns a rule for the interface's packets that can be offloaded.
fn matching(interface: &Interface, way: &str, action: &str) -> String {
    format!("{way} {} meta l4proto {{ tcp, udp }} {action}", interface.key())
}

/// No IPv4 packet matches an expectation of IPv6. nft accepts no size and no port of 0.
const EXPECTATION: &str = "protocol tcp\ndport 1\ntimeout 1ms\nsize 1\nl3proto ip6";
