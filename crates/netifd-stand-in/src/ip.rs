//! Addresses, routes and prefixes of an interface, as a handler sends them and as a dump shows
//! them.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Instant;

use ipnet::IpNet;
use serde_json::{Map, Value, json};

/// An address with its network.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) net: IpNet,
    pub(crate) lifetimes: Lifetimes,
    /// Its network is not on the link.
    pub(crate) off_link: bool,
}

impl Address {
    /// Returns the command of `ip` that sets the address on the device, also to change its
    /// lifetimes.
    pub(crate) fn command(&self, device: &str) -> String {
        let Lifetimes { preferred, valid, .. } = self.lifetimes;
        let mut command = format!("address replace {} dev {device}", self.net);
        if let (Some(preferred), Some(valid)) = (preferred, valid) {
            // Writing into a `String` cannot fail.
            let _ = write!(command, " valid_lft {valid} preferred_lft {preferred}");
        }
        if self.off_link {
            command.push_str(" noprefixroute");
        }
        command
    }

    /// Returns whether replacing the other one with this one changes nothing.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let seconds = |address: &Self| (address.lifetimes.preferred, address.lifetimes.valid);
        self.net == other.net && seconds(self) == seconds(other) && self.off_link == other.off_link
    }
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) target: IpNet,
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) metric: Option<i64>,
    pub(crate) source: Option<IpNet>,
}

/// A prefix delegated to this router.
#[derive(Clone, Debug)]
pub(crate) struct Prefix {
    pub(crate) net: IpNet,
    pub(crate) lifetimes: Lifetimes,
}

/// Seconds since the message; absent is no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetimes {
    since: Instant,
    preferred: Option<i64>,
    valid: Option<i64>,
}

impl Lifetimes {
    fn new(preferred: Option<i64>, valid: Option<i64>) -> Self {
        let finite = |seconds: &i64| *seconds != 0xffff_ffff && *seconds != -1;
        let valid = valid.filter(finite);
        Self { since: Instant::now(), preferred: preferred.filter(finite).or(valid), valid }
    }

    /// Whether the time is over, so that netifd forgets the object.
    pub(crate) fn are_over(&self) -> bool {
        let gone = i64::try_from(self.since.elapsed().as_secs()).unwrap_or(i64::MAX);
        self.valid.is_some_and(|valid| gone > valid)
    }

    /// Whether both end in the same second.
    pub(crate) fn end_with(&self, other: &Self) -> bool {
        let (first, last) = (self.since.min(other.since), self.since.max(other.since));
        let later = i64::try_from(last.duration_since(first).as_secs()).unwrap_or(i64::MAX);
        let shift = |of: &Self, end: Option<i64>| {
            end.map(|end| if of.since == first { end } else { end.saturating_add(later) })
        };
        shift(self, self.preferred) == shift(other, other.preferred)
            && shift(self, self.valid) == shift(other, other.valid)
    }

    fn put(&self, table: &mut Map<String, Value>) {
        let gone = i64::try_from(self.since.elapsed().as_secs()).unwrap_or(i64::MAX);
        if let Some(preferred) = self.preferred {
            table.insert("preferred".into(), (preferred - gone).max(0).into());
        }
        if let Some(valid) = self.valid {
            table.insert("valid".into(), (valid - gone).into());
        }
    }
}

/// All addresses, routes and prefixes of an interface.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) addresses: Vec<Address>,
    pub(crate) routes: Vec<Route>,
    pub(crate) prefixes: Vec<Prefix>,
    pub(crate) dns: Vec<String>,
    pub(crate) dns_search: Vec<String>,
}

/// Reads a field if it has the declared type. netifd treats a field of another type as absent.
fn text<'a>(table: &'a Value, name: &str) -> Option<&'a str> {
    table.get(name)?.as_str()
}

fn number(table: &Value, name: &str) -> Option<i64> {
    table.get(name)?.as_i64()
}

fn list<'a>(table: &'a Value, name: &str) -> &'a [Value] {
    table.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Reads `a/24`, `a/255.255.255.0` or an address with a separate mask.
