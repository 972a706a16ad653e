//! Tests plain Linux on real kernels, with scripts `linux-*.sh` of `tests/vm`.
//!
//! `cargo xtask linux [--long] [--kernel NAME] [SCRIPT...]`

use std::path::Path;

use anyhow::Context as _;

use host_tools::debian::{BOOKWORM, Debian};
use host_tools::packages;
use host_tools::steps::{Steps, root, skip_or_fail};
use host_tools::tools;
use lab::initramfs::Initramfs;
use lab::plane::{kernels, on_kernels};
use packaging::package;

/// The scripts of every test. `linux-prefix.sh`, `linux-hooks.sh` and `linux-systemd.sh` run by
/// name only.
const SCRIPTS: &[&str] = &[
    "linux-line.sh",
    "linux-foreign.sh",
    "linux-watch.sh",
    "linux-kill.sh after",
    "linux-files.sh",
    "linux-doctor.sh",
    "linux-forwards.sh",
    "linux-provision.sh",
    "linux-fixed.sh",
    "linux-contract.sh",
    "linux-docker.sh",
    "linux-page.sh",
];

/// The scripts after a reboot of the machine.
const AGAIN: &[&str] = &["linux-line.sh again", "linux-page.sh again"];

/// The scripts of `--long` only.
const LONG: &[&str] = &[
    "linux-kill.sh before half",
    "linux-line.sh v6plus:br0 ocn:eth0",
    "linux-watch.sh br0",
    "linux-files.sh eth0",
];

/// The packages of [`PROGRAMS`].
const PACKAGES: &[&str] = &["radvd", "s6", "systemd"];
/// The programs that advertise the line's prefix, and those that supervise and configure without
/// `OpenRC`.
const PROGRAMS: &[&str] = &["/usr/sbin/radvd", "/usr/bin/s6-supervise", "/usr/bin/s6-svc"];
const SYSTEMD: &[&str] = &["lib/systemd/systemd", "bin/systemctl"];
/// The path of systemd's helper that starts services, from version 255 on.
const SYSTEMD_EXECUTOR: &str = "usr/lib/systemd/systemd-executor";

/// Debian's `OpenRC` is unpacked and never installed, because it would become this machine's init
/// system.
const OPENRC: &[&str] = &["openrc", "librc1", "libeinfo1"];

/// The steps of `cargo xtask test`.
pub(crate) fn steps(steps: &mut Steps, long: bool) {
    steps.step("packages of plain Linux", || {
        package::test_packages(&tools::build_static("mape-proto")?)
    });
    if long {
        steps.step("static programs and their packages", || package::command(None));
    }
    steps.step("plain Linux on kernels 6.12 and 7", || match prepare() {
        Ok(()) => on_kernels(&lab::usual(), &scripts(long), AGAIN, &add_files),
        Err(error) => skip_or_fail("VM lab", error),
    });
    if long {
        steps.step("plain Linux on Debian's own kernels, emulated", || match prepare() {
            Ok(()) => on_kernels(&lab::EMULATED, &scripts(long), AGAIN, &add_files),
            Err(error) => skip_or_fail("VM lab", error),
        });
    }
}

/// `cargo xtask linux`
///
/// # Errors
///
/// An argument is wrong, or a script failed.
pub(crate) fn command(words: &[&str]) -> anyhow::Result<()> {
    let (long, words) = match words {
        ["--long", rest @ ..] => (true, rest),
        _ => (false, words),
    };
    let (kernels, words) = kernels(words);
    prepare()?;
    if words.is_empty() {
        return on_kernels(&kernels, &scripts(long), AGAIN, &add_files).map(drop);
    }
    let scripts = words;
    let is_chosen = |again: &&&str| {
        let name = again.split(' ').next();
        scripts.iter().any(|script| script.split(' ').next() == name)
    };
    let again: Vec<&str> = AGAIN.iter().filter(is_chosen).copied().collect();
    on_kernels(&kernels, scripts, &again, &add_files).map(drop)
}

fn scripts(long: bool) -> Vec<&'static str> {
    let more = if long { LONG } else { &[] };
    SCRIPTS.iter().chain(more).copied().collect()
}

pub(crate) fn prepare() -> anyhow::Result<()> {
    lab::prepare()?;
    packages::ensure(PACKAGES)?;
    lab::provision::prepare_servers()
}

pub(crate) fn add_files(files: &mut Initramfs) -> anyhow::Result<()> {
    for program in PROGRAMS {
        files.add_program(program.trim_start_matches('/'), Path::new(program))?;
    }
    for program in SYSTEMD {
        // Debian 13 moved /lib into /usr.
        let places = ["/", "/usr/"].map(|prefix| Path::new(prefix).join(program));
        let found = places.iter().find(|path| path.exists());
        let found = found.with_context(|| format!("no {program}"))?;
        files.add_program(&format!("usr/{program}"), found)?;
    }
    let executor = Path::new("/").join(SYSTEMD_EXECUTOR);
    if executor.exists() {
        files.add_program(SYSTEMD_EXECUTOR, &executor)?;
    }
    lab::provision::add_servers(files)?;
    // From the older release, whose programs run with the libraries of both releases.
    let debian = Debian::native(BOOKWORM)?;
    let openrc = debian.together(OPENRC)?;
    for program in ["sbin/openrc-run", "sbin/rc-service", "sbin/rc-update", "sbin/supervise-daemon"]
    {
        files.add_program(program, &openrc.join(program))?;
    }
    files.add_tree("lib", &openrc.join("lib"))?;
    // OpenRC requires this file of Debian's older init system, but does not use it.
    files.add_bytes("etc/insserv.conf", 0o644, b"");
    let tree = package::alpine(&tools::build_static("mape-proto")?, &tools::cache_directory())?;
    files.add_tree("package", &tree)?;
    files.add_tree("scripts", &package::alpine_scripts(&tools::cache_directory()))?;
    for directory in ["s6", "hooks", "systemd"] {
        files.add_tree(directory, &root().join("files/linux").join(directory))?;
    }
    files.add_file("lab/page.md", 0o644, &root().join("docs/apu2-alpine.md"))
}
