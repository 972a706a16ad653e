//! A forward that has a port.

use std::net::{Ipv4Addr, SocketAddrV4};

use mape_nft::{Devices, Published, Transport};
use serde::{Deserialize, Serialize};

/// A published port, as stored in state files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// The section that requests it.
    #[serde(rename = "section")]
    pub forward: String,
    /// TCP, UDP or both.
    #[serde(rename = "proto", with = "names")]
    pub transports: Vec<Transport>,
    /// The external port.
    pub port: u16,
    /// Internal address and port; `None` while the host's address is unknown. The external port is
    /// kept in that case, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<SocketAddrV4>,
    /// External address and port before the last change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<SocketAddrV4>,
    /// Devices from which it is reachable at the external address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
}

impl Server {
    /// Returns the entry with all optional fields, for its maximum size in a file.
    #[must_use]
    pub fn at_its_largest(&self) -> Self {
        let largest = SocketAddrV4::new(Ipv4Addr::BROADCAST, u16::MAX);
        Self { host: Some(largest), before: Some(largest), ..self.clone() }
    }

    /// Returns the same with the devices of the hairpin. Invalid device names are left out.
    pub fn reached_from(&self) -> impl Iterator<Item = (Published, Vec<Devices>)> + '_ {
        let from = || self.from.iter().filter_map(|device| device.parse().ok()).collect();
        self.published().map(move |one| (one, from()))
    }

    /// Returns the entries for the rules, one for each protocol.
    pub fn published(&self) -> impl Iterator<Item = Published> + '_ {
        let host = self.host;
        let transports = self.transports.iter();
        transports.filter_map(move |transport| {
            host.map(|host| Published { transport: *transport, port: self.port, host })
        })
    }
}

/// Protocols by their names in UCI; unknown names are ignored.
mod names {
    use mape_nft::Transport;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(
        transports: &[Transport],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let names: Vec<&str> = transports.iter().map(|transport| transport.name()).collect();
        names.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Transport>, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(Transport::ALL
            .into_iter()
            .filter(|it| names.iter().any(|name| name == it.name()))
            .collect())
    }
}
