//! What becomes of the addresses of a fixed-IPv4 contract with a block.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::Path;

use ipnet::Ipv4Net;
use mape_core::{IntoVec as _, Plan};
use mape_kernel::routes::{Route, routes_into};
use serde::Serialize;

/// A block of addresses that the line does not share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddressBlock {
    /// The address that NAT and port forwards use.
    pub nat: Ipv4Addr,
    /// Addresses with a route to hosts behind the router; `None` if the routes cannot be read.
    pub routed: Option<Vec<Routed>>,
}

/// Addresses of the block that are routed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Routed {
    /// The destination, as an address or a network.
    pub to: String,
    /// The device.
    pub device: String,
    /// The next hop; `None` if the host is on the link.
    pub via: Option<Ipv4Addr>,
}

impl AddressBlock {
    /// Returns the block of this plan; `None` if the line has one address. `tunnel` is the line's
    /// device.
    #[must_use]
    pub fn of(plan: &Plan, proc: &Path, tunnel: &str) -> Option<Self> {
        (plan.ipv4().prefix_len() < 32).then(|| Self {
            nat: plan.address(),
            routed: routes_into(&proc.join("net"), plan.ipv4(), tunnel)
                .map(|routes| routes.into_iter().map(Routed::of).into_vec()),
        })
    }

    /// Returns the rows for people: name and value.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![("NAT address", self.nat.to_string())];
        match self.routed.as_deref() {
            None => rows.push(("routed", "unknown".to_owned())),
            Some([]) => rows.push(("routed", "no address of the block".to_owned())),
            Some(routed) => rows.extend(routed.iter().map(|it| ("routed", it.to_string()))),
        }
        rows
    }
}

impl Routed {
    fn of(route: Route) -> Self {
        let Route { to, device, via } = route;
        let to =
            if to == Ipv4Net::from(to.addr()) { to.addr().to_string() } else { to.to_string() };
        Self { to, device, via }
    }
}

/// `198.51.100.82 to br-lan`, or with `through 192.168.1.10`.
impl fmt::Display for Routed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.to, self.device)?;
        self.via.map_or(Ok(()), |via| write!(f, " through {via}"))
    }
}