fn net(address: &str, mask: Option<&str>) -> Option<IpNet> {
    let (address, mask) =
        address.split_once('/').map_or((address, mask), |(address, mask)| (address, Some(mask)));
    let address: IpAddr = address.parse().ok()?;
    let full = if address.is_ipv4() { 32 } else { 128 };
    let len = match mask {
        None => full,
        Some(mask) => match mask.parse::<u8>() {
            Ok(len) => len,
            Err(_) => ipnet::ip_mask_to_prefix(mask.parse().ok()?).ok()?,
        },
    };
    IpNet::new(address, len).ok()
}

fn address(item: &Value) -> Option<Address> {
    if let Some(text) = item.as_str() {
        let lifetimes = Lifetimes::new(None, None);
        return Some(Address { net: net(text, None)?, lifetimes, off_link: false });
    }
    let net = net(text(item, "ipaddr")?, text(item, "mask"))?;
    let lifetimes = Lifetimes::new(number(item, "preferred"), number(item, "valid"));
    let off_link = item.get("offlink").and_then(Value::as_bool).unwrap_or(false);
    Some(Address { net, lifetimes, off_link })
}

/// Reads `PREFIX/LENGTH[,PREFERRED,VALID]`.
fn prefix(item: &Value) -> Option<Prefix> {
    let mut parts = item.as_str()?.split(',');
    let net = net(parts.next()?, None).filter(|net| (1..=64).contains(&net.prefix_len()))?;
    let mut seconds = || parts.next().and_then(|text| text.parse().ok());
    let (preferred, valid) = (seconds(), seconds());
    Some(Prefix { net, lifetimes: Lifetimes::new(preferred, valid) })
}

fn route(item: &Value) -> Option<Route> {
    let target = net(text(item, "target")?, text(item, "netmask"))?.trunc();
    let gateway = match text(item, "gateway") {
        Some(gateway) => Some(gateway.parse().ok()?),
        None => None,
    };
    let source = match text(item, "source") {
        Some(source) => Some(net(source, None)?),
        None => None,
    };
    Some(Route { target, gateway, metric: number(item, "metric"), source })
}

