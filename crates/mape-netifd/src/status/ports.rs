//! Ports in use, as `status` and `ports` show them.

use std::net::Ipv4Addr;

use mape_core::{IntoVec as _, PortRange};
use serde::Serialize;

use super::peak::Peak;
use super::usage::{Host, PerProtocol, Ports, Role, Usage};

/// Hosts shown at most.
const HOSTS: usize = 5;

/// How much of the port set is in use. A port serves any number of destinations, so a set in full
/// use is full only towards destinations that all its ports talk to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortsStatus {
    /// Ports that outgoing connections can get.
    pub usable: usize,
    /// Ports with at least one connection, closing ones included.
    pub used: PerProtocol<Option<u32>>,
    /// Connections.
    pub connections: PerProtocol<Option<u32>>,
    /// The most ports seen in use.
    pub peak: Option<Peak>,
    /// The hosts with most of the connections.
    pub hosts: Option<Vec<Host>>,
    /// The set, block by block.
    pub blocks: Vec<Block>,
    /// Every port of the set; for `mape-proto ports`.
    #[serde(skip)]
    pub(super) all: Vec<PortStatus>,
}

/// A block of external ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Block {
    /// First port.
    pub first: u16,
    /// Last port.
    pub last: u16,
    /// Ports of the block in use.
    pub used: PerProtocol<Option<u32>>,
}

/// An external port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortStatus {
    /// Its number.
    pub port: u16,
    /// What it is for.
    pub role: Role,
    /// Connections on it.
    #[serde(flatten)]
    pub connections: PerProtocol<Option<u32>>,
    /// Hosts with a connection on it, the line's own address being the router, in ascending order;
    /// at most as many as of those with the most connections are shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<Ipv4Addr>,
}

impl PortsStatus {
    /// `usage` is `None` where conntrack cannot be read.
    pub(super) fn new(ports: &Ports, usage: Option<&Usage>, peak: Option<Peak>) -> Self {
        let known = |count: &dyn Fn(&Usage) -> PerProtocol<u32>| {
            usage.map(count).map_or(PerProtocol::default(), |counts| counts.map(Some))
        };
        let block = |range: &PortRange| Block {
            first: range.first(),
            last: range.last(),
            used: known(&|usage| usage.within(*range)),
        };
        let port = |port| {
            let used = usage.map(|usage| usage.on(port));
            let connections = used.map_or(PerProtocol::default(), |(counts, _)| counts.map(Some));
            let hosts = used.into_iter().flat_map(|(_, hosts)| hosts).take(HOSTS).copied();
            PortStatus { port, role: ports.role(port), connections, hosts: hosts.into_vec() }
        };
        Self {
            usable: ports.usable(),
            used: known(&Usage::ports),
            connections: known(&Usage::connections),
            peak,
            hosts: usage.map(|usage| usage.top_hosts(HOSTS)),
            blocks: ports.blocks().iter().map(block).into_vec(),
            all: ports.all().map(port).into_vec(),
        }
    }

    /// Every port of the set but 0, in ascending order.
    #[must_use]
    pub fn all(&self) -> &[PortStatus] {
        &self.all
    }

    /// Whether conntrack could be read.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.used.tcp.is_some()
    }
}

impl PortStatus {
    /// Whether there is a connection on it; `None` where conntrack cannot be read.
    #[must_use]
    pub fn is_used(&self) -> Option<bool> {
        let PerProtocol { tcp, udp, icmp } = self.connections;
        Some(tcp? + udp? + icmp? > 0)
    }
}
