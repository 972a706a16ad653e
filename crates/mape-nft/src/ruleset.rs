//! From interfaces to one text for `nft -f`.

use std::fmt::Write as _;

use crate::edge::Edge;
use crate::edge_rules::EdgeRules;
use crate::interface::Interface;
use crate::object_names::INET_TABLE;
use crate::text::{Object, Section, remove_chains, remove_table};
use crate::transaction::{MARKER_CHAIN, SHORT_CUTS, Transaction, own_netdev_tables};
use crate::{former_names, forwards, full_cone, nat, offload_bypass, outer_guard};

/// Before the SNAT of others (fw4 masquerades at `srcnat`): the first chain that binds wins.
const SRCNAT: &str = "type nat hook postrouting priority srcnat - 5; policy accept;";
/// Before every filter of others, and so before a flow could be offloaded.
const FORWARD_GUARD: &str = "type filter hook forward priority mangle; policy accept;";
/// After everything that can still send a packet of the router's own another way.
const OUTPUT_GUARD: &str = "type filter hook output priority 100; policy accept;";
/// After defragmentation (-400) and before conntrack (-200).
const EDGE_IN: &str = "type filter hook prerouting priority raw; policy accept;";
/// After every SNAT.
const EDGE_OUT: &str = "type filter hook postrouting priority srcnat + 20; policy accept;";
/// Before a flowtable (priority 0) takes packets away.
const INGRESS: &str = "priority -500; policy accept;";
const EGRESS: &str = "priority 0; policy accept;";

/// The devices that are shut until their index is in the gate.
const GUARDED: &str = "mape-*";

/// The maps by device. One that says how large it is gets a much faster table. A stand-alone file,
/// loaded again for each new device, leaves the old ones' indexes behind, hence the room.
const VERDICTS: &str = "type iface_index : verdict\nsize 1024";

/// What is loaded for ever and depends on no device.
///
/// It can be part of another transaction (firewall4's): nothing in it can be refused because of the
/// state of the machine. Loaded alone it lets nothing out through a device called `mape-…`; the
/// maps, and so what was opened by [`transaction`], survive it.
///
/// The guard sits where a packet is forwarded or begins, not behind the NAT: each packet passes one
/// of the two and neither of them twice, both can still tell the sender, and a packet dropped there
/// leaves no conntrack entry with a wrong port behind.
///
/// What is forwarded never comes from a CE address, whatever the packet is and whichever headers it
/// has: only the router itself sends from there, and what it sends the outer guard looks at.
///
/// The short cuts that [`transaction`] puts before it in `forwarded` are gone after this; packets
/// take the longer way, and [`Transaction::short_cuts`] brings them back.
#[must_use]
pub fn static_text() -> String {
    let mut text = String::new();
    let mut common = Section::new("inet", INET_TABLE);
    common.extend(static_objects());
    common.write(&mut text);
    let _ = writeln!(text, "flush set inet {INET_TABLE} shortcuts_loaded");
    text
}

fn static_objects() -> [Object; 9] {
    let rules = |rules: &[&str]| rules.iter().map(|&rule| rule.to_owned()).collect();
    let guarded = guarded(GUARDED);
    [
        Object::persistent("map", "open_interfaces", VERDICTS),
        Object::persistent("map", "snat_by_oif", VERDICTS),
        Object::persistent("map", "outer_guard_by_ce", "type ipv6_addr : verdict\nsize 1024"),
        Object::persistent("set", "ce_addresses", "type ipv6_addr\nsize 1024"),
        Object::persistent("set", "shortcuts_loaded", "type mark"),
        Object::hooked("srcnat", SRCNAT, rules(&["meta nfproto ipv4 oif vmap @snat_by_oif"])),
        Object::chain("leak_guard", rules(&["oif vmap @open_interfaces", "counter drop"])),
        // Of IPv4 only what neither begins nor ends at a line comes to the second rule.
        Object::hooked(
            "forward_guard",
            FORWARD_GUARD,
            rules(&[&guarded, "ip6 saddr @ce_addresses counter drop"]),
        ),
        Object::hooked(
            "output_guard",
            OUTPUT_GUARD,
            rules(&["ip6 nexthdr 4 ip6 saddr vmap @outer_guard_by_ce", &guarded]),
        ),
    ]
}

