//! Builds a root in which `crates/netifd-stand-in` imitates ubusd and netifd, from Debian's
//! userland and the files in the crate's `root`. The scenarios run in it as in an OpenWrt root.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context as _, bail, ensure};

use super::report::{Report, Verdict};
use super::rootfs::RootFs;
use super::{Extent, QUICK, run as run_machine};

use crate::initramfs::shared_libraries;
use crate::plane::{Log, lock};
use host_tools::steps::{Outcome, Steps, output, root, run, skip_or_fail};
use host_tools::tools::{build_static, cache_directory, find_program};

/// The host's programs, with their paths in the root. `env` and `sh` are not busybox's, because
/// those would run busybox's `ip`, `ifup` and `logger` instead of the ones in PATH.
const PROGRAMS: &[(&str, &str)] = &[
    ("bin/busybox", "busybox"),
    ("bin/sh", "dash"),
    ("usr/bin/env", "env"),
    ("usr/bin/flock", "flock"),
    ("sbin/ip", "ip"),
    ("usr/sbin/nft", "nft"),
];

/// The names under which the stand-in is linked.
const NAMES: &[&str] = &["ubus", "ifup", "ifdown", "ifstatus", "jsonfilter"];

/// Which of the kernels of [`crate::usual`] a machine has.
#[derive(Clone, Copy)]
enum Series {
    OfRouters,
    Newest,
}

/// The scenarios of `cargo xtask test`. Each line is a machine. Two run at the same time.
const MACHINES: &[(Series, &[&str])] = &[
    (Series::OfRouters, &["up", "nuro", "renumber", "idle", "late"]),
    (Series::OfRouters, &["refused", "firewall", "migrate", "servers", "contract"]),
    (Series::OfRouters, &["killed", "options", "flap", "cycle", "two"]),
    (Series::OfRouters, &["offload", "offload:renumber", "offload:firewall", "duplicate"]),
    (Series::Newest, &["up", "queue", "control:nuro", "control:queue"]),
];

/// The scenarios that need a real OpenWrt root, and the reasons.
const REAL_ONLY: &[(&str, &str)] = &[
    ("boot", "is compared with OpenWrt's map, which needs OpenWrt's netifd and firewall4"),
    ("plain", "asks whether the root works without our files, and this root is made for them"),
    ("provision", "runs the root's own uclient-fetch and TLS library"),
    ("reload", "measures firewall4"),
];

/// The scenario of `cargo xtask soak`, which runs in other tests only by its name.
pub(super) const SOAK: &str = "soak";

/// A week, and then a leak of each kind, which the inventory must find.
const SOAKS: &[&str] = &[
    "SOAK_DAYS=8",
    "SOAK_DAYS=4 SOAK_LEAK=file",
    "SOAK_DAYS=4 SOAK_LEAK=process",
    "SOAK_DAYS=4 SOAK_LEAK=rule",
];

/// Returns whether a scenario can run on the stand-in.
pub(super) fn can_run(scenario: &str) -> bool {
    REAL_ONLY.iter().all(|(name, _)| *name != scenario)
}

/// The steps of `cargo xtask test`.
pub fn steps(steps: &mut Steps) {
    steps.step("netifd's handler on the stand-in", || match crate::prepare() {
        Ok(()) => all_machines(),
        Err(error) => skip_or_fail("VM lab", error),
    });
}

/// The step of `cargo xtask test --long`.
pub fn soak_steps(steps: &mut Steps) {
    steps.step("a week of a line on the stand-in", || match crate::prepare() {
        Ok(()) => soak(crate::usual_one(), None),
        Err(error) => skip_or_fail("VM lab", error),
    });
}

/// Runs a week of a line in minutes, and days with planted leaks, on the stand-in or in this root.
///
/// # Errors
///
/// The root lacks something, the machine cannot be started, or something grew from day to day.
pub fn soak(kernel: &str, rootfs: Option<&Path>) -> anyhow::Result<Outcome> {
    crate::prepare()?;
    let rootfs = match rootfs {
        Some(path) => RootFs::open(path)?,
        None => RootFs::open(&build()?)?,
    };
    let missing = rootfs.missing();
    ensure!(missing.is_empty(), "not in the root: {}", missing.join(", "));
    for more in SOAKS {
        // Without a second chance: what grows does so again.
        one_machine(&rootfs, kernel, &[SOAK], Extent { more, ..QUICK })?;
    }
    Ok(Outcome::Passed)
}

