//! The addresses of LAN hosts: configured, leased, or made of a network and a host id.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::Places;
use super::forward::Host;
use crate::files;
use crate::uci::{Package, Section};

/// Where dnsmasq has its leases if nobody says something else.
const LEASES: &str = "/tmp/dhcp.leases";

/// Who has which address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts {
    /// By name or MAC address, in small letters. What is configured goes before what is leased.
    leases: BTreeMap<String, Ipv4Addr>,
    /// By interface.
    networks: BTreeMap<String, Ipv4Net>,
}

impl Hosts {
    /// Reads UCI's `dhcp` and `network` and dnsmasq's leases. What cannot be read is not known.
    pub(super) fn read(places: &Places) -> Self {
        let package = |name| places.uci.read(name).ok().flatten();
        let dhcp = package("dhcp");
        // Each dnsmasq has its own.
        let named = dhcp.iter().flat_map(|dhcp| dhcp.of_kind("dnsmasq"));
        let mut paths: Vec<&str> = named.filter_map(|it| it.get("leasefile")).collect();
        if paths.is_empty() {
            paths.push(LEASES);
        }
        let mut leases = String::new();
        for path in paths {
            // `/tmp` is everybody's: what is no file of dnsmasq's counts for nothing, and a name that a
            // host gives itself need not be UTF-8.
            let list = files::below(&places.root, path).and_then(files::bytes).unwrap_or_default();
            leases.push_str(&String::from_utf8_lossy(&list));
        }
        Self::of(dhcp.as_ref(), package("network").as_ref(), &leases)
    }

    fn of(dhcp: Option<&Package>, network: Option<&Package>, list: &str) -> Self {
        let mut leases = BTreeMap::new();
        for host in dhcp.into_iter().flat_map(|dhcp| dhcp.of_kind("host")) {
            let Some(address) = host.get("ip").and_then(|ip| ip.parse().ok()) else { continue };
            for name in host.list("name").chain(host.list("mac")) {
                leases.entry(name.to_ascii_lowercase()).or_insert(address);
            }
        }
        for line in list.lines() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [_, mac, address, name, ..] = words.as_slice() else { continue };
            let Ok(address) = address.parse() else { continue };
            for name in [mac, name].into_iter().filter(|name| **name != "*") {
                leases.entry(name.to_ascii_lowercase()).or_insert(address);
            }
        }
        let networks = network.into_iter().flat_map(|network| network.of_kind("interface"));
        let networks = networks.filter_map(|it| Some((it.name().to_owned(), net(it)?)));
        Self { leases, networks: networks.collect() }
    }

    /// The host's address, if it is known.
    pub(crate) fn address(&self, host: &Host) -> Option<Ipv4Addr> {
        match host {
            Host::Address(address) => Some(*address),
            Host::Lease(name) => self.leases.get(name).copied(),
            Host::Id { id, interface } => {
                let net = self.networks.get(interface)?;
                let address = Ipv4Addr::from_bits(net.network().to_bits() | id);
                (*id & net.netmask().to_bits() == 0).then_some(address)
            }
        }
    }
}

/// The network of an interface with an address of its own.
fn net(section: &Section) -> Option<Ipv4Net> {
    let address = section.list("ipaddr").next()?;
    if let Ok(net) = address.parse() {
        return Some(net);
    }
    let netmask = section.get("netmask")?.parse().ok()?;
    Ipv4Net::with_netmask(address.parse().ok()?, netmask).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found() {
        let dhcp = "config host\n option name NAS\n option ip 192.168.1.5\n list mac 02:00:00:00:00:AA\n\
                    config host\n option name noip\n";
        let network = "config interface lan\n option ipaddr 192.168.1.1\n option netmask 255.255.255.0\n\
                       config interface guest\n list ipaddr 10.7.0.1/20\nconfig interface wan\n";
        let leases = "1700000000 02:00:00:00:00:bb 192.168.1.77 console *\n\
                      1700000000 02:00:00:00:00:aa 192.168.1.99 nas *\n1 2\nduid x\n";
        let package = |name, text| Package::parse(name, text).unwrap();
        let hosts =
            Hosts::of(Some(&package("dhcp", dhcp)), Some(&package("network", network)), leases);
        let find = |host: &Host| hosts.address(host).map(|address| address.to_string());
        let lease = |name: &str| find(&Host::Lease(name.to_owned()));
        assert_eq!(lease("nas").as_deref(), Some("192.168.1.5"));
        assert_eq!(lease("02:00:00:00:00:aa").as_deref(), Some("192.168.1.5"));
        assert_eq!(lease("console").as_deref(), Some("192.168.1.77"));
        assert_eq!((lease("noip"), lease("*")), (None, None));
        let id = |id: &str, interface| find(&Host::parse(id, interface).unwrap());
        assert_eq!(id("::10", "lan").as_deref(), Some("192.168.1.16"));
        assert_eq!(id("::0.0.3.1", "guest").as_deref(), Some("10.7.3.1"));
        assert_eq!((id("::1:0", "lan"), id("::10", "wan")), (None, None));
        assert!(Host::parse("::", "lan").is_err() && Host::parse("2001:db8::1", "lan").is_err());
    }
}