/// The complete text for one line, for a machine without firewall4: `nft -f` takes it as it is.
///
/// Loading it again gives the same ruleset and drops no flow. Other interfaces' rules stay. What a
/// [`Transaction`] finds afterwards is not what it has loaded.
#[must_use]
pub fn standalone(interface: &Interface) -> String {
    let mut text = String::new();
    let _ = header(&mut text, interface);
    text.push_str(&static_text());
    write_interface(&mut text, interface);
    let former = former_names::chains(interface);
    remove_chains(
        &mut text,
        &[MARKER_CHAIN.to_owned()].into_iter().chain(former).collect::<Vec<_>>(),
    );
    text
}

/// For `nft -f`: deletes every table of ours. `tables` is the output of `nft list tables`; empty
/// where none of them is in it.
#[must_use]
pub fn unload_text(tables: &str) -> String {
    let common = format!("inet {INET_TABLE}");
    let mut text = String::new();
    for table in own_netdev_tables(tables) {
        let _ = writeln!(text, "delete table netdev {table}");
    }
    if tables.lines().any(|line| line.trim().strip_prefix("table ") == Some(common.as_str())) {
        let _ = writeln!(text, "delete table {common}");
    }
    text
}

/// Replaces everything that was loaded before by the rules of these interfaces. Those of no
/// interface shut every device called `mape-…`.
///
/// Chains and maps of an interface that is gone stay, where nothing leads to them, until the last
/// one goes: then the table is made anew, as no packet needs it. Chains that have a hook go with
/// their interface.
#[must_use]
pub fn transaction(interfaces: &[Interface]) -> Transaction {
    let mut text = String::new();
    if interfaces.is_empty() {
        remove_table(&mut text, "inet", INET_TABLE);
    }
    text.push_str(&static_text());
    let on_device = |interface: &&Interface| interface.is_on_device();
    let netdev_tables: Vec<String> =
        interfaces.iter().filter(on_device).map(Interface::netdev_table).collect();
    for map in ["open_interfaces", "snat_by_oif", "outer_guard_by_ce"] {
        let _ = writeln!(text, "flush map inet {INET_TABLE} {map}");
    }
    let _ = writeln!(text, "flush set inet {INET_TABLE} ce_addresses");
    if netdev_tables.len() == interfaces.len() {
        // No packet of other devices need pass hooks that nobody uses.
        remove_chains(&mut text, &["edge_in".to_owned(), "edge_out".to_owned()]);
    } else {
        let _ = writeln!(text, "table inet {INET_TABLE} {{");
        for map in EDGE_MAPS {
            let _ = writeln!(text, "\tmap {map} {{ {}; }}", VERDICTS.replace('\n', "; "));
        }
        text.push_str("}\n");
        for map in EDGE_MAPS {
            let _ = writeln!(text, "flush map inet {INET_TABLE} {map}");
        }
    }
    for interface in interfaces {
        write_interface(&mut text, interface);
    }
    let marker = marker(&text);
    let _ = writeln!(text, "add element inet {INET_TABLE} {SHORT_CUTS}");
    let mut mark = |family, table: &str| {
        let mut section = Section::new(family, table);
        section.push(Object::chain(MARKER_CHAIN, vec![format!("return comment \"{marker}\"")]));
        section.write(&mut text);
    };
    mark("inet", INET_TABLE);
    for table in &netdev_tables {
        mark("netdev", table);
    }
    let short_cuts = interfaces.iter().map(short_cuts).collect();
    let elements = elements(interfaces);
    let names = interfaces.iter().map(|interface| interface.name.identifier()).collect();
    Transaction { text, marker, names, netdev_tables, elements, short_cuts }
}

