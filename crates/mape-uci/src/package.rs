//! Packages, sections and options.

use std::fmt;
use std::slice;
use std::str::SplitWhitespace;

use mape_system::json;

use crate::lexer::{escaped, quoted};

/// One configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub(crate) name: String,
    pub(crate) sections: Vec<Section>,
    /// Sections ever opened: part of the name of one without a name.
    opened: u32,
}

/// One `config` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) anonymous: bool,
    pub(crate) options: Vec<(String, Value)>,
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
    /// An empty one.
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), sections: Vec::new(), opened: 0 }
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
    #[must_use]
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> Sections<'a> {
        Sections::of(Some(self), kind)
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

    /// Adds a section at the end and returns its index.
    pub(crate) fn add(&mut self, kind: &str, name: Option<&str>) -> usize {
        self.opened += 1;
        let made_up = || format!("cfg{:02x}{:04x}", self.opened, hash(kind));
        self.sections.push(Section {
            name: name.map_or_else(made_up, str::to_owned),
            kind: kind.to_owned(),
            anonymous: name.is_none(),
            options: Vec::new(),
        });
        self.sections.len() - 1
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
        self.values(option).first().map(String::as_str)
    }

    /// The values of a list. An `option` is split at blanks, as `uci`'s users do with options
    /// that were lists once.
    #[must_use]
    pub fn list(&self, option: &str) -> Words<'_> {
        Words::of(self.values(option))
    }

    /// Whether a switch is on. Another word than a switch's is off, as for netifd and fw4.
    #[must_use]
    pub fn is_on(&self, option: &str) -> bool {
        self.get(option).and_then(switch) == Some(true)
    }

    /// The options as netifd passes them to a protocol handler: an object as text.
    #[must_use]
    pub fn json(&self) -> String {
        let written = |value: &Value| match value {
            Value::Text(text) => serde_json::Value::from(text.as_str()),
            Value::List(items) => serde_json::Value::from(items.as_slice()),
        };
        // One by one: collecting a map sorts it first, which is code of its own.
        let mut options = serde_json::Map::new();
        for (name, value) in &self.options {
            options.insert(name.clone(), written(value));
        }
        json::to_text(&options)
    }

    fn values(&self, option: &str) -> &[String] {
        match self.options.iter().find(|(name, _)| name == option) {
            None => &[],
            Some((_, Value::Text(text))) => slice::from_ref(text),
            Some((_, Value::List(items))) => items,
        }
    }

    /// Sets a text; an empty one removes the option, as `uci set` does.
    pub fn set(&mut self, option: &str, value: String) {
        if value.is_empty() {
            self.options.retain(|(name, _)| name != option);
            return;
        }
        match self.value(option) {
            Some(old) => *old = Value::Text(value),
            None => self.options.push((option.to_owned(), Value::Text(value))),
        }
    }

    /// `list`: a text becomes the first item of a list.
    pub(crate) fn append(&mut self, option: &str, item: String) {
        match self.value(option) {
            None => self.options.push((option.to_owned(), Value::List(vec![item]))),
            Some(Value::List(items)) => items.push(item),
            Some(value) => {
                if let Value::Text(first) = value {
                    *value = Value::List(vec![std::mem::take(first), item]);
                }
            }
        }
    }

    pub(crate) fn value(&mut self, option: &str) -> Option<&mut Value> {
        self.options.iter_mut().find(|(name, _)| name == option).map(|(_, value)| value)
    }
}

/// The sections of one type, in the order of the file.
// Types, and not `impl Iterator` of closures: the program has each search once, not in every loop.
#[derive(Clone, Debug)]
pub struct Sections<'a> {
    all: slice::Iter<'a, Section>,
    kind: &'a str,
}

impl<'a> Sections<'a> {
    /// Returns those of a package; without a package there are none.
    #[must_use]
    pub fn of(package: Option<&'a Package>, kind: &'a str) -> Self {
        Self { all: package.map_or(&[][..], Package::sections).iter(), kind }
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = &'a Section;

    // In the program once, and not in each of the loops over sections.
    #[inline(never)]
    fn next(&mut self) -> Option<&'a Section> {
        self.all.find(|section| section.kind == self.kind)
    }
}

/// The words of an option or of a list.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    values: slice::Iter<'a, String>,
    words: SplitWhitespace<'a>,
}

impl<'a> Words<'a> {
    fn of(values: &'a [String]) -> Self {
        Self { values: values.iter(), words: "".split_whitespace() }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            if let Some(word) = self.words.next() {
                return Some(word);
            }
            self.words = self.values.next()?.split_whitespace();
        }
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
#[must_use]
pub fn switch(text: &str) -> Option<bool> {
    match text {
        "1" | "true" | "yes" | "on" | "enabled" => Some(true),
        "0" | "false" | "no" | "off" | "disabled" => Some(false),
        _ => None,
    }
}

/// Names of sections and options.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Types of sections.
pub(crate) fn is_kind(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The part of a made-up name that depends on the type (Bernstein's hash, as libuci has it):
/// uncommitted changes address sections by it.
fn hash(kind: &str) -> u32 {
    let step = |hash: u32, byte: u8| hash.wrapping_mul(33).wrapping_add(byte.into());
    kind.bytes().fold(5381, step) & 0xffff
}
