//! `/etc/mape-rs.forwards`: the port forwards of this machine, with the words of a section
//! `mape_forward` on a router.
//!
//! ```text
//! forward minecraft
//!     dest_ip 192.168.1.10
//!     dest_port 25565
//! ```

use std::fmt::Write as _;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use mape_core::{Code, Explain, Explanation, Failure, Quoted};
use mape_firewall::forwards::{Forward, ForwardError, Written};
use mape_system::files;

use crate::lines::{at_line, in_file, split};

/// The file, below the root directory. It may be missing.
pub const FILE: &str = "etc/mape-rs.forwards";

/// The options of a forward.
const OPTIONS: [&str; 8] =
    ["name", "interface", "dest_ip", "dest_port", "src_dport", "proto", "reflection", "enabled"];
/// The options that name what only a router knows.
const ROUTER_OPTIONS: [&str; 3] = ["dest_host", "dest", "reflection_zone"];
/// The word that begins a forward.
const HEAD: &str = "forward";
/// Length of a forward's name, in characters.
const MAX_NAME: usize = 64;
/// The section's name of a line that belongs to no forward.
const NO_NAME: &str = "-";

/// A line of the file that cannot be used, or an argument that would become one.
#[derive(Debug, thiserror::Error)]
enum EntryError {
    #[error("{0} stands before the first forward")]
    BeforeFirst(Quoted),
    #[error("a forward cannot be called {0}")]
    Name(Quoted),
    #[error("there is already a forward {0}")]
    Twice(Quoted),
    #[error("the forward has the option {0} already")]
    OptionTwice(&'static str),
    #[error("the option {0} is not known")]
    Unknown(Quoted),
    #[error("{0} has no value")]
    NoValue(Quoted),
    #[error("the option {0} needs the DHCP leases, networks and zones of an OpenWrt router")]
    RouterOnly(&'static str),
    #[error("the option dest_ip cannot be {0}")]
    Address(Quoted),
    #[error("{0} cannot be written in quotes")]
    NotQuotable(Quoted),
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("cannot be written: {0}")]
    Unwritable(io::Error),
}

impl Explain for EntryError {
    fn explain(&self) -> Explanation {
        let of = |option: &'static str, hint: &'static str| Explanation::of_option(option, hint);
        let other = |hint: &'static str| Explanation::new(Code::OptionInvalid, hint);
        match self {
            Self::BeforeFirst(word) => {
                other("begin each forward with a line `forward NAME`").param("value", &word.text())
            }
            Self::Name(name) => {
                other("use letters, digits and _, at most 64 of them").param("value", &name.text())
            }
            Self::Twice(name) => {
                other("give one of them another name").param("value", &name.text())
            }
            Self::OptionTwice(option) => of(option, "remove one of the two lines"),
            Self::Unknown(option) => other("docs/plain-linux.md lists the options of a forward")
                .param("option", &option.text()),
            Self::NoValue(option) => {
                other("write one option in a line: NAME VALUE").param("option", &option.text())
            }
            Self::RouterOnly(option) => of(option, "write dest_ip and the host's IPv4 address"),
            Self::Address(value) => {
                of("dest_ip", "write the IPv4 address of the host, like 192.168.1.10")
                    .param("value", &value.text())
            }
            Self::NotQuotable(value) => {
                other("type text with one kind of quotes").param("value", &value.text())
            }
            Self::Unreadable(_) => other("put a regular text file in its place, or remove it"),
            Self::Unwritable(_) => {
                Explanation::new(Code::SystemRefused, "run this as root, with /etc writable")
            }
        }
    }
}

/// A forward of the file, with the numbers of its lines.
struct Block<'text> {
    name: &'text str,
    /// The line with its name.
    first: usize,
    /// Its last line that is neither empty nor a comment.
    last: usize,
    options: Vec<(usize, &'static str, &'text str)>,
    /// Its first wrong line.
    error: Option<Failure>,
}

