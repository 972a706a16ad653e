//! The most ports that were ever seen in use.
//!
//! No process of ours watches all the time. Whoever looks (`status`, the hotplug event) writes down
//! what he saw in `/var/run/mape-rs/IFACE.peak`; what happened between two looks nobody knows, and
//! a peak is told together with the time since which it is recorded.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use mape_nft::InterfaceName;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::usage::PerProtocol;

/// A file larger than this is none of ours, in bytes.
const MAX_SIZE: u64 = 4096;

/// The content of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// What the numbers are about: with another address or set recording begins anew.
    line: String,
    /// When recording began, in seconds since the machine started. (The clock of a router jumps.)
    began: u64,
    tcp: u32,
    udp: u32,
    icmp: u32,
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

/// Adds what is seen now, `uptime` seconds after the machine started, and tells the peak.
///
/// # Errors
/// Whatever the file system says; of somebody who may not write, that.
pub(crate) fn record(
    directory: &Path,
    name: &InterfaceName,
    line: &str,
    uptime: u64,
    now: PerProtocol<u32>,
) -> io::Result<Peak> {
    let path = path(directory, name);
    let open = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
    let lock = Flock::lock(open, FlockArg::LockExclusive);
    let mut file = lock.map_err(|(_, errno)| io::Error::from(errno))?;
    let mut text = String::new();
    (&mut *file).take(MAX_SIZE).read_to_string(&mut text).ok();
    let known: Option<Record> = serde_json::from_str(&text).ok();
    // What is half written, of another line or from the future does not count.
    let known = known.filter(|record| record.line == line && record.began <= uptime);
    let mut record = known.clone().unwrap_or_else(|| Record {
        line: line.to_owned(),
        began: uptime,
        tcp: 0,
        udp: 0,
        icmp: 0,
    });
    for (most, now) in
        [(&mut record.tcp, now.tcp), (&mut record.udp, now.udp), (&mut record.icmp, now.icmp)]
    {
        *most = now.max(*most);
    }
    if known.as_ref() != Some(&record) {
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(serde_json::to_string(&record)?.as_bytes())?;
    }
    let Record { began, tcp, udp, icmp, .. } = record;
    Ok(Peak { ports: PerProtocol { tcp, udp, icmp }, recorded_for: uptime - began })
}

pub(super) fn path(directory: &Path, name: &InterfaceName) -> PathBuf {
    directory.join(format!("{name}.peak"))
}

/// Seconds since the machine started, from `DIRECTORY/uptime`.
pub(crate) fn uptime(proc: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(proc.join("uptime")).ok()?;
    text.split('.').next()?.parse().ok()
}
