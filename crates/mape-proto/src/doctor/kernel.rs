//! Kernels in which the tunnel cannot work with any configuration.

use std::path::Path;

use super::finding::Finding;

/// Releases of 6.12 whose `ip6_tunnel` receives nothing (OpenWrt issue 21737).
const DEAF: std::ops::RangeInclusive<u16> = 67..=70;

/// Reports a running kernel in which the tunnel cannot work.
pub(super) fn check(proc: &Path) -> Option<Finding> {
    let release = std::fs::read_to_string(proc.join("sys/kernel/osrelease")).ok()?;
    let (message, hint) = trouble(release.trim())?;
    Some(
        Finding::wrong("kernel", message, hint)
            .with_kind("broken_receive")
            .with("kernel", release.trim()),
    )
}

/// Returns the problem of the kernel of this release (`uname -r`), and the next step.
pub(crate) fn trouble(release: &str) -> Option<(String, &'static str)> {
    let patch = release.strip_prefix("6.12.")?;
    let end = patch.find(|c: char| !c.is_ascii_digit()).unwrap_or(patch.len());
    let patch: u16 = patch.get(..end)?.parse().ok()?;
    DEAF.contains(&patch).then(|| {
        let message = format!("the kernel {release} drops packets received through such a tunnel");
        (message, "install a release with kernel 6.12.71 or later")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_releases_receive_nothing() {
        for release in ["6.12.67", "6.12.70", "6.12.68+deb13-amd64", "6.12.69-rt15"] {
            assert!(trouble(release).is_some_and(|(it, _)| it.contains(release)), "{release}");
        }
        for release in ["6.12.66", "6.12.71", "6.12.7", "6.12.670", "6.1.68", "6.12", "6.18.67", ""]
        {
            assert_eq!(trouble(release), None, "{release}");
        }
    }
}
