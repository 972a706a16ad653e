//! A forward that has got a port.

use std::net::{Ipv4Addr, SocketAddrV4};

use mape_nft::{Devices, Published, Transport};
use serde::{Deserialize, Serialize};

/// A published port, as state files have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// The section that wishes it.
    #[serde(rename = "section")]
    pub forward: String,
    /// TCP, UDP or both.
    #[serde(rename = "proto", with = "names")]
    pub transports: Vec<Transport>,
    /// The port outside.
    pub port: u16,
    /// Where it leads to; `None` as long as nobody knows the host's address. It is kept all the
    /// same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<SocketAddrV4>,
    /// Address and port outside before the last move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<SocketAddrV4>,
    /// Devices that reach it at the public address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
}

impl Server {
    /// With everything that it can come to have, for its size in a file.
    #[must_use]
    pub fn at_its_largest(&self) -> Self {
        let largest = SocketAddrV4::new(Ipv4Addr::BROADCAST, u16::MAX);
        Self { host: Some(largest), before: Some(largest), ..self.clone() }
    }

    /// The same with the devices of the hairpin; what is no device is left out.
    pub fn reached_from(&self) -> impl Iterator<Item = (Published, Vec<Devices>)> + '_ {
        let from = || self.from.iter().filter_map(|device| device.parse().ok()).collect();
        self.published().map(move |one| (one, from()))
    }

    /// For the rules: one entry for each protocol.
    pub fn published(&self) -> impl Iterator<Item = Published> + '_ {
        let host = self.host;
        let transports = self.transports.iter();
        transports.filter_map(move |transport| {
            host.map(|host| Published { transport: *transport, port: self.port, host })
        })
    }
}

/// Protocols by the names that UCI has for them; one that nobody knows is none.
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
