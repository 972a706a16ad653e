//! The answer of `network.interface dump`, with the fields that a MAP-E line needs.
//!
//! netifd adds fields from release to release, and every handler writes its own `data`. A field or
//! an item of another type counts as missing, and an interface without a usable name is left out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use mape_core::ReceivedPrefix;
use mape_nft::InterfaceName;
use mape_provision::may_be_asked;
use mape_system::json::{list, or_default};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::interface_data::InterfaceData;

/// Ends the name of the alias of the uplink that holds an interface's CE address.
pub(super) const ALIAS_SUFFIX: char = '_';

/// All interfaces, in netifd's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Dump {
    #[serde(rename = "interface", deserialize_with = "list")]
    interfaces: Vec<InterfaceDump>,
}

/// One logical interface.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct InterfaceDump {
    /// Name of the UCI section.
    #[serde(rename = "interface")]
    pub name: String,
    /// Its protocol.
    #[serde(deserialize_with = "or_default")]
    pub proto: String,
    /// Whether it is up.
    #[serde(deserialize_with = "or_default")]
    pub up: bool,
    /// Whether its handler is at work.
    #[serde(deserialize_with = "or_default")]
    pub pending: bool,
    /// Whether netifd starts it by itself. `ifdown` switches that off.
    #[serde(deserialize_with = "or_true")]
    pub autostart: bool,
    /// Seconds since it came up.
    #[serde(deserialize_with = "or_default")]
    pub uptime: Option<u64>,
    /// The metric of its routes.
    #[serde(deserialize_with = "or_default")]
    pub metric: u64,
    /// The network device that packets leave through.
    #[serde(deserialize_with = "or_default")]
    pub device: Option<String>,
    /// The same, where a tunnel or a PPP session runs on `device`.
    #[serde(rename = "l3_device", deserialize_with = "or_default")]
    l3_device: Option<String>,
    /// Its routes.
    #[serde(rename = "route", deserialize_with = "list")]
    pub routes: Vec<RouteDump>,
    /// Its IPv4 addresses.
    #[serde(deserialize_with = "list")]
    ipv4_address: Vec<Ipv4Dump>,
    #[serde(deserialize_with = "list")]
    ipv6_address: Vec<Ipv6Dump>,
    /// Prefixes that are delegated to the router through this interface.
    #[serde(deserialize_with = "list")]
    ipv6_prefix: Vec<Ipv6Dump>,
    /// Prefixes that this interface has of those delegated to the router.
    #[serde(deserialize_with = "list")]
    ipv6_prefix_assignment: Vec<Ipv6Dump>,
    /// Resolvers that netifd writes into `resolv.conf`.
    #[serde(deserialize_with = "list")]
    pub dns_server: Vec<IpAddr>,
    /// What the interface has and does not use.
    #[serde(deserialize_with = "or_default")]
    inactive: Inactive,
    /// Errors since the last attempt to bring it up; the newest is the last.
    #[serde(deserialize_with = "list")]
    pub errors: Vec<ErrorDump>,
    /// What its handler publishes.
    #[serde(deserialize_with = "or_default")]
    pub data: InterfaceData,
}

/// A route of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct RouteDump {
    target: IpAddr,
    mask: u8,
}

