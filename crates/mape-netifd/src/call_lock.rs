//! The lock of a call: held while `setup` or `renew` works on an interface, so that the hotplug
//! hook can tell a call that works from one that died.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use mape_nft::InterfaceName;
use mape_system::files;
use nix::fcntl::{Flock, FlockArg};

/// Takes the lock. The kernel releases it when the process ends. `None` if another call has it, or
/// if the file cannot be made: the call works without it.
pub(super) fn hold(directory: &Path, interface: &InterfaceName) -> Option<Flock<File>> {
    let file = files::to_lock(&path(directory, interface)).ok()?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()
}

/// Whether a call for this interface is at work.
pub(super) fn is_held(directory: &Path, interface: &InterfaceName) -> bool {
    let Ok(file) = File::open(path(directory, interface)) else { return false };
    Flock::lock(file, FlockArg::LockSharedNonblock).is_err()
}

/// Removes the file.
pub(super) fn forget(directory: &Path, interface: &InterfaceName) {
    let _ = fs::remove_file(path(directory, interface));
}

fn path(directory: &Path, interface: &InterfaceName) -> PathBuf {
    directory.join(format!("{interface}.lock"))
}
