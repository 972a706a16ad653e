//! The addresses of LAN hosts: configured, leased, or made of a network and a host id.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use mape_core::{IntoVec as _, Table, is_unicast4};
use mape_system::files;
use mape_uci::{Package, Section, Sections};

use super::obstacle::Obstacle;
use super::section::Host;
use crate::env::Env;

/// The default file of dnsmasq's leases.
const LEASES: &str = "/tmp/dhcp.leases";

/// Names and addresses of LAN hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// Hosts that are configured on the router.
    configured: Vec<Configured>,
    /// MAC address, name and address of dnsmasq's leases. The client chooses the name. If several
    /// clients have one name, the newest lease counts.
    leases: Vec<(String, String, Ipv4Addr)>,
    /// By interface.
    networks: Table<String, Vec<Ipv4Net>>,
}

/// A section `host` of the package `dhcp`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Configured {
    /// In lower case.
    names: Vec<String>,
    macs: Vec<String>,
    address: Option<Ipv4Addr>,
}

impl Hosts {
    /// Reads UCI's `dhcp` and `network` and dnsmasq's leases. Unreadable files are ignored.
    pub(super) fn read(env: &Env) -> Self {
        let package = |name| env.config().read(name).ok().flatten();
        let dhcp = package("dhcp");
        // Each dnsmasq has its own.
        let named = Sections::of(dhcp.as_ref(), "dnsmasq");
        let mut paths: Vec<&str> = named.filter_map(|it| it.get("leasefile")).into_vec();
        if paths.is_empty() {
            paths.push(LEASES);
        }
        let mut leases = String::new();
        for path in paths {
            // `/tmp` is writable for all: other files than dnsmasq's are ignored, and a host may
            // use a name that is not UTF-8.
            let list = files::below(&env.root, path).and_then(files::bytes).unwrap_or_default();
            leases.push_str(&String::from_utf8_lossy(&list));
        }
        Self::of(dhcp.as_ref(), package("network").as_ref(), &leases)
    }

    fn of(dhcp: Option<&Package>, network: Option<&Package>, list: &str) -> Self {
        let small = |section: &Section, option| -> Vec<String> {
            section.list(option).map(str::to_ascii_lowercase).into_vec()
        };
        let configured = |host: &Section| Configured {
            names: small(host, "name"),
            macs: small(host, "mac"),
            address: host.get("ip").and_then(|ip| ip.parse().ok()),
        };
        let lease = |line: &str| {
            let mut words = line.split_ascii_whitespace().skip(1);
            let (mac, address, name) = (words.next()?, words.next()?, words.next()?);
            Some((mac.to_ascii_lowercase(), name.to_ascii_lowercase(), address.parse().ok()?))
        };
        let networks = Sections::of(network, "interface");
        let hosts = Sections::of(dhcp, "host");
        Self {
            configured: hosts.map(configured).into_vec(),
            leases: list.lines().filter_map(lease).into_vec(),
            networks: networks.map(|it| (it.name().to_owned(), nets(it))).collect(),
        }
    }

    /// Returns the host's address, if it is known. A name or a MAC address stands for an address in
    /// the network that the forward names. A host of that name in another network, such as a
    /// guest's, does not count.
    pub fn address(&self, host: &Host) -> Option<Ipv4Addr> {
        match host {
            Host::Address(address) => Some(*address),
            Host::Named { name, interface } => {
                let candidates = self.candidates(name);
                candidates.into_iter().find(|address| self.is_host_in(*address, interface))
            }
            Host::Id { id, interface } => {
                let net = self.networks.get(interface)?.first()?;
                let address = Ipv4Addr::from_bits(net.network().to_bits() | id);
                (*id & net.netmask().to_bits() == 0).then_some(address)
            }
        }
    }

    /// Returns why the address of a host is not known.
    pub fn why_unknown(&self, host: &Host) -> Obstacle {
        let text = host.text();
        let unknown = format!("the address of {text} is not known");
        let (interface, other) = match host {
            Host::Named { name, interface } => (interface, self.candidates(name).first().copied()),
            Host::Id { interface, .. } => (interface, None),
            Host::Address(_) => {
                return Obstacle::new("host_unknown", unknown, "give its address")
                    .with("host", text);
            }
        };
        let has_network = self.networks.get(interface).is_some_and(|nets| !nets.is_empty());
        let (code, reason, hint) = match (other, host) {
            (Some(address), _) => (
                "host_elsewhere",
                format!("the address {address} of {text} is no host's in the network {interface}"),
                "correct the address, or name its network with the option dest",
            ),
            _ if !has_network => (
                "no_network",
                format!("{unknown}: the configuration has no IPv4 network of {interface}"),
                "name the network of the host with the option dest, or give its address",
            ),
            (None, Host::Id { .. }) => (
                "id_too_long",
                format!("{text} is longer than the host part of the network {interface}"),
                "write the last bits only, or the whole address",
            ),
            (None, _) => ("host_unknown", unknown, "switch the host on, or give its address"),
        };
        Obstacle::new(code, reason, hint).with("host", text).with("network", interface.clone())
    }

    /// If a section has the name, only its address counts, or the leases of its MAC addresses.
    /// Otherwise the leases with this MAC address or name count.
    fn candidates(&self, name: &str) -> Vec<Ipv4Addr> {
        let (mut is_configured, mut found) = (false, Vec::new());
        for host in &self.configured {
            if !host.names.iter().chain(&host.macs).any(|known| known == name) {
                continue;
            }
            is_configured = true;
            match host.address {
                Some(address) => found.push(address),
                None => host.macs.iter().for_each(|mac| self.add_leases(mac, "*", &mut found)),
            }
        }
        if !is_configured && name != "*" {
            self.add_leases(name, name, &mut found);
        }
        found
    }

