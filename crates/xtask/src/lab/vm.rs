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
use super::tools::cache_directory;

/// The packages that hold the emulator and its firmware.
pub(crate) const PACKAGES: &[&str] = &["qemu-system-x86", "util-linux"];

/// The last line of `/init`, before the exit status of the caller's commands.
const MARKER: &str = "LAB-EXIT ";

/// A processor that has been stuck in the kernel for two minutes (twice the threshold) ends the
/// machine with a trace; it would do nothing else until the time is up.
const KERNEL_WORDS: &str = "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off \
    watchdog_thresh=60 softlockup_panic=1";

/// A running machine; dropping it ends it.
pub(crate) struct Vm {
    child: Child,
    lines: Receiver<String>,
    deadline: Instant,
    // qemu reads it while it starts.
    initrd: PathBuf,
}

impl Vm {
    /// Boots `kernel` with `files` and runs `commands` (shell text, in `/lab`) in it. The machine
    /// lives no longer than `limit`, nor than this process.
    ///
    /// # Errors
    ///
    /// The initramfs cannot be written or qemu not started.
    pub(crate) fn boot(
        kernel: &Kernel,
        mut files: Initramfs,
        commands: &str,
        limit: Duration,
    ) -> anyhow::Result<Self> {
        files.add_bytes("lab/run", 0o755, commands.as_bytes());
        let cache = cache_directory();
        std::fs::create_dir_all(&cache)?;
        let started = std::time::UNIX_EPOCH.elapsed()?.as_nanos();
        let initrd = cache.join(format!("initrd-{}-{started}", std::process::id()));
        let mut file = std::fs::File::create(&initrd)?;
        file.write_all(&files.archive())?;

        let mut child = Command::new("setpriv")
            // The kernel ends qemu even when this process is killed and no destructor runs.
            .args(["--pdeathsig", "KILL"])
            .args(kernel.qemu)
            .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"])
            .args(["-serial", "stdio"])
            .arg("-kernel")
            .arg(&kernel.image)
            .arg("-initrd")
            .arg(&initrd)
            .args(["-append", KERNEL_WORDS])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", kernel.qemu.first().unwrap_or(&"qemu")))?;
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
        Ok(Self { child, lines, deadline: Instant::now() + limit, initrd })
    }

    /// Hands every console line to `on_line` as it appears and returns the commands' exit status.
    ///
    /// # Errors
    ///
    /// The time is up, or the machine ended by itself (a kernel panic, the shell's death).
    pub(crate) fn finish(self, mut on_line: impl FnMut(&str)) -> anyhow::Result<i32> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    // It has booted. Ctrl-C runs no destructor, so not only when dropped.
                    let _ = std::fs::remove_file(&self.initrd);
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
}

impl Drop for Vm {
    fn drop(&mut self) {
        // Each may already be gone; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.initrd);
    }
}
