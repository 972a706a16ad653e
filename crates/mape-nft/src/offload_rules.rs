//! What is loaded where another program offloads flows in software.
//!
//! Packets of a flow in a flowtable skip `prerouting`, `forward` and `postrouting`, but not the
//! hooks of the devices. firewall4 adds flows to its flowtable in the first rule of its chain
//! `forward`. A flow can be in one flowtable only, so our chains, which run earlier, decide
//! (docs/decisions/0069-own-flowtable.md).

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
    let key = interface.key();
    let join = |flowtable: &str| {
        ["oif", "iif"]
            .map(|way| format!("{way} {key} meta l4proto {{ tcp, udp }} flow add @{flowtable}"))
            .to_vec()
    };
    let flowtable = |name: &str, devices: String| {
        Object::persistent(
            "flowtable",
            name,
            &format!("hook ingress priority filter\ndevices = {{ {devices} }}"),
        )
    };
    match &interface.offload {
        Offload::Untouched => Vec::new(),
        Offload::KeptOut => vec![
            flowtable("no_offload", "lo".to_owned()),
            Object::hooked(kept_out_chain(interface), FORWARD, join("no_offload")),
        ],
        // Each load adds the devices that the flowtable does not have. Those that left the LAN stay
        // until the flowtable is removed; no rule adds flows of theirs.
        Offload::Own(ports) => {
            let names = ports.iter().chain([&interface.device]);
            let devices: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
            vec![
                flowtable(FLOWTABLE, devices.join(", ")),
                Object::hooked(interface.object_name(OWN), FORWARD, join(FLOWTABLE)),
            ]
        }
        Offload::Refused => {
            let expect = |way: &str| {
                vec![format!(
                    "{way} {key} meta l4proto {{ tcp, udp }} ct expectation set \"no_offload\""
                )]
            };
            let chain = |kind, hook, priority, way| {
                let hook = format!("type nat hook {hook} priority {priority} - 6; policy accept;");
                Object::hooked(interface.object_name(kind), &hook, expect(way))
            };
            vec![
                Object::persistent("ct expectation", "no_offload", EXPECTATION),
                chain("no-offload-out", "postrouting", "srcnat", "oif"),
                chain("no-offload-in", "prerouting", "dstnat", "iif"),
            ]
        }
    }
}

/// No IPv4 packet matches an expectation of IPv6. nft accepts no size and no port of 0.
const EXPECTATION: &str = "protocol tcp\ndport 1\ntimeout 1ms\nsize 1\nl3proto ip6";
