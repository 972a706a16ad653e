//! Writes the notes for packagers: changes of files, dependencies, options and the compiler, read
//! from the sources of two releases, so that none is forgotten.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What a package needs for a release.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// Files below `files`, which are installed on a router or on plain Linux.
    pub(super) files: BTreeSet<String>,
    /// Dependencies of the packages for OpenWrt, Debian and Alpine, each with the name of the
    /// recipe.
    pub(super) depends: BTreeSet<String>,
    /// Options of an interface's section in UCI.
    pub(super) options: BTreeSet<String>,
    /// The oldest compiler.
    pub(super) rust: String,
}

/// The files with these data.
pub(super) const RECIPE: &str = "openwrt-feed/mape-rs/Makefile";
pub(super) const CONTROL: &str = "files/linux/debian/control";
pub(super) const APKBUILD: &str = "files/linux/alpine/APKBUILD";
pub(super) const HANDLER: &str = "files/lib/netifd/proto/mape.sh";
pub(super) const WORKSPACE: &str = "Cargo.toml";

impl Asked {
    /// Reads a tree, given its paths and a function that reads a file (empty if there is none).
    pub(super) fn of(paths: &str, read: impl Fn(&str) -> String) -> Self {
        let files = paths.lines().filter(|path| path.starts_with("files/")).map(str::to_owned);
        let mut depends = BTreeSet::new();
        for (name, path, key) in [
            ("OpenWrt", RECIPE, "DEPENDS:="),
            ("Debian", CONTROL, "Depends: "),
            ("Alpine", APKBUILD, "depends="),
        ] {
            let words = value(&read(path), key);
            let words = words
                .split([' ', ',', '"'])
                .filter(|word| !word.is_empty() && !word.starts_with('$'));
            depends.extend(words.map(|word| format!("{name}: {}", word.trim_start_matches('+'))));
        }
        let rust = value(&read(WORKSPACE), "rust-version = ").trim_matches('"').to_owned();
        Self { files: files.collect(), depends, options: options(&read(HANDLER)), rust }
    }

    /// Returns the additions and removals since `before`.
    pub(super) fn since(&self, before: &Self) -> String {
        let mut text = String::new();
        for (what, old, new) in [
            ("Files", &before.files, &self.files),
            ("Dependencies", &before.depends, &self.depends),
            ("Options of an interface", &before.options, &self.options),
        ] {
            let changes = new.difference(old).map(|item| format!("+ {item}"));
            let gone = old.difference(new).map(|item| format!("- {item}"));
            let lines: Vec<String> = changes.chain(gone).collect();
            // Writing into a `String` cannot fail.
            let _ = match lines.as_slice() {
                [] => writeln!(text, "{what}: unchanged.\n"),
                lines => writeln!(text, "{what}:\n\n```\n{}\n```\n", lines.join("\n")),
            };
        }
        let _ = match (before.rust.as_str(), self.rust.as_str()) {
            (old, new) if old == new => writeln!(text, "Rust: {new} or later, unchanged."),
            ("", new) => writeln!(text, "Rust: {new} or later."),
            (old, new) => writeln!(text, "Rust: {new} or later; it was {old}."),
        };
        text
    }
}

/// Returns the text after `key` at the beginning of a line, without leading spaces.
fn value(text: &str, key: &str) -> String {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(key));
    line.unwrap_or_default().to_owned()
}

/// Returns the options that the handler declares to netifd, in loops and by name.
fn options(handler: &str) -> BTreeSet<String> {
    let mut options = BTreeSet::new();
    let joined = handler.replace("\\\n", " ");
    for line in joined.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("for option in ") {
            let words = words.split("; do").next().unwrap_or(words).split_whitespace();
            options.extend(words.map(str::to_owned));
        } else if let Some((_, word)) = line.split_once("proto_config_add_") {
            let word = word.split_whitespace().nth(1).unwrap_or_default().trim_matches(['\'', '"']);
            let word = word.split(':').next().unwrap_or(word);
            if !word.starts_with('$') {
                options.insert(word.to_owned());
            }
        }
    }
    options
}
