//! MAP-E on a plain Linux machine: `up`, `down`, `status`, `doctor` and `watch`.
//!
//! Each call looks at the machine as it is (devices, addresses, routes, rules) and goes the
//! shortest way to what the line needs, so that a call that was killed, a device that was deleted
//! by hand and a prefix that has changed are all the same case. Only what this program has added is
//! removed; a journal says what that is.

mod advice;
mod config;
mod contract;
pub mod desired;
mod down;
mod error;
mod events;
mod export;
#[allow(missing_docs, reason = "family, table and chain, as nft has them")]
pub mod filter;
pub mod host_firewall;
#[allow(missing_docs, reason = "the fields have the names that `ip -json` prints")]
pub mod ip;
mod journal;
pub mod status;
pub mod twins;
mod up;
pub mod uplink;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use mape_nft::InterfaceName;
use nix::fcntl::{FcntlArg, FdFlag, Flock, fcntl};

pub use config::{Config, ConfigError, DEFAULT_FILE};
pub use error::LinuxError;

pub use advice::{NoRouter, advised, advised_verdict, is_here};
pub use down::down;
pub use export::{File, Parts, ifupdown, networkd, shell_functions};
pub use status::{Problem, Status, status};
pub use up::{dry_run, up};
pub use uplink::prefixes;
pub use watch::watch;

use mape_core::Failure;
use mape_firewall::Env;
use mape_firewall::lock;

/// The machine, and what reads its network configuration.
#[derive(Clone, Debug)]
pub struct System {
    /// Runs `ip` and reads what it says.
    pub ip: ip::Ip,
    /// Directories, programs, the kernel.
    pub env: Env,
}

/// A call may wait for a slow one before it.
const PATIENCE: Duration = Duration::from_secs(30);

impl System {
    /// Of this machine.
    #[must_use]
    pub fn new(env: Env) -> Self {
        let ip = ip::Ip { program: env.ip.clone(), proc: env.proc.clone() };
        Self { ip, env }
    }

    /// nft, for the host's own firewall.
    #[must_use]
    pub fn nft(&self) -> host_firewall::Nft<'_> {
        host_firewall::Nft(&self.env.nft)
    }

    /// One call at a time for each line. Programs that it runs inherit the lock: if the call is
    /// killed, the next one waits until they are done, and so sees what they have changed.
    fn lock(&self, name: &InterfaceName) -> Result<Flock<std::fs::File>, Failure> {
        let lock = lock::take_within(&self.env.run, &lock_file(name), PATIENCE)?;
        // Where this cannot be, the lock ends with the call.
        let _ = fcntl(&*lock, FcntlArg::F_SETFD(FdFlag::empty()));
        Ok(lock)
    }

    /// Ends a call. Where no line is left, neither is the lock's file nor, if it is empty, the
    /// directory.
    fn release(&self, name: &InterfaceName, lock: Flock<std::fs::File>) {
        let directory = &self.env.run;
        let is_idle = !self.state_file(name).exists() && !journal::path(directory, name).exists();
        if is_idle {
            // Whoever waits for this very file finds out that it is no more.
            let _ = std::fs::remove_file(directory.join(lock_file(name)));
        }
        drop(lock);
        if is_idle {
            let _ = std::fs::remove_dir(directory);
        }
    }

    fn state_file(&self, name: &InterfaceName) -> PathBuf {
        self.env.run.join(format!("{name}.json"))
    }
}

fn lock_file(name: &InterfaceName) -> String {
    // The loader has `firewall.lock`, and a line may have that name.
    format!("{name}.linux-lock")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "of tests")]
#[path = "../../../tests/support/executable.rs"]
mod executable;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "of tests")]
#[path = "../../../tests/support/scratch.rs"]
mod scratch;