/// What nft and the kernel are asked before there is a device: everything in the rules of
/// `interface`, each thing declared once. For `nft -c -f`, under a name that no interface has.
///
/// It is about half the work of [`transaction`]: nft keeps half a megabyte for each time that a
/// text names a table.
#[must_use]
pub fn probe(interface: &Interface) -> String {
    let mut text = String::new();
    let parts = Parts::of(interface);
    let mut common = Section::new("inet", INET_TABLE);
    common.extend(static_objects());
    common.append(parts.common);
    if let Some(device) = parts.device {
        device.write_new(&mut text);
    }
    common.write_new(&mut text);
    open_interface(&mut text, interface);
    text
}

/// A number that stands for the text (64 bits of FNV-1a).
fn marker(text: &str) -> String {
    format!("{:#018x}", mape_core::fnv64(text))
}

fn header(text: &mut String, interface: &Interface) -> std::fmt::Result {
    let Interface { device, dataplane, edge, .. } = interface;
    writeln!(text, "# mape-rs: {device}, {}, edge {edge}.", dataplane.addresses())?;
    if let Some(mapping) = dataplane.mapping() {
        if *edge == Edge::Plain {
            let ports = mapping.unreserved().iter().map(|range| range.ports().len()).sum::<usize>();
            writeln!(text, "# {ports} ports.")?;
        } else {
            writeln!(text, "# {} ports; internal ports {}.", mapping.usable(), mapping.internal())?;
        }
    }
    writeln!(
        text,
        "# Load with `nft -f` whenever the device was made; again any time, no flow is lost."
    )
}

/// Which interfaces have their edge in the common table, by direction.
const EDGE_MAPS: [&str; 2] = ["edge_in_by_iif", "edge_out_by_oif"];

/// What one interface has.
struct Parts {
    /// In a table of its own.
    device: Option<Section>,
    /// In the table of all.
    common: Section,
    /// Chains there of options that are off, since they might be left from when they were on.
    off: Vec<String>,
}

impl Parts {
    fn of(interface: &Interface) -> Self {
        let edge = EdgeRules::new(interface);
        let mut common = Section::new("inet", INET_TABLE);
        common.extend(nat::objects(interface));
        common.extend(outer_guard::objects(interface));
        let mut device = None;
        let (incoming, outgoing) = if interface.is_on_device() {
            device = Some(on_device(interface, &edge));
            // Left from another edge, they would be in the way.
            (Vec::new(), Vec::new())
        } else {
            common.extend(EDGE_MAPS.map(|map| Object::persistent("map", map, VERDICTS)));
            common.extend(edge.objects());
            let to = |map: &str, key: &str| vec![format!("{key} vmap @{map}")];
            common.push(Object::hooked("edge_in", EDGE_IN, to("edge_in_by_iif", "iif")));
            common.push(Object::hooked("edge_out", EDGE_OUT, to("edge_out_by_oif", "oif")));
            (edge.first_in(), edge.first_out())
        };
        common.push(Object::chain(interface.object_name("edge-in"), incoming));
        common.push(Object::chain(interface.object_name("edge-out"), outgoing));
        if !interface.device.is_guarded_by_name() {
            common.extend(guard(interface));
        }
        let mut off = Vec::new();
        if full_cone::is_needed(interface) {
            common.extend(full_cone::objects(interface));
        } else {
            off.extend(full_cone::chains(interface));
        }
        common.extend(forwards::permanent_objects(interface));
        if interface.published().is_empty() {
            off.extend(forwards::chains(interface));
        } else {
            common.extend(forwards::objects(interface));
        }
        if offload_bypass::is_needed(interface) {
            common.extend(offload_bypass::objects(interface));
        } else {
            off.push(offload_bypass::chain(interface));
        }
        Self { device, common, off }
    }
}

fn write_interface(text: &mut String, interface: &Interface) {
    let Parts { device, common, off } = Parts::of(interface);
    if let Some(device) = device {
        device.write(text);
    }
    if !off.is_empty() {
        remove_chains(text, &off);
    }
    common.write(text);
    open_interface(text, interface);
}

