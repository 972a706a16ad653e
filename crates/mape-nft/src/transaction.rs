//! The text for all interfaces of the machine, and the queries that tell whether it is loaded.

use mape_core::IntoVec as _;
use std::fmt::Write as _;

use crate::former_names;
use crate::object_names::{INET_TABLE, MARKER_CHAIN, ObjectNames};
use crate::offload_rules::{FLOWTABLE, KINDS, OWN};
use crate::text::{chains_of_common_table, remove_chains, remove_table};

/// The element of a set that is present while the short cuts are loaded.
pub(crate) const SHORT_CUTS: &str = "shortcuts_loaded { 1 }";
/// How nft lists the element.
const SHORT_CUTS_HEADING: &str = "set shortcuts_loaded {";
/// Kinds of an interface's chains on hooks in the common table, except those of the leak guard and
/// of flow offload. Packets reach them without an element of a map.
const HOOKED_KINDS: [&str; 5] =
    ["dnat-in", "dnat-local", "hairpin", "full-cone-learn", "full-cone-in"];

/// Which part of a [`Transaction`] is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is not loaded, or another program has removed a part of it.
    Missing,
    /// All but the short cuts, which loading the [static text](crate::static_text) removes.
    WithoutShortCuts,
    /// All of it.
    Complete,
}

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
        let flowtable = format!("flowtable {FLOWTABLE} ");
        let had_one = left.iter().any(|chain| chain.split('_').next() == Some(OWN));
        if had_one && !self.text.contains(&flowtable) {
            // Its connections continue on the usual path.
            let _ = writeln!(text, "delete flowtable inet {INET_TABLE} {FLOWTABLE}");
        }
        text
    }

    /// Returns the chains on hooks of interfaces that are gone, where a port forward would stay in
    /// force, and those of a flow offload that this text does not have.
    fn stale_chains(&self, chains: &str) -> Vec<String> {
        let is_stale = |name: &&str| {
            name.split_once('_').is_some_and(|(kind, interface)| {
                let is_gone = || self.names.iter().all(|name| name != interface);
                let is_left = || !self.text.contains(&format!("\tchain {name} {{\n"));
                HOOKED_KINDS.contains(&kind) && is_gone() || KINDS.contains(&kind) && is_left()
            })
        };
        chains_of_common_table(chains).filter(is_stale).map(str::to_owned).into_vec()
    }

    /// Returns a command for `nft -t` that lists what shows whether this text is loaded, up to the
    /// first object that does not exist: the marker of each table, the elements that lead packets
    /// to the rules, the tables, and last the element for the short cuts.
    #[must_use]
    pub fn query(&self) -> String {
        let mut query = format!("list chain inet {INET_TABLE} {MARKER_CHAIN}; ");
        for table in &self.netdev_tables {
            // Writing into a `String` cannot fail.
            let _ = write!(query, "list chain netdev {table} {MARKER_CHAIN}; ");
        }
        query.push_str(&self.elements);
        let _ = write!(query, "list tables; get element inet {INET_TABLE} {SHORT_CUTS}");
        query
    }

    /// Returns what the output of [`Self::query`] shows, be it whole or not.
    #[must_use]
    pub fn found_in(&self, output: &str) -> Presence {
        let marker = format!("\"{}\"", self.marker);
        // Headings of listed objects end with a brace.
        let is_table = |line: &&str| !line.ends_with('{');
        let tables = output.lines().filter(is_table).into_vec().join("\n");
        let own: Vec<&str> = own_netdev_tables(&tables).into_vec();
        let is_loaded = output.matches(&marker).count() == 1 + self.netdev_tables.len()
            && tables.lines().any(|line| line.strip_prefix("table inet ") == Some(INET_TABLE))
            && own.len() == self.netdev_tables.len()
            && self.netdev_tables.iter().all(|table| own.contains(&table.as_str()));
        match output.contains(SHORT_CUTS_HEADING) {
            _ if !is_loaded => Presence::Missing,
            true => Presence::Complete,
            false => Presence::WithoutShortCuts,
        }
    }

    /// Returns the number that identifies the text. It is in the marker of each table.
    #[must_use]
    pub fn marker(&self) -> &str {
        &self.marker
    }

    /// Returns the number of rules that [`Self::short_cuts`] inserts in each chain of
    /// [`ObjectNames::GUARDS`].
    #[must_use]
    pub fn count_short_cuts(&self) -> [usize; 2] {
        ObjectNames::GUARDS.map(|guard| self.short_cuts.matches(&format!(" {guard} ")).count())
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
