//! Loading the rules: one transaction for all interfaces, whoever asks for it.
//!
//! Two callers exist on a router: firewall4, whose reload leaves our tables alone but whose stop
//! removes them, and the hotplug event of an interface that came up. Neither knows what the other
//! did, so the loader works from what *is*: the state files, the devices' indexes, and a marker in
//! the table itself that tells whether this very text is loaded.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mape_kernel::netlink::Kernel;

use crate::servers;

mod admit;
mod error;
mod foresee;
mod loader;
pub(crate) mod lock;
mod nft;
mod publish;
mod record;
mod remarks;
mod state;

pub use error::FirewallError;
pub use foresee::foresee;
pub(crate) use foresee::{doubt, foreseen};
#[cfg(feature = "linux")]
pub(crate) use loader::intended;
pub use loader::{Report, check, load, unload};
pub(crate) use loader::{device_index, load_locked, states, would_load};
pub(crate) use publish::Told;
pub(crate) use state::Checked;
pub use state::{State, StateError};

/// Where the loader finds things. Tests have them elsewhere.
#[derive(Clone, Debug)]
pub struct Places {
    /// State files, `IFACE.json`, and the lock.
    pub state: PathBuf,
    /// A directory per network device, with its `ifindex`.
    pub devices: PathBuf,
    /// The program, by name or path.
    pub nft: PathBuf,
    /// Where servers are configured and remembered.
    pub servers: servers::Places,
    /// Who tells what is in force and which connections there are.
    pub kernel: Kernel,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            state: "/var/run/mape-rs".into(),
            devices: "/sys/class/net".into(),
            nft: "nft".into(),
            servers: servers::Places::default(),
            kernel: Kernel::Live,
        }
    }
}

/// Whether this user may look into the directory of the state files: to others than root it would
/// seem that nothing is set up.
///
/// # Errors
/// [`FirewallError::Directory`] where he may not. One that is missing is empty.
pub(crate) fn look_into(directory: &Path) -> Result<(), FirewallError> {
    match std::fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(FirewallError::Directory(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
