//! The text for all interfaces of the machine, and how to ask whether it is loaded.

use std::fmt::Write as _;

use crate::INET_TABLE;

/// The element of a set that tells whether the short cuts are there.
pub(crate) const SHORT_CUTS: &str = "short-cuts { 1 }";
/// The chain of each table that tells what was loaded, by the comment of a rule that no packet meets.
/// Unlike an element of a set it is gone when somebody empties the table.
pub(crate) const MARKED: &str = "loaded";

/// What is loaded for all interfaces of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub(crate) text: String,
    pub(crate) marker: String,
    pub(crate) netdev_tables: Vec<String>,
    pub(crate) elements: String,
    pub(crate) short_cuts: String,
}

impl Transaction {
    /// For `nft -f`: all or nothing. `tables` is the output of `nft list tables`: of our tables of
    /// family netdev, those that no interface has any more go.
    #[must_use]
    pub fn text(&self, tables: &str) -> String {
        let mut text = self.text.clone();
        for table in ours(tables).filter(|table| self.netdev_tables.iter().all(|own| own != table))
        {
            let _ = writeln!(text, "delete table netdev {table}");
        }
        text
    }

    /// For `nft -t`, one after the other: each lists a chain that [tells](Self::is_marked) whether exactly
    /// this text was loaded, and its table neither removed nor emptied since.
    pub fn marked_chains(&self) -> impl Iterator<Item = String> {
        let on_devices = self.netdev_tables.iter().map(|table| format!("netdev {table}"));
        [format!("inet {INET_TABLE}")]
            .into_iter()
            .chain(on_devices)
            .map(|table| format!("list chain {table} {MARKED}"))
    }

    /// Whether the answer to one of [`Self::marked_chains`] is that of this text.
    #[must_use]
    pub fn is_marked(&self, chain: &str) -> bool {
        chain.contains(&format!("\"{}\"", self.marker))
    }

    /// For `nft`: succeeds where packets find their way to what was loaded. It then lists the tables.
    #[must_use]
    pub fn query(&self) -> String {
        format!("get element inet {INET_TABLE} {SHORT_CUTS}; {}", self.query_without_short_cuts())
    }

    /// The same where the [static text](crate::static_text) may have been loaded since, which takes the short
    /// cuts away.
    #[must_use]
    pub fn query_without_short_cuts(&self) -> String {
        format!("{}list tables", self.elements)
    }

    /// Whether the answer to a query lists the tables of family netdev that the text makes, and
    /// no other of ours.
    #[must_use]
    pub fn is_answered_by(&self, tables: &str) -> bool {
        self.netdev_tables.iter().all(|own| ours(tables).any(|table| table == own))
            && ours(tables).count() == self.netdev_tables.len()
    }

    /// For `nft -f`: brings back what only [`Self::query`] misses.
    #[must_use]
    pub fn short_cuts(&self) -> String {
        format!("{}add element inet {INET_TABLE} {SHORT_CUTS}\n", self.short_cuts)
    }
}

/// Our tables of family netdev in the output of `nft list tables`.
pub(crate) fn ours(tables: &str) -> impl Iterator<Item = &str> {
    let names = tables.lines().filter_map(|line| line.trim().strip_prefix("table netdev "));
    names.filter(|name| name.starts_with(crate::NETDEV_PREFIX))
}
