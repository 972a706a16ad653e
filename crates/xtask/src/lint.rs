//! `cargo xtask lint`: what can be told without running the program.

use std::path::Path;

use anyhow::bail;

use crate::steps::{Steps, cargo, command, output, run};
use crate::{licences, msrv, packages, workflows};

/// All checks.
pub(crate) fn all(steps: &mut Steps) {
    steps.step("format", || run(cargo(&["fmt", "--all", "--check"])));
    steps.step("clippy", || {
        let arguments =
            ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        run(cargo(&arguments))
    });
    steps.step("clippy without plain Linux, as for OpenWrt", || {
        let words = ["clippy", "--package", "mape-proto", "--no-default-features", "--all-targets"];
        let mut clippy = cargo(&words);
        clippy.args(["--locked", "--", "-D", "warnings"]);
        run(clippy)
    });
    steps.step("documentation", || {
        let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
        doc.env("RUSTDOCFLAGS", "-D warnings");
        run(doc)
    });
    steps.step("shellcheck", shellcheck);
    steps.step("workflows", workflows::lint);
    steps.step("licences", licences::check);
    steps.step("oldest compiler", msrv::check);
}

/// Every tracked file that a shell reads: by its name or by its first line.
fn shellcheck() -> anyhow::Result<()> {
    packages::ensure(&["shellcheck"])?;
    let tracked = output(command("git", &["ls-files"]))?;
    let scripts: Vec<&str> = tracked.lines().filter(|path| is_script(path)).collect();
    if scripts.is_empty() {
        bail!("no script found, not even .ci/run");
    }
    let mut shellcheck = command("shellcheck", &["--external-sources"]);
    shellcheck.args(scripts);
    run(shellcheck)
}

fn is_script(path: &str) -> bool {
    // Stand for scripts of others, as they are found on routers.
    if path.starts_with("tests/netifd/import/") {
        return false;
    }
    if Path::new(path).extension().is_some_and(|extension| extension == "sh") {
        return true;
    }
    let text = std::fs::read(crate::steps::root().join(path)).unwrap_or_default();
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    first.starts_with(b"#!") && first.ends_with(b"sh")
}
