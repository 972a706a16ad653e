//! One loader at a time: between reading devices and loading rules nobody else loads older ones.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::FirewallError;

/// A load takes a fraction of a second, some seconds on a slow router under load, and three may come
/// at once.
const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(50);

/// Takes the lock, which the kernel gives back when the process ends, however it ends.
pub(super) fn take(directory: &Path) -> Result<Flock<File>, FirewallError> {
    take_within(directory, PATIENCE)
}

pub(super) fn take_within(
    directory: &Path,
    patience: Duration,
) -> Result<Flock<File>, FirewallError> {
    fs::create_dir_all(directory).map_err(FirewallError::Directory)?;
    let path = directory.join("firewall.lock");
    let open = || OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let mut file = open().map_err(FirewallError::Directory)?;
    let mut waited = Duration::ZERO;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
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
