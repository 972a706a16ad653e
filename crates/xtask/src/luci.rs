//! The pages for LuCI, as far as they can be judged without a browser: `luci-app-mape` by eslint,
//! by node's own test runner, and by the completeness of its translations.
//!
//! `cargo xtask luci`

use crate::packages;
use crate::steps::{Outcome, Steps, command, output, run, skip_or_fail};

/// Where `package.json` is.
const DIRECTORY: &str = "tests/luci";

/// The steps of `cargo xtask test`.
pub(crate) fn steps(steps: &mut Steps) {
    for (name, script) in [
        ("LuCI: eslint", "lint"),
        ("LuCI: node tests", "unit"),
        ("LuCI: translations are complete", "i18n"),
    ] {
        steps.step(name, || match prepare() {
            Ok(()) => run(npm(&["run", script])).map(Outcome::from),
            Err(error) => skip_or_fail("node with npm's packages", error),
        });
    }
}

/// Node, npm, and what `package-lock.json` names; once for all steps.
fn prepare() -> anyhow::Result<()> {
    // Who has node from elsewhere must not get Debian's beside it.
    if output(command("node", &["--version"])).is_err() || output(npm(&["--version"])).is_err() {
        packages::ensure(&["nodejs", "npm"])?;
    }
    if output(npm(&["ls"])).is_ok() {
        return Ok(());
    }
    run(npm(&["ci", "--no-audit", "--no-fund"]))
}

fn npm(arguments: &[&str]) -> std::process::Command {
    let mut npm = command("npm", &["--prefix", DIRECTORY, "--silent"]);
    npm.args(arguments);
    npm
}
