//! The text for all interfaces of the machine, and the queries that tell whether it is loaded.

use std::fmt::Write as _;

use crate::former_names;
use crate::object_names::INET_TABLE;
use crate::text::{chains_of_common_table, remove_chains, remove_table};

/// The element of a set that is present while the short cuts are loaded.
pub(crate) const SHORT_CUTS: &str = "shortcuts_loaded { 1 }";
/// The chain in each table whose rule has the hash of the loaded text as its comment. No packet
/// reaches it. Unlike an element of a set, the rule disappears if another program flushes the
/// table.
pub(crate) const MARKER_CHAIN: &str = "loaded_hash";
/// Kinds of an interface's chains on hooks in the common table, except those of the leak guard.
/// Packets reach them without an element of a map.
const HOOKED_KINDS: [&str; 6] =
    ["dnat-in", "dnat-local", "hairpin", "full-cone-learn", "full-cone-in", "no-offload"];

/// The text for all interfaces of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub(crate) text: String,
    pub(crate) marker: String,
    /// The names of the interfaces, as they occur in names of objects.
    pub(crate) names: Vec<String>,
    pub(crate) netdev_tables: Vec<String>,
    pub(crate) elements: String,
    pub(crate) short_cuts: String,
}

impl Transaction {
    /// Returns the text for `nft -f`, which loads completely or not at all.
    ///
    /// `chains` is the output of `nft list chains`. The text also deletes our `netdev` tables and
    /// our chains on hooks that belong to no interface any more. If an earlier version loaded
    /// objects under former names, the text deletes our tables first.
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

    /// Returns the chains on hooks of interfaces that are gone. A port forward of such an interface
    /// would stay in force.
    fn stale_chains(&self, chains: &str) -> Vec<String> {
        let is_stale = |name: &&str| {
            name.split_once('_').is_some_and(|(kind, interface)| {
                HOOKED_KINDS.contains(&kind) && self.names.iter().all(|name| name != interface)
            })
        };
        chains_of_common_table(chains).filter(is_stale).map(str::to_owned).collect()
    }

    /// Returns commands for `nft -t`, to be run one after the other. Each lists a chain that
    /// [tells](Self::is_marked) whether exactly this text was loaded and its table neither deleted
    /// nor flushed since.
    pub fn marked_chains(&self) -> impl Iterator<Item = String> {
        let on_devices = self.netdev_tables.iter().map(|table| format!("netdev {table}"));
        [format!("inet {INET_TABLE}")]
            .into_iter()
            .chain(on_devices)
            .map(|table| format!("list chain {table} {MARKER_CHAIN}"))
    }

    /// Returns whether the output of one of [`Self::marked_chains`] belongs to this text.
    #[must_use]
    pub fn is_marked(&self, chain: &str) -> bool {
        chain.contains(&format!("\"{}\"", self.marker))
    }

    /// Returns a command for `nft` that succeeds if packets reach the loaded rules. It then lists
    /// the tables.
    #[must_use]
    pub fn query(&self) -> String {
        format!("get element inet {INET_TABLE} {SHORT_CUTS}; {}", self.query_without_short_cuts())
    }

    /// Returns the command of [`Self::query`] without the short cuts, which loading the [static
    /// text](crate::static_text) removes.
    #[must_use]
    pub fn query_without_short_cuts(&self) -> String {
        format!("{}list tables", self.elements)
    }

    /// Returns whether the output of a query lists all `netdev` tables of this text and no other
    /// one of ours.
    #[must_use]
    pub fn is_answered_by(&self, tables: &str) -> bool {
        self.netdev_tables.iter().all(|own| own_netdev_tables(tables).any(|table| table == own))
            && own_netdev_tables(tables).count() == self.netdev_tables.len()
    }

    /// Returns the text for `nft -f` that loads the short cuts again.
    #[must_use]
    pub fn short_cuts(&self) -> String {
        format!("{}add element inet {INET_TABLE} {SHORT_CUTS}\n", self.short_cuts)
    }
}

/// Returns our tables of family `netdev` in the output of `nft list tables` or `nft list chains`.
pub(crate) fn own_netdev_tables(tables: &str) -> impl Iterator<Item = &str> {
    let names = tables
        .lines()
        .filter_map(|line| line.trim().strip_prefix("table netdev ")?.split(' ').next());
    names.filter(|name| name.starts_with(crate::object_names::NETDEV_PREFIX))
}
