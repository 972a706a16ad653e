//! `cargo xtask mutants`: changes `mape-core` in every small way and sees that a test notices.

use std::fs;

use anyhow::{Context as _, bail};

use crate::steps::{Steps, cargo, output, root, run};

/// The survivors that do not matter, each with its reason.
const KNOWN: &str = "crates/mape-core/mutants.txt";

/// One step: no survivor that is not on the list.
pub(crate) fn all(steps: &mut Steps) {
    steps.step("mutation testing", check);
}

fn check() -> anyhow::Result<()> {
    if output(cargo(&["mutants", "--version"])).is_err() {
        run(cargo(&["install", "cargo-mutants", "--locked", "--version", "27.1.0"]))?;
    }
    let known = fs::read_to_string(root().join(KNOWN)).context(KNOWN)?;
    let known: Vec<&str> = known.lines().filter(|line| !line.starts_with('#')).collect();
    let directory = root().join("target/mutants");
    let mut mutants =
        cargo(&["mutants", "--package", "mape-core", "--no-shuffle", "--timeout", "120"]);
    mutants.arg("--output").arg(&directory).args(["--", "--lib", "--tests"]);
    // Survivors and time-outs end with a status of their own; what counts is the list.
    mutants.status().context("cannot run cargo mutants")?;
    let missed = fs::read_to_string(directory.join("mutants.out/missed.txt"))?;
    let new: Vec<&str> =
        missed.lines().filter(|line| !known.contains(&without_place(line))).collect();
    if !new.is_empty() {
        bail!("no test notices these changes:\n{}", new.join("\n"));
    }
    println!("{} survivors, all known: {KNOWN}", missed.lines().count());
    Ok(())
}

/// `file:line:column: what` without line and column, which move with every edit.
fn without_place(line: &str) -> &str {
    line.split_once(": ").map_or(line, |(_, what)| what)
}
