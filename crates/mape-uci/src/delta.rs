//! Uncommitted changes: one `[command]PACKAGE.SECTION[.OPTION][='VALUE']` in a line.

use crate::lexer::Words;
use crate::package::{Package, Value, is_kind, is_name};

impl Package {
    /// Lays uncommitted changes over it, in the form of the files in `/tmp/.uci`. Like `uci`, it
    /// passes over lines that cannot be read or applied.
    pub fn change(&mut self, changes: &str) {
        let mut words = Words::new(changes);
        while !words.at_end() {
            // What does not fit is passed over, as `uci` does.
            if let Some(line) = words.record() {
                let _ = Change::read(&line, &self.name).and_then(|change| change.apply(self));
            }
        }
    }
}

struct Change<'line> {
    command: Command,
    section: &'line str,
    option: Option<&'line str>,
    value: Option<&'line str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    Add,
    Remove,
    Set,
    Rename,
    Reorder,
    Append,
    Strike,
}

impl<'line> Change<'line> {
    fn read(line: &'line str, package: &str) -> Option<Self> {
        let command = match line.chars().next()? {
            '+' => Command::Add,
            '-' => Command::Remove,
            '@' => Command::Rename,
            '^' => Command::Reorder,
            '|' => Command::Append,
            '~' => Command::Strike,
            _ => Command::Set,
        };
        let line = if command == Command::Set { line } else { line.get(1..)? };
        let (path, value) = line.split_once('=').map_or((line, None), |(p, v)| (p, Some(v)));
        let mut parts = path.split('.');
        let (of, section, option) = (parts.next()?, parts.next()?, parts.next());
        let names = is_name(section) && option.is_none_or(is_name);
        let whole = parts.next().is_none() && (value.is_some() || command == Command::Remove);
        let text = value.unwrap_or_default();
        let printable = text.bytes().all(|byte| byte >= 32 || b"\t\n\r".contains(&byte));
        (of == package && names && whole && printable).then_some(Self {
            command,
            section,
            option,
            value,
        })
    }

    fn apply(&self, package: &mut Package) -> Option<()> {
        let index = package.sections.iter().position(|section| section.name == self.section);
        let value = self.value.unwrap_or_default();
        match (self.command, self.option) {
            (Command::Add | Command::Set, None) => {
                self.set_section(package, index, value)?;
            }
            (Command::Add | Command::Set, Some(option)) => {
                package.sections.get_mut(index?)?.set(option, value.to_owned());
            }
            (Command::Remove, None) => {
                package.sections.remove(index?);
            }
            (Command::Remove, Some(option)) => {
                let section = package.sections.get_mut(index?)?;
                match (section.value(option)?, self.value) {
                    (Value::List(items), Some(number)) if !number.is_empty() => {
                        let number = number.parse::<usize>().ok()?;
                        (number < items.len()).then(|| items.remove(number))?;
                    }
                    _ => section.set(option, String::new()),
                }
            }
            (Command::Rename, None) => {
                let section = package.sections.get_mut(index?)?;
                is_name(value).then(|| value.clone_into(&mut section.name))?;
                section.anonymous = false;
            }
            (Command::Rename, Some(option)) => {
                let options = &mut package.sections.get_mut(index?)?.options;
                let (name, _) = options.iter_mut().find(|(name, _)| name == option)?;
                is_name(value).then(|| value.clone_into(name))?;
            }
            (Command::Reorder, None) => {
                let section = package.sections.remove(index?);
                let place = value.parse::<usize>().unwrap_or(0).min(package.sections.len());
                package.sections.insert(place, section);
            }
            (Command::Append, Some(option)) => {
                package.sections.get_mut(index?)?.append(option, value.to_owned());
            }
            (Command::Strike, Some(option)) => {
                if let Value::List(items) = package.sections.get_mut(index?)?.value(option)? {
                    items.retain(|item| item != value);
                }
            }
            (Command::Reorder, Some(_)) | (Command::Append | Command::Strike, None) => {}
        }
        Some(())
    }

    fn set_section(&self, package: &mut Package, index: Option<usize>, kind: &str) -> Option<()> {
        match index {
            Some(index) if kind.is_empty() => {
                package.sections.remove(index);
            }
            Some(index) if is_kind(kind) => {
                kind.clone_into(&mut package.sections.get_mut(index)?.kind);
            }
            None if is_kind(kind) => {
                let added = package.add(kind, Some(self.section));
                package.sections.get_mut(added)?.anonymous = self.command == Command::Add;
            }
            _ => {}
        }
        Some(())
    }
}

impl Words<'_> {
    /// The next line, if it is exactly one word.
    fn record(&mut self) -> Option<String> {
        let word = self.word().ok().flatten().filter(|_| self.end_of_line().is_ok());
        self.skip_line();
        word
    }
}
