//! `cargo xtask test`: every test that can run on this machine.

use crate::{fuzz, linux, luci, luci_browser, mutants, workflows};
use host_tools::packages;
use host_tools::steps::{Outcome, Steps, cargo, run, skip_or_fail};
use lab::{openwrt, plane, provision};
use packaging::feed;

/// The daemon that is given our list of ports, the names of protocols that firewall4's rules use,
/// and `sysctl` for this machine's namespaces.
const HOST: &[&str] = &["miniupnpd-nftables", "netbase", "procps"];

/// About 40 minutes from a fresh clone, on two cores.
pub(crate) fn quick(steps: &mut Steps) {
    all(steps, false);
}

fn all(steps: &mut Steps, long: bool) {
    programs(steps);
    steps.beside(
        |steps| {
            luci::steps(steps);
            luci_browser::steps(steps);
        },
        |steps| plane::host_steps(steps, long),
    );
    plane::steps(steps, long);
    linux::steps(steps, long);
    openwrt::steps(steps);
    // Its machine waits for what expires, and the others build and emulate.
    steps.beside(provision::steps, |steps| {
        feed::steps(steps);
        workflows::steps(steps);
        cross_build::steps(steps, long);
    });
}

fn programs(steps: &mut Steps) {
    // First, because the tests of mape-nft and of the loader send packets through real rules.
    steps.step("packages", || match lab::prepare().and_then(|()| packages::ensure(HOST)) {
        Ok(()) => Ok(Outcome::Passed),
        Err(error) => skip_or_fail("way to install what is missing", error),
    });
    steps.step("tests", || run(cargo(&["test", "--workspace", "--locked"])));
    // Without debug assertions and with wrapping arithmetic, as shipped. Optimising across crates
    // takes minutes for these many programs; the one that is shipped is made so, and gives every
    // known answer with its packages.
    steps.step("tests of the core in the shipped profile", || {
        let mut test =
            cargo(&["test", "--release", "--locked", "--package", "mape-core", "--tests"]);
        run(test.env("CARGO_PROFILE_RELEASE_LTO", "off"))
    });
}

/// All of that, fuzzing, and mutation testing.
pub(crate) fn long(steps: &mut Steps) {
    all(steps, true);
    fuzz::all(steps, 600);
    mutants::all(steps);
}
