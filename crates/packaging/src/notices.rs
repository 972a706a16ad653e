//! The notices of the crates in the program. cargo lists the crates, so that a new one is not
//! forgotten.
//!
//! `files/usr/share/licenses/mape-rs/NOTICE` has them for every package but Debian's. It is
//! committed, because OpenWrt's and Alpine's own builds install it without this program.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use host_tools::steps::{cargo, output, root};

/// What the program has of Rust's own crates, with their owners.
pub(crate) const STD: (&str, &str) =
    ("the standard library of Rust", "The Rust Project contributors");

/// A crate in the program, with the owners of its copyright.
pub(crate) struct Notice {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) owners: Vec<String>,
}

/// The licence of mape-rs, which is also that of the crates.
pub(crate) struct Mit {
    pub(crate) owners: Vec<String>,
    /// The text behind the owners.
    pub(crate) body: String,
}

impl Mit {
    /// Reads `LICENSE-MIT`.
    ///
    /// # Errors
    ///
    /// The file has another text.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let text = fs::read_to_string(root().join("LICENSE-MIT"))?;
        let start = text.find("\nPermission").context("LICENSE-MIT is another text")?;
        let body = text.get(start..).unwrap_or_default().trim().to_owned();
        Ok(Self { owners: holders(&text), body })
    }
}

/// Returns the notices of all foreign crates in the program, sorted by name.
///
/// # Errors
///
/// cargo fails, or a crate is not under MIT.
pub(crate) fn all() -> anyhow::Result<Vec<Notice>> {
    let metadata = output(cargo(&["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let mut notices = Vec::new();
    for (name, version) in linked()? {
        let package = found(&metadata, &name, &version)?;
        let field = |key| package.get(key).and_then(Value::as_str).unwrap_or_default();
        let choices: Vec<&str> = field("license").split([' ', '/']).collect();
        ensure!(choices.contains(&"MIT"), "{name} is not under MIT: its notice has to be added");
        let directory = Path::new(field("manifest_path")).parent().context("no directory")?;
        let mut owners = of_directory(directory)?;
        if owners.is_empty() {
            owners = authors(package);
        }
        if owners.is_empty() {
            owners.push(format!("The {name} contributors"));
        }
        notices.push(Notice { name, version, owners });
    }
    Ok(notices)
}

/// Returns name and version of the foreign crates in the program, sorted.
fn linked() -> anyhow::Result<Vec<(String, String)>> {
    let mut tree = cargo(&["tree", "--locked", "--package", "mape-proto", "--prefix", "none"]);
    tree.args(["--edges", "normal,no-proc-macro", "--format", "{p}"]);
    let text = output(&mut tree)?;
    let mut crates: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let mut words = line.trim_end_matches("(*)").split_whitespace();
        let (Some(name), Some(version), None) = (words.next(), words.next(), words.next()) else {
            // A crate of the workspace has its directory as a third word.
            continue;
        };
        crates.push((name.to_owned(), version.trim_start_matches('v').to_owned()));
    }
    crates.sort();
    crates.dedup();
    Ok(crates)
}

fn found<'a>(metadata: &'a Value, name: &str, version: &str) -> anyhow::Result<&'a Value> {
    let packages = metadata.get("packages").and_then(Value::as_array).context("no packages")?;
    let is = |package: &Value, key, value: &str| {
        package.get(key).and_then(Value::as_str).is_some_and(|it| it == value)
    };
    let found = packages.iter().find(|it| is(it, "name", name) && is(it, "version", version));
    found.with_context(|| format!("cargo metadata does not know {name} {version}"))
}

/// Reads the copyright notices in the licence files.
fn of_directory(directory: &Path) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.push(entry?.path());
    }
    names.sort();
    let mut owners = Vec::new();
    for path in names {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_mit = ["LICENSE-MIT", "LICENSE", "LICENSE.md", "LICENSE.txt", "COPYRIGHT"];
        if is_mit.contains(&name) {
            owners.extend(holders(&fs::read_to_string(&path)?));
        }
    }
    owners.dedup();
    Ok(owners)
}

/// Returns the text after `Copyright (c)` at the beginning of a line.
fn holders(licence: &str) -> Vec<String> {
    let lines = licence.lines().filter_map(|line| line.trim().strip_prefix("Copyright "));
    let names = lines.map(|line| line.trim_start_matches(['(', 'c', 'C', ')', '©', ' ']));
    // `Copyright notice` and the like are sentences.
    names
        .filter(|name| name.starts_with(|c: char| c.is_ascii_digit() || c.is_ascii_uppercase()))
        .map(str::to_owned)
        .collect()
}

/// Returns the authors in the crate's metadata, without their addresses.
fn authors(package: &Value) -> Vec<String> {
    let authors = package.get("authors").and_then(Value::as_array);
    let names = authors.into_iter().flatten().filter_map(Value::as_str);
    names.map(|name| name.split(" <").next().unwrap_or(name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// Returns the text of the file `NOTICE`. It names no versions, so that it changes only with
    /// the crates.
    fn text() -> anyhow::Result<String> {
        let licence = Mit::read()?;
        let mut text = String::from(
            "mape-proto consists of these works. Each is under the MIT license below; mape-rs is\n\
             also under the Apache license, version 2.0.\n\n",
        );
        let mut line = |what: &str, owners: &[String]| {
            // Writing into a `String` cannot fail.
            let _ = writeln!(text, "{what}: Copyright (c) {}", owners.join("; "));
        };
        line("mape-rs", &licence.owners);
        for Notice { name, owners, .. } in all()? {
            line(&name, &owners);
        }
        line(STD.0, &[STD.1.to_owned()]);
        let _ = write!(text, "\n{}\n", licence.body);
        Ok(text)
    }

    #[test]
    fn owners_are_found() {
        for (text, expected) in [
            ("MIT License\n\nCopyright (c) 2014 A. Author\n\nPermission", vec!["2014 A. Author"]),
            ("Copyright (c) The Others 2014-2020\n", vec!["The Others 2014-2020"]),
            ("The above copyright notice\nCopyright notice and\n", vec![]),
        ] {
            assert_eq!(holders(text), expected, "{text}");
        }
    }

    /// `MAPE_BLESS=1 cargo test -p packaging` writes the file.
    #[test]
    fn the_file_in_the_packages_names_the_crates_of_today() {
        let path = root().join("files/usr/share/licenses/mape-rs/NOTICE");
        let text = text().unwrap();
        if std::env::var_os("MAPE_BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(committed, text, "MAPE_BLESS=1 cargo test -p packaging writes it");
        for name in ["mape-rs", "serde_json", "nix", "memchr", STD.0] {
            assert!(text.contains(&format!("\n{name}: Copyright (c) ")), "{name}: {text}");
        }
        assert!(text.contains("\nPermission is hereby granted"), "{text}");
        assert!(!text.contains("\nsyn: ") && !text.contains("mape-core"), "{text}");
    }
}
