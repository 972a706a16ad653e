//! Finds resolvers that the router queries through the line. Each query uses a port of the set
//! until it is answered (RFC 7597 section 10), and a busy LAN sends more queries than connections.

use mape_core::IntoVec as _;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use mape_netifd::InterfaceDump;
use mape_netifd::status::{Condition, InterfaceStatus};
use mape_uci::{Section, Sections};

use super::context::Context;
use super::finding::Finding;

/// The name of the file that netifd writes, in one directory or another.
const FILE: &str = "/resolv.conf.auto";

/// `None` if no resolver is queried over IPv4, or if the address is not shared.
pub(super) fn check(context: &Context<'_>, interface: &InterfaceStatus) -> Option<Finding> {
    let shared = interface.ports.as_ref()?.all().len() < usize::from(u16::MAX);
    (shared && interface.state == Condition::Up).then_some(())?;
    let mut found = of_netifd(context);
    found.extend(of_dnsmasq(context, &interface.device));
    let near = near(context, &interface.interface);
    let asked: Vec<_> = found.into_iter().filter(|(it, _)| goes_out(*it, &near)).into_vec();
    let (first, _) = asked.first()?;
    let warning = Finding::advice(
        "dns",
        format!(
            "the router queries the resolver {first} over IPv4; each query uses a port of the set"
        ),
        "configure IPv6 resolvers instead, or none: the line announces IPv6 resolvers",
    );
    let warning = warning.with("resolver", &first.to_string());
    let because = |it: Finding, (address, at): &(Ipv4Addr, String)| {
        it.with_evidence(format!("{address}: {at}"))
    };
    Some(asked.iter().fold(warning.with_kind("ipv4_resolvers"), because))
}

/// Whether a query to it leaves through the line, where these networks are nearer.
pub(crate) fn goes_out(resolver: Ipv4Addr, near: &[Ipv4Net]) -> bool {
    let nowhere = resolver.is_loopback() || resolver.is_unspecified() || resolver.is_link_local();
    !nowhere && !near.iter().any(|net| net.contains(&resolver))
}

/// Networks on a link, and those that another interface has a route to.
fn near(context: &Context<'_>, own: &str) -> Vec<Ipv4Net> {
    let others = context.dump.interfaces().filter(|it| it.name != own);
    others.flat_map(InterfaceDump::ipv4_networks).into_vec()
}

fn dnsmasq<'a>(context: &'a Context<'_>) -> Sections<'a> {
    Sections::of(context.dhcp.as_ref(), "dnsmasq")
}

/// What netifd writes into the file that dnsmasq reads.
fn of_netifd(context: &Context<'_>) -> Vec<(Ipv4Addr, String)> {
    let elsewhere = |it: &Section| it.get("resolvfile").is_some_and(|it| !it.ends_with(FILE));
    let without_netifd = |it: &Section| it.is_on("noresolv") || elsewhere(it);
    let ignored = dnsmasq(context).any(without_netifd);
    let mut found = Vec::new();
    for interface in context.dump.interfaces().filter(|it| !ignored && it.up) {
        for server in &interface.dns_server {
            if let IpAddr::V4(server) = server {
                found.push((*server, format!("a resolver of the interface {}", interface.name)));
            }
        }
    }
    found
}

/// What is configured for dnsmasq itself: `1.1.1.1`, `/domain/192.0.2.1#53`, and `192.0.2.1@eth9`,
/// which leaves through that device.
fn of_dnsmasq(context: &Context<'_>, device: &str) -> Vec<(Ipv4Addr, String)> {
    let servers = dnsmasq(context).flat_map(|it| it.list("server")).filter_map(|text| {
        let server = text.rsplit('/').next()?;
        let address = server.split(['#', '@']).next()?.parse().ok()?;
        let through = server.split_once('@').and_then(|(_, it)| it.split('#').next());
        let is_elsewhere = |it: &str| it != device && it.parse::<IpAddr>().is_err();
        if through.is_some_and(is_elsewhere) {
            return None;
        }
        Some((address, "list server of the section dnsmasq in /etc/config/dhcp".to_owned()))
    });
    servers.into_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_on_a_link_cost_no_port() {
        let near = ["192.168.1.0/24".parse().unwrap(), "10.8.0.0/16".parse().unwrap()];
        for (address, out) in [
            ("8.8.8.8", true),
            ("192.168.2.1", true),
            ("192.168.1.7", false),
            ("10.8.200.1", false),
            ("127.0.0.1", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(goes_out(address.parse().unwrap(), &near), out, "{address}");
        }
    }
}
