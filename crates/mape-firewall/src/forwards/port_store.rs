//! Which port each forward has: `/etc/mape-rs/IFACE.ports`, written only when it changes.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use mape_core::Table;
use mape_system::{files, json};
use serde::{Deserialize, Serialize};

use super::section::{Forward, Wanted};

/// The content of the file. Without it ports are chosen as if for the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// The address they belong to.
    pub(super) ipv4: Option<Ipv4Addr>,
    /// By [`Forward::key`].
    #[serde(with = "mape_system::json::table")]
    pub(super) forwards: Table<String, KeptPort>,
}

/// A port that was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptPort {
    pub(super) port: u16,
    /// The section, where it has no name of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) section: Option<String>,
    /// What a person calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// The port that was named and given once; it may be another one by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    named: Option<u16>,
    pub(super) protocols: String,
    /// Where it was before the last move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<SocketAddrV4>,
}

impl Kept {
    /// Reads the file; nothing where there is none, or half of one.
    #[must_use]
    pub fn read(directory: &Path, interface: &str) -> Self {
        let text = files::text(path(directory, interface)).unwrap_or_default();
        json::read(&text).unwrap_or_default()
    }

    /// Writes the file in one step, if it changes; an empty one goes.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn write(&self, directory: &Path, interface: &str) -> io::Result<()> {
        let file = path(directory, interface);
        if self.forwards.is_empty() {
            // What cannot be read is none of ours.
            let was_ours = *self != Self::read(directory, interface);
            return if was_ours { files::remove(&file) } else { Ok(()) };
        }
        files::write_synced(&file, &(serde_json::to_string(self)? + "\n")).map(drop)
    }

    pub(super) fn port(&self, key: &str) -> Option<u16> {
        self.forwards.get(key).map(|kept| kept.port)
    }

    /// Address and port outside.
    pub(super) fn at(&self, key: &str) -> Option<SocketAddrV4> {
        Some(SocketAddrV4::new(self.ipv4?, self.port(key)?))
    }

    /// The same before the last move.
    pub(super) fn before(&self, key: &str) -> Option<SocketAddrV4> {
        self.forwards.get(key)?.before
    }

    /// Whether one of the forwards has this address and port.
    pub(super) fn has(&self, place: SocketAddrV4) -> bool {
        self.ipv4 == Some(*place.ip()) && self.forwards.values().any(|it| it.port == place.port())
    }

    /// Whether the two belong to different addresses.
    pub(super) fn is_elsewhere(&self, other: &Self) -> bool {
        self.ipv4 != other.ipv4
    }

    /// Whether this section has a port.
    pub(super) fn knows(&self, section: &str) -> bool {
        self.forwards.iter().any(|(key, kept)| kept.section.as_ref().unwrap_or(key) == section)
    }

    /// Those of the sections that `is_it` names get back what they had in `old`, at the same
    /// address.
    pub(super) fn restore(&mut self, old: &Self, is_it: impl Fn(&str) -> bool) {
        let named = |(key, kept): (&String, &KeptPort)| {
            is_it(kept.section.as_ref().unwrap_or(key)).then(|| key.clone())
        };
        let keys: Vec<String> = self.forwards.iter().filter_map(named).collect();
        for key in keys {
            let before = old.forwards.get(&key).filter(|_| old.ipv4 == self.ipv4).cloned();
            match before {
                Some(before) => drop(self.forwards.insert(key, before)),
                None => drop(self.forwards.remove(&key)),
            }
        }
        if self.forwards.is_empty() {
            self.ipv4 = None;
        }
    }

    /// Whether this very port was asked for and given, under whatever prefix.
    pub(super) fn was_granted(&self, key: &str, port: u16) -> bool {
        self.forwards.get(key).is_some_and(|kept| kept.named == Some(port))
    }

    /// What is to be kept from now on: who has no port any more, or no wish, is forgotten.
    pub(super) fn with(
        &self,
        ipv4: Ipv4Addr,
        forwards: &[&Forward],
        ports: &Table<String, u16>,
    ) -> Self {
        let one = |forward: &&Forward| {
            let port = *ports.get(&forward.section)?;
            let named = match forward.wanted {
                Wanted::Port(named) => Some(named),
                Wanted::Auto => None,
            };
            let protocols = forward.protocols();
            let last = self.at(&forward.key).filter(|last| *last != SocketAddrV4::new(ipv4, port));
            let before = last.or_else(|| self.before(&forward.key));
            let section = (forward.section != forward.key).then(|| forward.section.clone());
            let name = forward.name.clone();
            let kept = KeptPort { port, section, name, named, protocols, before };
            Some((forward.key.clone(), kept))
        };
        let forwards: Table<_, _> = forwards.iter().filter_map(one).collect();
        Self { ipv4: (!forwards.is_empty()).then_some(ipv4), forwards }
    }
}

fn path(directory: &Path, interface: &str) -> PathBuf {
    directory.join(format!("{interface}.ports"))
}
