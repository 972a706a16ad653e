//! What an interface remembers between two calls: `/var/run/mape-rs/IFACE.memory`.
//!
//! A cache: without it everything still works, only "what changed and when" starts anew and the
//! hotplug hook asks for one set-up too many.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use mape_core::Plan;
use mape_nft::{Edge, EdgeChoice, InterfaceName};
use mape_provision::Source;
use mape_system::files;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::interface_data::InterfaceData;

/// The content of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct InterfaceCache {
    /// The options of the last call, as netifd passed them.
    pub(super) options: String,
    /// The newest options that came up.
    pub(super) good_options: String,
    /// The prefix that is set up.
    pub(super) prefix: String,
    /// The outcome that the last call worked on: a plan, or an error.
    pub(super) outcome: String,
    /// Whether the last call is done with it; what died half-way is tried again.
    pub(super) settled: bool,
    /// What the tunnel that is set up depends on.
    pub(super) up: String,
    /// What was told of its rule.
    pub(super) told: String,
    /// The shape of rules that nft accepted since the router's start, and the edge.
    accepted: (String, String),
    /// Seconds since 1970 at which the present numbers began.
    since: u64,
    /// The present numbers.
    numbers: Value,
    /// Those before.
    before: Value,
    /// Addresses of former numbers whose connections are still to be forgotten.
    stale: Vec<Ipv4Addr>,
}

/// When the present numbers began, and which came before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Seconds since 1970.
    pub(super) since: u64,
    /// `None` since the router's start.
    pub(super) before: Option<Value>,
}

impl InterfaceCache {
    /// Reads the file; nothing where there is none or half of one.
    pub(super) fn read(directory: &Path, interface: &InterfaceName) -> Self {
        let text = files::text(path(directory, interface)).unwrap_or_default();
        mape_system::json::read(&text).unwrap_or_default()
    }

    /// Writes the file in one step, if it changes.
    pub(super) fn write(&self, directory: &Path, interface: &InterfaceName) -> io::Result<()> {
        let text = serde_json::to_string(self)?;
        files::write(&path(directory, interface), &text).map(drop)
    }

    /// Removes the file; returns whether there was one.
    pub(super) fn forget(directory: &Path, interface: &InterfaceName) -> bool {
        fs::remove_file(path(directory, interface)).is_ok()
    }

    /// Whether the rule that was told is of this source.
    pub(super) fn is_of(&self, source: Source) -> bool {
        let data: InterfaceData = mape_system::json::read(&self.told).unwrap_or_default();
        data.rule_source.as_deref() == Some(source.name())
    }

    /// The addresses whose connections are to be forgotten now.
    pub(super) fn take_stale(&mut self) -> Vec<Ipv4Addr> {
        std::mem::take(&mut self.stale)
    }

    /// The edge that nft accepted for rules of this shape.
    pub(super) fn accepted(&self, shape: &str) -> Option<EdgeChoice> {
        let (known, edge) = &self.accepted;
        (known == shape).then(|| edge.parse().ok()).flatten()
    }

    /// Takes note of what nft accepted.
    pub(super) fn accept(&mut self, shape: String, edge: Edge) {
        self.accepted = (shape, edge.name().to_owned());
    }

    /// nft did not keep its word.
    pub(super) fn doubt(&mut self) {
        self.accepted = (String::new(), String::new());
    }

    /// Takes note of the numbers that are set up at `now` (seconds since 1970).
    pub(super) fn note(&mut self, plan: &Plan, now: u64) -> Change {
        let numbers = json!({
            "end_user_prefix": plan.end_user_prefix().to_string(),
            "ipv4": plan.ipv4().to_string(),
            "psid": plan.port_set().psid(),
            "br": plan.br().to_string(),
            "mtu": plan.mtu(),
        });
        if self.numbers != numbers {
            let same = |key: &str| self.numbers.get(key) == numbers.get(key);
            if !(same("ipv4") && same("psid")) {
                let former = self.numbers.get("ipv4").and_then(Value::as_str);
                let former = former.and_then(|net| net.split('/').next()?.parse::<Ipv4Addr>().ok());
                self.stale.extend(former);
            }
            self.before = std::mem::replace(&mut self.numbers, numbers);
            self.since = now;
        }
        let before = (!self.before.is_null()).then(|| self.before.clone());
        Change { since: self.since, before }
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
        let directory = std::env::temp_dir().join(format!("mape-memory-{}", std::process::id()));
        let name: InterfaceName = "wan".parse().unwrap();
        let plan = |prefix: &str| plan(&Request::new(prefix.parse().unwrap())).unwrap();
        let mut memory = InterfaceCache::read(&directory, &name);
        let first = memory.note(&plan("240b:10:3261:6400::/56"), 7);
        assert_eq!(first, Change { since: 7, before: None });
        memory.write(&directory, &name).unwrap();
        let mut memory = InterfaceCache::read(&directory, &name);
        assert_eq!(memory.note(&plan("240b:10:3261:6500::/64"), 8).since, 8);
        let again = memory.note(&plan("240b:10:3261:6500::/64"), 9);
        assert_eq!(again.since, 8);
        assert_eq!(again.before.unwrap()["ipv4"], "106.72.50.97/32");
        fs::write(path(&directory, &name), "{\"options\":").unwrap();
        assert_eq!(InterfaceCache::read(&directory, &name), InterfaceCache::default());
        fs::remove_dir_all(&directory).unwrap();
    }
}
