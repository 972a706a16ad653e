//! `cargo xtask fuzz [SECONDS] [TARGET...]`: runs libFuzzer on every parser, or on some.

use std::fs;

use anyhow::{Context as _, bail};

use host_tools::packages;
use host_tools::steps::{Steps, cargo, output, root, run};

/// The targets in `tests/fuzz/fuzz_targets`.
const TARGETS: [&str; 17] = [
    "prefix",
    "rule",
    "map_rules",
    "rule_file",
    "port_list",
    "blobmsg",
    "uci",
    "linux_config",
    "linux_forwards",
    "dhcpv6_container",
    "ctnetlink",
    "dns",
    "txt",
    "hb46pp",
    "get_rules",
    "basic_map_rules",
    "redirect",
];
/// The longest time until a planted bug is found.
const PLANTED_SECONDS: u32 = 120;

/// `cargo xtask fuzz`
///
/// # Errors
///
/// An argument is wrong, or a step failed.
pub(crate) fn command(words: &[&str]) -> anyhow::Result<()> {
    let (seconds, targets) = match words {
        [first, rest @ ..] if first.starts_with(|digit: char| digit.is_ascii_digit()) => {
            (first.parse().ok().filter(|seconds| *seconds > 0), rest)
        }
        targets => (Some(60), targets),
    };
    // For libFuzzer, 0 is no limit.
    let seconds = seconds.with_context(|| format!("{words:?}: that is no number of seconds"))?;
    if let Some(unknown) = targets.iter().find(|name| !TARGETS.contains(name)) {
        bail!("no fuzz target {unknown}; there are: {}", TARGETS.join(" "));
    }
    let targets = if targets.is_empty() { &TARGETS[..] } else { targets };
    Steps::run(|steps| these(steps, seconds, targets))
}

/// Fuzzes every target.
pub(crate) fn all(steps: &mut Steps, seconds: u32) {
    these(steps, seconds, &TARGETS);
}

/// Checks for each target that a planted bug is found, then fuzzes it for `seconds`.
fn these(steps: &mut Steps, seconds: u32, targets: &[&str]) {
    steps.step("fuzzing: tools", tools);
    steps.step("fuzzing: planted bugs", || {
        targets.iter().try_for_each(|target| planted(target).context((*target).to_string()))
    });
    steps.step("fuzzing", || {
        targets.iter().try_for_each(|target| fuzz(target, seconds).context((*target).to_string()))
    });
}

fn tools() -> anyhow::Result<()> {
    packages::ensure(&["g++"])?;
    if output(cargo(&["fuzz", "--version"])).is_err() {
        run(cargo(&["install", "cargo-fuzz", "--locked", "--version", "0.13.2"]))?;
    }
    Ok(())
}

/// Returns `cargo fuzz run` with a separate corpus.
fn fuzzer(target: &str, corpus: &str, features: &[&str]) -> anyhow::Result<std::process::Command> {
    let home = root().join("tests/fuzz");
    let corpus = format!("{corpus}/{target}");
    fs::create_dir_all(home.join(&corpus))?;
    let mut command = cargo(&["fuzz", "run", "--fuzz-dir", ".", "--sanitizer", "none"]);
    // Coverage needs compiler flags that a stable compiler hides. There is no unsafe code to
    // sanitize.
    command.current_dir(&home).env("RUSTC_BOOTSTRAP", "1");
    command.args(features).args([target, &corpus, &format!("seeds/{target}"), "--"]);
    command.args(["-dict=mape.dict", "-max_len=1000", "-print_final_stats=1"]);
    Ok(command)
}

fn planted(target: &str) -> anyhow::Result<()> {
    // The corpus is empty, so that the bug has to be found again.
    fs::remove_dir_all(root().join("tests/fuzz/corpus/planted").join(target)).ok();
    let mut command = fuzzer(target, "corpus/planted", &["--features", "planted-bug"])?;
    command.arg(format!("-max_total_time={PLANTED_SECONDS}"));
    command.arg("-artifact_prefix=corpus/planted/");
    let output = command.output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.success() || !errors.contains("the planted bug") {
        bail!("the planted bug was not found in {PLANTED_SECONDS} s: {errors}");
    }
    println!("{target}: the planted bug was found");
    Ok(())
}

fn fuzz(target: &str, seconds: u32) -> anyhow::Result<()> {
    let mut command = fuzzer(target, "corpus", &[])?;
    command.arg(format!("-max_total_time={seconds}"));
    let output = command.output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("put the input into tests/crashers/{target}: {errors}");
    }
    let executed =
        errors.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    println!("{target}: {seconds} s, {} inputs, clean", executed.unwrap_or(" ?").trim());
    Ok(())
}
