//! The machine as this crate uses it: `ip`, nft, and the files of each line.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use mape_core::Failure;
use mape_firewall::{Env, Nft, lock};
use mape_nft::InterfaceName;
use nix::fcntl::{FcntlArg, FdFlag, Flock, fcntl};

use crate::forwards;
use crate::host_firewall::HostFirewall;
use crate::ip::Ip;
use crate::journal;

/// The machine, and what reads its network configuration.
#[derive(Clone, Debug)]
pub struct System {
    /// Runs `ip` and reads what it says.
    pub ip: Ip,
    /// Directories, programs, the kernel.
    pub env: Env,
}

/// How long a call waits for an earlier one of the same line.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// Returns the environment of a machine without netifd: its forwards are in a file.
#[must_use]
pub fn environment() -> Env {
    Env::of_plain_linux(forwards::read)
}

impl System {
    /// Returns the machine of this environment.
    #[must_use]
    pub fn new(env: Env) -> Self {
        let ip = Ip { program: env.ip.clone(), proc: env.proc.clone() };
        Self { ip, env }
    }

    /// Returns the host's own firewall.
    #[must_use]
    pub fn host_firewall(&self) -> HostFirewall<'_> {
        HostFirewall(Nft::new(&self.env.nft))
    }

    /// Allows one call at a time for each line. Child processes inherit the lock: if the call is
    /// killed, the next one waits for them and so sees what they have changed.
    pub(crate) fn lock(&self, name: &InterfaceName) -> Result<Flock<File>, Failure> {
        let lock = lock::take_within(&self.env.run, &lock_file(name), LOCK_TIMEOUT)?;
        // If this fails, the lock ends with the call.
        let _ = fcntl(&*lock, FcntlArg::F_SETFD(FdFlag::empty()));
        Ok(lock)
    }

    /// Ends a call. If the line is down, deletes the lock file, and the directory if it is empty.
    pub(crate) fn release(&self, name: &InterfaceName, lock: Flock<File>) {
        let directory = &self.env.run;
        let is_idle = !self.state_file(name).exists() && !journal::path(directory, name).exists();
        if is_idle {
            // A call that waits for this file notices that it was deleted, and opens a new one.
            let _ = std::fs::remove_file(directory.join(lock_file(name)));
        }
        drop(lock);
        if is_idle {
            let _ = std::fs::remove_dir(directory);
        }
    }

    pub(crate) fn state_file(&self, name: &InterfaceName) -> PathBuf {
        self.env.run.join(format!("{name}.json"))
    }
}

fn lock_file(name: &InterfaceName) -> String {
    // Not `NAME.lock`: the loader has `firewall.lock`, and a line may be called `firewall`.
    format!("{name}.linux-lock")
}
