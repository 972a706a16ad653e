//! `cargo xtask cross --stock`: measures the program as OpenWrt's feed builds it.

use std::fs;

use anyhow::Context as _;

use super::{sizes, targets};
use host_tools::elf;
use host_tools::musl;
use host_tools::steps::run;
use host_tools::tools::cache_directory;

const ARCH: &str = "mipsel_24kc";

/// The options of OpenWrt's feed: a std with backtraces and messages, position-independent code.
const FLAGS: &str = "-Clink-self-contained=no -Ctarget-feature=-crt-static";

/// Builds the program with the options of OpenWrt's feed and prints its size. The size as shipped
/// is in `cross/sizes.tsv`.
///
/// OpenWrt's feed checks arithmetic for overflow, and `openwrt-feed/mape-rs/Makefile` lets a panic
/// abort. The size is an approximation: the code that unwinds the stack is in the file here and in
/// a library on a router, and std is optimised for size here and for speed in the feed.
///
/// # Errors
///
/// The build fails.
pub(crate) fn measure() -> anyhow::Result<()> {
    let targets = targets::chosen(&[ARCH])?;
    let target = targets.first().context("no target")?;
    let work = cache_directory().join("cross/stock");
    let words = format!("{} -dynamic", target.zig);
    let linker = musl::linker(&format!("{}-dynamic", target.rust), &words)?;
    let mut build = musl::cargo("mape-proto", &target.rust, &linker, FLAGS, &work)?;
    // The last option for std's features counts.
    build.args(["--no-default-features", "-Z", "build-std-features=backtrace"]);
    build.env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true");
    run(build.env("CARGO_PROFILE_RELEASE_STRIP", "none"))?;
    let program = work.join(&target.rust).join("release/mape-proto");
    let stripped = program.with_extension("stripped");
    fs::write(&stripped, elf::Image::read(&program)?.stripped()?)?;
    println!("{ARCH} as OpenWrt's feed builds it: {}", sizes::Size::of(&stripped)?);
    Ok(())
}
