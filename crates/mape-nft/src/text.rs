//! Writes nft text: objects of a table that one transaction replaces as a whole, and helpers.

use std::fmt::Write as _;

use mape_core::{IntoVec as _, PortRange};

use crate::object_names::INET_TABLE;

/// The chains, sets and maps of one interface in one table.
pub(crate) struct Section {
    family: &'static str,
    table: String,
    objects: Vec<Object>,
}

/// One chain, set, map, flowtable, `ct timeout` or `ct expectation`.
pub(crate) struct Object {
    keyword: &'static str,
    name: String,
    /// Type, hook and flags: what nft needs to create the object.
    declaration: String,
    /// Rules, or one line of elements.
    content: Vec<String>,
    /// Whether the object survives a replacement, with its elements.
    persistent: bool,
    /// Whether a chain on a hook is deleted and created again in every load.
    recreated: bool,
}

impl Object {
    /// Makes a chain without a hook.
    pub(crate) fn chain(name: impl Into<String>, rules: Vec<String>) -> Self {
        Self::hooked(name, "", rules)
    }

    /// Makes a chain on a hook: `type filter hook …; policy accept;`.
    pub(crate) fn hooked(name: impl Into<String>, hook: &str, rules: Vec<String>) -> Self {
        Self::new("chain", name.into(), hook, rules)
    }

    /// Makes a chain on a hook that is deleted and created again in every load.
    pub(crate) fn recreated(name: impl Into<String>, hook: &str, rules: Vec<String>) -> Self {
        Self { recreated: true, ..Self::hooked(name, hook, rules) }
    }

    /// Makes a set or a map. nft has no syntax for an empty list of elements.
    pub(crate) fn elements(
        keyword: &'static str,
        name: impl Into<String>,
        declaration: &str,
        elements: &str,
    ) -> Self {
        let content = match elements {
            "" => Vec::new(),
            _ => vec![format!("elements = {{ {elements} }}")],
        };
        Self::new(keyword, name.into(), declaration, content)
    }

    /// Makes an object that is created once and never changed.
    pub(crate) fn persistent(
        keyword: &'static str,
        name: impl Into<String>,
        declaration: &str,
    ) -> Self {
        let object = Self::new(keyword, name.into(), declaration, Vec::new());
        Self { persistent: true, ..object }
    }

    // Not generic, so that the program contains it once.
    fn new(keyword: &'static str, name: String, declaration: &str, content: Vec<String>) -> Self {
        let declaration = declaration.to_owned();
        Self { keyword, name, declaration, content, persistent: false, recreated: false }
    }

    fn is_chain(&self) -> bool {
        self.keyword == "chain"
    }

    /// Writes the declaration without content, on one line if nft permits it.
    fn declare(&self, text: &mut String) {
        let Self { keyword, name, declaration, recreated, .. } = self;
        let declaration = if *recreated { "" } else { declaration.as_str() };
        if keyword.starts_with("ct ") {
            return self.define(text);
        }
        let lines = declaration.lines().map(|line| format!("{}; ", line.trim_end_matches(';')));
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "\t{keyword} {name} {{ {}}}", lines.collect::<String>());
    }

    fn define(&self, text: &mut String) {
        let Self { keyword, name, declaration, content, recreated, .. } = self;
        // A hook is written once: the kernel takes a second mention in one transaction for another
        // chain on the same device.
        let declared = self.is_chain() && !recreated;
        let declaration = if declared { "" } else { declaration.as_str() };
        block(text, keyword, name, declaration, content);
    }

    fn define_new(&self, text: &mut String) {
        block(text, self.keyword, &self.name, &self.declaration, &self.content);
    }
}

fn block(text: &mut String, keyword: &str, name: &str, declaration: &str, content: &[String]) {
    // Writing into a `String` cannot fail.
    let _ = writeln!(text, "\t{keyword} {name} {{");
    for line in declaration.lines().chain(content.iter().map(String::as_str)) {
        let _ = writeln!(text, "\t\t{line}");
    }
    text.push_str("\t}\n");
}

impl Section {
    pub(crate) fn new(family: &'static str, table: impl Into<String>) -> Self {
        Self { family, table: table.into(), objects: Vec::new() }
    }

