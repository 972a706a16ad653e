//! Runs a virtual machine: boots a kernel with an initramfs and streams its console.
//!
//! The machine is emulated (TCG) or a process (`user_mode.rs`), and not virtualized, so it
//! works inside containers and other VMs.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::initramfs::Initramfs;
use super::kernel::{Kernel, Machine, PC};
use super::user_mode::{self, Processor};
use host_tools::tools::cache_directory;

/// The packages of the emulator and its firmware.
pub const PACKAGES: &[&str] = &["qemu-system-x86", "util-linux"];

/// The last line of `/init`, before the exit status of the caller's commands.
const MARKER: &str = "LAB-EXIT ";

/// If a processor is stuck in the kernel for two minutes (twice the threshold), the machine ends
/// with a trace instead of waiting for the limit.
const KERNEL_WORDS: &str = "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off \
    watchdog_thresh=60 softlockup_panic=1";

/// The address of the machine that can be reached, which its script gives to it, and the network
/// that the emulator has for it. The emulator's own address in it is the last one.
pub const REACHED: &str = "192.168.1.1";
const NETWORK: &str = "user,id=lan,net=192.168.1.0/24,host=192.168.1.254,restrict=on";

/// The seed of what the processor gives as random numbers, and a date that the machine's own clock
/// continues.
const REPEATED: &[&str] = &["-seed", "1", "-rtc", "base=2026-01-01,clock=vm"];

/// A running machine. Dropping it ends it.
pub struct Vm {
    command: Command,
    child: Child,
    lines: Receiver<String>,
    deadline: Instant,
    // The machine opens these files while it starts.
    files: Vec<PathBuf>,
    may_boot_again: bool,
    #[expect(dead_code, reason = "held until the machine has ended")]
    processor: Option<Processor>,
}

/// The console line that requests a reboot of a machine with a disk, as after a power failure.
pub const AGAIN: &str = "LAB-AGAIN";

/// `/dev/vda` or `/dev/ubda`: zeros at first, deleted with the machine.
const DISK_BYTES: u64 = 16 << 20;

impl Vm {
    /// Boots `kernel` with `files` and runs `commands` (shell text, in `/lab`) in it. The machine
    /// ends after `limit`, and with this process.
    ///
    /// # Errors
    ///
    /// The initramfs cannot be written, or the machine cannot be started.
    pub fn boot(
        kernel: &Kernel,
        files: Initramfs,
        commands: &str,
        limit: Duration,
    ) -> anyhow::Result<Self> {
        Self::start(kernel, files, commands, limit, false, &[])
    }

    /// As [`Self::boot`], in the time of this machine, with a network device. Each pair is a TCP
    /// port of 127.0.0.1 here and the port of [`REACHED`] that it leads to.
    ///
    /// # Errors
    ///
    /// As [`Self::boot`], or the kernel is not an emulated one.
    pub fn boot_reachable(
        kernel: &Kernel,
        files: Initramfs,
        commands: &str,
        limit: Duration,
        ports: &[(u16, u16)],
    ) -> anyhow::Result<Self> {
        let emulated = matches!(kernel.machine, Machine::Emulator(_));
        ensure!(emulated, "only an emulated kernel can be reached, such as --kernel 6.12");
        Self::start(kernel, files, commands, limit, false, ports)
    }

    /// As [`Self::boot`], with a disk. After the line [`AGAIN`] on the console the machine reboots
    /// with the same disk and runs the same commands, which find on the disk which boot it is.
    ///
    /// # Errors
    ///
    /// As [`Self::boot`], or the disk cannot be written.
    pub fn boot_with_disk(
        kernel: &Kernel,
        files: Initramfs,
        commands: &str,
        limit: Duration,
    ) -> anyhow::Result<Self> {
        Self::start(kernel, files, commands, limit, true, &[])
    }

