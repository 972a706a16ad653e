//! The whole text for `nft -f`, from interfaces.

use mape_core::IntoVec as _;
use std::fmt::Write as _;

use crate::edge::Edge;
use crate::edge_rules::EdgeRules;
use crate::interface::Interface;
use crate::object_names::{INET_TABLE, MARKER_CHAIN, ObjectNames};
use crate::offload::Offload;
use crate::text::{Object, Section, remove_chains, remove_table};
use crate::transaction::{Transaction, own_netdev_tables};
use crate::{former_names, forwards, full_cone, nat, offload_rules, outer_guard};

/// Before the SNAT of other programs (firewall4 masquerades at `srcnat`): the first chain that
/// translates a connection wins.
const SRCNAT: &str = "type nat hook postrouting priority srcnat - 5; policy accept;";
/// Before every filter of other programs, and so before a flow can be offloaded.
const FORWARD_GUARD: &str = "type filter hook forward priority mangle; policy accept;";
/// After everything that can still reroute a packet of the router itself.
const OUTPUT_GUARD: &str = "type filter hook output priority 100; policy accept;";
/// After defragmentation (-400) and before conntrack (-200).
const EDGE_IN: &str = "type filter hook prerouting priority raw; policy accept;";
/// After every SNAT.
const EDGE_OUT: &str = "type filter hook postrouting priority srcnat + 20; policy accept;";
/// Before a flowtable (priority 0) takes packets away.
const INGRESS: &str = "priority -500; policy accept;";
const EGRESS: &str = "priority 0; policy accept;";

/// The devices through which nothing leaves until their index is in the map of open interfaces.
const GUARDED: &str = "mape-*";

/// Type of the maps by device. The kernel uses a much faster table for a map with a stated size. A
/// stand-alone file that is loaded again for each new device leaves the old indexes behind, hence
/// the room.
const VERDICTS: &str = "type iface_index : verdict\nsize 1024";

/// Returns the text that stays loaded permanently and depends on no device.
///
/// It can be part of another program's transaction (firewall4's): no state of the machine makes nft
/// refuse it. If only this text is loaded, no packet leaves through a device called `mape-*`.
/// Loading it again keeps the maps, and so the interfaces that [`transaction`] opened.
///
/// The leak guard hooks into `forward` and `output`, before NAT. Each packet traverses exactly one
/// of the two. Both can still send an ICMP error to the sender, and a packet dropped there leaves
/// no conntrack entry with a wrong port.
///
/// A forwarded packet never has a CE address as its source, whatever its headers are: only the
/// router itself sends from there, and the outer guard checks those packets.
///
/// Loading this text removes the short cuts that [`transaction`] inserts in both guards.
/// Packets then take the longer path until they are inserted again.
#[must_use]
pub fn static_text() -> String {
    let mut text = String::new();
    let mut common = Section::new("inet", INET_TABLE);
    common.extend(static_objects());
    common.write(&mut text);
    text
}

