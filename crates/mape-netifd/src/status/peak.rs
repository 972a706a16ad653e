//! The most ports that were seen in use.
//!
//! No process of ours runs all the time. `status`, `ports` and the hotplug event write what they
//! saw into `/var/run/mape-rs/IFACE.peak`. What happens between two of them is unknown, so a peak
//! is shown together with the time since which it is recorded.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use mape_nft::InterfaceName;
use mape_system::{files, json, record};
use nix::fcntl::{Flock, FlockArg};
use serde::Serialize;

use super::usage::PerProtocol;

record! {
    /// The content of the file.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(super) struct Record {
        /// Address and port set. With another one, recording begins again.
        line: String = required,
        /// When recording began, in seconds since the machine started. (The clock of a router
        /// jumps.)
        began: u64 = required,
        tcp: u32 = required,
        udp: u32 = required,
        icmp: u32 = required,
    }
}

/// The most ports seen in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Peak {
    /// Ports.
    #[serde(flatten)]
    pub ports: PerProtocol<u32>,
    /// Seconds since recording began.
    pub recorded_for: u64,
}

impl Record {
    /// What the file of this line says, `uptime` seconds after the machine started, with the ports
    /// in use `now`. It reads only.
    pub(super) fn with(
        directory: &Path,
        name: &InterfaceName,
        line: String,
        uptime: u64,
        now: PerProtocol<u32>,
    ) -> Self {
        let PerProtocol { tcp, udp, icmp } = now;
        Self { line, began: uptime, tcp, udp, icmp }.merged(&path(directory, name))
    }

    /// Writes the record, merged with what another process has written in the meantime.
    ///
    /// # Errors
    /// The file cannot be locked or written.
    pub(super) fn note(&self, directory: &Path, name: &InterfaceName) -> io::Result<()> {
        let _lock = lock(directory)?;
        let path = path(directory, name);
        let record = self.clone().merged(&path);
        files::write(&path, &json::write(&record)).map(drop)
    }

    /// The peak, `uptime` seconds after the machine started.
    pub(super) const fn peak(&self, uptime: u64) -> Peak {
        let Self { began, tcp, udp, icmp, .. } = *self;
        let recorded_for = uptime.saturating_sub(began);
        Peak { ports: PerProtocol { tcp, udp, icmp }, recorded_for }
    }

    /// The greater numbers of this record and of the file. A file that is truncated, of another
    /// line or from the future does not count.
    fn merged(self, path: &Path) -> Self {
        let text = files::text(path).unwrap_or_default();
        let known: Option<Self> = json::read(&text).ok();
        let known = known.filter(|known| known.line == self.line && known.began <= self.began);
        let Some(known) = known else { return self };
        Self {
            tcp: self.tcp.max(known.tcp),
            udp: self.udp.max(known.udp),
            icmp: self.icmp.max(known.icmp),
            ..known
        }
    }
}

/// Takes the lock of the files of this kind; the file itself is another one after each change.
pub(super) fn lock(directory: &Path) -> io::Result<Flock<File>> {
    let lock = Flock::lock(File::open(directory)?, FlockArg::LockExclusive);
    lock.map_err(|(_, errno)| errno.into())
}

pub(super) fn path(directory: &Path, name: &InterfaceName) -> PathBuf {
    directory.join(format!("{name}.peak"))
}
