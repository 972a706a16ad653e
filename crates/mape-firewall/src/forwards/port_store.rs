//! Stores the port of each forward in `/etc/mape-rs/IFACE.ports`, written only when it changes.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use mape_core::{IntoVec as _, PortRange, Table};
use mape_system::{files, json, record};

use super::section::{Forward, RequestedPort};

record! {
    /// The content of the file. Without the file, ports are assigned as if for the first time.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct PortStore {
        /// The address that the ports belong to.
        pub(super) ipv4: Option<Ipv4Addr> = optional,
        /// By [`Forward::key`].
        pub(super) forwards: Table<String, StoredPort> = optional,
    }
}

record! {
    /// An assigned port.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(super) struct StoredPort {
        pub(super) port: u16 = required,
        /// The number of ports, if it is a range.
        pub(super) count: Option<u32> = optional,
        /// The section's generated name, if it is not the key.
        pub(super) section: Option<String> = optional,
        /// The forward's name for display.
        pub(super) name: Option<String> = optional,
        /// The port that was requested and assigned once. The present port may differ.
        named: Option<u16> = optional,
        pub(super) protocols: String = required,
        /// Address and port before the last change.
        before: Option<SocketAddrV4> = optional,
    }
}

impl PortStore {
    /// Reads the file. The result is empty if the file is absent or damaged.
    #[must_use]
    pub fn read(directory: &Path, interface: &str) -> Self {
        let text = files::text(path(directory, interface)).unwrap_or_default();
        json::read(&text).unwrap_or_default()
    }

    /// Writes the file atomically if it changes; an empty one is removed.
    ///
    /// # Errors
    /// The error of the system call.
    pub fn write(&self, directory: &Path, interface: &str) -> io::Result<()> {
        let file = path(directory, interface);
        if self.forwards.is_empty() {
            // A file that cannot be read is left alone.
            let was_ours = *self != Self::read(directory, interface);
            return if was_ours { files::remove(&file) } else { Ok(()) };
        }
        files::write_synced(&file, &(json::write(self) + "\n")).map(drop)
    }

    /// Returns the first port.
    pub(super) fn port(&self, key: &str) -> Option<u16> {
        self.forwards.get(key).map(|stored| stored.port)
    }

    /// Returns the external address and port.
    pub(super) fn at(&self, key: &str) -> Option<SocketAddrV4> {
        Some(SocketAddrV4::new(self.ipv4?, self.port(key)?))
    }

    /// Returns the external address and port before the last change.
    pub(super) fn before(&self, key: &str) -> Option<SocketAddrV4> {
        self.forwards.get(key)?.before
    }

    /// Whether a forward has this address and port.
    pub(super) fn has(&self, place: SocketAddrV4) -> bool {
        self.ipv4 == Some(*place.ip()) && self.forwards.values().any(|it| it.port == place.port())
    }

    /// Whether the two belong to different addresses.
    pub(super) fn is_elsewhere(&self, other: &Self) -> bool {
        self.ipv4 != other.ipv4
    }

    /// Whether this section has a port.
    pub(super) fn knows(&self, section: &str) -> bool {
        self.forwards.iter().any(|(key, stored)| stored.section.as_ref().unwrap_or(key) == section)
    }

    /// Restores the entries of `old` for the sections that `is_it` selects, if the address is the
    /// same.
    pub(super) fn restore(&mut self, old: &Self, is_it: impl Fn(&str) -> bool) {
        let named = |(key, stored): (&String, &StoredPort)| {
            is_it(stored.section.as_ref().unwrap_or(key)).then(|| key.clone())
        };
        let keys: Vec<String> = self.forwards.iter().filter_map(named).into_vec();
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

    /// Whether these ports were requested and assigned, with any prefix.
    pub(super) fn was_granted(&self, key: &str, ports: PortRange) -> bool {
        self.forwards.get(key).is_some_and(|stored| {
            stored.named == Some(ports.first()) && stored.count.unwrap_or(1) == ports.count()
        })
    }

    /// Returns the new content: only forwards that are configured and have a port.
    pub(super) fn with(
        &self,
        ipv4: Ipv4Addr,
        forwards: &[&Forward],
        ports: &Table<String, PortRange>,
    ) -> Self {
        let one = |forward: &&Forward| {
            let ports = *ports.get(&forward.section)?;
            let port = ports.first();
            let count = Some(ports.count()).filter(|count| *count > 1);
            let named = match forward.requested {
                RequestedPort::Ports(named) => Some(named.first()),
                RequestedPort::Auto => None,
            };
            let protocols = forward.protocols();
            let last = self.at(&forward.key).filter(|last| *last != SocketAddrV4::new(ipv4, port));
            let before = last.or_else(|| self.before(&forward.key));
            let section = (forward.section != forward.key).then(|| forward.section.clone());
            let name = forward.name.clone();
            let stored = StoredPort { port, count, section, name, named, protocols, before };
            Some((forward.key.clone(), stored))
        };
        let forwards: Table<_, _> = forwards.iter().filter_map(one).collect();
        Self { ipv4: (!forwards.is_empty()).then_some(ipv4), forwards }
    }
}

fn path(directory: &Path, interface: &str) -> PathBuf {
    directory.join(format!("{interface}.ports"))
}
