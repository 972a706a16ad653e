//! `cargo xtask test`: runs every test that can run on this machine.

use std::path::Path;

use crate::{fuzz, linux, luci, luci_browser, mutants, soak, workflows};
use host_tools::packages;
use host_tools::steps::{Outcome, Steps, cargo, run, skip_or_fail};
use lab::{openwrt, plane, provision};
use packaging::feed;

/// The packages of the UPnP daemon that gets our list of ports and of its clients, of a second
/// opinion on the NAT's behaviour, of the protocol names in firewall4's rules, of `sysctl` for this
/// machine's namespaces, of the shells that read our completion scripts, and of what reads our
/// manual page.
const HOST: &[&str] = &[
    "coturn",
    "miniupnpc",
    "miniupnpd-nftables",
    "natpmpc",
    "netbase",
    "procps",
    "bash",
    "busybox-static",
    "fish",
    "zsh",
    "mandoc",
    "man-db",
];

/// A firewall beside ours. Where systemd runs, its installation would start it.
const FIREWALL: &[&str] = &["dbus", "firewalld"];

/// Installs the packages that are missing.
fn host_packages() -> anyhow::Result<()> {
    packages::ensure(HOST)?;
    if Path::new("/run/systemd/system").exists() { Ok(()) } else { packages::ensure(FIREWALL) }
}

/// Runs the usual tests: about 30 minutes from a fresh clone, on two cores.
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
    steps.beside(openwrt::steps, |steps| plane::emulated_steps(steps, long));
    plane::relay_steps(steps);
    // The machine of this test often waits, while the others build and emulate.
    steps.beside(provision::steps, |steps| {
        feed::steps(steps);
        workflows::steps(steps);
        cross_build::steps(steps, long);
    });
}

fn programs(steps: &mut Steps) {
    // First, because the tests of mape-nft and of the loader send packets through real rules.
    steps.step("packages", || match lab::prepare().and_then(|()| host_packages()) {
        Ok(()) => Ok(Outcome::Passed),
        Err(error) => skip_or_fail("way to install missing packages", error),
    });
    steps.step("tests", || run(cargo(&["test", "--workspace", "--locked"])));
    // Without debug assertions and with wrapping arithmetic, as shipped, but without LTO, which
    // takes minutes for so many programs. The tests of the packages check the shipped program,
    // which has LTO, against every known answer.
    steps.step("tests of the core in the shipped profile", || {
        let mut test =
            cargo(&["test", "--release", "--locked", "--package", "mape-core", "--tests"]);
        run(test.env("CARGO_PROFILE_RELEASE_LTO", "off"))
    });
}

/// Runs all tests, fuzzing, and mutation testing.
pub(crate) fn long(steps: &mut Steps) {
    all(steps, true);
    soak::steps(steps);
    fuzz::all(steps, 600);
    mutants::all(steps);
}
