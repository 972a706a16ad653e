//! What netifd knows of all interfaces: the answer of `network.interface dump`, reduced to what a
//! MAP-E line needs.

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;
use mape_core::ReceivedPrefix;
use mape_nft::InterfaceName;
use mape_provision::may_be_asked;
use mape_system::json::items;
use serde_json::Value;

/// Ends the name of the alias of the uplink that holds an interface's CE address.
pub(super) const ALIAS_SUFFIX: char = '_';

/// All interfaces, in netifd's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dump {
    interfaces: Vec<InterfaceDump>,
}

/// One logical interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceDump {
    /// Name of the UCI section.
    pub name: String,
    /// Its protocol.
    pub proto: String,
    /// Whether it is up.
    pub up: bool,
    /// Whether netifd starts it by itself: not after `ifdown`.
    pub autostart: bool,
    /// The network device that packets leave through.
    pub device: Option<String>,
    /// Whether it has an IPv6 default route.
    pub default_route: bool,
    /// Prefixes that may be the line's.
    pub prefixes: Vec<Candidate>,
    /// The IPv6 networks that it is in, and those delegated to it.
    pub networks: Vec<Ipv6Net>,
    /// Its global IPv6 addresses that are not deprecated.
    pub addresses: Vec<Ipv6Addr>,
    /// IPv6 resolvers: those it learned first, then those configured for it.
    pub resolvers: Vec<Ipv6Addr>,
    /// What its handler told netifd for others: `data`.
    pub data: Value,
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
    /// Reads the answer. What is missing or not understood is left out: netifd adds fields from
    /// release to release.
    #[must_use]
    pub fn parse(dump: &Value) -> Self {
        let interfaces = items(dump, "interface").iter().filter_map(InterfaceDump::parse);
        Self { interfaces: interfaces.collect() }
    }

    /// All interfaces.
    pub fn interfaces(&self) -> impl Iterator<Item = &InterfaceDump> {
        self.interfaces.iter()
    }

    /// Whether this is one of our interfaces.
    #[must_use]
    pub fn is_ours(&self, name: &str) -> bool {
        self.interface(name).is_some_and(|interface| interface.proto == "mape")
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

impl InterfaceDump {
    fn parse(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let bit = |key: &str| value.get(key).and_then(Value::as_bool);
        let all = |key: &str| items(value, key).iter();
        let delegated = all("ipv6-prefix").filter_map(|item| Candidate::parse(item, true));
        let addresses = all("ipv6-address").filter_map(|item| Candidate::parse(item, false));
        let preferred = |item: &&Value| item.get("preferred").and_then(Value::as_u64) != Some(0);
        let own = all("ipv6-address").filter(preferred).filter_map(|item| {
            item.get("address")?.as_str()?.parse().ok().filter(|it| may_be_asked(*it))
        });
        let networks = ["ipv6-address", "ipv6-prefix", "ipv6-prefix-assignment"];
        // With `peerdns 0` what was learned is "inactive".
        let learned = value.get("inactive").map_or(&[][..], |it| items(it, "dns-server"));
        let servers = learned.iter().chain(all("dns-server"));
        let default = |route: &Value| {
            route.get("target").and_then(Value::as_str) == Some("::")
                && route.get("mask").and_then(Value::as_u64) == Some(0)
        };
        Some(Self {
            // The name becomes part of commands. netifd takes other names from its callers.
            name: text("interface").filter(|name| name.parse::<InterfaceName>().is_ok())?,
            proto: text("proto").unwrap_or_default(),
            up: bit("up").unwrap_or(false),
            autostart: bit("autostart").unwrap_or(true),
            device: text("l3_device").or_else(|| text("device")),
            default_route: all("route").any(default),
            prefixes: delegated.chain(addresses).collect(),
            networks: networks.into_iter().flat_map(all).filter_map(network).collect(),
            addresses: own.collect(),
            resolvers: servers.filter_map(|it| it.as_str()?.parse().ok()).collect(),
            data: value.get("data").cloned().unwrap_or(Value::Null),
        })
    }
}

/// Of an entry with `address` and `mask`.
fn network(item: &Value) -> Option<Ipv6Net> {
    let address = item.get("address")?.as_str()?.parse().ok()?;
    let length = u8::try_from(item.get("mask")?.as_u64()?).ok()?;
    Ipv6Net::new(address, length).ok().map(|net| net.trunc())
}

impl Candidate {
    /// An entry of `ipv6-prefix` or `ipv6-address`. Prefixes longer than a /64 are nobody's line,
    /// but an address always stands for its /64: a /128 comes from `DHCPv6`, beside the prefix of a
    /// router advertisement.
    fn parse(value: &Value, delegated: bool) -> Option<Self> {
        let address: Ipv6Addr = value.get("address")?.as_str()?.parse().ok()?;
        let mask = u8::try_from(value.get("mask")?.as_u64()?).ok()?;
        let len = if delegated { mask } else { 128 };
        // Without a lifetime it is valid for ever.
        let preferred = value.get("preferred").and_then(Value::as_u64);
        let preferred =
            preferred.map_or(u32::MAX, |seconds| seconds.try_into().unwrap_or(u32::MAX));
        Some(Self { prefix: ReceivedPrefix::new(address, len).ok()?, delegated, preferred })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_dump_is_reduced() {
        let dump = Dump::parse(&json!({"interface": [
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
        assert!(wan6.default_route && wan6.up && wan6.autostart);
        assert_eq!(wan6.device.as_deref(), Some("eth1"));
        let shown: Vec<_> = wan6
            .prefixes
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
        assert_eq!(texts(&wan6.addresses), ["240b:10:3261:6400:1::2"]);
        let networks: Vec<String> = wan6.networks.iter().map(ToString::to_string).collect();
        assert_eq!(
            networks,
            ["240b:10:3261:6400::/64", "fe80::/64", "240b:10:3261:6400::/56", "2001:db8::/80"]
        );
        let lan = Dump::parse(&json!({"interface": [{"interface": "lan", "ipv6-prefix-assignment":
            [{"address": "240b:10:3261:6401::", "mask": 64}]}]}));
        let networks = &lan.interface("lan").unwrap().networks;
        assert_eq!(*networks, ["240b:10:3261:6401::/64".parse().unwrap()]);
        assert_eq!(texts(&wan6.resolvers), ["240b:10::53", "2001:db8::53", "fe80::1"]);
        assert!(!dump.interface("loopback").unwrap().default_route);
    }

    #[test]
    fn nonsense_is_no_interface() {
        for dump in [json!(null), json!([]), json!({"interface": 7}), json!({"interface": [7]})] {
            assert_eq!(Dump::parse(&dump), Dump::default());
        }
    }
}