/// Runs two machines at a time, the next one as soon as one has ended.
fn all_machines() -> anyhow::Result<Outcome> {
    let rootfs = RootFs::open(&build()?)?;
    let [of_routers, newest] = crate::usual();
    let waiting = Mutex::new(MACHINES.iter());
    let (failed, unsteady) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let next = lock(&waiting).next();
            let Some((series, scenarios)) = next else { return };
            let kernel = match series {
                Series::OfRouters => of_routers,
                Series::Newest => newest,
            };
            match one_machine(&rootfs, kernel, scenarios, QUICK) {
                Ok(lines) => lock(&unsteady).extend(lines),
                Err(error) => lock(&failed).push(format!("{error:#}")),
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let failed = lock(&failed);
    if !failed.is_empty() {
        bail!("{}", failed.join("; "));
    }
    Ok(Outcome::of(std::mem::take(&mut lock(&unsteady))))
}

/// Returns the scenarios that ran twice.
fn one_machine(
    rootfs: &RootFs,
    kernel: &str,
    scenarios: &[&str],
    extent: Extent,
) -> anyhow::Result<Vec<String>> {
    let scenarios: Vec<String> = scenarios.iter().map(ToString::to_string).collect();
    let mut report = Report::new(kernel);
    let mut log = Log::new(kernel);
    run_machine(rootfs, &scenarios, extent, &mut report, |line| log.add(line))?;
    if report.verdict() != Verdict::Passed {
        log.print();
        bail!("kernel {kernel}: {}{}", report.summary(), log.failures());
    }
    Ok(log.unsteady())
}

/// Builds the root in cargo's target directory and returns its path.
///
/// # Errors
///
/// A tool of the host is missing, or the build of the stand-in fails.
pub(super) fn build() -> anyhow::Result<PathBuf> {
    let directory = cache_directory().join("stand-in-root");
    // An older root may have files that are no longer part of it.
    if directory.exists() {
        std::fs::remove_dir_all(&directory)?;
    }
    for empty in ["etc/config", "sbin", "usr/bin", "usr/sbin", "bin"] {
        std::fs::create_dir_all(directory.join(empty))?;
    }
    symlink("tmp", directory.join("var"))?;
    for (place, program) in PROGRAMS {
        add_program(&directory, place, &find_program(program)?)?;
    }
    for applet in output(Command::new(find_program("busybox")?).arg("--list"))?.lines() {
        let place = directory.join("bin").join(applet);
        if !place.exists() {
            symlink("busybox", &place).with_context(|| place.display().to_string())?;
        }
    }
    let stand_in = build_static("netifd-stand-in")?;
    std::fs::copy(stand_in, directory.join("sbin/netifd-stand-in"))?;
    for name in NAMES {
        symlink("netifd-stand-in", directory.join("sbin").join(name))?;
    }
    let own = root().join("crates/netifd-stand-in/root");
    run(Command::new("cp").arg("--recursive").arg(own.join(".")).arg(&directory))?;
    Ok(directory)
}

/// Copies a program, and the libraries it needs at their own paths below the root.
fn add_program(directory: &Path, place: &str, program: &Path) -> anyhow::Result<()> {
    std::fs::copy(program, directory.join(place))?;
    for library in shared_libraries(program)? {
        let inside = directory.join(library.strip_prefix("/")?);
        std::fs::create_dir_all(inside.parent().context("a library without directory")?)?;
        std::fs::copy(&library, inside)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_runs_in_every_test_or_says_why_not() {
        let known = super::super::known_scenarios().unwrap();
        for name in known.iter().filter(|name| *name != SOAK) {
            let runs = MACHINES.iter().any(|(_, scenarios)| scenarios.contains(&name.as_str()));
            assert_ne!(runs, !can_run(name), "{name}");
        }
        for (name, why) in REAL_ONLY {
            assert!(known.contains(&(*name).to_owned()) && !why.is_empty(), "{name}");
        }
    }
}
