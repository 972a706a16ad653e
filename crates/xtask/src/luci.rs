//! Tests the pages for LuCI (`luci-app-mape`) without a browser: eslint, node's test runner, and
//! the completeness of the translations.
//!
//! `cargo xtask luci`

use host_tools::npm::Npm;
use host_tools::steps::{Outcome, Steps, skip_or_fail};

/// eslint and its dependencies.
const TOOLS: Npm = Npm::of("tests/luci");

/// The steps of `cargo xtask test`.
pub(crate) fn steps(steps: &mut Steps) {
    for (name, script) in [
        ("LuCI: eslint", "lint"),
        ("LuCI: node tests", "unit"),
        ("LuCI: translations are complete", "i18n"),
    ] {
        steps.step(name, || match TOOLS.prepare() {
            Ok(()) => TOOLS.script(script).map(Outcome::from),
            Err(error) => skip_or_fail("node with npm's packages", error),
        });
    }
}
