//! Ports that lead to hosts, and who may reach them.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::str::FromStr;

use crate::name::{NameError, is_device_name};

/// What a port is published for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP
    Tcp,
    /// UDP
    Udp,
}

impl Transport {
    /// Both, in the order in which they are written.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];

    /// The name in nft and UCI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// The protocol's number.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }
}

/// A device by its name, or all whose names begin alike (`wg*`, as firewall4 writes it).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Devices(String);

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Devices {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if is_device_name(text.strip_suffix('*').unwrap_or(text)) {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::Device(mape_core::Quoted::new(text)))
    }
}

/// A port that leads to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// TCP or UDP.
    pub transport: Transport,
    /// The real port outside. Without effect unless it is reserved.
    pub port: u16,
    /// Host and port inside.
    pub host: SocketAddrV4,
}

/// Hosts that are reached from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwards {
    published: Vec<(Published, Vec<Devices>)>,
    full_cone_hosts: Vec<Ipv4Addr>,
}

impl Forwards {
    /// Reached from the line and from the router itself. Of two entries for one port the first
    /// counts. `full_cone_hosts` are those whose UDP sockets hear from anyone once they have sent
    /// anything, as all do with [`full_cone`](crate::Options::full_cone).
    #[must_use]
    pub fn new(published: Vec<Published>, full_cone_hosts: Vec<Ipv4Addr>) -> Self {
        Self::with_hairpin(
            published.into_iter().map(|one| (one, Vec::new())).collect(),
            full_cone_hosts,
        )
    }

    /// The same, each reached at the public address from these devices too.
    #[must_use]
    pub fn with_hairpin(
        published: Vec<(Published, Vec<Devices>)>,
        full_cone_hosts: Vec<Ipv4Addr>,
    ) -> Self {
        let mut servers = Self { published: Vec::new(), full_cone_hosts };
        for (one, from) in published {
            let same =
                |other: &Published| (other.transport, other.port) == (one.transport, one.port);
            if !servers.published.iter().any(|(other, _)| same(other)) {
                servers.published.push((one, from));
            }
        }
        servers
    }

    pub(crate) fn published(&self) -> &[(Published, Vec<Devices>)] {
        &self.published
    }

    pub(crate) fn full_cone_hosts(&self) -> &[Ipv4Addr] {
        &self.full_cone_hosts
    }
}
