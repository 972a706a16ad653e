//! Checks that two builds in different directories, without shared files, give the same bytes.

use std::fs;
use std::process::Command;

use anyhow::ensure;

use super::{build_in, directory, targets};
use host_tools::steps::{output, root};
use host_tools::tools::cache_directory;

/// The architecture that is built twice.
const ARCH: &str = "mipsel_24kc";

/// `cargo xtask cross --check`
///
/// # Errors
///
/// The bytes differ, or a build fails.
pub(crate) fn check() -> anyhow::Result<()> {
    let targets = targets::chosen(&[ARCH])?;
    let Some(target) = targets.first() else { return Ok(()) };
    let elsewhere = cache_directory().join("cross/elsewhere");
    if elsewhere.exists() {
        fs::remove_dir_all(&elsewhere)?;
    }
    let source = elsewhere.join("sources");
    fs::create_dir_all(&source)?;
    // The files of the work tree, committed or not, so that both builds have the same sources.
    let files = output(Command::new("git").args(["ls-files", "-z"]).current_dir(root()))?;
    for file in files.split_terminator('\0').filter(|file| root().join(file).is_file()) {
        let to = source.join(file);
        fs::create_dir_all(to.parent().unwrap_or(&source))?;
        fs::copy(root().join(file), to)?;
    }
    let first = build_in(&root(), &directory(), target)?;
    let second = build_in(&source, &elsewhere.join("work"), target)?;
    let same = fs::read(&first)? == fs::read(&second)?;
    ensure!(same, "two builds differ: {} and {}", first.display(), second.display());
    println!("{ARCH}: two builds in different places, the same bytes");
    fs::remove_dir_all(&elsewhere)?;
    Ok(())
}
