//! The commands that turn a section into one of proto `mape`, and those that turn it back.

use std::fmt::{self, Write as _};

use mape_core::Rule;

use super::source::{Origin, Source};
use crate::uci::{Package, Section, Value, quoted};

/// Changes of one package, in the order they are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What is done.
    pub commands: Vec<Command>,
    /// What takes it back.
    pub undo: Vec<Command>,
}

/// One command of the `uci` program, without its name. It reads the same in a shell and in
/// `uci batch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `set PATH='VALUE'`
    Set(String, String),
    /// `add_list PATH='VALUE'`
    Append(String, String),
    /// `delete PATH`
    Delete(String),
}

impl Command {
    /// The same as an uncommitted change.
    pub(super) fn as_change(&self) -> String {
        match self {
            Self::Set(path, value) => format!("{path}={}\n", quoted(value)),
            Self::Append(path, value) => format!("|{path}={}\n", quoted(value)),
            Self::Delete(path) => format!("-{path}\n"),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(path, value) => write!(f, "set {path}={}", quoted(value)),
            Self::Append(path, value) => write!(f, "add_list {path}={}", quoted(value)),
            Self::Delete(path) => write!(f, "delete {path}"),
        }
    }
}

/// The input of `uci batch`.
#[must_use]
pub fn batch(commands: &[Command]) -> String {
    commands.iter().fold(String::new(), |mut text, command| {
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "{command}");
        text
    })
}

/// The options that state a rule or select another mechanism.
const NUMBERS: [&str; 13] = [
    "type",
    "maptype",
    "rule",
    "ipaddr",
    "ip4prefixlen",
    "ip6prefix",
    "ip6prefixlen",
    "peeraddr",
    "ealen",
    "psidlen",
    "psid",
    "offset",
    "legacymap",
];

/// What a section of another protocol and one of `mape` have in common: netifd's own options and
/// those of any tunnel.
const COMMON: [&str; 21] = [
    "proto",
    "auto",
    "disabled",
    "force_link",
    "defaultroute",
    "metric",
    "ip4table",
    "ip6table",
    "delegate",
    "peerdns",
    "dns",
    "dns_metric",
    "dns_search",
    "zone",
    "tunlink",
    "mtu",
    "ttl",
    "encaplimit",
    "layout",
    "name",
    "description",
];

/// Type of the section that keeps the old options. Nobody but `uci` reads it.
const BACKUP_KIND: &str = "mape_backup";

impl Changes {
    pub(super) fn to_mape(
        network: &Package,
        section: &Section,
        source: &Source,
        kept: bool,
    ) -> Self {
        if source.origin == Origin::Ours {
            return Self::default();
        }
        let mut edit = Edit { path: network.path(section), section, changes: Self::default() };
        edit.changes.back_up(network, section, &edit.path);
        edit.set("proto", "mape");
        let foreign = |name: &str| match source.origin {
            Origin::Map => false,
            Origin::Ours | Origin::OtherMape | Origin::Fleth | Origin::Tunnel => {
                !COMMON.contains(&name) && !(kept && NUMBERS.contains(&name))
            }
        };
        for (name, _) in section.options() {
            let number = !kept && NUMBERS.contains(&name.as_str());
            if number || foreign(name) || name == "legacymap" {
                edit.delete(name);
            }
        }
        if section.get("zone") == Some("-") {
            edit.delete("zone");
        }
        if kept {
            edit.numbers(&source.rules);
        }
        let Edit { mut changes, .. } = edit;
        // What was set last is taken back first.
        let (backup, options) = changes.undo.split_at(1);
        changes.undo = options.iter().rev().chain(backup).cloned().collect();
        changes
    }

    /// Whether nothing has to be changed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    fn back_up(&mut self, network: &Package, section: &Section, path: &str) {
        let name = format!("{}_before_mape", section.name());
        let backup = format!("{}.{name}", network.name());
        if network.section(&name).is_some() {
            self.commands.push(Command::Delete(backup.clone()));
        }
        self.commands.push(Command::Set(backup.clone(), BACKUP_KIND.to_owned()));
        for (option, value) in section.options() {
            self.commands.extend(restore(&format!("{backup}.{option}"), value));
        }
        debug_assert!(path != backup);
        self.undo.push(Command::Delete(backup));
    }
}

/// The commands that give an option this value where it has none.
fn restore(path: &str, value: &Value) -> Vec<Command> {
    match value {
        Value::Text(text) => vec![Command::Set(path.to_owned(), text.clone())],
        Value::List(items) => {
            items.iter().map(|item| Command::Append(path.to_owned(), item.clone())).collect()
        }
    }
}

struct Edit<'a> {
    path: String,
    section: &'a Section,
    changes: Changes,
}

impl Edit<'_> {
    fn set(&mut self, option: &str, value: &str) {
        if self.section.get(option) != Some(value) {
            self.change(option, |path| Command::Set(path, value.to_owned()));
        }
    }

    fn delete(&mut self, option: &str) {
        if self.section.get(option).is_some() {
            self.change(option, Command::Delete);
        }
    }

    fn change(&mut self, option: &str, command: impl Fn(String) -> Command) {
        let path = format!("{}.{option}", self.path);
        self.changes.commands.push(command(path.clone()));
        let old = self.section.options().iter().find(|(name, _)| name == option);
        match old {
            None => self.changes.undo.push(Command::Delete(path)),
            Some((_, value)) => {
                let list = matches!(value, Value::List(_));
                // Later reversed as a whole.
                self.changes.undo.extend(restore(&path, value).into_iter().rev());
                self.changes.undo.extend(list.then_some(Command::Delete(path)));
            }
        }
    }

    /// Numbers that stay, in our reading.
    fn numbers(&mut self, rules: &[Rule]) {
        let [first, ..] = rules else { return };
        self.set("layout", first.layout().name());
        if let Some(text) = self.section.get("rule") {
            if text.contains("psid=") {
                let rules: Vec<String> = rules.iter().map(rule_text).collect();
                self.set("rule", &rules.join(" "));
            }
            return;
        }
        self.set("ipaddr", &first.ipv4().addr().to_string());
        if self.section.get("ip6prefix").and_then(|text| text.parse().ok())
            != Some(first.ipv6().addr())
        {
            self.set("ip6prefix", &first.ipv6().addr().to_string());
        }
        if self.section.get("ealen").is_none() {
            self.set("ealen", &first.ea_len().to_string());
        }
        match first.psid() {
            Some(psid) => self.set("psid", &psid.to_string()),
            None => self.delete("psid"),
        }
    }
}

/// A rule as `mapcalc` reads it, but for the PSID, which is right-aligned.
fn rule_text(rule: &Rule) -> String {
    let (ipv6, ipv4, ports) = (rule.ipv6(), rule.ipv4(), rule.port_parameters());
    let psid = rule.psid().map_or_else(String::new, |psid| format!(",psid={psid}"));
    format!(
        "type=map-e,ipv6prefix={},prefix6len={},ipv4prefix={},prefix4len={},ealen={},psidlen={},\
         offset={}{psid},br={}",
        ipv6.addr(),
        ipv6.prefix_len(),
        ipv4.addr(),
        ipv4.prefix_len(),
        rule.ea_len(),
        ports.psid_len(),
        ports.offset(),
        rule.br()
    )
}
