//! The machine: directories, programs, the kernel.
//!
//! One [`Env`] is made when the program starts and is handed down. Nothing else names a path of the
//! system, so a test makes one below a directory of its own.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mape_kernel::conntrack::{self, ConntrackError};
use mape_kernel::link;
use mape_kernel::netlink::{Kernel, NetlinkError};
use mape_uci::Directories;

use crate::error::FirewallError;
use crate::forwards::ForwardsReader;

/// The machine that the program runs on, or a copy of its files.
#[derive(Clone, Debug)]
pub struct Env {
    /// The root directory. Another one than `/` is a copy of a router.
    pub root: PathBuf,
    /// State files, caches and locks; a reboot deletes them.
    pub run: PathBuf,
    /// Files that survive a reboot: the port of each forward, the last good provisioning answer.
    pub flash: PathBuf,
    /// A directory per network device.
    pub devices: PathBuf,
    /// The kernel's own files.
    pub proc: PathBuf,
    /// ubusd's socket: the first that exists is taken. Without one netifd is not asked.
    pub ubus: Vec<PathBuf>,
    /// Socket of the syslog daemon.
    pub syslog: PathBuf,
    /// nft, by name or path.
    pub nft: PathBuf,
    /// firewall4's program, by name or path.
    pub fw4: PathBuf,
    /// OpenWrt's `uci`, by name or path.
    pub uci: PathBuf,
    /// iproute2's `ip`, by name or path.
    pub ip: PathBuf,
    /// OpenWrt's program that tells scripts about events; on plain Linux the directory of the
    /// scripts.
    pub hotplug: PathBuf,
    /// Reads the configured forwards below a root directory; `None` for the sections in UCI.
    pub forwards: Option<ForwardsReader>,
    /// Source of the loaded rules and the connections: the kernel, or a recording.
    pub kernel: Kernel,
    /// Deletes the connections of an address that the line no longer has, and none of a neighbour
    /// with the same address. Returns how many.
    pub forget: fn(Ipv4Addr) -> Result<usize, ConntrackError>,
    /// Takes a device down, by its index.
    pub device_down: fn(u32) -> Result<(), NetlinkError>,
    /// Wait between two attempts for a cause that raises no event.
    pub retry_delay: Duration,
    /// How long firewall4's own hotplug hook may take to begin the reload that finds a new device.
    pub hook_delay: Duration,
}

impl Default for Env {
    fn default() -> Self {
        Self {
            root: "/".into(),
            run: "/var/run/mape-rs".into(),
            flash: "/etc/mape-rs".into(),
            devices: "/sys/class/net".into(),
            proc: "/proc".into(),
            ubus: vec!["/var/run/ubus/ubus.sock".into(), "/var/run/ubus.sock".into()],
            syslog: "/dev/log".into(),
            nft: "nft".into(),
            fw4: "fw4".into(),
            uci: "uci".into(),
            ip: "ip".into(),
            hotplug: "/sbin/hotplug-call".into(),
            forwards: None,
            kernel: Kernel::Live,
            forget: |address| conntrack::forget(address, |_, _| false),
            device_down: link::device_down,
            retry_delay: Duration::from_secs(30),
            // A few tenths of a second on an idle router.
            hook_delay: Duration::from_secs(1),
        }
    }
}

impl Env {
    /// Returns the environment of a machine without UCI, whose forwards this function reads.
    #[must_use]
    pub fn of_plain_linux(forwards: ForwardsReader) -> Self {
        Self {
            forwards: Some(forwards),
            // `/etc` may be read-only.
            flash: "/var/lib/mape-rs".into(),
            hotplug: "/etc/mape-rs.d".into(),
            ..Self::default()
        }
    }

    /// Sets the root directory from which the configuration and the files on flash are read.
    #[must_use]
    pub fn with_root(self, root: &Path) -> Self {
        let moved = |path: &Path| root.join(path.strip_prefix(&self.root).unwrap_or(path));
        let (flash, hotplug) = (moved(&self.flash), moved(&self.hotplug));
        Self { flash, hotplug, root: root.to_owned(), ..self }
    }

    /// Whether the root is a copy of a router's files. No program of that router runs here.
    #[must_use]
    pub fn is_a_copy(&self) -> bool {
        self.root != Path::new("/")
    }

    /// UCI's files.
    #[must_use]
    pub fn config(&self) -> Directories {
        Directories::below(&self.root)
    }

    /// The kernel's tables of addresses, routes and sockets.
    #[must_use]
    pub fn proc_net(&self) -> PathBuf {
        self.proc.join("net")
    }

    /// Whether ubusd runs here. If it does, netifd does too.
    #[must_use]
    pub fn has_ubus(&self) -> bool {
        self.ubus.iter().any(|socket| socket.exists())
    }
}

/// Checks that this user may read the directory of the state files. Without this check, every user
/// except root would see no interfaces.
///
/// # Errors
/// [`FirewallError::Directory`] if the user may not read it. A missing directory counts as empty.
pub fn look_into(directory: &Path) -> Result<(), FirewallError> {
    match std::fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(FirewallError::Directory(error))
        }
        _ => Ok(()),
    }
}
