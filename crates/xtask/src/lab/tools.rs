//! Finding the programs that go into the VM, and building our own.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::steps::{cargo, root, run};

/// Finds a program of the host. Debian's ordinary users have no sbin in PATH, though the network
/// tools live there.
///
/// # Errors
///
/// It is nowhere.
pub(crate) fn find_program(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    directories.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let mut candidates = directories.iter().map(|directory| directory.join(name));
    candidates.find(|file| file.is_file()).with_context(|| format!("no program {name}"))
}

/// Builds the workspace's program `package` without shared libraries, so that it runs in the VM
/// (which has no cargo and only the libraries of the tools put there). Returns the binary.
///
/// # Errors
///
/// The build fails.
pub(crate) fn build_static(package: &str) -> anyhow::Result<PathBuf> {
    build(package, &[])
}

/// The same for `mape-proto` as a router has it, without plain Linux. It takes the other one's place:
/// read it before that is built again.
///
/// # Errors
///
/// The build fails.
pub(crate) fn build_for_router() -> anyhow::Result<PathBuf> {
    build("mape-proto", &["--no-default-features"])
}

fn build(package: &str, words: &[&str]) -> anyhow::Result<PathBuf> {
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    // A directory of its own: other flags in the usual one would rebuild everything each time.
    let directory = cache_directory().join("cargo");
    let mut build =
        cargo(&["build", "--quiet", "--release", "--package", package, "--target", TARGET]);
    build
        .args(words)
        .arg("--target-dir")
        .arg(&directory)
        .env("RUSTFLAGS", "-C target-feature=+crt-static");
    run(build)?;
    Ok(directory.join(TARGET).join("release").join(package))
}

/// Where downloads, unpacked kernels and VM programs are kept: below cargo's target directory.
pub(crate) fn cache_directory() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| root().join("target")).join("lab")
}
