//! Names of the loaded objects, for readers of the kernel's state: which rules are in force and
//! what they have dropped.

use crate::name::InterfaceName;

/// Name of the table that all interfaces share, the common table.
pub(crate) const INET_TABLE: &str = "mape_rs";
/// Prefix of the name of an interface's own table.
pub(crate) const NETDEV_PREFIX: &str = "mape_rs_";
/// The chain in each table whose rule has the hash of the loaded text as its comment. No packet
/// reaches it. Unlike an element of a set, the rule disappears if another program flushes the
/// table.
pub(crate) const MARKER_CHAIN: &str = "loaded_hash";

/// The names of one interface's objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectNames(Box<str>);

/// The kind of packets that the counters of a chain count. All counters count dropped packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropKind {
    /// From the line: to a port outside the port set, or not to our address.
    Incoming,
    /// To the line: not from our address, or of a protocol that cannot share it.
    Outgoing,
    /// To the line, after encapsulation: packets that the rules before the outer guard let through.
    Outer,
}

impl ObjectNames {
    /// Name of the common table, of family `inet`.
    pub const TABLE: &'static str = INET_TABLE;
    /// Name of the map with the index of each open device, in the common table.
    pub const OPEN_INTERFACES: &'static str = "open_interfaces";
    /// Name of the map with the index of each device whose edge is in the common table. The map
    /// exists only if there is such a device.
    pub const EDGE_INTERFACES: &'static str = "edge_in_by_iif";

