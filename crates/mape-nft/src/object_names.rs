//! Where the rules of an interface are found once they are loaded: for whoever reads them back from
//! the kernel, to tell what is in force and what was dropped.

use crate::name::InterfaceName;

/// The table that all interfaces share.
pub(crate) const INET_TABLE: &str = "mape_rs";
/// Begins the name of the table that an interface has for itself.
pub(crate) const NETDEV_PREFIX: &str = "mape_rs_";

/// The rules of one interface, as the kernel names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectNames(String);

/// What the counters of a chain count: packets that were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropKind {
    /// From the line: to a port that is not ours, or not for our address.
    Incoming,
    /// To the line: not from our address, or of a protocol that cannot share it.
    Outgoing,
    /// To the line, and already inside IPv6: what should have been stopped before.
    Outer,
}

impl ObjectNames {
    /// The table of all interfaces, of family `inet`.
    pub const TABLE: &'static str = INET_TABLE;
    /// The map of that table with the index of each device that is open.
    pub const OPEN_INTERFACES: &'static str = "open_interfaces";
    /// The map with the index of each device whose edge is in that table. It exists only where
    /// there is such a device.
    pub const EDGE_INTERFACES: &'static str = "edge_in_by_iif";

    /// Those of this interface.
    #[must_use]
    pub fn of(name: &InterfaceName) -> Self {
        Self(name.identifier())
    }

    /// The interface's own table, of family `netdev`, where its edge is on the device.
    #[must_use]
    pub fn netdev_table(&self) -> String {
        format!("{NETDEV_PREFIX}{}", self.0)
    }

    /// The chain of the common table that lets this interface's packets out.
    #[must_use]
    pub fn egress_filter_chain(&self) -> String {
        self.object_name("egress-filter")
    }

    /// The chain of the common table that sends what arrives at published ports to hosts. It exists
    /// only where a port is published.
    #[must_use]
    pub fn forwards_chain(&self) -> String {
        self.object_name("dnat-forwards")
    }

    /// The name of something of the interface's in the common table. No `name` has an underscore,
    /// or one interface's `in-tcp` could be the `in` of another whose name begins with `tcp`.
    pub(crate) fn object_name(&self, name: &str) -> String {
        debug_assert!(!name.contains('_'), "{name}");
        format!("{name}_{}", self.0)
    }

    /// The map that rules look into where the edge of the common table translates; a plain edge
    /// has none.
    #[must_use]
    pub fn translation_map(&self) -> String {
        self.object_name("ext2int")
    }

    /// What a chain of the common table counts for this interface, if anything.
    #[must_use]
    pub fn in_common_table(&self, chain: &str) -> Option<DropKind> {
        let chain = chain.strip_suffix(&self.0)?.strip_suffix('_')?;
        match chain {
            "dnat-in" => Some(DropKind::Incoming),
            "snat" | "egress-filter" => Some(DropKind::Outgoing),
            "outer-guard" | "outer-guard-quoted" => Some(DropKind::Outer),
            edge => direction(edge.strip_prefix("edge-").unwrap_or(edge)),
        }
    }

    /// What a chain of the interface's own table counts, if anything.
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

    /// Every chain with a counter is known, whatever the edge, and belongs to one interface only.
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
