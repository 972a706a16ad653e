//! A week of a line in minutes: `cargo xtask soak [--kernel NAME] [DAYS [LEAK]]`.
//!
//! The machine's clock jumps over waits, so a week takes as long as what happens in it
//! (`tests/vm/linux-soak.sh`).

use host_tools::steps::{Outcome, Steps, skip_or_fail};
use lab::plane::{kernels, on_kernels};

use crate::linux;

/// A week, and then a leak of each kind, which the count must find.
const SCRIPTS: &[&str] =
    &["linux-soak.sh 8", "linux-soak.sh 4 file", "linux-soak.sh 4 process", "linux-soak.sh 4 rule"];

/// The step of `cargo xtask test --long`.
pub(crate) fn steps(steps: &mut Steps) {
    steps.step("a week of a line on plain Linux", || match linux::prepare() {
        Ok(()) => run(lab::usual_one(), SCRIPTS),
        Err(error) => skip_or_fail("VM lab", error),
    });
}

/// `cargo xtask soak`
///
/// # Errors
///
/// The machine cannot be started, or something grew from day to day.
pub(crate) fn command(words: &[&str]) -> anyhow::Result<()> {
    let (chosen, words) = kernels(words);
    linux::prepare()?;
    let one = format!("linux-soak.sh {}", words.join(" "));
    let one = [one.as_str()];
    let scripts: &[&str] = if words.is_empty() { SCRIPTS } else { &one };
    for kernel in chosen.iter().take(1) {
        run(kernel, scripts)?;
    }
    Ok(())
}

fn run(kernel: &str, scripts: &[&str]) -> anyhow::Result<Outcome> {
    on_kernels(&[kernel], scripts, &[], &linux::add_files)
}
