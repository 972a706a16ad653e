//! `cargo xtask cross --boot [SCRIPT...]`: the shipped mipsel program on a whole MIPS machine,
//! which has no FPU: Debian's kernel and tools, a real tunnel, and musl as routers have it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::{build, directory, libc, link, targets};

use host_tools::debian::{BOOKWORM, Debian};
use host_tools::packages;
use host_tools::steps::root;
use lab::initramfs::Initramfs;
use lab::kernel::Kernel;
use lab::plane;
use lab::vm::Vm;

const ARCH: &str = "mipsel_24kc";
/// Debian's name of the processor, and its kernel for the board that qemu has.
const DEBIAN: (&str, &str) = ("mipsel", r"^linux-image-[0-9.-]*-4kc-malta$");
/// What holds the programs of [`Initramfs`].
const TOOLS: &[&str] = &["busybox-static", "dash", "iproute2", "ethtool", "nftables", "conntrack"];
/// Tunnel, ping, TCP, the full port set.
const SCRIPTS: &[&str] = &["mips.sh"];
/// Emulated, each instruction takes a while; this only catches what hangs.
const LIMIT: Duration = Duration::from_secs(720);

/// Installs what is needed on this machine.
///
/// # Errors
///
/// As [`packages::ensure`].
pub(crate) fn prepare() -> anyhow::Result<()> {
    lab::prepare()?;
    packages::ensure(&["qemu-system-mips"])
}

/// Boots it and runs scripts of `tests/vm` in it.
///
/// # Errors
///
/// There is no such machine to be had, or a script failed.
pub(crate) fn boot(scripts: &[&str]) -> anyhow::Result<()> {
    prepare()?;
    let chosen = targets::chosen(&[ARCH])?;
    let target = chosen.first().context("no target")?;
    let (architecture, pattern) = DEBIAN;
    let debian = Debian::foreign(BOOKWORM, architecture)?;
    let kernel = Kernel::malta(&debian.unpacked(&debian.newest(pattern)?)?)?;
    let mut files = Initramfs::foreign(&kernel, &debian.tree(TOOLS)?)?;
    files.add_file("usr/sbin/mape-proto", 0o755, &build(target)?)?;
    let traffic = link("lab-traffic", &[], &root(), &directory(), target)?;
    files.add_file("usr/bin/lab-traffic", 0o755, &traffic)?;
    let loader = target.loader.trim_start_matches('/');
    files.add_file(loader, 0o755, &libc::root(target)?.join(loader))?;
    for entry in std::fs::read_dir(root().join("tests/vm"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.add_file(&format!("lab/{name}"), 0o755, &entry.path())?;
    }
    let scripts = if scripts.is_empty() { SCRIPTS } else { scripts };
    let started = Instant::now();
    let machine = Vm::boot(&kernel, files, &plane::commands(scripts), LIMIT)?;
    let status =
        machine.finish(|line| println!("{:6.1} {line}", started.elapsed().as_secs_f32()))?;
    if status != 0 {
        bail!("{scripts:?} failed on {ARCH} with status {status}");
    }
    Ok(())
}
