//! What a line needs on this machine, and the `ip` commands that add and remove each part.

use std::net::{Ipv4Addr, Ipv6Addr};

use mape_core::Plan;
use mape_nft::DeviceName;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::ip::{Device, Snapshot};
use crate::spec::{InputChain, RouteOption};

/// A line as it stands on this machine: CE address, tunnel, address, route, and the firewall's
/// chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredLine {
    /// The tunnel device.
    pub device: String,
    /// The device of the uplink.
    pub uplink: String,
    /// The tunnel's end here.
    pub ce: Ipv6Addr,
    /// The tunnel's end at the provider.
    pub br: Ipv6Addr,
    /// The address that NAT uses.
    pub ipv4: Ipv4Addr,
    /// MTU inside the tunnel, in bytes.
    pub mtu: u16,
    /// Hop limit of the outer packets.
    pub ttl: u8,
    /// The default route; absent where none is wanted.
    pub route: Option<RouteOption>,
    /// The chain of the host that lets the BR's packets in.
    pub input_chain: Option<InputChain>,
}

impl DesiredLine {
    /// Returns the line that results from the configuration, the uplink and its plan.
    #[must_use]
    pub fn new(config: &Config, uplink: &str, plan: &Plan) -> Self {
        Self {
            device: config.device().to_string(),
            uplink: uplink.to_owned(),
            ce: plan.ce(),
            br: plan.br(),
            ipv4: plan.address(),
            mtu: plan.mtu(),
            ttl: config.ttl,
            route: config.route,
            input_chain: config.input_chain.clone(),
        }
    }

    /// The CE address as something that this program adds to the uplink.
    #[must_use]
    pub fn ce_on_uplink(&self) -> OwnedAddress {
        OwnedAddress { device: self.uplink.clone(), address: self.ce }
    }

    /// Adds the CE address: never chosen as a source (deprecated from the start), and usable at
    /// once, for otherwise the tunnel logs that its address is not configured.
    #[must_use]
    pub fn add_ce(&self) -> String {
        format!("address add {}/128 dev {} nodad preferred_lft 0", self.ce, self.uplink)
    }

    /// Makes the tunnel.
    #[must_use]
    pub fn add_tunnel(&self) -> String {
        format!(
            "link add {} mtu {} type ip6tnl mode ipip6 local {} remote {} encaplimit none \
             hoplimit {} tclass 0x00 dev {}",
            self.device, self.mtu, self.ce, self.br, self.ttl, self.uplink
        )
    }

    /// Address, up, route.
    #[must_use]
    pub fn open(&self) -> [Option<String>; 3] {
        [
            Some(format!("address add {}/32 dev {}", self.ipv4, self.device)),
            Some(format!("link set {} up", self.device)),
            self.route.map(|route| self.route_line("add", route)),
        ]
    }

    pub(crate) fn route_line(&self, verb: &str, route: RouteOption) -> String {
        let RouteOption { table, metric } = route;
        let table = table.map_or_else(String::new, |table| format!(" table {table}"));
        format!("route {verb} default dev {} metric {metric}{table}", self.device)
    }

    /// Whether the device is this line's tunnel. What an old iproute2 does not tell is believed.
    #[must_use]
    pub fn is_tunnel(&self, device: &Device) -> bool {
        let tunnel = &device.linkinfo.info_data;
        let is = |stated: &Option<String>, wanted: &str| {
            stated.as_deref().is_none_or(|stated| stated == wanted)
        };
        let at = |stated: &Option<String>, wanted: Ipv6Addr| {
            stated.as_deref().and_then(|stated| stated.parse().ok()) == Some(wanted)
        };
        device.linkinfo.info_kind == "ip6tnl"
            && at(&tunnel.local, self.ce)
            && at(&tunnel.remote, self.br)
            && is(&tunnel.link, &self.uplink)
            && is(&tunnel.proto, "ipip6")
            && tunnel.ttl.is_none_or(|ttl| ttl == self.ttl)
            && tunnel.encap_limit.is_none()
            && device.mtu == u32::from(self.mtu)
    }
}

/// A CE address on an uplink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnedAddress {
    /// The uplink.
    pub device: String,
    /// The CE address.
    pub address: Ipv6Addr,
}

/// Removes a tunnel with its address and routes.
pub(crate) fn remove_tunnel(device: &str) -> String {
    format!("link delete {device}")
}

/// Whether a tunnel of this name is there.
pub(crate) fn has_tunnel(machine: &Snapshot, device: &DeviceName) -> bool {
    let device = machine.device(device.as_str());
    device.is_some_and(|device| device.linkinfo.info_kind == "ip6tnl")
}

impl OwnedAddress {
    /// Removes the address.
    #[must_use]
    pub fn remove(&self) -> String {
        format!("address delete {}/128 dev {}", self.address, self.device)
    }
}