/// Reads the forwards below this root directory. Without a file there are none.
///
/// # Errors
/// The file cannot be read.
pub fn read(root: &Path) -> Result<Vec<Written>, Failure> {
    let path = root.join(FILE);
    Ok(parse(&text_of(&path)?, &path))
}

/// Reads the text of the file. A wrong line makes its forward invalid; the error names the line.
#[must_use]
pub fn parse(text: &str, path: &Path) -> Vec<Written> {
    let (blocks, stray) = blocks(text, path);
    let stray = stray.map(|failure| Err((NO_NAME.to_owned(), failure)));
    stray.into_iter().chain(blocks.into_iter().map(|block| block.forward(path))).collect()
}

/// Returns name and display name of each forward, also of those that are disabled or invalid.
///
/// # Errors
/// The file cannot be read.
pub fn names(root: &Path) -> Result<Vec<(String, Option<String>)>, Failure> {
    let path = root.join(FILE);
    let text = text_of(&path)?;
    let display = |block: &Block<'_>| {
        let name = block.options.iter().find(|(_, option, _)| *option == "name");
        name.map(|(.., value)| (*value).to_owned())
    };
    let (blocks, _) = blocks(&text, &path);
    Ok(blocks.iter().map(|block| (block.name.to_owned(), display(block))).collect())
}

