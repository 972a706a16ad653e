//! What is kept of an interface between two calls: `/var/run/mape-rs/IFACE.memory`.
//!
//! It is a cache. Without it everything works; the history of the line's numbers starts again, and
//! the hotplug hook asks for one set-up too many. A field that an earlier version wrote in another
//! form has another name now, so it reads as unknown and the others are kept.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use mape_core::Plan;
use mape_nft::InterfaceName;
use mape_system::{files, json, record};
use serde_json::Value;

use super::fingerprint::{Fingerprint, Outcome};
use super::interface_data::InterfaceData;

record! {
    /// The content of the file.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub(super) struct InterfaceCache {
        /// The options of the last call, as netifd passed them.
        pub(super) options: String = optional,
        /// The newest options with which the interface came up.
        pub(super) good_options: String = optional,
        /// The prefix that is set up.
        pub(super) prefix: String = optional,
        /// What the last call decided.
        pub(super) outcome: Outcome = optional("decided"),
        /// Whether the last call finished. A call that died before its end is made again.
        pub(super) settled: bool = optional,
        /// What the tunnel that is set up depends on; `None` while it is being changed.
        pub(super) applied: Option<Fingerprint> = optional,
        /// The rule as netifd's `data` showed it last.
        pub(super) last_published: Option<InterfaceData> = optional,
        /// Seconds since 1970 at which the present numbers began.
        since: u64 = optional,
        /// The present numbers.
        numbers: Value = optional,
        /// The numbers before them.
        before: Value = optional,
        /// Whether another device had the CE address when this interface was last set up.
        pub(super) ce_was_in_use: bool = optional,
        /// Addresses of former numbers whose connections are still to be deleted.
        flush_addresses: Vec<Ipv4Addr> = optional("stale"),
    }
}

/// When the present numbers began, and which came before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Seconds since 1970.
    pub(super) since: u64,
    /// `None` since the router's start.
    pub(super) before: Option<Value>,
    /// Whether this call changes the numbers of a line that was set up.
    pub(super) renumbered: bool,
}

impl InterfaceCache {
    /// Reads the file. A lost or truncated file is an empty cache.
    pub(super) fn read(directory: &Path, interface: &InterfaceName) -> Self {
        let text = files::text(path(directory, interface)).unwrap_or_default();
        json::read(&text).unwrap_or_default()
    }

    /// Writes the file in one step, if it changes.
    pub(super) fn write(&self, directory: &Path, interface: &InterfaceName) -> io::Result<()> {
        files::write(&path(directory, interface), &json::write(self)).map(drop)
    }

    /// Removes the file; returns whether there was one.
    pub(super) fn forget(directory: &Path, interface: &InterfaceName) -> bool {
        fs::remove_file(path(directory, interface)).is_ok()
    }

    /// Returns the addresses whose connections are to be deleted now, and drops them.
    pub(super) fn take_flush_addresses(&mut self) -> Vec<Ipv4Addr> {
        std::mem::take(&mut self.flush_addresses)
    }

    /// Keeps the numbers that are set up at `now` (seconds since 1970), and returns since when they
    /// are the same.
    pub(super) fn note(&mut self, plan: &Plan, now: u64) -> Change {
        let numbers = json::object(vec![
            ("end_user_prefix", plan.end_user_prefix().to_string().into()),
            ("ipv4", format!("{}/{}", plan.address(), plan.ipv4().prefix_len()).into()),
            ("psid", plan.port_set().psid().into()),
            ("br", plan.br().to_string().into()),
            ("mtu", plan.mtu().into()),
        ]);
        let renumbered = self.numbers != numbers && !self.numbers.is_null();
        if self.numbers != numbers {
            let same = |key: &str| self.numbers.get(key) == numbers.get(key);
            if !(same("ipv4") && same("psid")) {
                let former = self.numbers.get("ipv4").and_then(Value::as_str);
                let former = former.and_then(|net| net.split('/').next()?.parse::<Ipv4Addr>().ok());
                self.flush_addresses.extend(former);
            }
            self.before = std::mem::replace(&mut self.numbers, numbers);
            self.since = now;
        }
        let before = (!self.before.is_null()).then(|| self.before.clone());
        Change { since: self.since, before, renumbered }
    }
}

fn path(directory: &Path, interface: &InterfaceName) -> PathBuf {
    directory.join(format!("{interface}.memory"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mape_core::{Request, plan};

    #[test]
    fn changes_are_kept_and_nonsense_is_forgotten() {
        let directory = std::env::temp_dir().join(format!("mape-cache-{}", std::process::id()));
        let name: InterfaceName = "wan".parse().unwrap();
        let plan = |prefix: &str| plan(&Request::new(prefix.parse().unwrap())).unwrap();
        let mut cache = InterfaceCache::read(&directory, &name);
        let first = cache.note(&plan("240b:10:3261:6400::/56"), 7);
        assert_eq!(first, Change { since: 7, before: None, renumbered: false });
        cache.write(&directory, &name).unwrap();
        let mut cache = InterfaceCache::read(&directory, &name);
        let moved = cache.note(&plan("240b:10:3261:6500::/64"), 8);
        assert_eq!((moved.since, moved.renumbered), (8, true));
        let again = cache.note(&plan("240b:10:3261:6500::/64"), 9);
        assert_eq!((again.since, again.renumbered), (8, false));
        assert_eq!(again.before.unwrap()["ipv4"], "106.72.50.97/32");
        fs::write(path(&directory, &name), "{\"options\":").unwrap();
        assert_eq!(InterfaceCache::read(&directory, &name), InterfaceCache::default());
        fs::remove_dir_all(&directory).unwrap();
    }
}
