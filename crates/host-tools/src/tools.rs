//! Finding the programs that go into the VM, and building our own.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;

use crate::steps::{cargo, root, run};

/// Finds a program of the host. Debian's ordinary users have no sbin in PATH, though the network
/// tools live there.
///
/// # Errors
///
/// It is nowhere.
pub fn find_program(name: &str) -> anyhow::Result<PathBuf> {
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
pub fn build_static(package: &str) -> anyhow::Result<PathBuf> {
    build(package, package, &[])
}

/// The same for `mape-proto` as a router has it, without plain Linux.
///
/// # Errors
///
/// The build fails.
pub fn build_for_router() -> anyhow::Result<PathBuf> {
    build("mape-proto", "mape-proto-router", &["--no-default-features"])
}

/// cargo gives both forms of a program one name: only one is built at a time, and put away under
/// its own.
static BUILDING: Mutex<()> = Mutex::new(());

fn build(package: &str, name: &str, words: &[&str]) -> anyhow::Result<PathBuf> {
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    // A directory of its own: other flags in the usual one would rebuild everything each time.
    let directory = cache_directory().join("cargo");
    let _one = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut build =
        cargo(&["build", "--quiet", "--release", "--package", package, "--target", TARGET]);
    build
        .args(words)
        .arg("--target-dir")
        .arg(&directory)
        .env("RUSTFLAGS", "-C target-feature=+crt-static");
    run(build)?;
    let linked = directory.join(TARGET).join("release").join(package);
    let programs = cache_directory().join("programs");
    std::fs::create_dir_all(&programs)?;
    // Under its name at once: the one before may be running.
    let (partial, program) = (programs.join(format!("{name}.partial")), programs.join(name));
    std::fs::copy(&linked, &partial).with_context(|| linked.display().to_string())?;
    std::fs::rename(&partial, &program)?;
    Ok(program)
}

/// Where downloads, unpacked kernels and VM programs are kept: below cargo's target directory.
pub fn cache_directory() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| root().join("target")).join("lab")
}