/// Returns the forward of these options, checked as those of the file are.
///
/// # Errors
/// An option has a value that it cannot have here, or it switches the forward off.
pub fn checked(name: &str, options: &[(&'static str, String)]) -> Result<Forward, Failure> {
    for (option, value) in options {
        let option = known(option)?;
        is_possible(option, value)?;
        line_of(option, value)?;
    }
    let forward = Forward::of_options(name, options)?;
    Ok(forward.ok_or_else(|| EntryError::Unknown(Quoted::new("enabled")))?)
}

/// Adds a forward at the end of the file.
///
/// # Errors
/// The file cannot be read or written.
pub fn add(root: &Path, name: &str, options: &[(&'static str, String)]) -> Result<(), Failure> {
    change(root, |text, _| {
        let mut text = text.to_owned();
        if !text.is_empty() {
            text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
        }
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "{HEAD} {name}");
        for (option, value) in options {
            text.push_str(&line_of(option, value)?);
        }
        Ok(text)
    })
}

/// Removes a forward from the file. Comments behind its last line stay.
///
/// # Errors
/// The file cannot be read or written.
pub fn remove(root: &Path, name: &str) -> Result<(), Failure> {
    change(root, |text, path| {
        let (blocks, _) = blocks(text, path);
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        // From the end: the numbers of the lines before stay.
        for block in blocks.iter().rev().filter(|block| block.name == name) {
            lines.drain(block.first.saturating_sub(1)..block.last.min(lines.len()));
            let before = block.first.checked_sub(2).and_then(|at| Some((at, *lines.get(at)?)));
            if let Some((at, _)) = before.filter(|(_, line)| line.trim().is_empty()) {
                lines.remove(at);
            }
        }
        Ok(lines.concat())
    })
}

fn change(
    root: &Path,
    new: impl FnOnce(&str, &Path) -> Result<String, Failure>,
) -> Result<(), Failure> {
    let path = root.join(FILE);
    let text = text_of(&path)?;
    let new = new(&text, &path)?;
    // The target of a link is replaced, and not the link.
    let target: PathBuf = path.canonicalize().unwrap_or_else(|_| path.clone());
    let written = files::write_synced(&target, &new);
    written.map(drop).map_err(|error| in_file(EntryError::Unwritable(error).into(), &path))
}

fn text_of(path: &Path) -> Result<String, Failure> {
    match files::text(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(in_file(EntryError::Unreadable(error).into(), path)),
    }
}

/// Returns the forwards, and the error of the first line that belongs to none.
fn blocks<'text>(text: &'text str, path: &Path) -> (Vec<Block<'text>>, Option<Failure>) {
    let (mut blocks, mut stray) = (Vec::<Block<'text>>::new(), None);
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in (1..).zip(text.lines()) {
        let Some((key, value)) = split(line) else { continue };
        let failure = if key == HEAD {
            let error = name_error(value, &blocks);
            blocks.push(Block {
                name: value,
                first: number,
                last: number,
                options: Vec::new(),
                error: None,
            });
            error
        } else if let Some(block) = blocks.last_mut() {
            block.last = number;
            block.take(number, key, value).err()
        } else {
            Some(EntryError::BeforeFirst(Quoted::new(if key.is_empty() { value } else { key })))
        };
        let failure = failure.map(|error| at_line(error.into(), path, number));
        match blocks.last_mut() {
            Some(block) => block.error = block.error.take().or(failure),
            None => stray = stray.or(failure),
        }
    }
    (blocks, stray)
}

fn name_error(name: &str, others: &[Block<'_>]) -> Option<EntryError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() {
        return Some(EntryError::NoValue(Quoted::new(HEAD)));
    }
    if name.len() > MAX_NAME || !name.bytes().all(is_plain) {
        return Some(EntryError::Name(Quoted::new(name)));
    }
    let is_known = others.iter().any(|other| other.name == name);
    is_known.then(|| EntryError::Twice(Quoted::new(name)))
}

impl<'text> Block<'text> {
    fn take(&mut self, number: usize, key: &str, value: &'text str) -> Result<(), EntryError> {
        let option = known(if key.is_empty() { value } else { key })?;
        if value.is_empty() {
            return Err(EntryError::NoValue(Quoted::new(option)));
        }
        if self.options.iter().any(|(_, other, _)| *other == option) {
            return Err(EntryError::OptionTwice(option));
        }
        is_possible(option, value)?;
        self.options.push((number, option, value));
        Ok(())
    }

    fn forward(self, path: &Path) -> Written {
        let Self { name, first, options, error, .. } = self;
        let shown = if name.is_empty() { NO_NAME.to_owned() } else { Quoted::new(name).text() };
        let named = |failure| (shown.clone(), failure);
        if let Some(failure) = error {
            return Err(named(failure));
        }
        let pairs: Vec<(&'static str, &str)> =
            options.iter().map(|(_, option, value)| (*option, *value)).collect();
        Forward::of_options(name, &pairs).map_err(|error| {
            let of = match &error {
                ForwardError::Bad { option, .. } => *option,
                ForwardError::Missing(..) => "",
            };
            let line = options.iter().find(|(_, option, _)| *option == of);
            named(at_line(error.into(), path, line.map_or(first, |(line, ..)| *line)))
        })
    }
}

/// Returns the option of this name.
fn known(name: &str) -> Result<&'static str, EntryError> {
    let is_it = |option: &&&'static str| **option == name;
    if let Some(option) = ROUTER_OPTIONS.iter().find(is_it) {
        return Err(EntryError::RouterOnly(option));
    }
    OPTIONS.iter().find(is_it).copied().ok_or_else(|| EntryError::Unknown(Quoted::new(name)))
}

/// Checks what a router also allows and this machine does not: a host id in `dest_ip`.
fn is_possible(option: &str, value: &str) -> Result<(), EntryError> {
    if option == "dest_ip" && value.parse::<Ipv4Addr>().is_err() {
        return Err(EntryError::Address(Quoted::new(value)));
    }
    Ok(())
}

/// Returns the line of an option, with quotes if they are necessary.
fn line_of(option: &str, value: &str) -> Result<String, EntryError> {
    let forms = [value.to_owned(), format!("\"{value}\""), format!("'{value}'")];
    let lines = forms.into_iter().map(|form| format!("\t{option} {form}\n"));
    let mut read_back =
        lines.filter(|line| line.lines().count() == 1 && split(line) == Some((option, value)));
    read_back.next().ok_or_else(|| EntryError::NotQuotable(Quoted::new(value)))
}

#[cfg(test)]
mod tests;