    /// What begins the name of the table that an interface has for itself, of family `netdev`.
    pub const NETDEV_PREFIX: &'static str = NETDEV_PREFIX;
    /// Names of the chains of the common table that begin with the short cuts.
    pub const GUARDS: [&'static str; 2] = ["forward_guard", "output_guard"];
    /// Name of the chain in each table whose only rule has the marker of the loaded text.
    pub const MARKER_CHAIN: &'static str = MARKER_CHAIN;
    /// Names of the sets and maps of the common table whose elements lead packets to the rules of
    /// an interface. Some exist only while they are used.
    pub const VERDICT_MAPS: [&'static str; 6] = [
        Self::OPEN_INTERFACES,
        "snat_by_oif",
        "outer_guard_by_ce",
        "ce_addresses",
        Self::EDGE_INTERFACES,
        "edge_out_by_oif",
    ];

    /// Returns the names for this interface.
    #[must_use]
    pub fn of(name: &InterfaceName) -> Self {
        Self(name.identifier().into())
    }

    /// Returns the name of the interface's own table, of family `netdev`. The table exists only if
    /// the edge is on the device.
    #[must_use]
    pub fn netdev_table(&self) -> String {
        format!("{NETDEV_PREFIX}{}", self.0)
    }

    /// Returns the name of the chain of the common table that accepts this interface's outgoing
    /// packets.
    #[must_use]
    pub fn egress_filter_chain(&self) -> String {
        self.object_name("egress-filter")
    }

    /// Returns the name of the chain of the common table that translates packets for forwarded
    /// ports to hosts.
    #[must_use]
    pub fn forwards_chain(&self) -> String {
        self.object_name("dnat-forwards")
    }

    /// Returns the name of an object of this interface in the common table.
    ///
    /// A `kind` contains no underscore. Otherwise `in-tcp` of one interface could be mistaken for
    /// `in` of another one whose name begins with `tcp`.
    pub(crate) fn object_name(&self, kind: &str) -> String {
        debug_assert!(!kind.contains('_'), "{kind}");
        format!("{kind}_{}", self.0)
    }

    /// Returns the name of the map that translates external ports of TCP and UDP, if the edge is in
    /// the common table. A plain edge has no such map.
    #[must_use]
    pub fn translation_map(&self) -> String {
        self.object_name("ext2int-word")
    }

    /// Returns what the counters of a chain of the common table count for this interface, if
    /// anything.
    #[must_use]
    pub fn in_common_table(&self, chain: &str) -> Option<DropKind> {
        let chain = chain.strip_suffix(&*self.0)?.strip_suffix('_')?;
        match chain {
            "dnat-in" => Some(DropKind::Incoming),
            "snat" | "egress-filter" => Some(DropKind::Outgoing),
            "outer-guard" | "outer-guard-quoted" => Some(DropKind::Outer),
            edge => direction(edge.strip_prefix("edge-").unwrap_or(edge)),
        }
    }

    /// Returns what the counters of a chain of the interface's own table count, if anything.
    #[must_use]
    pub fn in_netdev_table(&self, chain: &str) -> Option<DropKind> {
        direction(chain.strip_prefix("edge_").unwrap_or(chain))
    }
}

fn direction(chain: &str) -> Option<DropKind> {
    const PROTOCOLS: [&str; 6] = ["tcp", "udp", "icmp", "icmp-error", "icmp-too-big", "fragment"];
    let (word, rest) = chain.split_once('-').unwrap_or((chain, ""));
    let dropped = match word {
        "in" => DropKind::Incoming,
        "out" => DropKind::Outgoing,
        _ => return None,
    };
    (rest.is_empty() || PROTOCOLS.contains(&rest)).then_some(dropped)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mape_core::{Request, plan};

    use super::*;
    use crate::{Dataplane, Edge, Interface, Options, transaction};

    /// Every chain with a counter is known on every edge, and belongs to one interface only.
    #[test]
    fn all_counters_are_found() {
        let plan = plan(&Request::new("240b:10:3261:6400::/56".parse().unwrap())).unwrap();
        for edge in [Edge::Netdev, Edge::Postrouting, Edge::Plain] {
            let interfaces = ["wan", "an", "x_wan@b", "tcp_wan"].map(|name| Interface {
                name: name.parse().unwrap(),
                device: crate::DeviceName::of_interface(&name.parse().unwrap()),
                index: Some(7),
                dataplane: Dataplane::new(&plan, &[]).unwrap(),
                edge,
                options: Options::default(),
                offload: crate::Offload::default(),
                forwards: crate::Forwards::default(),
            });
            let text = transaction(&interfaces).text("");
            let (mut table, mut chain) = (String::new(), "");
            let mut seen = BTreeSet::new();
            for line in text.lines() {
                if let Some(name) = line.strip_prefix("table ") {
                    table = name.trim_end_matches(" {").to_owned();
                }
                if let Some(name) = line.strip_prefix("\tchain ") {
                    chain = name.split(' ').next().unwrap();
                }
                if !line.contains("counter drop")
                    || ["leak_guard", "forward_guard"].contains(&chain)
                {
                    continue;
                }
                let owners = interfaces.each_ref().map(|interface| {
                    let loaded = ObjectNames::of(&interface.name);
                    if table == format!("netdev {}", loaded.netdev_table()) {
                        loaded.in_netdev_table(chain)
                    } else if table == "inet mape_rs" {
                        loaded.in_common_table(chain)
                    } else {
                        None
                    }
                });
                let owners: Vec<DropKind> = owners.into_iter().flatten().collect();
                assert_eq!(owners.len(), 1, "{table} {chain}");
                seen.insert(owners[0] as u8);
            }
            assert_eq!(seen.len(), 3);
            for word in [ObjectNames::OPEN_INTERFACES, ObjectNames::TABLE] {
                assert!(text.contains(&format!(" {word} ")));
            }
            let translates = text.contains(&format!(
                "map @{}",
                ObjectNames::of(&interfaces[0].name).translation_map()
            ));
            assert_eq!(translates, edge == Edge::Postrouting);
            assert_eq!(
                text.contains(&format!("inet mape_rs {} {{ 7", ObjectNames::EDGE_INTERFACES)),
                edge != Edge::Netdev
            );
        }
    }
}
