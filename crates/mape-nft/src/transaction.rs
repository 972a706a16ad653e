//! The text for all interfaces of the machine, and how to ask whether it is loaded.

use std::fmt::Write as _;

use crate::former_names;
use crate::object_names::INET_TABLE;
use crate::text::{chains_of_common_table, remove_chains, remove_table};

/// The element of a set that tells whether the short cuts are there.
pub(crate) const SHORT_CUTS: &str = "shortcuts_loaded { 1 }";
/// The chain of each table that tells what was loaded, by the comment of a rule that no packet
/// meets. Unlike an element of a set it is gone when somebody empties the table.
pub(crate) const MARKER_CHAIN: &str = "loaded_hash";
/// What begins the names of chains that an interface has on hooks of the common table, except its
/// guard's. They are met without a way that leads to them.
const HOOKED_KINDS: [&str; 6] =
    ["dnat-in", "dnat-local", "hairpin", "full-cone-learn", "full-cone-in", "no-offload"];

/// What is loaded for all interfaces of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub(crate) text: String,
    pub(crate) marker: String,
    /// Of the interfaces, as they stand in nft's names.
    pub(crate) names: Vec<String>,
    pub(crate) netdev_tables: Vec<String>,
    pub(crate) elements: String,
    pub(crate) short_cuts: String,
}

impl Transaction {
    /// For `nft -f`: all or nothing. `chains` is the output of `nft list chains`: of our tables of
    /// family netdev, and of our chains on hooks, those that no interface has any more go.
    #[must_use]
    pub fn text(&self, chains: &str) -> String {
        let (known, unknown): (Vec<&str>, Vec<&str>) = own_netdev_tables(chains)
            .partition(|table| self.netdev_tables.iter().any(|own| own == table));
        let mut text = String::new();
        let upgrades = former_names::are_loaded(chains);
        if upgrades {
            remove_table(&mut text, "inet", INET_TABLE);
            for table in known {
                remove_table(&mut text, "netdev", table);
            }
        }
        text.push_str(&self.text);
        for table in unknown {
            let _ = writeln!(text, "delete table netdev {table}");
        }
        if upgrades {
            return text;
        }
        let left = self.stale_chains(chains);
        if !left.is_empty() {
            remove_chains(&mut text, &left);
        }
        text
    }

    /// Chains on hooks of interfaces that are gone. One that publishes ports would go on doing so.
    fn stale_chains(&self, chains: &str) -> Vec<String> {
        let is_stale = |name: &&str| {
            name.split_once('_').is_some_and(|(kind, interface)| {
                HOOKED_KINDS.contains(&kind) && self.names.iter().all(|name| name != interface)
            })
        };
        chains_of_common_table(chains).filter(is_stale).map(str::to_owned).collect()
    }

    /// For `nft -t`, one after the other: each lists a chain that [tells](Self::is_marked) whether
    /// exactly this text was loaded, and its table neither removed nor emptied since.
    pub fn marked_chains(&self) -> impl Iterator<Item = String> {
        let on_devices = self.netdev_tables.iter().map(|table| format!("netdev {table}"));
        [format!("inet {INET_TABLE}")]
            .into_iter()
            .chain(on_devices)
            .map(|table| format!("list chain {table} {MARKER_CHAIN}"))
    }

    /// Whether the answer to one of [`Self::marked_chains`] is that of this text.
    #[must_use]
    pub fn is_marked(&self, chain: &str) -> bool {
        chain.contains(&format!("\"{}\"", self.marker))
    }

    /// For `nft`: succeeds where packets find their way to what was loaded. It then lists the
    /// tables.
    #[must_use]
    pub fn query(&self) -> String {
        format!("get element inet {INET_TABLE} {SHORT_CUTS}; {}", self.query_without_short_cuts())
    }

    /// The same where the [static text](crate::static_text) may have been loaded since, which takes
    /// the short cuts away.
    #[must_use]
    pub fn query_without_short_cuts(&self) -> String {
        format!("{}list tables", self.elements)
    }

    /// Whether the answer to a query lists the tables of family netdev that the text makes, and
    /// no other of ours.
    #[must_use]
    pub fn is_answered_by(&self, tables: &str) -> bool {
        self.netdev_tables.iter().all(|own| own_netdev_tables(tables).any(|table| table == own))
            && own_netdev_tables(tables).count() == self.netdev_tables.len()
    }

    /// For `nft -f`: brings back what only [`Self::query`] misses.
    #[must_use]
    pub fn short_cuts(&self) -> String {
        format!("{}add element inet {INET_TABLE} {SHORT_CUTS}\n", self.short_cuts)
    }
}

/// Our tables of family netdev in the output of `nft list tables` or of `nft list chains`.
pub(crate) fn own_netdev_tables(tables: &str) -> impl Iterator<Item = &str> {
    let names = tables
        .lines()
        .filter_map(|line| line.trim().strip_prefix("table netdev ")?.split(' ').next());
    names.filter(|name| name.starts_with(crate::object_names::NETDEV_PREFIX))
}
