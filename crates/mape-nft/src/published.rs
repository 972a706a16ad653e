//! Forwarded ports, the hosts to which they lead, and who may reach them.

use mape_core::IntoVec as _;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::str::FromStr;

use crate::name::{NameError, is_device_name};

/// Transport protocol of a forwarded port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP
    Tcp,
    /// UDP
    Udp,
}

impl Transport {
    /// Both protocols, in the order in which they are written.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];

    /// Returns the name that nft and UCI use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// Returns the protocol number.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }
}

/// A device by its name, or all devices with a common prefix (`wg*`, as firewall4 writes it).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Devices(Box<str>);

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Devices {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if is_device_name(text.strip_suffix('*').unwrap_or(text)) {
            return Ok(Self(text.into()));
        }
        Err(NameError::Device(mape_core::Quoted::new(text)))
    }
}

/// A forwarded port and its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// TCP or UDP.
    pub transport: Transport,
    /// The external port. The forward takes effect only if this port is reserved.
    pub port: u16,
    /// Address and port of the LAN host.
    pub host: SocketAddrV4,
}

/// The port forwards and the full-cone hosts of one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwards {
    published: Vec<(Published, Vec<Devices>)>,
    full_cone_hosts: Vec<Ipv4Addr>,
}

impl Forwards {
    /// Makes forwards that are reached from the line and from the router itself. If two entries
    /// have the same port, the first one counts.
    ///
    /// `full_cone_hosts` are hosts whose UDP sockets receive packets from any source after they
    /// have sent one. [`full_cone`](crate::Options::full_cone) does this for all hosts.
    #[must_use]
    pub fn new(published: Vec<Published>, full_cone_hosts: Vec<Ipv4Addr>) -> Self {
        Self::with_hairpin(
            published.into_iter().map(|one| (one, Vec::new())).into_vec(),
            full_cone_hosts,
        )
    }

    /// Makes forwards like [`Self::new`], each also reached at the public address from these
    /// devices.
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
