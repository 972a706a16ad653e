//! The part of a plan that the packet rules depend on.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;
use mape_core::{Plan, PortRange};

use crate::mapping::{Mapping, NoUsablePort};
use crate::port_ranges::{complement, merged};

/// Length of the IPv4 and TCP headers in bytes: the MTU minus these is the MSS.
const HEADERS: u16 = 40;

/// Lowest port for outgoing connections, unless no other port is free.
const LOWEST: u16 = 1024;

/// Address, port mapping, CE address and MTU of one MAP-E interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataplane {
    ipv4: Ipv4Net,
    address: Ipv4Addr,
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
    /// Takes the needed values from a plan. `listening` are the ports on which the router itself
    /// listens. The internal range avoids them if it can.
    ///
    /// # Errors
    /// [`NoUsablePort`] if every port is reserved or 0.
    pub fn new(plan: &Plan, listening: &[PortRange]) -> Result<Self, NoUsablePort> {
        let set = plan.port_set();
        let reserved = plan.reserved_inside();
        let (mut mapping, mut whole) = (None, Whole::default());
        if set.parameters().psid_len() > 0 {
            mapping = Some(Mapping::new(set, &reserved, listening)?);
        } else if !reserved.is_empty() {
            whole = Whole::new(reserved).ok_or(NoUsablePort)?;
        }
        let (ipv4, address) = (plan.ipv4(), plan.address());
        Ok(Self { ipv4, address, ce: plan.ce(), mtu: plan.mtu(), mapping, whole })
    }

    /// Returns the mapping of internal to external ports; `None` if the address is not shared, so
    /// that no port is mapped.
    #[must_use]
    pub const fn mapping(&self) -> Option<&Mapping> {
        self.mapping.as_ref()
    }

    /// Returns the reserved ports, in ascending order.
    #[must_use]
    pub fn reserved(&self) -> &[PortRange] {
        self.mapping.as_ref().map_or(&self.whole.reserved, Mapping::reserved)
    }

    /// Returns the ports for outgoing connections of an address that is not shared, if some of its
    /// ports are reserved. It is one range, because conntrack searches one contiguous range only.
    #[must_use]
    pub const fn outgoing(&self) -> Option<PortRange> {
        self.whole.outgoing
    }

    /// Returns the source address of outgoing connections, and the destination of port forwards. Of
    /// a block it is one address: hosts that have another address of the block keep it and get
    /// every packet to it, all others share this one.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Returns the IPv4 prefix of an interface that has more than one address.
    pub(crate) fn prefix(&self) -> Option<Ipv4Net> {
        (self.ipv4.prefix_len() < 32).then_some(self.ipv4)
    }

    /// Returns the addresses that a packet on the line may have, as nft reads them: `192.0.2.1` or
    /// `192.0.2.0/28`.
    pub(crate) fn addresses(&self) -> String {
        self.prefix().map_or_else(|| self.address().to_string(), |prefix| prefix.to_string())
    }

    /// Returns netmask and network as numbers.
    pub(crate) fn netmask(&self) -> (u32, u32) {
        (self.ipv4.netmask().to_bits(), self.ipv4.network().to_bits())
    }

    /// Returns the CE address, the local end of the tunnel. No two interfaces of a ruleset have the
    /// same one.
    #[must_use]
    pub const fn ce(&self) -> Ipv6Addr {
        self.ce
    }

    /// Returns the largest TCP MSS that fits the tunnel, in bytes.
    pub(crate) const fn mss(&self) -> u16 {
        self.mtu.saturating_sub(HEADERS)
    }
}

impl Whole {
    /// Takes the longest range without reserved ports, from [`LOWEST`] on if one exists.
    fn new(reserved: Vec<PortRange>) -> Option<Self> {
        let reserved = merged(reserved);
        let gaps = complement(reserved.clone());
        // Of ranges of equal length, the first.
        let longest = |lowest: u16| {
            let above = |gap: &PortRange| PortRange::new(gap.first().max(lowest), gap.last());
            gaps.iter().filter_map(above).rev().max_by_key(|gap| gap.ports().len())
        };
        let outgoing = Some(longest(LOWEST).or_else(|| longest(1))?);
        Some(Self { reserved, outgoing })
    }
}
