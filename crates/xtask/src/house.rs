//! The rules of the house, which a reviewer need not check by hand: which crate may use which, no
//! circle of files, no crate too large, comments within the width, plain words, one environment, a
//! page about conformance whose tests exist.
//!
//! A rule counts breaches per key (a file, a crate, a pair of crates). The breaches that existed
//! when a rule was introduced are listed in `house/known/RULE.tsv`. The list may only shrink: a
//! breach that is not listed is an error, and so is a listed breach that no longer exists.
//! `cargo xtask lint --settle` rewrites the lists after a mend or a move.

mod circles;
mod conformance;
mod environment;
mod floors;
mod known;
mod lines;
mod parsed;
mod prose;
mod repository;
mod width;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::bail;

use host_tools::steps::root;
use repository::Repository;

/// The breaches of one rule that share a key.
#[derive(Default, Debug, PartialEq)]
struct Breach {
    count: usize,
    /// One sentence each, with the line where there is one.
    details: Vec<String>,
}

impl Breach {
    fn add(&mut self, detail: String) {
        self.count += 1;
        self.details.push(detail);
    }
}

type Breaches = BTreeMap<String, Breach>;

/// A rule, by the name that its list of known breaches has.
struct Rule {
    name: &'static str,
    find: fn(&Repository) -> anyhow::Result<Breaches>,
    /// What a person does about a breach.
    advice: &'static str,
}

const RULES: [Rule; 7] = [
    Rule { name: "floors", find: floors::find, advice: floors::ADVICE },
    Rule { name: "circles", find: circles::find, advice: circles::ADVICE },
    Rule { name: "lines", find: lines::find, advice: lines::ADVICE },
    Rule { name: "width", find: width::find, advice: width::ADVICE },
    Rule { name: "words", find: words::find, advice: words::ADVICE },
    Rule { name: "environment", find: environment::find, advice: environment::ADVICE },
    Rule { name: "conformance", find: conformance::find, advice: conformance::ADVICE },
];

/// The step of `cargo xtask lint`, which `cargo xtask lint --house` runs alone.
///
/// # Errors
///
/// A rule is broken, or a list of known breaches is not up to date.
pub(crate) fn check() -> anyhow::Result<()> {
    let repository = Repository::tracked()?;
    let mut wrong = Vec::new();
    for rule in &RULES {
        let found = (rule.find)(&repository)?;
        let known = known::read(&list(rule.name))?.unwrap_or_default();
        let problems = known::compare(&found, &known);
        let total: usize = found.values().map(|breach| breach.count).sum();
        println!("{}: {total} known, {} new or out of date", rule.name, problems.len());
        if !problems.is_empty() {
            println!("  {}\n  {}", problems.join("\n  "), rule.advice);
            wrong.push(rule.name);
        }
    }
    if !wrong.is_empty() {
        bail!("rules of the house: {}", wrong.join(", "));
    }
    Ok(())
}

/// `cargo xtask lint --settle`: rewrites the lists of known breaches, with no more than before.
///
/// # Errors
///
/// A rule has more breaches than its list.
pub(crate) fn settle() -> anyhow::Result<()> {
    let repository = Repository::tracked()?;
    let mut wrong = Vec::new();
    for rule in &RULES {
        let found = (rule.find)(&repository)?;
        let path = list(rule.name);
        match known::settled(&found, known::read(&path)?.as_ref()) {
            Ok(text) => fs::write(&path, text)?,
            Err(problems) => {
                println!("{}:\n  {}\n  {}", rule.name, problems.join("\n  "), rule.advice);
                wrong.push(rule.name);
            }
        }
    }
    if !wrong.is_empty() {
        bail!("more breaches than the list has: {}", wrong.join(", "));
    }
    Ok(())
}

fn list(rule: &str) -> PathBuf {
    root().join(format!("crates/xtask/src/house/known/{rule}.tsv"))
}
