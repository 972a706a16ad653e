//! Where things are on this machine: directories, programs, the kernel.
//!
//! One value is made when the program starts and is handed down. A test makes one below a directory
//! of its own.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mape_kernel::netlink::Kernel;
use mape_uci::Directories;

use crate::error::FirewallError;

/// Where things are.
#[derive(Clone, Debug)]
pub struct Env {
    /// Lives until the next boot: state files, `IFACE.json`, and the lock.
    pub state: PathBuf,
    /// Outlives a boot: which port each forward has.
    pub flash: PathBuf,
    /// A directory per network device, with its `ifindex`.
    pub devices: PathBuf,
    /// nft, by name or path.
    pub nft: PathBuf,
    /// OpenWrt's program that tells scripts what happened.
    pub hotplug: PathBuf,
    /// UCI's files.
    pub uci: Directories,
    /// The root directory, below which dnsmasq has its list of who has which address.
    pub root: PathBuf,
    /// The kernel's list of routes.
    pub routes: PathBuf,
    /// Tells which rules are in force and which connections there are.
    pub kernel: Kernel,
}

impl Default for Env {
    fn default() -> Self {
        Self {
            state: "/var/run/mape-rs".into(),
            flash: "/etc/mape-rs".into(),
            devices: "/sys/class/net".into(),
            nft: "nft".into(),
            hotplug: "/sbin/hotplug-call".into(),
            uci: Directories::below("/".as_ref()),
            root: "/".into(),
            routes: "/proc/net/route".into(),
            kernel: Kernel::Live,
        }
    }
}

impl Env {
    /// Takes the configuration, and what outlives a boot, from below this root directory.
    #[must_use]
    pub fn with_root(self, root: &Path) -> Self {
        Self {
            uci: Directories::below(root),
            flash: root.join("etc/mape-rs"),
            root: root.to_owned(),
            hotplug: root.join("sbin/hotplug-call"),
            ..self
        }
    }
}

/// Whether this user may look into the directory of the state files: to others than root it would
/// seem that nothing is set up.
///
/// # Errors
/// [`FirewallError::Directory`] where he may not. One that is missing is empty.
pub fn look_into(directory: &Path) -> Result<(), FirewallError> {
    match std::fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(FirewallError::Directory(error))
        }
        _ => Ok(()),
    }
}
