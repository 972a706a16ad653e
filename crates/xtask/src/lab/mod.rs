//! The VM lab: real kernels with a MAP-E line made of namespaces inside.
//!
//! `cargo xtask lab [--kernel SERIES] SCRIPT [ARGUMENT...]` boots one and runs a script of
//! `tests/vm` in it; tests, demo and benches use the same pieces.

pub(crate) mod initramfs;
pub(crate) mod kernel;
pub(crate) mod tools;
pub(crate) mod vm;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::packages;
use initramfs::Initramfs;
use kernel::Kernel;
use vm::Vm;

/// The kernel series that every data-plane claim is checked on.
pub(crate) const SERIES: &[&str] = &["6.1", "6.12"];

/// Scripts are short; this only catches one that hangs.
const LIMIT: Duration = Duration::from_secs(900);

/// Installs what the lab runs on the host.
///
/// # Errors
///
/// As [`packages::ensure`].
pub(crate) fn prepare() -> anyhow::Result<()> {
    packages::ensure(&[initramfs::PACKAGES, vm::PACKAGES].concat())
}

/// The initramfs for `kernel` with the traffic tool and every file of `directory` in `/lab`.
///
/// # Errors
///
/// A tool is missing or the traffic tool does not build.
pub(crate) fn initramfs(kernel: &Kernel, directory: &Path) -> anyhow::Result<Initramfs> {
    let mut files = Initramfs::new(kernel)?;
    files.add_file(
        "usr/bin/lab-traffic",
        0o755,
        &tools::build_static("lab-traffic")?,
    )?;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.add_file(&format!("lab/{name}"), 0o755, &entry.path())?;
        }
    }
    Ok(files)
}

/// `cargo xtask lab [--kernel SERIES] SCRIPT [ARGUMENT...]`
///
/// # Errors
///
/// Wrong words, no lab, or the script's own failure.
pub(crate) fn command(words: &[&str]) -> anyhow::Result<()> {
    let (series, words) = match words {
        ["--kernel", series, rest @ ..] => (*series, rest),
        _ => ("6.12", words),
    };
    let [script, arguments @ ..] = words else {
        bail!(
            "usage: cargo xtask lab [--kernel {}] SCRIPT [ARGUMENT...]",
            SERIES.join("|")
        );
    };
    let script = Path::new(script);
    let name = script
        .file_name()
        .context("SCRIPT is no file")?
        .to_string_lossy();
    let directory = script.parent().filter(|dir| !dir.as_os_str().is_empty());

    prepare()?;
    let kernel = Kernel::obtain(series, &tools::cache_directory())?;
    let files = initramfs(&kernel, directory.unwrap_or(Path::new(".")))?;
    let quoted: Vec<String> = arguments.iter().map(|word| quote(word)).collect();
    let commands = format!(
        "exec sh {} {}\n",
        quote(&format!("./{name}")),
        quoted.join(" ")
    );

    eprintln!("lab: booting {}", kernel.release);
    let started = Instant::now();
    let vm = Vm::boot(&kernel, files, &commands, LIMIT)?;
    let status = vm.finish(|line| {
        println!("{:6.1} {line}", started.elapsed().as_secs_f32());
    })?;
    if status != 0 {
        bail!("{name} failed on {} with status {status}", kernel.release);
    }
    Ok(())
}

/// `word` as one word for a POSIX shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
