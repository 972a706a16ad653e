//! The answer of `network.interface dump`, with the fields that a MAP-E line needs.
//!
//! netifd adds fields from release to release, and every handler writes its own `data`. A field or
//! an item of another type counts as missing, and an interface without a usable name is left out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use mape_core::{IntoVec as _, PrefixError, ReceivedPrefix};
use mape_nft::InterfaceName;
use mape_provision::may_be_asked;
use mape_system::json::Json as _;
use mape_system::record;
use serde_json::Value;

use super::interface_data::InterfaceData;

/// Ends the name of the alias of the uplink that holds an interface's CE address.
pub(super) const ALIAS_SUFFIX: char = '_';

record! {
    /// All interfaces, in netifd's order.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Dump {
        interfaces: Vec<InterfaceDump> = list("interface"),
    }
}

record! {
    /// One logical interface.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct InterfaceDump {
        /// Name of the UCI section.
        pub name: String = required("interface"),
        /// Its protocol.
        pub proto: String = lenient,
        /// Whether it is up.
        pub up: bool = lenient,
        /// Whether its handler is at work.
        pub pending: bool = lenient,
        /// Whether netifd starts it by itself. `ifdown` switches that off.
        pub autostart: bool = or_true,
        /// Seconds since it came up.
        pub uptime: Option<u64> = lenient,
        /// The metric of its routes.
        pub metric: u64 = lenient,
        /// The network device that packets leave through.
        pub device: Option<String> = lenient,
        /// The same, where a tunnel or a PPP session runs on `device`.
        l3_device: Option<String> = lenient,
        /// Its routes.
        pub routes: Vec<RouteDump> = list("route"),
        /// Its IPv4 addresses.
        ipv4_address: Vec<Ipv4Dump> = list("ipv4-address"),
        ipv6_address: Vec<Ipv6Dump> = list("ipv6-address"),
        /// Prefixes that are delegated to the router through this interface.
        ipv6_prefix: Vec<Ipv6Dump> = list("ipv6-prefix"),
        /// Prefixes that this interface has of those delegated to the router.
        ipv6_prefix_assignment: Vec<Ipv6Dump> = list("ipv6-prefix-assignment"),
        /// Resolvers that netifd writes into `resolv.conf`.
        pub dns_server: Vec<IpAddr> = list("dns-server"),
        /// What the interface has and does not use.
        inactive: Inactive = lenient,
        /// Errors since the last attempt to bring it up; the newest is the last.
        pub errors: Vec<ErrorDump> = list,
        /// What its handler publishes.
        pub data: InterfaceData = lenient,
    }
}

record! {
    /// A route of an interface.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct RouteDump {
        target: IpAddr = required,
        mask: u8 = required,
    }
}

record! {
    /// An error of an interface.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct ErrorDump {
        /// The stable code.
        pub code: String = required,
        /// Of our errors: the sentence, the next step, then `name=value` for each named value.
        /// netifd's own have a code only.
        pub data: Vec<String> = list,
    }
}

record! {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Ipv4Dump {
        address: Ipv4Addr = required,
        mask: u8 = required,
    }
}

record! {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Ipv6Dump {
        address: Ipv6Addr = required,
        mask: Option<u8> = lenient,
        /// Seconds until it is deprecated. `None` where it never is.
        preferred: Option<u64> = lenient,
    }
}

record! {
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    struct Inactive {
        /// With `peerdns 0`, the resolvers that the interface learned.
        dns_server: Vec<IpAddr> = list("dns-server"),
    }
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
    pub fn of(answer: &Value) -> Self {
        let mut dump = Self::from_value(answer).unwrap_or_default();
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

    /// Whether an interface on this device has an address in the subnet of `address`.
    #[must_use]
    pub fn is_on_link(&self, device: &str, address: Ipv6Addr) -> bool {
        let is_there = |it: &InterfaceDump| it.up && it.device.as_deref() == Some(device);
        self.interfaces.iter().any(|it| is_there(it) && it.has_on_link(address))
    }

    /// The interface of this name.
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<&InterfaceDump> {
        self.interfaces.iter().find(|interface| interface.name == name)
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
        self.candidates().filter_map(Result::ok).into_vec()
    }

    /// Prefixes that are no line's, with the reason, for the log.
    pub(super) fn unusable_prefixes(&self) -> impl Iterator<Item = PrefixError> {
        self.candidates().filter_map(Result::err)
    }

    fn candidates(&self) -> impl Iterator<Item = Result<Candidate, PrefixError>> {
        let delegated = self.ipv6_prefix.iter().filter_map(|it| it.candidate(true));
        delegated.chain(self.ipv6_address.iter().filter_map(|it| it.candidate(false)))
    }

    /// The IPv6 networks that it is in, and those delegated to it.
    #[must_use]
    pub fn networks(&self) -> Vec<Ipv6Net> {
        let lists = [&self.ipv6_address, &self.ipv6_prefix, &self.ipv6_prefix_assignment];
        lists.into_iter().flatten().filter_map(Ipv6Dump::network).into_vec()
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
        addresses.chain(routes).filter_map(net).filter(some).into_vec()
    }

    /// Whether the address is in a subnet of one of its addresses.
    fn has_on_link(&self, address: Ipv6Addr) -> bool {
        let subnets = self.ipv6_address.iter().filter_map(Ipv6Dump::network);
        subnets.filter(|net| net.prefix_len() < 128).any(|net| net.contains(&address))
    }

    /// Its global IPv6 addresses that are not deprecated.
    #[must_use]
    pub fn addresses(&self) -> Vec<Ipv6Addr> {
        let usable = |it: &&Ipv6Dump| it.preferred != Some(0) && may_be_asked(it.address);
        self.ipv6_address.iter().filter(usable).map(|it| it.address).into_vec()
    }

    /// IPv6 resolvers: those it learned first, then those configured for it.
    #[must_use]
    pub fn resolvers(&self) -> Vec<Ipv6Addr> {
        let servers = self.inactive.dns_server.iter().chain(&self.dns_server);
        let ipv6 = servers.filter_map(|server| match server {
            IpAddr::V6(server) => Some(*server),
            IpAddr::V4(_) => None,
        });
        ipv6.into_vec()
    }
}

impl Ipv6Dump {
    fn network(&self) -> Option<Ipv6Net> {
        Ipv6Net::new(self.address, self.mask?).ok().map(|net| net.trunc())
    }

    /// The prefix of a delegation or of an address. A prefix longer than a /64 is no line's, but an
    /// address always stands for its /64: a /128 comes from `DHCPv6`, beside the prefix of a router
    /// advertisement.
    /// `None` if netifd does not state a length.
    fn candidate(&self, delegated: bool) -> Option<Result<Candidate, PrefixError>> {
        let mask = self.mask?;
        let prefix = ReceivedPrefix::new(self.address, if delegated { mask } else { 128 });
        let forever = u64::from(u32::MAX);
        let preferred = self.preferred.unwrap_or(forever).try_into().unwrap_or(u32::MAX);
        Some(prefix.map(|prefix| Candidate { prefix, delegated, preferred }))
    }
}

#[cfg(test)]
mod tests;
