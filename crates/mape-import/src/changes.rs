//! The commands that convert a section to proto `mape`, and those that revert it.

use std::fmt::{self, Write as _};

use mape_core::{IntoVec as _, ShellWord};
use mape_uci::{Package, Section, Value, quoted};

/// Changes of one package, in the order they are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Commands that make the changes.
    pub commands: Vec<Command>,
    /// Commands that revert them.
    pub undo: Vec<Command>,
}

/// One command of the `uci` program, without its name: as `uci batch` reads it.
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

impl Command {
    /// The whole command, for pasting.
    #[must_use]
    pub fn in_a_shell(&self) -> String {
        match self {
            Self::Set(path, value) => {
                format!("uci set {}={}", ShellWord::new(path), ShellWord::quoted(value))
            }
            Self::Append(path, value) => {
                format!("uci add_list {}={}", ShellWord::new(path), ShellWord::quoted(value))
            }
            Self::Delete(path) => format!("uci delete {}", ShellWord::new(path)),
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
pub(super) fn batch(commands: &[Command]) -> String {
    commands.iter().fold(String::new(), |mut text, command| {
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "{command}");
        text
    })
}

/// Type of the section that keeps the old options. Nothing but `uci` reads it.
const BACKUP_KIND: &str = "mape_backup";

impl Changes {
    /// Returns the commands that convert one section to the other, which has the same name. The old
    /// options are kept in a section `NAME_before_mape`.
    pub(super) fn between(network: &Package, old: &Section, new: &Section) -> Self {
        let path = network.path(old);
        let options = difference(&path, old, new);
        if options.is_empty() {
            return Self::default();
        }
        let name = format!("{}_before_mape", old.name());
        let backup = format!("{}.{name}", network.name());
        let earlier = network.section(&name).map(|_| Command::Delete(backup.clone()));
        let mut commands: Vec<Command> = earlier.into_iter().into_vec();
        commands.push(Command::Set(backup.clone(), BACKUP_KIND.to_owned()));
        for (option, value) in old.options() {
            commands.extend(give(&format!("{backup}.{option}"), value));
        }
        commands.extend(options);
        let mut undo = difference(&path, new, old);
        undo.push(Command::Delete(backup));
        Self { commands, undo }
    }

    /// What adds a section. There must be none of this name.
    #[must_use]
    pub fn adding(package: &str, kind: &str, name: &str, options: &[(&str, &str)]) -> Self {
        let path = format!("{package}.{name}");
        let section = Command::Set(path.clone(), kind.to_owned());
        let option = |(option, value): &(&str, &str)| {
            Command::Set(format!("{path}.{option}"), (*value).to_owned())
        };
        let commands = std::iter::once(section).chain(options.iter().map(option)).into_vec();
        Self { commands, undo: vec![Command::Delete(path)] }
    }

    /// Whether there are no changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }
}

/// Returns the commands that convert the options of one section to those of the other.
fn difference(path: &str, from: &Section, to: &Section) -> Vec<Command> {
    let value = |section: &Section, name: &str| {
        section.options().iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    let mut commands = Vec::new();
    for (name, value_to) in to.options() {
        let value_from = value(from, name);
        if value_from.as_ref() == Some(value_to) {
            continue;
        }
        let path = format!("{path}.{name}");
        // `add_list` would append to the present list.
        let replaced = value_from.is_some() && matches!(value_to, Value::List(_));
        commands.extend(replaced.then(|| Command::Delete(path.clone())));
        commands.extend(give(&path, value_to));
    }
    let gone = from.options().iter().filter(|(name, _)| value(to, name).is_none());
    commands.extend(gone.map(|(name, _)| Command::Delete(format!("{path}.{name}"))));
    commands
}

/// Returns the commands that set an option which has no value.
fn give(path: &str, value: &Value) -> Vec<Command> {
    match value {
        Value::Text(text) => vec![Command::Set(path.to_owned(), text.clone())],
        Value::List(items) => {
            items.iter().map(|item| Command::Append(path.to_owned(), item.clone())).into_vec()
        }
    }
}