/// An error of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ErrorDump {
    /// The stable code.
    pub code: String,
    /// Of our errors: the sentence, then the next step. netifd's own have a code only.
    #[serde(default, deserialize_with = "list")]
    pub data: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Ipv4Dump {
    address: Ipv4Addr,
    mask: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Ipv6Dump {
    address: Ipv6Addr,
    #[serde(default, deserialize_with = "or_default")]
    mask: Option<u8>,
    /// Seconds until it is deprecated. `None` where it never is.
    #[serde(default, deserialize_with = "or_default")]
    preferred: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Inactive {
    /// With `peerdns 0`, the resolvers that the interface learned.
    #[serde(deserialize_with = "list")]
    dns_server: Vec<IpAddr>,
}

/// A prefix that may be the line's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The prefix.
    pub prefix: ReceivedPrefix,
    /// Whether it was delegated, and not the subnet of an address.
    pub delegated: bool,
    /// Seconds until it is deprecated; 0 where it is already.
    pub preferred: u32,
}

impl Dump {
    /// Reads the answer.
    #[must_use]
    pub fn of(answer: Value) -> Self {
        let mut dump = Self::deserialize(answer).unwrap_or_default();
        // The name becomes part of commands. netifd takes other names from its callers.
        dump.interfaces.retain(|interface| interface.name.parse::<InterfaceName>().is_ok());
        for interface in &mut dump.interfaces {
            interface.device = interface.l3_device.take().or(interface.device.take());
        }
        dump
    }

    /// All interfaces.
    pub fn interfaces(&self) -> impl Iterator<Item = &InterfaceDump> {
        self.interfaces.iter()
    }

    /// Whether this is one of our interfaces.
    #[must_use]
    pub fn is_ours(&self, name: &str) -> bool {
        self.interface(name).is_some_and(InterfaceDump::is_ours)
    }

    /// Whether this is the alias that holds the CE address of one of ours.
    #[must_use]
    pub fn is_our_alias(&self, name: &str) -> bool {
        name.strip_suffix(ALIAS_SUFFIX).is_some_and(|name| self.is_ours(name))
    }

    /// The interface of this name.
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<&InterfaceDump> {
        self.interfaces.iter().find(|interface| interface.name == name)
    }
}

impl Default for InterfaceDump {
    fn default() -> Self {
        Self {
            name: String::new(),
            proto: String::new(),
            up: false,
            pending: false,
            autostart: true,
            uptime: None,
            metric: 0,
            device: None,
            l3_device: None,
            routes: Vec::new(),
            ipv4_address: Vec::new(),
            ipv6_address: Vec::new(),
            ipv6_prefix: Vec::new(),
            ipv6_prefix_assignment: Vec::new(),
            dns_server: Vec::new(),
            inactive: Inactive::default(),
            errors: Vec::new(),
            data: InterfaceData::default(),
        }
    }
}

impl InterfaceDump {
    /// Whether it is of protocol `mape`.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.proto == "mape"
    }

    /// Whether it has an IPv6 default route.
    #[must_use]
    pub fn has_ipv6_default_route(&self) -> bool {
        self.has_default_route(Ipv6Addr::UNSPECIFIED.into())
    }

    /// Whether it has an IPv4 default route.
    #[must_use]
    pub fn has_ipv4_default_route(&self) -> bool {
        self.has_default_route(Ipv4Addr::UNSPECIFIED.into())
    }

    fn has_default_route(&self, target: IpAddr) -> bool {
        self.routes.contains(&RouteDump { target, mask: 0 })
    }

    /// Prefixes that may be the line's: those delegated, then those of addresses.
    #[must_use]
    pub fn prefixes(&self) -> Vec<Candidate> {
        let delegated = self.ipv6_prefix.iter().filter_map(|it| it.candidate(true));
        let addresses = self.ipv6_address.iter().filter_map(|it| it.candidate(false));
        delegated.chain(addresses).collect()
    }

    /// The IPv6 networks that it is in, and those delegated to it.
    #[must_use]
    pub fn networks(&self) -> Vec<Ipv6Net> {
        let lists = [&self.ipv6_address, &self.ipv6_prefix, &self.ipv6_prefix_assignment];
        lists.into_iter().flatten().filter_map(Ipv6Dump::network).collect()
    }

    /// The IPv4 networks that it is in, and those that it has a route to but the default route.
    #[must_use]
    pub fn ipv4_networks(&self) -> Vec<Ipv4Net> {
        let addresses = self.ipv4_address.iter().map(|it| (it.address, it.mask));
        let routes = self.routes.iter().filter_map(|it| match it.target {
            IpAddr::V4(target) => Some((target, it.mask)),
            IpAddr::V6(_) => None,
        });
        let net = |(address, mask)| Ipv4Net::new(address, mask).ok();
        let some = |net: &Ipv4Net| net.prefix_len() > 0;
        addresses.chain(routes).filter_map(net).filter(some).collect()
    }

    /// Its global IPv6 addresses that are not deprecated.
    #[must_use]
    pub fn addresses(&self) -> Vec<Ipv6Addr> {
        let usable = |it: &&Ipv6Dump| it.preferred != Some(0) && may_be_asked(it.address);
        self.ipv6_address.iter().filter(usable).map(|it| it.address).collect()
    }

    /// IPv6 resolvers: those it learned first, then those configured for it.
    #[must_use]
    pub fn resolvers(&self) -> Vec<Ipv6Addr> {
        let servers = self.inactive.dns_server.iter().chain(&self.dns_server);
        let ipv6 = servers.filter_map(|server| match server {
            IpAddr::V6(server) => Some(*server),
            IpAddr::V4(_) => None,
        });
        ipv6.collect()
    }
}

impl Ipv6Dump {
    fn network(&self) -> Option<Ipv6Net> {
        Ipv6Net::new(self.address, self.mask?).ok().map(|net| net.trunc())
    }

    /// The prefix of a delegation or of an address. A prefix longer than a /64 is no line's, but an
    /// address always stands for its /64: a /128 comes from `DHCPv6`, beside the prefix of a router
    /// advertisement.
    fn candidate(&self, delegated: bool) -> Option<Candidate> {
        let mask = self.mask?;
        let prefix = ReceivedPrefix::new(self.address, if delegated { mask } else { 128 }).ok()?;
        let forever = u64::from(u32::MAX);
        let preferred = self.preferred.unwrap_or(forever).try_into().unwrap_or(u32::MAX);
        Some(Candidate { prefix, delegated, preferred })
    }
}

fn or_true<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(or_default::<Option<bool>, D>(deserializer)?.unwrap_or(true))
}

#[cfg(test)]
mod tests;
