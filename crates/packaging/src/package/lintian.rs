//! What Debian's own tools say of the package and of the unit in it.

use std::path::Path;
use std::process::Command;

use anyhow::{bail, ensure};

use host_tools::packages;
use host_tools::steps::{Outcome, skip_or_fail};

/// Has lintian judge a package: no error and no warning.
///
/// # Errors
///
/// There is one, or in CI there is no lintian.
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

/// The exposure that the unit may have, in tenths, as `systemd-analyze security` counts.
const EXPOSURE: &str = "40";

/// Has systemd read the unit in a root, and judge what the service may do.
///
/// # Errors
///
/// It complains, or in CI there is no systemd.
pub(super) fn check_unit(root: &Path, unit: &str) -> anyhow::Result<()> {
    if let Err(error) = packages::ensure(&["systemd"]) {
        tell(skip_or_fail("systemd-analyze", error)?);
        return Ok(());
    }
    let mut verify = Command::new("systemd-analyze");
    verify.arg("verify").arg("--root").arg(root).arg("mape-rs.service");
    let said = verify.output()?;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    // What it says of a line; that the root has no other units is no fault of this one.
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
