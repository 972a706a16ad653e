//! Time since boot: a clock that no program can set.

use std::path::Path;

/// Seconds since the machine started, from `DIRECTORY/uptime`.
#[must_use]
pub fn uptime(proc: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(proc.join("uptime")).ok()?;
    text.split('.').next()?.parse().ok()
}
