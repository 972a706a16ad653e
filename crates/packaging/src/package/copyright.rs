//! Writes Debian's file `copyright`: both licences of mape-rs, and the notices of the crates and
//! libraries in a static program. cargo lists the crates, so that a new one is not forgotten.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use host_tools::steps::{cargo, output, root};

/// The linked libraries that are not crates, with their owners.
const BESIDE: &[(&str, &str)] = &[
    ("the standard library of Rust", "The Rust Project contributors"),
    ("musl", "2005-2026 Rich Felker and the contributors of musl"),
];

const HEAD: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: mape-rs
Source: https://github.com/mape-rs/mape-rs
Comment: The program is linked statically. The paragraphs behind the first one name what
 is in it beside its own sources; where there is a choice, it is taken under MIT.
";

const APACHE: &str = "
License: Apache-2.0
 On Debian systems the full text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
";

/// Returns the text of the file.
///
/// # Errors
///
/// cargo fails, or a crate is not under MIT.
pub(super) fn text() -> anyhow::Result<String> {
    let licence = fs::read_to_string(root().join("LICENSE-MIT"))?;
    let mut text = String::from(HEAD);
    // Writing into a `String` cannot fail.
    let _ = write!(
        text,
        "\nFiles: *\nCopyright: {}\nLicense: MIT or Apache-2.0\n",
        holders(&licence).join("\n ")
    );
    let metadata = output(cargo(&["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
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
        let owners = owners.join("\n ");
        let _ = write!(text, "\nFiles: {name}-{version}\nCopyright: {owners}\nLicense: MIT\n");
    }
    for (what, owners) in BESIDE {
        let files = what.replace(' ', "-");
        let _ = write!(text, "\nFiles: {files}\nCopyright: {owners}\nLicense: MIT\n");
    }
    let (_, body) = licence.split_once("\n\nPermission").context("LICENSE-MIT is another text")?;
    text.push_str("\nLicense: MIT\n");
    for line in format!("Permission{body}").trim_end().lines() {
        let _ = writeln!(text, " {}", if line.is_empty() { "." } else { line });
    }
    text.push_str(APACHE);
    Ok(text)
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
    let mut names = Vec::new();
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
    use super::*;

    #[test]
    fn notices_are_found() {
        for (text, expected) in [
            ("MIT License\n\nCopyright (c) 2014 A. Author\n\nPermission", vec!["2014 A. Author"]),
            ("Copyright (c) The Others 2014-2020\n", vec!["The Others 2014-2020"]),
            ("The above copyright notice\nCopyright notice and\n", vec![]),
        ] {
            assert_eq!(holders(text), expected, "{text}");
        }
    }

    #[test]
    fn crates_that_are_linked_are_named_and_macros_are_not() {
        let text = text().unwrap();
        let names: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("Files: ")).collect();
        for name in ["serde_json-", "nix-", "ipnet-", "memchr-", "musl"] {
            assert!(names.iter().any(|it| it.starts_with(name)), "{name} in {names:?}");
        }
        for name in ["syn-", "serde_derive-", "mape-core-", "anyhow-"] {
            assert!(!names.iter().any(|it| it.starts_with(name)), "{name} in {names:?}");
        }
        let owners = text.lines().filter(|line| line.starts_with("Copyright: ")).count();
        assert_eq!(owners, names.len());
        assert_eq!(text.matches("\nLicense: Apache-2.0\n").count(), 1);
        assert!(text.contains(" WITHOUT WARRANTY OF ANY KIND") && text.contains("common-licenses"));
    }
}
