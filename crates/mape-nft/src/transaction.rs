//! The text for all interfaces of the machine.

use mape_core::IntoVec as _;
use std::fmt::Write as _;

use crate::former_names;
use crate::object_names::INET_TABLE;
use crate::offload_rules::{FLOWTABLE, KINDS, OWN};
use crate::text::{chains_of_common_table, remove_chains, remove_table};

/// Kinds of an interface's chains on hooks in the common table, except those of the leak guard and
/// of flow offload. Packets reach them without an element of a map.
const HOOKED_KINDS: [&str; 5] =
    ["dnat-in", "dnat-local", "hairpin", "full-cone-learn", "full-cone-in"];

/// The text for all interfaces of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub(crate) text: String,
    pub(crate) marker: String,
    /// The names of the interfaces, as they occur in names of objects.
    pub(crate) names: Vec<String>,
    pub(crate) netdev_tables: Vec<String>,
    pub(crate) short_cuts: [usize; 2],
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

    /// Returns the number that identifies the text. It is in the marker of each table.
    #[must_use]
    pub fn marker(&self) -> &str {
        &self.marker
    }

    /// Returns the number of short cuts in each chain of
    /// [`ObjectNames::GUARDS`](crate::ObjectNames::GUARDS): rules at its beginning, which loading
    /// the [static text](crate::static_text) removes.
    #[must_use]
    pub const fn count_short_cuts(&self) -> [usize; 2] {
        self.short_cuts
    }
}

/// Returns our tables of family `netdev` in the output of `nft list tables` or `nft list chains`.
pub(crate) fn own_netdev_tables(tables: &str) -> impl Iterator<Item = &str> {
    let names = tables
        .lines()
        .filter_map(|line| line.trim().strip_prefix("table netdev ")?.split(' ').next());
    names.filter(|name| name.starts_with(crate::object_names::NETDEV_PREFIX))
}
