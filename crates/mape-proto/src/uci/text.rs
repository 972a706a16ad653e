//! The text of a configuration file.

use mape_core::Quoted;

use super::words::{Reason, Words};
use super::{Package, Section, UciError, Value};

pub(super) fn parse(name: &str, text: &str) -> Result<Package, UciError> {
    let mut package = Package { name: name.to_owned(), sections: Vec::new(), opened: 0 };
    let mut words = Words::new(text);
    // Which section options go to; a name may occur twice.
    let mut current = None;
    while let Some(command) = words.command() {
        let line = words.line();
        let read = match command.as_str() {
            "package" | "p" => words.name(true).and_then(|_| words.end_of_line()),
            "config" | "c" => package.open(&mut words).map(|index| current = Some(index)),
            "option" | "o" => package.assign(current, &mut words, false),
            "list" | "l" => package.assign(current, &mut words, true),
            _ => Err("the first word is none of config, option, list, package"),
        };
        read.map_err(|reason| UciError::Line { package: Quoted::new(name), line, reason })?;
    }
    Ok(package)
}

impl Words<'_> {
    /// A name that must be there.
    fn name(&mut self, package: bool) -> Result<String, Reason> {
        let name = self.word()?.unwrap_or_default();
        if name.is_empty() {
            Err("a word is missing")
        } else if is_name(&name) || package && is_name(&name.replace('-', "_")) {
            Ok(name)
        } else {
            Err("a name holds other characters than letters, digits and _")
        }
    }
}

impl Package {
    fn open(&mut self, words: &mut Words) -> Result<usize, Reason> {
        let kind = words.word()?.unwrap_or_default();
        if !is_kind(&kind) {
            return Err("the type of the section is missing or not printable");
        }
        let name = words.word()?.unwrap_or_default();
        words.end_of_line()?;
        if name.is_empty() {
            return Ok(self.add(&kind, None));
        }
        if !is_name(&name) {
            return Err("a name holds other characters than letters, digits and _");
        }
        match self.sections.iter().position(|section| section.name == name) {
            None => Ok(self.add(&kind, Some(&name))),
            Some(index) if self.sections.get(index).is_some_and(|known| known.kind == kind) => {
                Ok(index)
            }
            Some(_) => Err("another section has this name and another type"),
        }
    }

    fn assign(
        &mut self,
        section: Option<usize>,
        words: &mut Words,
        list: bool,
    ) -> Result<(), Reason> {
        let name = words.name(false)?;
        let value = words.word()?.unwrap_or_default();
        words.end_of_line()?;
        let section = section.and_then(|index| self.sections.get_mut(index));
        let section = section.ok_or("an option stands before the first section")?;
        if list {
            section.append(&name, value);
        } else if !value.is_empty() {
            // In a file an empty value is no value, and leaves an earlier one as it is.
            section.set(&name, value);
        }
        Ok(())
    }

    /// Adds a section at the end and returns its index.
    pub(super) fn add(&mut self, kind: &str, name: Option<&str>) -> usize {
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
    /// Sets a text; an empty one removes the option, as `uci set` does.
    pub(crate) fn set(&mut self, option: &str, value: String) {
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
    pub(super) fn append(&mut self, option: &str, item: String) {
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

    pub(super) fn value(&mut self, option: &str) -> Option<&mut Value> {
        self.options.iter_mut().find(|(name, _)| name == option).map(|(_, value)| value)
    }
}

/// Names of sections and options.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Types of sections.
pub(super) fn is_kind(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The part of a made-up name that depends on the type (Bernstein's hash, as libuci has it):
/// uncommitted changes address sections by it.
fn hash(kind: &str) -> u32 {
    let step = |hash: u32, byte: u8| hash.wrapping_mul(33).wrapping_add(byte.into());
    kind.bytes().fold(5381, step) & 0xffff
}
