//! A forward that has a port.

use std::net::{Ipv4Addr, SocketAddrV4};

use mape_core::{IntoVec as _, PortRange};
use mape_nft::{Devices, Published, Transport};
use mape_system::json::{Entries, Fields, Record};
use serde::{Serialize, Serializer};

/// A published port, as stored in state files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The section that requests it.
    pub forward: String,
    /// TCP, UDP or both.
    pub transports: Vec<Transport>,
    /// The external ports.
    pub ports: PortRange,
    /// Internal address and first port; `None` while the address is unknown. The external ports are
    /// kept in that case, too.
    pub host: Option<SocketAddrV4>,
    /// External address and first port before the last change.
    pub before: Option<SocketAddrV4>,
    /// Devices from which it is reachable at the external address.
    pub from: Vec<String>,
}

/// Protocols are written by their names in UCI; unknown names are ignored.
impl Record for Server {
    fn read(fields: &mut Fields<'_>) -> Self {
        let forward = fields.required("section");
        let names: Vec<String> = fields.required("proto");
        let is_named = |it: &Transport| names.iter().any(|name| name == it.name());
        let first = fields.required("port");
        let last: Option<u16> = fields.optional("last");
        Self {
            forward,
            transports: Transport::ALL.into_iter().filter(is_named).into_vec(),
            ports: PortRange::new(first, last.unwrap_or(first)).unwrap_or(PortRange::one(first)),
            host: fields.optional("host"),
            before: fields.optional("before"),
            from: fields.optional("from"),
        }
    }

    fn write(&self, entries: &mut Entries) {
        let names: Vec<String> = self.transports.iter().map(|it| it.name().to_owned()).into_vec();
        entries.put("section", &self.forward);
        entries.put("proto", &names);
        entries.put("port", &self.ports.first());
        if self.ports.count() > 1 {
            entries.put("last", &self.ports.last());
        }
        entries.put("host", &self.host);
        entries.put("before", &self.before);
        if !self.from.is_empty() {
            entries.put("from", &self.from);
        }
    }
}

impl Serialize for Server {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Entries::of(self).serialize(serializer)
    }
}

impl Server {
    /// Returns the entry with all optional fields, for its maximum size in a file.
    #[must_use]
    pub fn at_its_largest(&self) -> Self {
        let largest = SocketAddrV4::new(Ipv4Addr::BROADCAST, u16::MAX);
        Self { host: Some(largest), before: Some(largest), ..self.clone() }
    }

    /// Returns the same with the devices of the hairpin. Invalid device names are left out.
    #[must_use]
    pub fn reached_from(&self) -> Vec<(Published, Vec<Devices>)> {
        let from = self.from.iter().filter_map(|device| device.parse().ok()).into_vec();
        self.published().into_iter().map(|one| (one, from.clone())).into_vec()
    }

    /// Returns the entries for the rules, one for each protocol and port. The first external port
    /// leads to the first port of the host, and so on.
    #[must_use]
    pub fn published(&self) -> Vec<Published> {
        let Some(host) = self.host else { return Vec::new() };
        let mut all = Vec::new();
        for (port, inside) in self.ports.ports().zip(host.port()..=u16::MAX) {
            let host = SocketAddrV4::new(*host.ip(), inside);
            for transport in &self.transports {
                all.push(Published { transport: *transport, port, host });
            }
        }
        all
    }

    /// Returns whether the entry is among [`Self::published`].
    #[must_use]
    pub fn publishes(&self, one: &Published) -> bool {
        let is_host = |host: SocketAddrV4| {
            let from_first = one.port.abs_diff(self.ports.first());
            host.port().checked_add(from_first).map(|port| SocketAddrV4::new(*host.ip(), port))
                == Some(one.host)
        };
        self.ports.contains(one.port)
            && self.transports.contains(&one.transport)
            && self.host.is_some_and(is_host)
    }

    /// Returns the host's address with its port or ports, for display; `None` while it is unknown.
    #[must_use]
    pub fn host_text(&self) -> Option<String> {
        let host = self.host?;
        let last = host.port().saturating_add(self.ports.last() - self.ports.first());
        let inside = PortRange::new(host.port(), last).unwrap_or(self.ports);
        Some(format!("{}:{inside}", host.ip()))
    }
}
