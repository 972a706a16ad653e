//! The pages for LuCI, as far as they can be judged without a browser: `luci-app-mape` by eslint,
//! by node's own test runner, and by the completeness of its translations.
//!
//! `cargo xtask luci`

use host_tools::npm::Npm;
use host_tools::steps::{Outcome, Steps, skip_or_fail};

/// eslint and what it needs.
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