    fn start(
        kernel: &Kernel,
        mut files: Initramfs,
        commands: &str,
        limit: Duration,
        may_boot_again: bool,
        ports: &[(u16, u16)],
    ) -> anyhow::Result<Self> {
        files.add_bytes("lab/run", 0o755, commands.as_bytes());
        let cache = cache_directory();
        std::fs::create_dir_all(&cache)?;
        let started = std::time::UNIX_EPOCH.elapsed()?.as_nanos();
        let initrd = cache.join(format!("initrd-{}-{started}", std::process::id()));
        let mut file = std::fs::File::create(&initrd)?;
        file.write_all(&files.archive())?;

        let mut files = vec![initrd.clone()];
        let disk =
            may_boot_again.then(|| cache.join(format!("disk-{}-{started}", std::process::id())));
        if let Some(disk) = &disk {
            std::fs::File::create(disk)?.set_len(DISK_BYTES)?;
            files.push(disk.clone());
        }
        let disk = disk.as_deref();
        let (mut command, processor) = match kernel.machine {
            Machine::Emulator(board) => {
                let mut command = emulator(board.words, "", &kernel.image, &initrd, disk);
                if ports.is_empty() {
                    command.args(board.clock);
                } else {
                    command.args(network(ports));
                }
                (command, None)
            }
            Machine::Repeated(append) => {
                let mut command = emulator(PC.words, append, &kernel.image, &initrd, disk);
                command.args(PC.clock).args(REPEATED);
                (command, None)
            }
            Machine::Process => {
                let processor = Processor::take();
                let image = &kernel.image;
                (user_mode::command(image, &initrd, disk, processor.as_ref()), processor)
            }
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let (child, lines) = spawn(&mut command)?;
        let deadline = Instant::now() + limit;
        Ok(Self { command, child, lines, deadline, files, may_boot_again, processor })
    }

    /// Hands every console line to `on_line` as it appears and returns the commands' exit status.
    ///
    /// # Errors
    ///
    /// The limit is over, or the machine ended by itself (a kernel panic, the shell's death).
    pub fn finish(mut self, mut on_line: impl FnMut(&str)) -> anyhow::Result<i32> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line == AGAIN && self.may_boot_again => {
                    self.may_boot_again = false;
                    self.end();
                    (self.child, self.lines) = spawn(&mut self.command)?;
                }
                Ok(line) => {
                    if !self.may_boot_again {
                        // The machine has booted and no longer needs its files. Ctrl-C runs no
                        // destructor, so they are removed here.
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
        // The process may have ended, and an error cannot be reported from here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the command of an emulator, without its standard streams.
fn emulator(
    words: &[&str],
    append: &str,
    image: &Path,
    initrd: &Path,
    disk: Option<&Path>,
) -> Command {
    let mut qemu = Command::new("setpriv");
    // The kernel ends qemu even if this process is killed and no destructor runs.
    qemu.args(["--pdeathsig", "KILL"])
        .args(words)
        .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"])
        .args(["-serial", "stdio"])
        .arg("-kernel")
        .arg(image)
        .arg("-initrd")
        .arg(initrd)
        .args(["-append", &format!("{KERNEL_WORDS} {append}")]);
    if let Some(disk) = disk {
        qemu.arg("-drive").arg(format!("file={},format=raw,if=virtio", disk.display()));
    }
    qemu
}

/// Returns the words for the network device of a machine that can be reached. Without the clock
/// that counts instructions: it would let time pass that the browser here does not have.
fn network(ports: &[(u16, u16)]) -> [String; 4] {
    let mut network = NETWORK.to_owned();
    for (here, there) in ports {
        let _ = write!(network, ",hostfwd=tcp:127.0.0.1:{here}-{REACHED}:{there}");
    }
    let device = "virtio-net-pci,netdev=lan,romfile=";
    ["-netdev".into(), network, "-device".into(), device.into()]
}

/// Starts the machine, and a thread that reads its console.
fn spawn(command: &mut Command) -> anyhow::Result<(Child, Receiver<String>)> {
    let mut child = command.spawn().context("cannot start the machine")?;
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
