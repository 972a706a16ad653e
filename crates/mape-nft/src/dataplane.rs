//! What the renderer needs to know of a plan.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;
use mape_core::{Plan, PortRange};

use crate::mapping::{Mapping, NoUsablePort};
use crate::port_ranges::{complement, merged};

/// IPv4 and TCP header, in bytes: what an MSS leaves out of the MTU.
const HEADERS: u16 = 40;

/// Below this nobody is given a port for outgoing connections unless there is no other.
const LOWEST: u16 = 1024;

/// One MAP-E line: its address, its ports, its tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataplane {
    ipv4: Ipv4Net,
    ce: Ipv6Addr,
    mtu: u16,
    mapping: Option<Mapping>,
    whole: Whole,
}

/// The ports of an address that is not shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Whole {
    reserved: Vec<PortRange>,
    outgoing: Option<PortRange>,
}

impl Dataplane {
    /// Takes what is needed from a plan. `listening` are ports the router itself uses, which the
    /// inside range avoids where it can.
    ///
    /// # Errors
    /// [`NoUsablePort`] where every port is reserved or 0.
    pub fn new(plan: &Plan, listening: &[PortRange]) -> Result<Self, NoUsablePort> {
        let set = plan.port_set();
        let reserved = plan.reserved_inside();
        let (mut mapping, mut whole) = (None, Whole::default());
        if set.parameters().psid_len() > 0 {
            mapping = Some(Mapping::new(set, &reserved, listening)?);
        } else if !reserved.is_empty() {
            whole = Whole::new(reserved).ok_or(NoUsablePort)?;
        }
        Ok(Self { ipv4: plan.ipv4(), ce: plan.ce(), mtu: plan.mtu(), mapping, whole })
    }

    /// Inside and real ports; `None` where the address is not shared, so that nothing is mapped.
    #[must_use]
    pub const fn mapping(&self) -> Option<&Mapping> {
        self.mapping.as_ref()
    }

    /// The reserved ports of the line, in ascending order.
    #[must_use]
    pub fn reserved(&self) -> &[PortRange] {
        self.mapping.as_ref().map_or(&self.whole.reserved, Mapping::reserved)
    }

    /// Of an address that is not shared, the ports that outgoing connections may have where some
    /// are reserved: conntrack searches one contiguous range only.
    #[must_use]
    pub const fn outgoing(&self) -> Option<PortRange> {
        self.whole.outgoing
    }

    /// The address that connections leave from. Of a whole IPv4 prefix it is the first one: hosts
    /// that have addresses of the prefix keep them, everyone else shares this one.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        self.ipv4.addr()
    }

    /// The whole prefix of a line that got one.
    pub(crate) fn prefix(&self) -> Option<Ipv4Net> {
        (self.ipv4.prefix_len() < 32).then_some(self.ipv4)
    }

    /// The addresses a packet outside may have: `192.0.2.1` or `192.0.2.0/28`.
    pub(crate) fn addresses(&self) -> String {
        self.prefix().map_or_else(|| self.address().to_string(), |prefix| prefix.to_string())
    }

    /// The same as a network, of one address where the line has one.
    pub(crate) const fn net(&self) -> Ipv4Net {
        self.ipv4
    }

    /// The line's netmask and network as numbers.
    pub(crate) fn netmask(&self) -> (u32, u32) {
        (self.ipv4.netmask().to_bits(), self.ipv4.network().to_bits())
    }

    /// The line's end of the tunnel; no two interfaces of a ruleset have the same.
    #[must_use]
    pub const fn ce(&self) -> Ipv6Addr {
        self.ce
    }

    /// TCP MSS that fits the tunnel, in bytes.
    pub(crate) const fn mss(&self) -> u16 {
        self.mtu.saturating_sub(HEADERS)
    }
}

impl Whole {
    /// The longest range without reserved ports, from [`LOWEST`] on if there is one.
    fn new(reserved: Vec<PortRange>) -> Option<Self> {
        let reserved = merged(reserved);
        let gaps = complement(reserved.clone());
        // Of equals the first.
        let longest = |lowest: u16| {
            let above = |gap: &PortRange| PortRange::new(gap.first().max(lowest), gap.last());
            gaps.iter().filter_map(above).rev().max_by_key(|gap| gap.ports().len())
        };
        let outgoing = Some(longest(LOWEST).or_else(|| longest(1))?);
        Some(Self { reserved, outgoing })
    }
}