fn static_objects() -> [Object; 8] {
    let rules = |rules: &[&str]| rules.iter().map(|&rule| rule.to_owned()).into_vec();
    let guarded = guarded(GUARDED);
    [
        Object::persistent("map", "open_interfaces", VERDICTS),
        Object::persistent("map", "snat_by_oif", VERDICTS),
        Object::persistent("map", "outer_guard_by_ce", "type ipv6_addr : verdict\nsize 1024"),
        Object::persistent("set", "ce_addresses", "type ipv6_addr\nsize 1024"),
        Object::hooked("srcnat", SRCNAT, rules(&["meta nfproto ipv4 oif vmap @snat_by_oif"])),
        Object::chain("leak_guard", rules(&["oif vmap @open_interfaces", "counter drop"])),
        // Of IPv4, only packets that neither come from nor go to a MAP-E interface reach the second
        // rule.
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

/// Returns the complete text for one interface, for a machine without firewall4. `nft -f` loads it
/// as it is.
///
/// Loading it again gives the same ruleset and drops no flow. The rules of other interfaces stay.
/// After this text has been loaded, no [`Transaction`] counts as loaded.
///
/// ```
/// use mape_core::{Request, plan};
/// use mape_nft::{Dataplane, DeviceName, Edge, Forwards, Interface, Offload, Options, standalone};
///
/// let plan = plan(&Request::new("240b:10:3261:6400::/56".parse()?))?;
/// let device: DeviceName = "mape-wan".parse()?;
/// let interface = Interface {
///     name: device.interface(),
///     device,
///     index: None,
///     dataplane: Dataplane::new(&plan, &[])?,
///     edge: Edge::Postrouting,
///     options: Options { full_cone: true, ..Options::default() },
///     offload: Offload::default(),
///     forwards: Forwards::default(),
/// };
/// let text = standalone(&interface);
/// assert!(text.starts_with("# mape-rs: mape-wan, 106.72.50.97, edge postrouting.\n"));
/// assert!(text.contains("iif vmap @edge_in_by_iif") && text.contains("chain full-cone-in_wan {"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn standalone(interface: &Interface) -> String {
    let mut text = String::new();
    let _ = header(&mut text, interface);
    text.push_str(&static_text());
    write_interface(&mut text, interface, None);
    let former = former_names::chains(interface);
    remove_chains(&mut text, &[MARKER_CHAIN.to_owned()].into_iter().chain(former).into_vec());
    text
}

/// Returns the text for `nft -f` that deletes all our tables. `tables` is the output of `nft list
/// tables`. The text is empty if none of our tables exists.
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

/// Replaces everything that was loaded before with the rules of these interfaces. Without
/// interfaces, no packet leaves through a device called `mape-*`.
///
/// If an interface is gone, its chains on hooks are removed. Its other chains and its maps stay,
/// where no packet reaches them, until no interface is left. Then the table is recreated.
///
/// ```
/// use mape_core::{Request, plan};
/// use mape_nft::{Dataplane, Edge, Forwards, Interface, Offload, Options, transaction};
///
/// let plan = plan(&Request::new("240b:10:3261:6400::/56".parse()?))?;
/// let interface = Interface {
///     name: "wan".parse()?,
///     device: "mape-wan".parse()?,
///     index: Some(7),
///     dataplane: Dataplane::new(&plan, &[])?,
///     edge: Edge::Netdev,
///     options: Options::default(),
///     offload: Offload::default(),
///     forwards: Forwards::default(),
/// };
/// let transaction = transaction(&[interface]);
/// // The argument is the output of `nft list chains`; nothing is loaded yet.
/// let text = transaction.text("");
/// assert!(text.contains("open_interfaces { 7 : goto egress-filter_wan }"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn transaction(interfaces: &[Interface]) -> Transaction {
    let mut text = String::new();
    if interfaces.is_empty() {
        remove_table(&mut text, "inet", INET_TABLE);
    }
    text.push_str(&static_text());
    let on_device = |interface: &&Interface| interface.is_on_device();
    let netdev_tables: Vec<String> =
        interfaces.iter().filter(on_device).map(Interface::netdev_table).into_vec();
    for map in ["open_interfaces", "snat_by_oif", "outer_guard_by_ce"] {
        let _ = writeln!(text, "flush map inet {INET_TABLE} {map}");
    }
    let _ = writeln!(text, "flush set inet {INET_TABLE} ce_addresses");
    if netdev_tables.len() == interfaces.len() {
        // If no interface uses these hooks, packets of other devices need not pass them.
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
        write_interface(&mut text, interface, Some(interfaces));
    }
    let marker = marker(&text);
    let mut mark = |family, table: &str| {
        let mut section = Section::new(family, table);
        section.push(Object::chain(MARKER_CHAIN, vec![format!("return comment \"{marker}\"")]));
        section.write(&mut text);
    };
    mark("inet", INET_TABLE);
    for table in &netdev_tables {
        mark("netdev", table);
    }
    let mut count = [0; 2];
    for rules in interfaces.iter().map(|one| short_cuts(one, Some(interfaces))) {
        for (count, rules) in count.iter_mut().zip(rules) {
            *count += rules.len();
        }
    }
    let names = interfaces.iter().map(|interface| interface.name.identifier()).collect();
    Transaction { text, marker, names, netdev_tables, short_cuts: count }
}

/// Returns the text for `nft -c -f` that asks nft and the kernel whether they accept the rules of
/// `interface`, before its device exists. It contains every rule once, under a name that no
/// interface has.
///
/// The check takes about half the time of a [`transaction`]: nft allocates half a megabyte each
/// time that a text names a table.
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
    open_interface(&mut text, interface, None);
    text
}

