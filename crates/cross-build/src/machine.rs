//! `cargo xtask cross --boot [SCRIPT...]`: tests the shipped mipsel program on an emulated MIPS
//! machine without FPU, with Debian's kernel and tools, a real tunnel, and the musl of routers.

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
/// Debian's name of the processor, and the pattern of its kernel for qemu's board.
const DEBIAN: (&str, &str) = ("mipsel", r"^linux-image-[0-9.-]*-4kc-malta$");
/// The packages of the programs in [`Initramfs`].
const TOOLS: &[&str] = &["busybox-static", "dash", "iproute2", "ethtool", "nftables", "conntrack"];
/// The default script: tunnel, ping, TCP, the full port set.
const SCRIPTS: &[&str] = &["mips.sh"];
/// Emulation takes two minutes, and four on a busy host. The limit only ends a machine that hangs.
const LIMIT: Duration = Duration::from_secs(300);
/// A machine that ends without an exit status is started again: with qemu 7.2, 1 of 22 hung in the
/// middle of a script (see the lab's `kernel.rs`).
const STARTS: usize = 3;

/// Installs what is needed on this machine.
///
/// # Errors
///
/// As [`packages::ensure`].
pub(crate) fn prepare() -> anyhow::Result<()> {
    lab::prepare()?;
    packages::ensure(&["qemu-system-mips"])
}

/// Boots the machine and runs scripts of `tests/vm` in it.
///
/// # Errors
///
/// The machine cannot be started, or a script failed.
pub(crate) fn boot(scripts: &[&str]) -> anyhow::Result<()> {
    prepare()?;
    let scripts = if scripts.is_empty() { SCRIPTS } else { scripts };
    let mut start = 1;
    let status = loop {
        let (kernel, files) = contents()?;
        let started = Instant::now();
        let machine = Vm::boot(&kernel, files, &plane::commands(scripts), LIMIT)?;
        let print = |line: &str| println!("{:6.1} {line}", started.elapsed().as_secs_f32());
        match machine.finish(print) {
            // A script that fails has a status too, so it is not run again.
            Ok(status) => break status,
            Err(error) if start < STARTS => println!("note  {error:#}, so once more"),
            Err(error) => return Err(error),
        }
        start += 1;
    };
    if status != 0 {
        bail!("{scripts:?} failed on {ARCH} with status {status}");
    }
    Ok(())
}

/// Builds and downloads the machine's kernel and its files.
fn contents() -> anyhow::Result<(Kernel, Initramfs)> {
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
    Ok((kernel, files))
}
