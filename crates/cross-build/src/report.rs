//! `cargo xtask size [--compare REV]`: prints the sizes of the parts of the mipsel program, and
//! their growth since a revision. Growth of one percent is an error unless `cross/sizes.tsv` has
//! the new size.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::sizes::{self, Size};
use super::{build_in, directory, targets};
use host_tools::elf::Image;
use host_tools::steps::{output, root, run};
use host_tools::tools::cache_directory;

/// The architecture with the smallest flash and the largest code.
const ARCH: &str = "mipsel_24kc";
/// The number of functions in the report.
const FUNCTIONS: usize = 40;

/// Sizes in bytes by name.
type Bytes = BTreeMap<String, u64>;

/// `cargo xtask size [--compare REV]`
///
/// # Errors
///
/// An argument is wrong, a build fails, or the program has grown and the table of sizes has not
/// been updated.
pub fn command(words: &[&str]) -> anyhow::Result<()> {
    let now = Measured::of(&root())?;
    match words {
        [] => now.print(),
        ["--compare", revision] => {
            let before = at(revision)?;
            changes("sections", &before.sections, &now.sections);
            changes("crates", &before.crates(), &now.crates());
            changes("functions", &before.functions, &now.functions);
            sizes::is_said(ARCH, &now.size)?;
        }
        _ => anyhow::bail!("usage: cargo xtask size [--compare REV]"),
    }
    Ok(())
}

struct Measured {
    size: Size,
    sections: Bytes,
    functions: Bytes,
}

impl Measured {
    fn of(source: &Path) -> anyhow::Result<Self> {
        let chosen = targets::chosen(&[ARCH])?;
        let target = chosen.first().context("no target")?;
        let program = build_in(source, &directory(), target)?;
        let image = Image::read(&program.with_file_name("mape-proto"))?;
        Ok(Self {
            size: Size::of(&program)?,
            sections: image.sections()?,
            functions: image.functions()?,
        })
    }

    fn crates(&self) -> Bytes {
        let mut crates = Bytes::new();
        for (function, bytes) in &self.functions {
            *crates.entry(crate_of(function).to_owned()).or_default() += bytes;
        }
        crates
    }

    fn print(&self) {
        list("sections", &self.sections, usize::MAX);
        list("crates", &self.crates(), usize::MAX);
        list("functions", &self.functions, FUNCTIONS);
    }
}

/// Builds and measures the sources of `revision`.
fn at(revision: &str) -> anyhow::Result<Measured> {
    let source = cache_directory().join("cross/compared");
    if source.exists() {
        fs::remove_dir_all(&source)?;
    }
    fs::create_dir_all(&source)?;
    let archive = source.with_extension("tar");
    let mut git = Command::new("git");
    git.args(["archive", "--output"]).arg(&archive).arg(revision).current_dir(root());
    output(git)?;
    run(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&source))?;
    fs::remove_file(archive)?;
    let measured = Measured::of(&source)?;
    fs::remove_dir_all(&source)?;
    Ok(measured)
}

/// Returns the crate that a function counts for: a crate of the workspace if the name contains one,
/// because generic code of a library exists for it. Functions of std's basic types count for
/// `core`.
fn crate_of(function: &str) -> &str {
    const BASIC: &[&str] =
        &["str", "char", "bool", "u8", "u16", "u32", "u64", "u128", "usize", "i32"];
    let name = named_crate(function);
    if BASIC.contains(&name) { "core" } else { name }
}

fn named_crate(function: &str) -> &str {
    let words = || function.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words().find(|word| word.starts_with("mape_"));
    ours.or_else(|| words().find(|word| !matches!(*word, "" | "mut" | "dyn" | "const")))
        .unwrap_or(function)
}

fn list(what: &str, bytes: &Bytes, most: usize) {
    println!("\n{what}");
    let mut lines: Vec<(&String, &u64)> = bytes.iter().collect();
    lines.sort_by_key(|(_, bytes)| std::cmp::Reverse(**bytes));
    for (name, bytes) in lines.into_iter().filter(|(_, bytes)| **bytes > 0).take(most) {
        println!("{bytes:>8}  {name}");
    }
}

fn changes(what: &str, before: &Bytes, now: &Bytes) {
    println!("\n{what}");
    let mut lines: Vec<(i64, &String)> = difference(before, now);
    lines.sort_by_key(|(change, _)| std::cmp::Reverse(change.abs()));
    for (change, name) in lines.into_iter().take(FUNCTIONS) {
        println!("{change:>+8}  {name}");
    }
    let total = |bytes: &Bytes| bytes.values().sum::<u64>();
    println!("{:>8}  in all, before {}", total(now), total(before));
}

/// Returns the changes by name.
fn difference<'a>(before: &'a Bytes, now: &'a Bytes) -> Vec<(i64, &'a String)> {
    let of = |bytes: &Bytes, name: &str| {
        i64::try_from(bytes.get(name).copied().unwrap_or(0)).unwrap_or(i64::MAX)
    };
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    let names = now.keys().chain(gone);
    let changes = names.map(|name| (of(now, name) - of(before, name), name));
    changes.filter(|(change, _)| *change != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_counts_for_the_crate_that_made_it() {
        for (function, expected) in [
            ("mape_core::plan::plan", "mape_core"),
            ("<mape_ubus::error::UbusError as core::fmt::Display>::fmt", "mape_ubus"),
            ("<alloc::vec::Vec<mape_nft::line::Line> as core::ops::drop::Drop>::drop", "mape_nft"),
            ("<&mut serde_json::de::Deserializer<R>>::next", "serde_json"),
            ("<alloc::string::String as core::clone::Clone>::clone", "alloc"),
            ("<str as core::fmt::Display>::fmt", "core"),
            ("main", "main"),
        ] {
            assert_eq!(crate_of(function), expected, "{function}");
        }
    }

    #[test]
    fn what_came_and_what_went_is_a_change() {
        let bytes = |pairs: &[(&str, u64)]| -> Bytes {
            pairs.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect()
        };
        let (before, now) = (bytes(&[("a", 5), ("b", 7)]), bytes(&[("b", 7), ("c", 2)]));
        let changes = difference(&before, &now);
        let changes: Vec<(i64, &str)> =
            changes.iter().map(|(c, name)| (*c, name.as_str())).collect();
        assert_eq!(changes, [(2, "c"), (-5, "a")]);
    }
}
