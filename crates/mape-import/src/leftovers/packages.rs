//! Other packages for MAP-E, by the files they bring.

use super::finding::Leftover;
use crate::router::Router;
use mape_core::IntoVec as _;

/// A file, whose it is, and how it goes.
const FILES: [(&str, &str, &[&str]); 7] = [
    (
        "/etc/config/mape",
        "the configuration of another package called mape",
        &["apk del mape   # up to 24.10: opkg remove mape", "rm /etc/config/mape"],
    ),
    (
        "/etc/init.d/mape-fw",
        "another package's port forwards, loaded at boot",
        &["/etc/init.d/mape-fw disable", "rm /etc/init.d/mape-fw"],
    ),
    (
        "/etc/config/mape_ppe",
        "another package that sets tunnels up by itself",
        &["/usr/sbin/mape-ppe-disable", "apk del luci-app-fleth"],
    ),
    (
        "/etc/config/fleth",
        "luci-app-fleth writes tunnel sections and patches map.sh by itself",
        &["apk del luci-app-fleth   # up to 24.10: opkg remove luci-app-fleth"],
    ),
    (
        "/etc/config/jp_ipoe",
        "luci-app-jp-ipoe writes the map section, the uplink's prefix and NAT rules by itself",
        &[
            "/etc/init.d/jp_ipoe disable",
            "apk del luci-app-jp-ipoe   # up to 24.10: opkg remove luci-app-jp-ipoe",
        ],
    ),
    (
        "/lib/netifd/proto/map.sh.flethbak",
        "luci-app-fleth has put a map.sh of its own in the place of this one",
        &["mv /lib/netifd/proto/map.sh.flethbak /lib/netifd/proto/map.sh"],
    ),
    (
        "/etc/sysctl.d/99-mape.conf",
        "another package's system settings; it switches reverse-path filtering off for all devices",
        &["rm /etc/sysctl.d/99-mape.conf"],
    ),
];

/// Whether the file is reported as part of a package.
pub(super) fn has(path: &str) -> bool {
    FILES.iter().any(|(file, _, _)| *file == path)
}

/// Packages whose files are there.
pub(super) fn find(router: &Router) -> Vec<Leftover> {
    let leftover = |(path, why, remove): &(&str, &str, &[&str])| {
        let leftover = Leftover::new("package", *path, *why);
        remove.iter().fold(leftover, |leftover, command| leftover.remove(*command))
    };
    FILES.iter().filter(|(path, _, _)| router.has(path)).map(leftover).into_vec()
}