    /// Adds the addresses of the leases with this MAC address or this name. `*` is no name.
    fn add_leases(&self, mac: &str, name: &str, found: &mut Vec<Ipv4Addr>) {
        for lease in &self.leases {
            if lease.0 == mac || (name != "*" && lease.1 == name) {
                found.push(lease.2);
            }
        }
    }

    fn is_host_in(&self, address: Ipv4Addr, interface: &str) -> bool {
        let has = |net: &Ipv4Net| {
            let is_end =
                net.prefix_len() < 31 && [net.network(), net.broadcast()].contains(&address);
            net.contains(&address) && !is_end
        };
        is_unicast4(Ipv4Net::from(address))
            && self.networks.get(interface).is_some_and(|nets| nets.iter().any(has))
    }
}

/// The networks of an interface with addresses of its own.
fn nets(section: &Section) -> Vec<Ipv4Net> {
    let netmask: Option<Ipv4Addr> = section.get("netmask").and_then(|text| text.parse().ok());
    let net = |address: &str| {
        let with_netmask = || Ipv4Net::with_netmask(address.parse().ok()?, netmask?).ok();
        address.parse().ok().or_else(with_netmask)
    };
    section.list("ipaddr").filter_map(net).into_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found() {
        let dhcp = "config host\n option name NAS\n option ip 192.168.1.5\n list mac 02:00:00:00:00:AA\n\
                    config host\n option name noip\n\
                    config host\n option name printer\n option mac 02:00:00:00:00:02\n\
                    config host\n option name wrong\n option ip 127.0.0.1\n";
        let network = "config interface lan\n option ipaddr 192.168.1.1\n option netmask 255.255.255.0\n\
                       config interface guest\n list ipaddr 10.7.0.1/20\nconfig interface wan\n";
        let leases = "1700000000 02:00:00:00:00:bb 192.168.1.77 console *\n\
                      1700000000 02:00:00:00:00:aa 192.168.1.99 nas *\n1 2\nduid x\n\
                      1700000000 02:00:00:00:00:cc 192.168.1.66 noip *\n\
                      1700000000 02:00:00:00:00:cc 10.7.0.9 console *\n\
                      1700000000 02:00:00:00:00:dd 10.7.0.8 guest-only *\n\
                      1700000000 02:00:00:00:00:ee 8.8.8.8 far *\n\
                      1700000000 02:00:00:00:00:ee 192.168.1.255 end *\n\
                      1700000000 02:00:00:00:00:02 192.168.1.44 stranger *\n";
        let package = |name, text| Package::parse(name, text).unwrap();
        let hosts =
            Hosts::of(Some(&package("dhcp", dhcp)), Some(&package("network", network)), leases);
        let find = |host: &Host| hosts.address(host).map(|address| address.to_string());
        let lease_in = |name: &str, interface: &str| {
            find(&Host::Named { name: name.to_owned(), interface: interface.to_owned() })
        };
        let lease = |name: &str| lease_in(name, "lan");
        assert_eq!(lease("nas").as_deref(), Some("192.168.1.5"));
        assert_eq!(lease("02:00:00:00:00:aa").as_deref(), Some("192.168.1.5"));
        assert_eq!(lease("console").as_deref(), Some("192.168.1.77"));
        // A section has the name: another host that calls itself so is not meant. By its MAC
        // address it is.
        assert_eq!((lease("noip"), lease("*")), (None, None));
        assert_eq!(lease("printer").as_deref(), Some("192.168.1.44"));
        // A guest says the name of a LAN host, or one of its own.
        assert_eq!(lease_in("console", "guest").as_deref(), Some("10.7.0.9"));
        assert_eq!((lease("guest-only"), lease_in("nas", "guest")), (None, None));
        assert_eq!(lease_in("guest-only", "guest").as_deref(), Some("10.7.0.8"));
        // No address of a host in the LAN.
        for name in ["far", "end", "wrong"] {
            assert_eq!(lease(name), None, "{name}");
        }
        // Why, and what helps.
        let why = |name: &str, interface: &str| {
            let (name, interface) = (name.to_owned(), interface.to_owned());
            let why = hosts.why_unknown(&Host::Named { name, interface });
            format!("{}; {}", why.reason, why.hint)
        };
        for (name, interface, says) in [
            ("absent", "lan", "the address of absent is not known; switch the host on"),
            ("noip", "lan", "the address of noip is not known; switch the host on"),
            (
                "guest-only",
                "lan",
                "10.7.0.8 of guest-only is no host's in the network lan; correct",
            ),
            ("nas", "guest", "192.168.1.5 of nas is no host's in the network guest; correct"),
            ("absent", "wan", "has no IPv4 network of wan; name the network"),
            ("absent", "lna", "has no IPv4 network of lna; name the network"),
        ] {
            assert!(why(name, interface).contains(says), "{}", why(name, interface));
        }
        let long = hosts.why_unknown(&Host::parse("::1:0", "lan").unwrap());
        assert_eq!(long.code, "id_too_long");
        assert_eq!(long.reason, "::1:0 is longer than the host part of the network lan");
        let id = |id: &str, interface| find(&Host::parse(id, interface).unwrap());
        assert_eq!(id("::10", "lan").as_deref(), Some("192.168.1.16"));
        assert_eq!(id("::0.0.3.1", "guest").as_deref(), Some("10.7.3.1"));
        assert_eq!((id("::1:0", "lan"), id("::10", "wan")), (None, None));
        assert!(Host::parse("::", "lan").is_err() && Host::parse("2001:db8::1", "lan").is_err());
    }
}
