//! One at a time: between reading devices and loading rules nobody else loads older ones.

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

/// A load takes a fraction of a second, some seconds on a slow router under load, and three may
/// come at once.
const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(50);
/// Not the name of an interface's lock: none begins with a point.
const NAME: &str = ".firewall.lock";

/// Takes the lock, which the kernel gives back when the process ends, however it ends. Who changes
/// what the loader reads takes it too, so that none sees half of it.
///
/// # Errors
/// [`FirewallError`]
pub fn take(directory: &Path) -> Result<Flock<File>, FirewallError> {
    take_within(directory, NAME, PATIENCE)
}

/// Removes the lock's file with the lock in hand, and the directory if nothing else is in it.
pub fn remove(lock: Flock<File>, directory: &Path) {
    // Whoever waits for this very file finds out that it is no more: see `take_within`.
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
    patience: Duration,
) -> Result<Flock<File>, FirewallError> {
    let path = directory.join(name);
    let open = || files::to_lock(&path);
    let mut file = open().map_err(FirewallError::Directory)?;
    let mut waited = Duration::ZERO;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            // Someone may have removed the file while this waited; a lock on it keeps nobody out.
            Ok(lock) if is_at(&lock, &path) => return Ok(lock),
            Ok(_) => {
                file = open().map_err(FirewallError::Directory)?;
                continue;
            }
            Err((file, Errno::EAGAIN | Errno::EINTR)) => file,
            Err((_, errno)) => return Err(FirewallError::Directory(io::Error::from(errno))),
        };
        if waited >= patience {
            return Err(FirewallError::Busy { seconds: patience.as_secs() });
        }
        sleep(STEP);
        waited += STEP;
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(held), Ok(there)) = (file.metadata(), fs::metadata(path)) else { return false };
    (held.dev(), held.ino()) == (there.dev(), there.ino())
}
