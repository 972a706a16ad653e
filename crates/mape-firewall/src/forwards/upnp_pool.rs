//! The ports that UPnP, NAT-PMP and PCP may assign.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use mape_core::{IntoVec as _, Plan, PortRange};
use mape_system::files;

/// Returns the last `count` ports of the set that are not reserved, but leaves at least one for
/// outgoing connections. Empty if the address is not shared, because every port arrives then.
#[must_use]
pub fn pool(plan: &Plan, count: u16) -> Vec<PortRange> {
    let set = plan.port_set();
    if count == 0 || set.parameters().psid_len() == 0 {
        return Vec::new();
    }
    let reserved = plan.reserved_inside();
    let free = |port: &u16| *port != 0 && !reserved.iter().any(|range| range.contains(*port));
    let free: Vec<u16> = set.ports().into_iter().filter(free).into_vec();
    let skipped = free.len().saturating_sub(count.into()).max(1);
    let mut ranges: Vec<PortRange> = Vec::new();
    for port in free.into_iter().skip(skipped) {
        let begun = ranges.last().filter(|range| range.last().checked_add(1) == Some(port));
        let first = begun.map_or(port, |range| range.first());
        if begun.is_some() {
            ranges.pop();
        }
        ranges.extend(PortRange::new(first, port));
    }
    ranges
}

/// Returns the rules for `miniupnpd.conf` that allow exactly the pool. `ext_ifname` is the tunnel.
pub(crate) fn allow_list(pool: &[PortRange]) -> String {
    let mut text = String::new();
    for range in pool {
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "allow {}-{} 0.0.0.0/0 1-65535", range.first(), range.last());
    }
    text + "deny 0-65535 0.0.0.0/0 0-65535\n"
}

/// Writes `DIRECTORY/IFACE.upnp` if there is a pool, and returns whether the file has changed.
///
/// # Errors
/// The error of the system call.
pub fn write_allow_list(directory: &Path, interface: &str, pool: &[PortRange]) -> io::Result<bool> {
    let file = directory.join(format!("{interface}.upnp"));
    if pool.is_empty() {
        let was_there = file.exists();
        return files::remove(&file).map(|()| was_there);
    }
    // Readable for root only, as all state: miniupnpd reads its configuration before it drops root.
    files::write(&file, &allow_list(pool))
}
