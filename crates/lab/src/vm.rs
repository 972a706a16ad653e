//! One virtual machine: boots a kernel with an initramfs, streams its console, always ends.
//!
//! Emulated (TCG), not virtualized: it needs no rights and works inside containers and other VMs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::initramfs::Initramfs;
use super::kernel::Kernel;
use host_tools::tools::cache_directory;

/// The packages that hold the emulator and its firmware.
pub const PACKAGES: &[&str] = &["qemu-system-x86", "util-linux"];

/// The last line of `/init`, before the exit status of the caller's commands.
const MARKER: &str = "LAB-EXIT ";

/// A processor that has been stuck in the kernel for two minutes (twice the threshold) ends the
/// machine with a trace; it would do nothing else until the time is up.
const KERNEL_WORDS: &str = "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off \
    watchdog_thresh=60 softlockup_panic=1";

/// The machine's clock counts its instructions, one in a nanosecond, and jumps to the next timer
/// where the machine waits. So what a test measures does not depend on what else this host does,
/// and waiting costs no time.
const CLOCK: &[&str] = &["-icount", "shift=0,sleep=off"];

/// A running machine; dropping it ends it.
pub struct Vm {
    qemu: Command,
    child: Child,
    lines: Receiver<String>,
    deadline: Instant,
    // qemu opens them while it starts.
    files: Vec<PathBuf>,
    may_boot_again: bool,
}

/// The line that asks for another boot of a machine with a disk. The plug is pulled then.
pub const AGAIN: &str = "LAB-AGAIN";

/// `/dev/vda`: zeros at first, gone with the machine.
const DISK_BYTES: u64 = 16 << 20;

impl Vm {
    /// Boots `kernel` with `files` and runs `commands` (shell text, in `/lab`) in it. The machine
    /// lives no longer than `limit`, nor than this process.
    ///
    /// # Errors
    ///
    /// The initramfs cannot be written or qemu not started.
    pub fn boot(
        kernel: &Kernel,
        files: Initramfs,
        commands: &str,
        limit: Duration,
    ) -> anyhow::Result<Self> {
        Self::start(kernel, files, commands, limit, false)
    }

    /// As [`Self::boot`], with a disk that outlives the line [`AGAIN`] on the console. The machine
    /// boots once more then, into the same commands; they see on the disk which boot it is.
    ///
    /// # Errors
    ///
    /// As [`Self::boot`], or there is no room for the disk.
    pub fn boot_with_disk(
        kernel: &Kernel,
        files: Initramfs,
        commands: &str,
        limit: Duration,
    ) -> anyhow::Result<Self> {
        Self::start(kernel, files, commands, limit, true)
    }

    fn start(
        kernel: &Kernel,
        mut files: Initramfs,
        commands: &str,
        limit: Duration,
        may_boot_again: bool,
    ) -> anyhow::Result<Self> {
        files.add_bytes("lab/run", 0o755, commands.as_bytes());
        let cache = cache_directory();
        std::fs::create_dir_all(&cache)?;
        let started = std::time::UNIX_EPOCH.elapsed()?.as_nanos();
        let initrd = cache.join(format!("initrd-{}-{started}", std::process::id()));
        let mut file = std::fs::File::create(&initrd)?;
        file.write_all(&files.archive())?;

        let mut qemu = Command::new("setpriv");
        // The kernel ends qemu even when this process is killed and no destructor runs.
        qemu.args(["--pdeathsig", "KILL"])
            .args(kernel.qemu)
            .args(CLOCK)
            .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"])
            .args(["-serial", "stdio"])
            .arg("-kernel")
            .arg(&kernel.image)
            .arg("-initrd")
            .arg(&initrd)
            .args(["-append", KERNEL_WORDS])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut files = vec![initrd];
        if may_boot_again {
            let disk = cache.join(format!("disk-{}-{started}", std::process::id()));
            std::fs::File::create(&disk)?.set_len(DISK_BYTES)?;
            qemu.arg("-drive").arg(format!("file={},format=raw,if=virtio", disk.display()));
            files.push(disk);
        }
        let (child, lines) = spawn(&mut qemu)?;
        Ok(Self { qemu, child, lines, deadline: Instant::now() + limit, files, may_boot_again })
    }

    /// Hands every console line to `on_line` as it appears and returns the commands' exit status.
    ///
    /// # Errors
    ///
    /// The time is up, or the machine ended by itself (a kernel panic, the shell's death).
    pub fn finish(mut self, mut on_line: impl FnMut(&str)) -> anyhow::Result<i32> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line == AGAIN && self.may_boot_again => {
                    self.may_boot_again = false;
                    self.end();
                    (self.child, self.lines) = spawn(&mut self.qemu)?;
                }
                Ok(line) => {
                    if !self.may_boot_again {
                        // It has booted. Ctrl-C runs no destructor, so not only when dropped.
                        self.remove_files();
                    }
                    match line.strip_prefix(MARKER) {
                        Some(status) => return status.parse().context("a garbled exit status"),
                        None => on_line(&line),
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!("the VM's time is up"),
                Err(RecvTimeoutError::Disconnected) => bail!("the VM ended without an exit status"),
            }
        }
    }

    fn end(&mut self) {
        // It may already be gone; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the emulator, and a thread that reads its console.
fn spawn(qemu: &mut Command) -> anyhow::Result<(Child, Receiver<String>)> {
    let mut child = qemu.spawn().context("cannot start qemu")?;
    let console = child.stdout.take().context("no console")?;
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(console).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    Ok((child, lines))
}

impl Vm {
    fn remove_files(&self) {
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.end();
        self.remove_files();
    }
}