    pub(crate) fn push(&mut self, object: Object) {
        self.objects.push(object);
    }

    pub(crate) fn extend(&mut self, objects: impl IntoIterator<Item = Object>) {
        self.objects.extend(objects);
    }

    /// Takes the objects of another section of the same table.
    pub(crate) fn append(&mut self, other: Self) {
        self.objects.extend(other.objects);
    }

    /// Writes the objects once, with their content. None of them may exist.
    pub(crate) fn write_new(&self, text: &mut String) {
        let Self { family, table, .. } = self;
        let _ = writeln!(text, "table {family} {table} {{");
        for object in &self.objects {
            object.define_new(text);
        }
        text.push_str("}\n");
    }

    /// Writes the text that replaces the objects, whether they exist or not.
    ///
    /// The text declares every object empty, so that it exists, then empties it, then declares it
    /// again with its content. Within one transaction a packet sees the old or the new rules, never
    /// an empty chain. Sets are deleted and not only emptied, because nft refuses to change the
    /// type of a set. Chains on hooks are not deleted (except by [`Object::recreated`]): a packet
    /// could pass the new chain before it has rules and the old one after it has lost them.
    pub(crate) fn write(&self, text: &mut String) {
        let Self { family, table, .. } = self;
        let _ = writeln!(text, "table {family} {table} {{");
        for object in &self.objects {
            object.declare(text);
        }
        text.push_str("}\n");
        for object in self.objects.iter().filter(|object| object.is_chain() && !object.persistent) {
            let _ = writeln!(text, "flush chain {family} {table} {}", object.name);
        }
        let goes = |object: &&Object| object.recreated || !(object.is_chain() || object.persistent);
        for object in self.objects.iter().filter(goes) {
            let _ = writeln!(text, "delete {} {family} {table} {}", object.keyword, object.name);
        }
        let _ = writeln!(text, "table {family} {table} {{");
        for object in self.objects.iter().filter(|object| !object.persistent) {
            object.define(text);
        }
        text.push_str("}\n");
    }
}

/// Writes the removal of a table with everything in it, whether it exists or not.
pub(crate) fn remove_table(text: &mut String, family: &str, table: &str) {
    // Writing into a `String` cannot fail.
    let _ = writeln!(text, "add table {family} {table}\ndelete table {family} {table}");
}

/// Writes the removal of chains of the common table, whether they exist or not.
pub(crate) fn remove_chains(text: &mut String, chains: &[String]) {
    let _ = writeln!(text, "table inet {INET_TABLE} {{");
    for chain in chains {
        let _ = writeln!(text, "\tchain {chain} {{ }}");
    }
    text.push_str("}\n");
    for command in ["flush", "delete"] {
        for chain in chains {
            let _ = writeln!(text, "{command} chain inet {INET_TABLE} {chain}");
        }
    }
}

/// Returns the elements of an interval set: `5696-5711, 9792`.
pub(crate) fn list(ranges: &[PortRange]) -> String {
    ranges.iter().map(ToString::to_string).into_vec().join(", ")
}

/// Returns the pairs as elements of a map, with the key of each first port.
///
/// Spaces would be a tenth of the ruleset, so they are written only where nft needs them: it takes
/// up to four digits before a colon for the beginning of an IPv6 address.
pub(crate) fn pairs(pairs: &[(u16, u16)], key: impl Fn(u16) -> u32) -> String {
    let mut text = String::new();
    for (from, to) in pairs {
        let comma = if text.is_empty() { "" } else { "," };
        let key = key(*from);
        let colon = if key < 10_000 { " : " } else { ":" };
        // Writing into a `String` cannot fail.
        let _ = write!(text, "{comma}{key}{colon}{to}");
    }
    text
}

/// Returns the names of the chains of the common table in the output of `nft list chains`.
pub(crate) fn chains_of_common_table(chains: &str) -> impl Iterator<Item = &str> {
    let head = format!("table inet {INET_TABLE} ");
    chains
        .lines()
        .skip_while(move |line| !line.starts_with(&head))
        .skip(1)
        .take_while(|line| !line.starts_with('}'))
        .filter_map(|line| line.trim().strip_prefix("chain ")?.split(' ').next())
}
