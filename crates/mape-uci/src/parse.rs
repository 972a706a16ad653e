//! The text of a configuration file.

use mape_core::Quoted;

use crate::error::UciError;
use crate::lexer::{Reason, Words};
use crate::package::{Package, is_kind, is_name};

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
    /// Reads the text of a configuration file.
    ///
    /// # Errors
    /// [`UciError::Line`] where `uci` would refuse the file too, or where a line holds a second
    /// command behind a `;`, which is not read here.
    pub fn parse(name: &str, text: &str) -> Result<Self, UciError> {
        let mut package = Self::new(name);
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
}
