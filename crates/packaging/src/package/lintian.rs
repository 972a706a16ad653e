//! Checks the package and its unit with Debian's tools.

use std::path::Path;
use std::process::Command;

use anyhow::{bail, ensure};

use host_tools::packages;
use host_tools::steps::{Outcome, skip_or_fail};

/// Checks with lintian that a package has no error and no warning.
///
/// # Errors
///
/// lintian reports one, or is not installed in CI.
pub(super) fn check(package: &Path) -> anyhow::Result<()> {
    if let Err(error) = packages::ensure(&["lintian"]) {
        tell(skip_or_fail("lintian", error)?);
        return Ok(());
    }
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error,warning", "--tag-display-limit", "0", "--allow-root"]);
    let said = lintian.arg(package).output()?;
    let text = String::from_utf8_lossy(&said.stdout);
    ensure!(said.status.success(), "lintian: {}", text.trim());
    Ok(())
}

/// The highest exposure of the unit, in tenths, as `systemd-analyze security` counts.
const EXPOSURE: &str = "40";

/// Checks with systemd that the unit in a root is valid, and that its exposure is low.
///
/// # Errors
///
/// systemd reports an error, or is not installed in CI.
pub(super) fn check_unit(root: &Path, unit: &str) -> anyhow::Result<()> {
    if let Err(error) = packages::ensure(&["systemd"]) {
        tell(skip_or_fail("systemd-analyze", error)?);
        return Ok(());
    }
    let mut verify = Command::new("systemd-analyze");
    verify.arg("verify").arg("--root").arg(root).arg("mape-rs.service");
    let said = verify.output()?;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    // Messages about a line count. Messages about the units that the root lacks do not.
    let of_a_line = |line: &str| {
        let rest = line.split_once("mape-rs.service:").map(|(_, rest)| rest);
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    ensure!(!said.lines().any(of_a_line), "{unit}: {said}");
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--no-pager", "--threshold", EXPOSURE]);
    let said = security.arg(root.join(unit)).output()?;
    let text = String::from_utf8_lossy(&said.stdout);
    let Some(verdict) = text.lines().rev().find(|line| line.contains("Overall exposure")) else {
        bail!("systemd-analyze security: {}", String::from_utf8_lossy(&said.stderr).trim());
    };
    ensure!(said.status.success(), "{unit}: {}", verdict.trim());
    println!("{}", verdict.trim());
    Ok(())
}

fn tell(outcome: Outcome) {
    if let Outcome::Skipped(why) = outcome {
        println!("SKIPPED: {why}");
    }
}