/// The guard of a device whose name is not `mape-…`: from the first load on.
fn guard(interface: &Interface) -> [Object; 2] {
    let rule = guarded(&interface.device);
    [("forward-guard", FORWARD_GUARD), ("output-guard", OUTPUT_GUARD)]
        .map(|(name, hook)| Object::hooked(interface.object_name(name), hook, vec![rule.clone()]))
}

/// The name first: packets of all other devices pass with this one comparison.
fn guarded(device: impl std::fmt::Display) -> String {
    format!("oifname \"{device}\" goto leak_guard")
}

/// The last step: the device's packets find their way to the rules.
fn open_interface(text: &mut String, interface: &Interface) {
    let _ = writeln!(
        text,
        "add element inet {INET_TABLE} ce_addresses {{ {} }}",
        interface.dataplane.ce()
    );
    for (map, key, chain) in verdicts(interface) {
        let _ = writeln!(
            text,
            "add element inet {INET_TABLE} {map} {{ {key} : goto {} }}",
            interface.object_name(chain)
        );
    }
    text.push_str(&short_cuts(interface));
}

/// Map, key and the chain it leads to. The gate comes last.
fn verdicts(interface: &Interface) -> Vec<(&'static str, String, &'static str)> {
    let key = interface.key();
    let mut verdicts = vec![
        ("outer_guard_by_ce", interface.dataplane.ce().to_string(), "outer-guard"),
        ("snat_by_oif", key.clone(), "snat"),
    ];
    if !interface.is_on_device() {
        verdicts.extend([
            ("edge_in_by_iif", key.clone(), "edge-in"),
            ("edge_out_by_oif", key.clone(), "edge-out"),
        ]);
    }
    verdicts.push(("open_interfaces", key, "egress-filter"));
    verdicts
}

/// For a query: the elements that all of this hangs on, each with its map.
fn elements(interfaces: &[Interface]) -> String {
    let ces = interfaces
        .iter()
        .map(|interface| ("ce_addresses", interface.dataplane.ce().to_string(), ""));
    ces.chain(interfaces.iter().flat_map(verdicts)).fold(
        String::new(),
        |mut text, (map, key, _)| {
            let _ = write!(text, "get element inet {INET_TABLE} {map} {{ {key} }}; ");
            text
        },
    )
}

/// Nearly all that is forwarded need not ask the guard's maps. Rules that compare an index, because
/// a lookup or a jump costs more than all of them (docs/measurements.md).
fn short_cuts(interface: &Interface) -> String {
    if interface.dataplane.mapping().is_none() || !interface.device.is_guarded_by_name() {
        return String::new();
    }
    let key = interface.key();
    // Of two lines, one may be open and the other not.
    let incoming = format!("iif {key} oifname != \"{GUARDED}\"");
    let outgoing = nat::COMMON_PACKETS.map(|packet| format!("oif {key} {packet}"));
    // Each is inserted before the one that came before it.
    outgoing.iter().rev().chain([&incoming]).fold(String::new(), |mut text, packets| {
        let _ = writeln!(text, "insert rule inet {INET_TABLE} forward_guard {packets} accept");
        text
    })
}

/// The edge on the device's own hooks.
fn on_device(interface: &Interface, edge: &EdgeRules<'_>) -> Section {
    let device = &interface.device;
    let mut own = Section::new("netdev", interface.netdev_table());
    own.extend(edge.objects());
    let hook = |direction: &str, rest: &str| {
        format!("type filter hook {direction} device \"{device}\" {rest}")
    };
    own.push(Object::hooked("edge_in", &hook("ingress", INGRESS), edge.first_in()));
    // When a device goes, 6.1 deletes its chains; later kernels leave them without a hook. Naming
    // the device again gives one chain its hook back, but the kernel refuses to do that for two
    // chains of a table at once (6.12.117: "File exists"). So this one is made anew. The packet
    // that finds the new chain not yet and the old one no longer filled meets the outer guard.
    own.push(Object::recreated("edge_out", &hook("egress", EGRESS), edge.first_out()));
    own
}
