//! What a line needs on this machine, and the shortest way there from what the machine is.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mape_nft::DeviceName;
use serde::{Deserialize, Serialize};

use super::config::RouteOption;
use super::host_firewall::InputChain;
use super::ip::{Device, Route, Snapshot};
use super::journal::{Journal, Owned};
use super::uplink::Found;
use super::{Config, LinuxError};

/// A line as it stands on this machine: CE address, tunnel, address, route, and the firewall's
/// chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
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

/// Lines for `ip -batch`, in the order in which they are run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// What is there and must go.
    pub remove: Vec<String>,
    /// CE address and tunnel, which stays down and so lets nothing through.
    pub build: Vec<String>,
    /// Behind the NAT rules: address, up, route.
    pub open: Vec<String>,
}

impl Steps {
    /// All steps in order, as text.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.remove.iter().chain(&self.build).chain(&self.open)
    }
}

impl Line {
    /// The line that the configuration and the uplink ask for.
    #[must_use]
    pub fn new(config: &Config, found: &Found) -> Self {
        let plan = &found.plan;
        Self {
            device: config.device().to_string(),
            uplink: found.uplink.clone(),
            ce: plan.ce(),
            br: plan.br(),
            ipv4: plan.ipv4().addr(),
            mtu: plan.mtu(),
            ttl: config.ttl,
            route: config.route,
            input_chain: config.input_chain.clone(),
        }
    }

    /// The CE address as something that this program adds to the uplink.
    #[must_use]
    pub fn ce_on_uplink(&self) -> Owned {
        Owned { device: self.uplink.clone(), address: self.ce }
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

    fn route_line(&self, verb: &str, route: RouteOption) -> String {
        let RouteOption { table, metric } = route;
        let table = table.map_or_else(String::new, |table| format!(" table {table}"));
        format!("route {verb} default dev {} metric {metric}{table}", self.device)
    }

    /// The shortest way from the machine as it is. The journal tells CE addresses and routes added
    /// before.
    ///
    /// # Errors
    /// Something of somebody else's is where a part of the line would be.
    pub fn steps(&self, machine: &Snapshot, journal: &Journal) -> Result<Steps, LinuxError> {
        let mut steps = Steps::default();
        let device = machine.device(&self.device);
        if let Some(device) = device.filter(|device| device.linkinfo.info_kind != "ip6tnl") {
            return Err(LinuxError::ForeignDevice { device: device.ifname.clone() });
        }
        self.check_route(machine)?;
        // The tunnel goes before its address does.
        let keeps = device.filter(|device| self.is_tunnel(device));
        if device.is_some() && keeps.is_none() {
            steps.remove.push(remove_tunnel(&self.device));
        }
        for owned in journal.owned.iter().filter(|owned| **owned != self.ce_on_uplink()) {
            if machine.has_address(&owned.device, owned.address) {
                steps.remove.push(owned.remove());
            }
        }
        if !machine.has_address(&self.uplink, self.ce) {
            steps.build.push(self.add_ce());
        }
        if keeps.is_none() {
            steps.build.push(self.add_tunnel());
        }
        let [address, up, route] = self.open();
        let wanted = IpAddr::from(self.ipv4);
        let addresses = keeps.map_or(&[][..], |device| &device.addr_info);
        for old in addresses.iter().filter(|old| old.local != Some(wanted)) {
            if let Some(IpAddr::V4(local)) = old.local {
                let device = &self.device;
                steps.open.push(format!("address delete {local}/{} dev {device}", old.prefixlen));
            }
        }
        if addresses.iter().all(|there| there.local != Some(wanted)) {
            steps.open.extend(address);
        }
        let is_up = |device: &Device| device.flags.iter().any(|flag| flag == "UP");
        if !keeps.is_some_and(is_up) {
            steps.open.extend(up);
        }
        self.route_steps(machine, keeps.map(|_| journal), route, &mut steps);
        Ok(steps)
    }

    /// The default route in its place, and no longer where it was before. `journal` is `None` where
    /// the device is made anew: nothing is left on it then.
    fn route_steps(
        &self,
        machine: &Snapshot,
        journal: Option<&Journal>,
        add: Option<String>,
        steps: &mut Steps,
    ) {
        let is_there = |place: RouteOption| {
            journal.is_some()
                && machine.routes4.iter().any(|route| {
                    self.is_ours(route)
                        && route.is_default_of(place.table)
                        && route.metric == place.metric
                })
        };
        let before = journal.map_or(&[][..], |journal| &journal.routes);
        for place in before.iter().filter(|place| Some(**place) != self.route) {
            if is_there(*place) {
                steps.open.push(self.route_line("delete", *place));
            }
        }
        if !self.route.is_some_and(is_there) {
            steps.open.extend(add);
        }
    }

    fn is_ours(&self, route: &Route) -> bool {
        route.device() == Some(self.device.as_str()) && route.dst == "default"
    }

    /// Nobody else's default route may be in our place.
    fn check_route(&self, machine: &Snapshot) -> Result<(), LinuxError> {
        let Some(RouteOption { table, metric }) = self.route else { return Ok(()) };
        let taken = machine.routes4.iter().find(|route| {
            route.is_default_of(table) && route.metric == metric && !self.is_ours(route)
        });
        match taken {
            Some(route) => Err(LinuxError::RouteTaken { metric, route: route.to_string() }),
            None => Ok(()),
        }
    }

    /// Whether the device is this line's tunnel. What an old iproute2 does not tell is believed.
    #[must_use]
    pub fn is_tunnel(&self, device: &Device) -> bool {
        let tunnel = &device.linkinfo.info_data;
        let is =
            |told: &Option<String>, wanted: &str| told.as_deref().is_none_or(|told| told == wanted);
        let at = |told: &Option<String>, wanted: Ipv6Addr| {
            told.as_deref().and_then(|told| told.parse().ok()) == Some(wanted)
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

    /// The other default routes of the main table, with what they mean for this line.
    #[must_use]
    pub fn rivals(&self, machine: &Snapshot) -> Vec<String> {
        let Some(RouteOption { table: None, metric }) = self.route else { return Vec::new() };
        let others = machine.routes4.iter().filter(|route| route.is_main_default());
        let others = others.filter(|route| !self.is_ours(route));
        others
            .map(|route| {
                if route.metric < metric {
                    let way_out = match route.metric {
                        0 => format!("give it one above {metric}"),
                        lower => format!("set a metric below {lower}"),
                    };
                    format!(
                        "the route {route} goes before this line's (metric {metric}): \
                         remove it, or {way_out}"
                    )
                } else {
                    format!("the route {route} stays, behind this line's")
                }
            })
            .collect()
    }
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

impl Owned {
    pub fn remove(&self) -> String {
        format!("address delete {}/128 dev {}", self.address, self.device)
    }
}

/// As `ip route` shows it.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.dst)?;
        if let Some(gateway) = &self.gateway {
            write!(f, " via {gateway}")?;
        }
        if let Some(device) = self.device() {
            write!(f, " dev {device}")?;
        }
        write!(f, " metric {}", self.metric)
    }
}

#[cfg(test)]
mod tests;