fn texts(table: &Value, name: &str) -> Vec<String> {
    list(table, name).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Settings {
    /// Reads a handler's update or the section of a static interface. Invalid entries are left out,
    /// as in netifd.
    pub(crate) fn read(table: &Value) -> Self {
        let addresses = list(table, "ipaddr").iter().chain(list(table, "ip6addr"));
        let addresses: Vec<Address> = addresses.filter_map(address).collect();
        let routes = list(table, "routes").iter().chain(list(table, "routes6"));
        let mut routes: Vec<Route> = routes.filter_map(route).collect();
        let has = |v4: bool| addresses.iter().any(|address| address.net.addr().is_ipv4() == v4);
        for (name, all, v4) in [("gateway", "0.0.0.0/0", true), ("ip6gw", "::/0", false)] {
            let gateway = text(table, name).and_then(|gateway| gateway.parse().ok());
            let target = all.parse().ok().filter(|_| gateway.is_some() && has(v4));
            routes.extend(target.map(|target| Route {
                target,
                gateway,
                metric: None,
                source: None,
            }));
        }
        let prefixes = list(table, "ip6prefix").iter().filter_map(prefix).collect();
        Self {
            addresses,
            routes,
            prefixes,
            dns: texts(table, "dns"),
            dns_search: texts(table, "dns_search"),
        }
    }

    /// Returns the longest route to the address.
    pub(crate) fn route_to(&self, host: IpAddr) -> Option<&Route> {
        let fitting = self.routes.iter().filter(|route| route.target.contains(&host));
        fitting.max_by_key(|route| route.target.prefix_len())
    }

    /// Returns whether the address is in one of the interface's networks.
    pub(crate) fn on_link(&self, host: IpAddr) -> bool {
        self.addresses.iter().any(|address| address.net.contains(&host))
    }
}

/// The changes of an update, which netifd passes to the hotplug hooks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "netifd's own flags")]
pub(crate) struct Updated {
    pub(crate) addresses: bool,
    pub(crate) routes: bool,
    pub(crate) prefixes: bool,
    pub(crate) data: bool,
}

impl Updated {
    pub(crate) fn any(self) -> bool {
        self != Self::default()
    }
}

pub(crate) fn dump_addresses(addresses: &[Address], v4: bool) -> Value {
    let ours = addresses.iter().filter(|address| address.net.addr().is_ipv4() == v4);
    let dump = ours.map(|address| {
        let mut table = Map::new();
        table.insert("address".into(), address.net.addr().to_string().into());
        table.insert("mask".into(), address.net.prefix_len().into());
        address.lifetimes.put(&mut table);
        Value::Object(table)
    });
    dump.collect()
}

pub(crate) fn dump_prefixes(prefixes: &[Prefix], class: &str) -> Value {
    let dump = prefixes.iter().filter(|prefix| !prefix.lifetimes.are_over()).map(|prefix| {
        let mut table = Map::new();
        table.insert("address".into(), prefix.net.addr().to_string().into());
        table.insert("mask".into(), prefix.net.prefix_len().into());
        prefix.lifetimes.put(&mut table);
        table.insert("class".into(), class.into());
        table.insert("assigned".into(), json!({}));
        Value::Object(table)
    });
    dump.collect()
}

/// With `defaultroute 0` default routes are among the inactive ones.
pub(crate) fn dump_routes(routes: &[Route], defaultroute: bool, active: bool) -> Value {
    let shown =
        routes.iter().filter(|route| (defaultroute || route.target.prefix_len() != 0) == active);
    let dump = shown.map(|route| {
        let none = if route.target.addr().is_ipv4() { "0.0.0.0" } else { "::" };
        let mut table = Map::new();
        table.insert("target".into(), route.target.addr().to_string().into());
        table.insert("mask".into(), route.target.prefix_len().into());
        let gateway = route.gateway.map_or_else(|| none.to_owned(), |gateway| gateway.to_string());
        table.insert("nexthop".into(), gateway.into());
        if let Some(metric) = route.metric {
            table.insert("metric".into(), metric.into());
        }
        let source = route.source.map_or_else(|| format!("{none}/0"), |source| source.to_string());
        table.insert("source".into(), source.into());
        Value::Object(table)
    });
    dump.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_the_same_if_they_end_in_the_same_second() {
        let hour = Lifetimes::new(Some(1800), Some(3600));
        let ago = |seconds, preferred, valid| Lifetimes {
            since: hour.since.checked_sub(std::time::Duration::from_secs(seconds)).unwrap(),
            ..Lifetimes::new(preferred, valid)
        };
        assert!(hour.end_with(&hour));
        assert!(hour.end_with(&ago(10, Some(1810), Some(3610))));
        assert!(ago(10, Some(1810), Some(3610)).end_with(&hour));
        assert!(!hour.end_with(&ago(10, Some(1800), Some(3600))));
        assert!(!hour.end_with(&Lifetimes {
            since: hour.since,
            preferred: Some(0),
            valid: Some(3600)
        }));
        let none = Lifetimes { since: hour.since, preferred: None, valid: None };
        assert!(none.end_with(&none) && !none.end_with(&hour) && !none.are_over());
        assert!(ago(11, Some(5), Some(10)).are_over() && !ago(9, Some(5), Some(10)).are_over());
    }

    #[test]
    fn masks_lengths_and_lifetimes() {
        let settings = Settings::read(&json!({
            "ipaddr": [{"ipaddr": "192.0.2.1"}, {"ipaddr": "192.0.2.9", "mask": "255.255.255.0"}, {"mask": "8"}],
            "ip6addr": ["2001:db8::1/64", {"ipaddr": "2001:db8::2", "mask": "128", "preferred": 0, "valid": 99}, "x"],
            "routes": [{"target": "0.0.0.0", "netmask": "0"}, {"target": 5}],
            "ip6gw": "fe80::1",
            "ip6prefix": ["2001:db8:1::/56,100,200", "2001:db8::/65"],
        }));
        let nets: Vec<String> = settings.addresses.iter().map(|a| a.net.to_string()).collect();
        assert_eq!(nets, ["192.0.2.1/32", "192.0.2.9/24", "2001:db8::1/64", "2001:db8::2/128"]);
        assert_eq!(dump_addresses(&settings.addresses, false)[1]["preferred"], 0);
        assert_eq!(dump_prefixes(&settings.prefixes, "wan6")[0]["valid"], 200);
        assert_eq!(settings.prefixes.len(), 1);
        assert_eq!(
            settings.route_to("2001:db8:9::1".parse().unwrap()).unwrap().gateway,
            "fe80::1".parse().ok()
        );
        assert_eq!(dump_routes(&settings.routes, false, true), json!([]));
        assert_eq!(dump_routes(&settings.routes, false, false).as_array().unwrap().len(), 2);
    }
}
