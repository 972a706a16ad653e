//! The tests of plain Linux on real kernels: scripts `linux-*.sh` of `tests/vm`.
//!
//! `cargo xtask linux [--long] [--kernel SERIES] [SCRIPT...]`

use crate::lab::{self, SERIES, initramfs::Initramfs, tools};
use crate::packages;
use crate::plane::{on_kernels, one_series};
use crate::steps::{Outcome, Steps, skip_or_fail};

/// What runs in every test.
const SCRIPTS: &[&str] =
    &["linux-line.sh", "linux-foreign.sh", "linux-kill.sh", "linux-watch.sh"];

/// What runs with `--long` only.
const LONG: &[&str] = &["linux-line.sh v6plus:br0 ocn:eth0"];

/// The packages of [`PROGRAMS`].
const PACKAGES: &[&str] = &["radvd"];
/// Sends router advertisements.
const PROGRAMS: &[&str] = &["radvd"];

/// The steps of `cargo xtask test`.
pub(crate) fn steps(steps: &mut Steps, long: bool) {
    steps.step("plain Linux on Debian's kernels", || match prepare() {
        Ok(()) => on_kernels(SERIES, &scripts(long), &add_files).map(Outcome::from),
        Err(error) => skip_or_fail("VM lab", error),
    });
}

/// `cargo xtask linux`
///
/// # Errors
///
/// A wrong word, or a script failed.
pub(crate) fn command(words: &[&str]) -> anyhow::Result<()> {
    let (long, words) = match words {
        ["--long", rest @ ..] => (true, rest),
        _ => (false, words),
    };
    let (series, words) = match words {
        ["--kernel", series, rest @ ..] => (one_series(series)?, rest),
        _ => (SERIES, words),
    };
    prepare()?;
    let chosen = if words.is_empty() { scripts(long) } else { words.to_vec() };
    on_kernels(series, &chosen, &add_files)
}

fn scripts(long: bool) -> Vec<&'static str> {
    let more = if long { LONG } else { &[] };
    SCRIPTS.iter().chain(more).copied().collect()
}

fn prepare() -> anyhow::Result<()> {
    lab::prepare()?;
    packages::ensure(PACKAGES)
}

fn add_files(files: &mut Initramfs) -> anyhow::Result<()> {
    for program in PROGRAMS {
        files.add_program(&format!("usr/sbin/{program}"), &tools::find_program(program)?)?;
    }
    Ok(())
}
