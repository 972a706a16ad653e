//! A week of a line in minutes, on plain Linux and on a router.
//!
//! The machine's clock jumps over waits, so a week takes as long as what happens in it
//! (`tests/vm/linux-soak.sh`, `tests/openwrt/scenarios/soak.sh`).

use std::path::Path;

use host_tools::steps::{Outcome, Steps, skip_or_fail};
use lab::openwrt;
use lab::plane::on_kernels;

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
    openwrt::soak_steps(steps);
}

/// `cargo xtask soak`; with `--rootfs` on a real OpenWrt root only.
///
/// # Errors
///
/// A word is wrong, a machine cannot be started, or something grew from day to day.
pub(crate) fn command(words: &[&str]) -> anyhow::Result<()> {
    let (mut kernel, mut rootfs) = (lab::usual_one(), None);
    for pair in words.chunks(2) {
        match pair {
            ["--kernel", name] => kernel = name,
            ["--rootfs", path] => rootfs = Some(Path::new(path)),
            _ => anyhow::bail!("usage: cargo xtask soak [--kernel NAME] [--rootfs DIRECTORY]"),
        }
    }
    if rootfs.is_none() {
        linux::prepare()?;
        run(kernel, SCRIPTS)?;
    }
    openwrt::soak(kernel, rootfs).map(drop)
}

fn run(kernel: &str, scripts: &[&str]) -> anyhow::Result<Outcome> {
    on_kernels(&[kernel], scripts, &[], &linux::add_files)
}
