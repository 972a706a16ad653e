//! UCI, read outside netifd: packages of typed sections with options and lists.
//!
//! One reader for a router's own configuration and for the copy of one (a backup looked at on
//! another machine). It reads what `uci export` would print: `/etc/config/NAME`, or the file of
//! that name in `/var/run/uci` which newer releases prefer, with the uncommitted changes in
//! `/tmp/.uci` laid over it. It never writes; changes go through the `uci` program.
//!
//! Why not libuci or the program: DESIGN.md, "UCI".

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

mod changes;
mod error;
mod text;
mod words;

use mape_system::files;
use mape_system::json;

pub use error::UciError;

/// One configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    name: String,
    sections: Vec<Section>,
    /// Sections ever opened: part of the name of one without a name.
    opened: u32,
}

/// One `config` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    name: String,
    kind: String,
    anonymous: bool,
    options: Vec<(String, Value)>,
}

/// The value of an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `option`
    Text(String),
    /// `list`, in order.
    List(Vec<String>),
}

impl Package {
    /// Reads the text of a configuration file.
    ///
    /// # Errors
    /// [`UciError::Line`] where `uci` would refuse the file too, or where a line holds a second
    /// command behind a `;`, which is not read here.
    pub fn parse(name: &str, text: &str) -> Result<Self, UciError> {
        text::parse(name, text)
    }

    /// Lays uncommitted changes over it, in the form of the files in `/tmp/.uci`. Like `uci`, it
    /// passes over lines that cannot be read or applied.
    pub fn change(&mut self, changes: &str) {
        changes::apply(self, changes);
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All sections, in order.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The section of this name.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The sections of one type, in order.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Section> {
        self.sections.iter().filter(move |section| section.kind == kind)
    }

    /// How a command addresses a section: `network.wan`, or `firewall.@zone[1]` for one without a
    /// name.
    #[must_use]
    pub fn path(&self, section: &Section) -> String {
        if !section.anonymous {
            return format!("{}.{}", self.name, section.name);
        }
        let same = |other: &Section| other.name == section.name;
        let index = self.of_kind(&section.kind).position(same).unwrap_or_default();
        format!("{}.@{}[{index}]", self.name, section.kind)
    }
}

impl Section {
    /// The name; of a section without one, the name that `uci` makes up (`cfg0123ab`).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type, as in `config TYPE 'NAME'`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Whether it stands in the file without a name.
    #[must_use]
    pub const fn is_anonymous(&self) -> bool {
        self.anonymous
    }

    /// All options, in order.
    #[must_use]
    pub fn options(&self) -> &[(String, Value)] {
        &self.options
    }

    /// The value of an option; of a list, its first one.
    #[must_use]
    pub fn get(&self, option: &str) -> Option<&str> {
        self.values(option).next()
    }

    /// The values of a list. An `option` is split at blanks, as `uci`'s users do with options
    /// that were lists once.
    pub fn list<'a>(&'a self, option: &str) -> impl Iterator<Item = &'a str> {
        self.values(option).flat_map(str::split_whitespace)
    }

    /// Whether a switch is on. Another word than a switch's is off, as for netifd and fw4.
    #[must_use]
    pub fn is_on(&self, option: &str) -> bool {
        self.get(option).and_then(switch) == Some(true)
    }

    /// The options as netifd passes them to a protocol handler.
    #[must_use]
    pub(crate) fn json(&self) -> String {
        let written = |value: &Value| match value {
            Value::Text(text) => serde_json::Value::from(text.as_str()),
            Value::List(items) => serde_json::Value::from(items.as_slice()),
        };
        // One by one: collecting a map sorts it first, which is code of its own.
        let mut options = serde_json::Map::new();
        for (name, value) in &self.options {
            options.insert(name.clone(), written(value));
        }
        json::to_text(&options.into())
    }

    fn values<'a>(&'a self, option: &str) -> impl Iterator<Item = &'a str> {
        let value = self.options.iter().find(|(name, _)| name == option);
        let values = value.map_or(&[][..], |(_, value)| match value {
            Value::Text(text) => std::slice::from_ref(text),
            Value::List(items) => items.as_slice(),
        });
        values.iter().map(String::as_str)
    }
}

/// As `uci -n export` prints it.
impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "package {}", self.name)?;
        for Section { name, kind, options, .. } in &self.sections {
            writeln!(f, "\nconfig {} {}", escaped(kind), quoted(name))?;
            for (option, value) in options {
                match value {
                    Value::Text(text) => writeln!(f, "\toption {option} {}", quoted(text))?,
                    Value::List(items) => {
                        for item in items {
                            writeln!(f, "\tlist {option} {}", quoted(item))?;
                        }
                    }
                }
            }
        }
        writeln!(f)
    }
}

/// The words that netifd and fw4 read as on and off.
pub(crate) fn switch(text: &str) -> Option<bool> {
    match text {
        "1" | "true" | "yes" | "on" | "enabled" => Some(true),
        "0" | "false" | "no" | "off" | "disabled" => Some(false),
        _ => None,
    }
}

/// A value in single quotes: the shell, `uci batch` and the files read them alike.
pub(crate) fn quoted(value: &str) -> String {
    format!("'{}'", escaped(value))
}

fn escaped(value: &str) -> String {
    value.replace('\'', r"'\''")
}

/// Where the packages are.
#[derive(Clone, Debug)]
pub struct Directories {
    root: PathBuf,
}

/// The packages, a directory whose files stand in for these, and uncommitted changes.
pub(crate) const CONFIG: &str = "etc/config";
const INSTEAD: &str = "var/run/uci";
pub(crate) const CHANGES: &str = "tmp/.uci";

impl Directories {
    /// Those below this root directory.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Reads a package with its uncommitted changes; `None` where there is no such file.
    ///
    /// # Errors
    /// [`UciError`] where a file cannot be read or understood.
    pub fn read(&self, package: &str) -> Result<Option<Package>, UciError> {
        let text = match self.file(INSTEAD, package)? {
            None => self.file(CONFIG, package)?,
            text => text,
        };
        let Some(text) = text else {
            return Ok(None);
        };
        let mut package = Package::parse(package, &text)?;
        if let Some(changes) = self.changes(&package.name)? {
            package.change(&changes);
        }
        Ok(Some(package))
    }

    /// The uncommitted changes of a package, if there are any.
    ///
    /// # Errors
    /// [`UciError::Unreadable`]
    pub fn changes(&self, package: &str) -> Result<Option<String>, UciError> {
        Ok(self.file(CHANGES, package)?.filter(|text| !text.trim().is_empty()))
    }

    /// The text of a file that may be missing. Bytes that are not UTF-8 are replaced: they only
    /// occur in descriptions.
    fn file(&self, directory: &str, name: &str) -> Result<Option<String>, UciError> {
        let path = Path::new(directory).join(name);
        match files::below(&self.root, &path).and_then(files::bytes) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(UciError::unreadable(&self.root.join(path), &error)),
        }
    }
}
