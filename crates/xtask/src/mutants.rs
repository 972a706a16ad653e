//! `cargo xtask mutants`: changes `mape-core` in many small ways and checks that a test fails each
//! time.

use std::fs;

use anyhow::{Context as _, bail};

use host_tools::steps::{Steps, cargo, output, root, run};

/// The survivors that do not matter, each with its reason.
const KNOWN: &str = "crates/mape-core/mutants.txt";

/// The step: every surviving mutant is on the list.
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
    fs::remove_dir_all(directory.join("mutants.out")).ok();
    let mut mutants =
        cargo(&["mutants", "--package", "mape-core", "--no-shuffle", "--timeout", "120"]);
    mutants.arg("--output").arg(&directory).args(["--", "--lib", "--tests"]);
    let status = mutants.status().context("cannot run cargo mutants")?;
    // 0: all caught; 2: survivors; 3: time-outs. With 4 the tests fail even without a mutant.
    if !matches!(status.code(), Some(0 | 2 | 3)) {
        bail!("nothing was tested: {status}");
    }

    let list = |name: &str| fs::read_to_string(directory.join("mutants.out").join(name));
    let (caught, missed) = (list("caught.txt")?, list("missed.txt")?);
    let timeouts = list("timeout.txt")?;
    if caught.is_empty() || !timeouts.is_empty() {
        bail!("{} caught; out of time:\n{timeouts}", caught.lines().count());
    }
    let survivors: Vec<String> = missed.lines().map(without_place).collect();
    let new: Vec<&String> = survivors.iter().filter(|it| !known.contains(&it.as_str())).collect();
    let stale: Vec<&&str> =
        known.iter().filter(|it| !survivors.iter().any(|s| s == **it)).collect();
    if !new.is_empty() || !stale.is_empty() {
        bail!("no test notices {new:#?}; listed in {KNOWN} but noticed: {stale:#?}");
    }
    println!("{} caught, {} known survivors", caught.lines().count(), survivors.len());
    Ok(())
}

/// Turns `file:line:column: what` into `file: what`, because lines and columns change with every
/// edit.
fn without_place(line: &str) -> String {
    let (place, what) = line.split_once(": ").unwrap_or(("", line));
    let file = place.split(':').next().unwrap_or(place);
    format!("{file}: {what}")
}
