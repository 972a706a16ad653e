//! Running other programs, and building the ones that go into the VM.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// Runs `command` to its end; its output goes to standard error.
///
/// # Errors
///
/// It cannot be started or fails.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .stdout(Stdio::from(std::io::stderr()))
        .status()
        .with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

/// Runs `command` to its end and returns what it wrote to standard output.
///
/// # Errors
///
/// It cannot be started, fails, or writes something that is not text.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let result = command
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    if !result.status.success() {
        let error = String::from_utf8_lossy(&result.stderr);
        bail!("{command:?} failed: {}: {}", result.status, error.trim());
    }
    String::from_utf8(result.stdout).with_context(|| format!("{command:?} wrote no text"))
}

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
    candidates
        .find(|file| file.is_file())
        .with_context(|| format!("no program {name}"))
}

/// Builds the workspace's program `package` without shared libraries, so that it runs in the VM
/// (which has no cargo and only the libraries of the tools put there). Returns the binary.
///
/// # Errors
///
/// The build fails.
pub(crate) fn build_static(package: &str) -> anyhow::Result<PathBuf> {
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    // A directory of its own: other flags in the usual one would rebuild everything each time.
    let directory = cache_directory().join("cargo");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--release",
            "--package",
            package,
            "--target",
            TARGET,
        ])
        .arg("--target-dir")
        .arg(&directory)
        .current_dir(repository())
        .env("RUSTFLAGS", "-C target-feature=+crt-static"))?;
    Ok(directory.join(TARGET).join("release").join(package))
}

/// The root of the working copy.
pub(crate) fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Where downloads, unpacked kernels and VM programs are kept: below cargo's target directory.
pub(crate) fn cache_directory() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target
        .unwrap_or_else(|| repository().join("target"))
        .join("lab")
}
