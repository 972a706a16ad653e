//! The most ports that were ever seen in use.
//!
//! No process of ours watches all the time. Whoever looks (`status`, the hotplug event) writes down
//! what he saw in `/var/run/mape-rs/IFACE.peak`; what happened between two looks nobody knows, and
//! a peak is told together with the time since which it is recorded.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use mape_nft::InterfaceName;
use mape_system::files;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::usage::PerProtocol;

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
    // The file itself is another one after each change.
    let lock = Flock::lock(File::open(directory)?, FlockArg::LockExclusive);
    let _lock = lock.map_err(|(_, errno)| io::Error::from(errno))?;
    let path = path(directory, name);
    let text = files::text(&path).unwrap_or_default();
    let known: Option<Record> = mape_system::json::read(&text).ok();
    // What is half written, of another line or from the future does not count.
    let known = known.filter(|record| record.line == line && record.began <= uptime);
    let mut record = known.unwrap_or_else(|| Record {
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
    files::write(&path, &serde_json::to_string(&record)?)?;
    let Record { began, tcp, udp, icmp, .. } = record;
    Ok(Peak { ports: PerProtocol { tcp, udp, icmp }, recorded_for: uptime - began })
}

pub(super) fn path(directory: &Path, name: &InterfaceName) -> PathBuf {
    directory.join(format!("{name}.peak"))
}
