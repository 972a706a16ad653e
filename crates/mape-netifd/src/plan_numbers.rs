//! The numbers of a plan, as every JSON that shows a plan has them: `plan --json`, `status --json`
//! and the `data` of `ifstatus`.

use std::net::{Ipv4Addr, Ipv6Addr};

use mape_core::{IntoVec as _, Plan, PortRange};
use serde::Serialize;

/// First and last port of each range.
pub type PortPairs = Vec<[u16; 2]>;

/// What the end-user prefix leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SharedAddress {
    /// The end-user prefix.
    pub end_user_prefix: String,
    /// The IPv4 address, or the first of its prefix.
    pub ipv4: Ipv4Addr,
    /// 32 for a single address.
    pub ipv4_prefix_len: u8,
    /// Right-aligned.
    pub psid: u16,
    /// The blocks of the port set.
    pub port_ranges: PortPairs,
    /// Ports of the set, reserved ones included.
    pub port_count: u32,
}

/// The tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tunnel {
    /// The address of the CE.
    pub ce: Ipv6Addr,
    /// The address of the BR.
    pub br: Ipv6Addr,
    /// MTU inside the tunnel, in bytes.
    pub mtu: u16,
}

impl SharedAddress {
    /// Those of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let set = plan.port_set();
        Self {
            end_user_prefix: plan.end_user_prefix().to_string(),
            ipv4: plan.ipv4().addr(),
            ipv4_prefix_len: plan.ipv4().prefix_len(),
            psid: set.psid(),
            port_ranges: port_pairs(set.ranges()),
            port_count: set.port_count(),
        }
    }
}

impl Tunnel {
    /// That of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self { ce: plan.ce(), br: plan.br(), mtu: plan.mtu() }
    }
}

/// Returns first and last port of each range.
#[must_use]
pub fn port_pairs(ranges: impl IntoIterator<Item = PortRange>) -> PortPairs {
    ranges.into_iter().map(|range| [range.first(), range.last()]).into_vec()
}

/// Returns `240 ports of 192.0.2.1`, `all ports of 192.0.2.1` or `all ports of 192.0.2.0/29`.
#[must_use]
pub fn ports(plan: &Plan) -> String {
    let (set, ipv4) = (plan.port_set(), plan.ipv4());
    match (set.parameters().psid_len(), ipv4.prefix_len()) {
        (0, ..32) => format!("all ports of {ipv4}"),
        (0, _) => format!("all ports of {}", ipv4.addr()),
        _ => format!("{} ports of {}", set.port_count(), ipv4.addr()),
    }
}