/// Returns a number that identifies the text (64 bits of FNV-1a).
fn marker(text: &str) -> String {
    format!("{:#018x}", mape_core::fnv1a_64(text.as_bytes()))
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

/// Maps of the interfaces whose edge is in the common table, by direction.
const EDGE_MAPS: [&str; 2] = ["edge_in_by_iif", "edge_out_by_oif"];

/// The objects of one interface.
struct Parts {
    /// Objects in the interface's own table.
    device: Option<Section>,
    /// Objects in the common table.
    common: Section,
    /// Chains in the common table of options that are off. They may be left from an earlier load.
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
            // Chains left from another edge would still act.
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
        common.extend(offload_rules::objects(interface));
        if interface.offload != Offload::KeptOut {
            off.push(offload_rules::kept_out_chain(interface));
        }
        Self { device, common, off }
    }
}

fn write_interface(text: &mut String, interface: &Interface, all: Option<&[Interface]>) {
    let Parts { device, common, off } = Parts::of(interface);
    if let Some(device) = device {
        device.write(text);
    }
    if !off.is_empty() {
        remove_chains(text, &off);
    }
    common.write(text);
    open_interface(text, interface, all);
}

/// Returns the leak guard of a device that is not called `mape-*`. It exists from the first load
/// on.
fn guard(interface: &Interface) -> [Object; 2] {
    let rule = guarded(&interface.device);
    [("forward-guard", FORWARD_GUARD), ("output-guard", OUTPUT_GUARD)]
        .map(|(name, hook)| Object::hooked(interface.object_name(name), hook, vec![rule.clone()]))
}

/// Returns the rule of the leak guard. It compares the name first, so packets of other devices pass
/// after one comparison.
fn guarded(device: impl std::fmt::Display) -> String {
    format!("oifname \"{device}\" goto leak_guard")
}

/// Writes the last step, which makes the device's packets reach the rules. `all` are the interfaces
/// of the machine, if they are known.
fn open_interface(text: &mut String, interface: &Interface, all: Option<&[Interface]>) {
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
    for (chain, rules) in ObjectNames::GUARDS.iter().zip(short_cuts(interface, all)) {
        // Each rule is inserted before the previous one.
        for packets in rules.iter().rev() {
            let _ = writeln!(text, "insert rule inet {INET_TABLE} {chain} {packets} accept");
        }
    }
}

/// Returns the elements that lead to the interface's chains: map, key and kind of chain. The map of
/// open interfaces comes last.
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

/// Returns the rules that accept most packets before the leak guard and the outer guard. They
/// compare an index or bytes, because a lookup or a jump takes longer than all of them together
/// (docs/measurements.md). The lists are those of the chains of [`ObjectNames::GUARDS`].
fn short_cuts(interface: &Interface, all: Option<&[Interface]>) -> [Vec<String>; 2] {
    if interface.dataplane.mapping().is_none() || !interface.device.is_guarded_by_name() {
        return [Vec::new(), Vec::new()];
    }
    let key = interface.key();
    // Of two interfaces, one may be open and the other not. Both are tunnels, and a comparison of
    // the device's type takes a third of that of its name.
    let incoming = format!("iif {key} meta oiftype != ipip6");
    let outgoing = nat::COMMON_PROTOCOLS.map(|protocol| format!("oif {key} {protocol}"));
    let forwarded = std::iter::once(incoming).chain(outgoing).into_vec();
    [forwarded, outer_guard::short_cuts(interface, all)]
}

/// Returns the edge on the device's own hooks.
fn on_device(interface: &Interface, edge: &EdgeRules<'_>) -> Section {
    let device = &interface.device;
    let mut own = Section::new("netdev", interface.netdev_table());
    own.extend(edge.objects());
    let hook = |direction: &str, rest: &str| {
        format!("type filter hook {direction} device \"{device}\" {rest}")
    };
    own.push(Object::hooked("edge_in", &hook("ingress", INGRESS), edge.first_in()));
    // When a device is deleted, kernel 6.1 deletes its chains; later kernels leave them without a
    // hook. Naming the device again gives one chain its hook back, but the kernel refuses this for
    // two chains of one table at once (6.12.117: "File exists"). This chain is therefore recreated.
    // A packet that finds the new chain not yet filled and the old one already empty is checked by
    // the outer guard.
    own.push(Object::recreated("edge_out", &hook("egress", EGRESS), edge.first_out()));
    own
}
