//! Finds and installs the Debian packages that a command needs.
//!
//! One command takes a fresh machine from `git clone` to a running test. root (CI, containers)
//! installs packages without a question; other users see the exact command first and confirm it.

use std::io::{IsTerminal as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};

use crate::tools::find_program;

/// Makes sure that every package in `packages` is installed.
///
/// # Errors
///
/// Not a Debian-like system, an answer other than yes, or a failing `apt-get`.
pub fn ensure(packages: &[&str]) -> anyhow::Result<()> {
    let missing = missing(packages)?;
    if missing.is_empty() {
        return Ok(());
    }
    println!("missing Debian packages: {}", missing.join(" "));
    let mut install = vec!["apt-get", "install", "--yes", "--no-install-recommends"];
    install.extend(&missing);
    // A fresh machine has no package lists, and old lists name files that were deleted.
    privileged(&[&["apt-get", "update"], &install])
}

/// Downloads the package lists.
///
/// # Errors
///
/// As [`ensure`].
pub fn refresh_lists() -> anyhow::Result<()> {
    privileged(&[&["apt-get", "update"]])
}

fn missing<'a>(packages: &[&'a str]) -> anyhow::Result<Vec<&'a str>> {
    let mut missing = Vec::new();
    for &package in packages {
        let output = Command::new("dpkg-query")
            .args(["--show", "--showformat=${db:Status-Abbrev}", package])
            .output()
            .with_context(|| {
                format!("no dpkg-query here: install by hand {}", packages.join(" "))
            })?;
        if !output.stdout.starts_with(b"ii") {
            missing.push(package);
        }
    }
    Ok(missing)
}

/// apt refuses to run twice at the same time.
static APT: Mutex<()> = Mutex::new(());

/// Runs `commands` as root: directly, or through sudo after a confirmation.
fn privileged(commands: &[&[&str]]) -> anyhow::Result<()> {
    let _one = APT.lock().unwrap_or_else(PoisonError::into_inner);
    let root = is_root()?;
    if !root {
        let shown: Vec<String> = commands.iter().map(|c| format!("sudo {}", c.join(" "))).collect();
        let shown = shown.join(" && ");
        print!("needed: {shown}\nrun it now? [y/N] ");
        std::io::stdout().flush()?;
        if !std::io::stdin().is_terminal() {
            println!();
            bail!("standard input is no terminal; run this first: {shown}");
        }
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            bail!("not installed; run this first: {shown}");
        }
    }
    for words in commands {
        let mut all = if root { Vec::new() } else { vec!["sudo"] };
        all.extend_from_slice(words);
        let (program, arguments) = all.split_first().context("an empty command")?;
        let status = Command::new(program)
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            // The output of apt goes to standard error, because standard output may be JSON.
            .stdout(Stdio::from(std::io::stderr()))
            .status()
            .with_context(|| format!("cannot run {program}"))?;
        if !status.success() {
            bail!("`{}` failed: {status}", all.join(" "));
        }
    }
    Ok(())
}

/// Returns a command that runs a program as root. For another user it runs in a user namespace.
/// root does not use one, because the kernel refuses it after `chroot`.
///
/// # Errors
///
/// The program is missing, or `id` does not answer.
pub fn as_root(program: &str) -> anyhow::Result<Command> {
    let program = find_program(program)?;
    if is_root()? {
        return Ok(Command::new(program));
    }
    let mut command = Command::new(find_program("unshare")?);
    command.arg("--map-root-user").arg(program);
    Ok(command)
}

fn is_root() -> anyhow::Result<bool> {
    let output = Command::new("id").arg("-u").output().context("cannot run id")?;
    Ok(output.stdout.trim_ascii() == b"0")
}
