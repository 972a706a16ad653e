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
/// With qemu 7.2, 1 of 22 machines hung in the middle of a script ([`Kernel::malta`]).
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
    // A script that fails has a status, so only a machine that hangs is started again.
    let mut result = run(scripts);
    for _ in 1..STARTS {
        let Err(error) = result else { break };
        println!("note  {error:#}, so the machine is started once more");
        result = run(scripts);
    }
    let status = result?;
    if status != 0 {
        bail!("{scripts:?} failed on {ARCH} with status {status}");
    }
    Ok(())
}

/// Boots the machine once and returns the exit status of the scripts.
fn run(scripts: &[&str]) -> anyhow::Result<i32> {
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
    let started = Instant::now();
    let machine = Vm::boot(&kernel, files, &plane::commands(scripts), LIMIT)?;
    machine.finish(|line| println!("{:6.1} {line}", started.elapsed().as_secs_f32()))
}
