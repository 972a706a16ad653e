//! Finds programs of this machine, and builds the workspace's programs as static ones.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;

use crate::steps::{cargo, root, run};

/// Finds a program of this machine. Also searches sbin, which has the network tools and is not in
/// PATH of Debian's ordinary users.
///
/// # Errors
///
/// No directory has the program.
pub fn find_program(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    directories.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let mut candidates = directories.iter().map(|directory| directory.join(name));
    candidates.find(|file| file.is_file()).with_context(|| format!("no program {name}"))
}

/// Builds the workspace's program `package` without shared libraries, so that it runs in a VM, and
/// returns the path of the binary.
///
/// # Errors
///
/// The build fails.
pub fn build_static(package: &str) -> anyhow::Result<PathBuf> {
    build(package, package, &[])
}

/// Builds `mape-proto` for a router, without the feature `linux`.
///
/// # Errors
///
/// The build fails.
pub fn build_for_router() -> anyhow::Result<PathBuf> {
    build("mape-proto", "mape-proto-router", &["--no-default-features"])
}

/// cargo gives both forms of a program the same name. So only one is built at a time, and then
/// copied to a name of its own.
static BUILDING: Mutex<()> = Mutex::new(());

fn build(package: &str, name: &str, words: &[&str]) -> anyhow::Result<PathBuf> {
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    // In the usual directory these flags would rebuild everything each time.
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
    // Renamed into place, because the previous program may be running.
    let (partial, program) = (programs.join(format!("{name}.partial")), programs.join(name));
    std::fs::copy(&linked, &partial).with_context(|| linked.display().to_string())?;
    std::fs::rename(&partial, &program)?;
    Ok(program)
}

/// Returns the directory for downloads, unpacked kernels and VM programs, below cargo's target
/// directory.
pub fn cache_directory() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| root().join("target")).join("lab")
}
