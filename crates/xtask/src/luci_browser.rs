//! Tests the pages for LuCI in a browser, on a stand-in for LuCI, with `tests/luci/run`.
//! `tests/luci/README.md` describes the script, which also accepts a real LuCI (`LUCI_ROOT`).
//!
//! `cargo xtask luci --browser`

use host_tools::npm::Npm;
use host_tools::packages;
use host_tools::steps::{Outcome, Steps, command, run, skip_or_fail};
use host_tools::tools::build_static;

/// The driver of the browser.
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
    // The program that is also in the machines.
    suite.arg(build_static("mape-proto")?);
    // A root in the environment is for manual runs. This step has to be the same on every machine.
    run(suite.env_remove("LUCI_ROOT"))
}

/// Installs Chromium, node, npm, and the packages in `package-lock.json`.
fn prepare() -> anyhow::Result<()> {
    packages::ensure(&["chromium"])?;
    TOOLS.prepare()
}
