//! The pages for LuCI in a real browser, on a stand-in for LuCI: `tests/luci/run`, which also takes
//! a real LuCI (`LUCI_ROOT`) and is told in `tests/luci/README.md`.
//!
//! `cargo xtask luci --browser`

use host_tools::npm::Npm;
use host_tools::packages;
use host_tools::steps::{Outcome, Steps, command, run, skip_or_fail};
use host_tools::tools::build_static;

/// The driver.
const TOOLS: Npm = Npm::of("tests/luci/browser");

/// The step of `cargo xtask test`.
pub(crate) fn steps(steps: &mut Steps) {
    steps.step("LuCI: pages in a browser", || match prepare() {
        Ok(()) => pages().map(Outcome::from),
        Err(error) => skip_or_fail("browser with its driver", error),
    });
}

fn pages() -> anyhow::Result<()> {
    let mut suite = command("tests/luci/run", &["--program"]);
    // The one that goes into machines.
    suite.arg(build_static("mape-proto")?);
    // A root in the environment is for who calls the suite by hand: here it has to be the same
    // everywhere.
    run(suite.env_remove("LUCI_ROOT"))
}

/// Chromium, node, npm, and what `package-lock.json` names.
fn prepare() -> anyhow::Result<()> {
    packages::ensure(&["chromium"])?;
    TOOLS.prepare()
}
