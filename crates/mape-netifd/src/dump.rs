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
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_dump_is_reduced() {
        let dump = Dump::of(json!({"interface": [
            {"interface": "loopback", "up": true, "proto": "static", "l3_device": "lo"},
            {"interface": "wan6", "up": true, "autostart": true, "proto": "dhcpv6",
             "l3_device": "eth1", "device": "eth1", "data": {"zone": "wan"},
             "ipv6-address": [
                {"address": "240b:10:3261:6400:1::2", "mask": 64, "preferred": 14390, "valid": 14390},
                {"address": "fe80::1", "mask": 64},
                {"address": "nonsense", "mask": 64}],
             "ipv6-prefix": [
                {"address": "240b:10:3261:6400::", "mask": 56, "preferred": 0, "valid": 60},
                {"address": "2001:db8::", "mask": 80}],
             "dns-server": ["192.0.2.1", "2001:db8::53", "fe80::1"],
             "inactive": {"dns-server": ["240b:10::53"]},
             "route": [{"target": "::", "mask": 0, "nexthop": "fe80::1"}]},
            {"up": true},
        ]}));
        let wan6 = dump.interface("wan6").unwrap();
        assert_eq!(dump.interfaces().count(), 2);
        assert!(wan6.has_ipv6_default_route() && wan6.up && wan6.autostart);
        assert_eq!(wan6.device.as_deref(), Some("eth1"));
        let shown: Vec<_> = wan6
            .prefixes()
            .iter()
            .map(|item| (item.prefix.to_string(), item.delegated, item.preferred))
            .collect();
        assert_eq!(
            shown,
            [
                ("240b:10:3261:6400::/56".to_owned(), true, 0),
                ("240b:10:3261:6400::/64".to_owned(), false, 14390),
                ("fe80::/64".to_owned(), false, u32::MAX),
            ]
        );
        let texts = |list: &[Ipv6Addr]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(texts(&wan6.addresses()), ["240b:10:3261:6400:1::2"]);
        let networks: Vec<String> = wan6.networks().iter().map(ToString::to_string).collect();
        assert_eq!(
            networks,
            ["240b:10:3261:6400::/64", "fe80::/64", "240b:10:3261:6400::/56", "2001:db8::/80"]
        );
        let lan = Dump::of(json!({"interface": [{"interface": "lan", "ipv6-prefix-assignment":
            [{"address": "240b:10:3261:6401::", "mask": 64}]}]}));
        let networks = lan.interface("lan").unwrap().networks();
        assert_eq!(networks, ["240b:10:3261:6401::/64".parse().unwrap()]);
        assert_eq!(texts(&wan6.resolvers()), ["240b:10::53", "2001:db8::53", "fe80::1"]);
        assert!(!dump.interface("loopback").unwrap().has_ipv6_default_route());
    }

    #[test]
    fn nonsense_is_no_interface() {
        for dump in [json!(null), json!([]), json!({"interface": 7}), json!({"interface": [7]})] {
            assert_eq!(Dump::of(dump), Dump::default());
        }
    }

    #[test]
    fn what_does_not_fit_leaves_the_rest() {
        let wan6 = json!({"interface": "wan6", "up": true, "proto": "dhcpv6", "device": "eth1",
            "ipv6-prefix": [{"address": "240b:10:3261:6400::", "mask": 56}]});
        let damaged = |key: &str, value: Value| {
            let mut wan6 = wan6.clone();
            wan6[key] = value;
            Dump::of(json!({"interface": [7, {"interface": "a b"}, {"interface": 7}, wan6]}))
        };
        for key in [
            "up",
            "autostart",
            "pending",
            "uptime",
            "metric",
            "device",
            "l3_device",
            "proto",
            "route",
            "ipv4-address",
            "ipv6-address",
            "ipv6-prefix-assignment",
            "dns-server",
            "inactive",
            "errors",
            "data",
        ] {
            for value in [json!([7]), json!({"a": 7}), json!(-1), json!("x"), json!(null)] {
                let dump = damaged(key, value.clone());
                let names: Vec<&str> = dump.interfaces().map(|it| it.name.as_str()).collect();
                assert_eq!(names, ["wan6"], "{key}: {value}");
                assert_eq!(dump.interface("wan6").unwrap().prefixes().len(), 1, "{key}: {value}");
            }
        }
        let dump = damaged("autostart", json!("x"));
        assert!(dump.interface("wan6").unwrap().autostart);
        let item = json!([{"address": "240b::", "mask": "x"}, {"address": "240b::1", "mask": 56,
            "preferred": "x"}, {"mask": 56}, {"address": "240b:1::", "mask": 256}, 7]);
        let shown = damaged("ipv6-prefix", item);
        let prefixes = shown.interface("wan6").unwrap().prefixes();
        let shown: Vec<_> =
            prefixes.iter().map(|it| (it.prefix.to_string(), it.preferred)).collect();
        assert_eq!(shown, [("240b::/56".to_owned(), u32::MAX)]);
    }
}
