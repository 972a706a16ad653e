//! The lock of the loader. Without it, another loader could load older rules between the reading of
//! the devices and the load.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use mape_system::files;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::error::FirewallError;

/// Time limit for the lock. A load takes a fraction of a second, or some seconds on a slow router
/// under load, and three loads may come at once.
const TIMEOUT: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(50);
/// No interface has a lock of this name, because no interface's name begins with a dot.
const NAME: &str = ".firewall.lock";

/// Takes the lock. The kernel releases it when the process ends. A program that changes what the
/// loader reads takes it too, so that the loader reads no half-made change.
///
/// # Errors
/// [`FirewallError`]
pub fn take(directory: &Path) -> Result<Flock<File>, FirewallError> {
    take_within(directory, NAME, TIMEOUT)
}

/// Removes the lock file and releases the lock, then removes the directory if it is empty.
pub fn remove(lock: Flock<File>, directory: &Path) {
    // A process that waits for this lock file notices that it was removed: see `take_within`.
    let _ = fs::remove_file(directory.join(NAME));
    drop(lock);
    let _ = fs::remove_dir(directory);
}

///
/// # Errors
/// [`FirewallError`]
pub fn take_within(
    directory: &Path,
    name: &str,
    timeout: Duration,
) -> Result<Flock<File>, FirewallError> {
    let path = directory.join(name);
    let open = || files::to_lock(&path);
    let mut file = open().map_err(FirewallError::Directory)?;
    let mut waited = Duration::ZERO;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            // The file may have been removed during the wait. A lock on a removed file excludes no
            // other process.
            Ok(lock) if is_at(&lock, &path) => return Ok(lock),
            Ok(_) => {
                file = open().map_err(FirewallError::Directory)?;
                continue;
            }
            Err((file, Errno::EAGAIN | Errno::EINTR)) => file,
            Err((_, errno)) => return Err(FirewallError::Directory(io::Error::from(errno))),
        };
        if waited >= timeout {
            return Err(FirewallError::Busy { seconds: timeout.as_secs() });
        }
        sleep(STEP);
        waited += STEP;
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(held), Ok(there)) = (file.metadata(), fs::metadata(path)) else { return false };
    (held.dev(), held.ino()) == (there.dev(), there.ino())
}
