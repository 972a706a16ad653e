//! Virtual machines with real kernels, and the tests that run in them.
//!
//! `cargo xtask lab [--kernel NAME] SCRIPT [ARGUMENT...]` boots a machine and runs a script of
//! `tests/vm` in it. `lab --self-test` tests the lab itself. Tests, demo and benches use the same
//! functions.

pub mod demo;
pub mod initramfs;
pub mod kernel;
pub mod openwrt;
pub mod plane;
pub mod provision;
mod user_mode;
pub mod vm;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use host_tools::{packages, tools};
use initramfs::Initramfs;
use kernel::Kernel;
use vm::Vm;

/// The kernels of every test, where such kernels run: a series that routers use, and the newest.
const PROCESSES: [&str; 2] = ["uml-6.12", "uml-7"];

/// What replaces them elsewhere: the same series, at eight times the cost.
const REPLACEMENTS: [&str; 2] = ["6.12", "7"];

/// Debian's own kernels that `--long` adds.
pub const EMULATED: [&str; 2] = ["6.1", "6.12"];

/// Returns the kernels of every test: a series that routers use, and the newest.
#[must_use]
pub fn usual() -> [&'static str; 2] {
    if user_mode::works() { PROCESSES } else { REPLACEMENTS }
}

/// Returns the kernel of a run on one kernel.
#[must_use]
pub fn usual_one() -> &'static str {
    let [kernel, _] = usual();
    kernel
}

/// Scripts are short. The limit only ends one that hangs.
const LIMIT: Duration = Duration::from_secs(900);

/// Installs the packages that the lab needs on the host.
///
/// # Errors
///
/// As [`packages::ensure`].
pub fn prepare() -> anyhow::Result<()> {
    packages::ensure(&[initramfs::PACKAGES, vm::PACKAGES].concat())
}

/// Builds the initramfs for `kernel`, with the traffic tool and every file of `directory` in
/// `/lab`.
///
/// # Errors
///
/// A tool is missing, or the build of the traffic tool fails.
pub fn initramfs(kernel: &Kernel, directory: &Path) -> anyhow::Result<Initramfs> {
    let mut files = Initramfs::new(kernel)?;
    files.add_file("usr/bin/lab-traffic", 0o755, &tools::build_static("lab-traffic")?)?;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.add_file(&format!("lab/{name}"), 0o755, &entry.path())?;
        }
    }
    Ok(files)
}

/// Boots the kernel of this name, runs `script` in it, with the files beside it and the
/// traffic tool, and returns the script's exit status. Every console line goes to `on_line`.
///
/// # Errors
///
/// The lab is not available, or the machine ended before the script.
pub fn run_script(
    kernel: &str,
    script: &Path,
    arguments: &[&str],
    on_line: impl FnMut(&str),
) -> anyhow::Result<i32> {
    let name = script.file_name().context("the script is no file")?.to_string_lossy();
    let directory = script.parent().filter(|directory| !directory.as_os_str().is_empty());
    prepare()?;
    let kernel = Kernel::obtain(kernel)?;
    let files = initramfs(&kernel, directory.unwrap_or(Path::new(".")))?;
    let words: Vec<String> = arguments.iter().map(|word| quote(word)).collect();
    let commands = format!("exec sh {} {}\n", quote(&format!("./{name}")), words.join(" "));
    Vm::boot(&kernel, files, &commands, LIMIT)?.finish(on_line)
}

/// The scripts that test the lab itself.
const SELF_TESTS: &[&str] = &["smoke.sh", "traffic.sh", "judge-test.sh"];

/// Tests the lab on every kernel. If the lab is not available, CI (`MAPE_CI=1`) fails and other
/// runs skip.
///
/// # Errors
///
/// A script failed, or the lab is not available in CI.
pub fn self_test() -> anyhow::Result<()> {
    if let Err(error) = prepare() {
        if std::env::var_os("MAPE_CI").is_some_and(|value| value == "1") {
            return Err(error.context("MAPE_CI=1, but there is no VM lab"));
        }
        println!("skipped: the VM lab's tests ({error:#})");
        return Ok(());
    }
    for series in usual().iter().chain(&EMULATED) {
        for script in SELF_TESTS {
            let path = host_tools::steps::root().join("tests/vm").join(script);
            command(&["--kernel", series, &path.to_string_lossy()])?;
        }
    }
    Ok(())
}

/// `cargo xtask lab [--kernel NAME] SCRIPT [ARGUMENT...]`, or `lab --self-test`
///
/// # Errors
///
/// An argument is wrong, the lab is not available, or the script failed.
pub fn command(words: &[&str]) -> anyhow::Result<()> {
    if words == ["--self-test"] {
        return self_test();
    }
    let (series, words) = match words {
        ["--kernel", series, rest @ ..] => (*series, rest),
        _ => (usual_one(), words),
    };
    let [script, arguments @ ..] = words else {
        let names: Vec<&str> = kernel::names().collect();
        bail!("usage: cargo xtask lab [--kernel {}] SCRIPT [ARGUMENT...]", names.join("|"));
    };
    let started = Instant::now();
    let status = run_script(series, Path::new(script), arguments, |line| {
        println!("{:6.1} {line}", started.elapsed().as_secs_f32());
    })?;
    if status != 0 {
        bail!("{script} failed on kernel {series} with status {status}");
    }
    Ok(())
}

/// Quotes `word` as one word for a POSIX shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
