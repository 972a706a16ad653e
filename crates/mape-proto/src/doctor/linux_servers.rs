//! Checks the port forwards of plain Linux: whether they are published, and whether the machine's
//! own firewall lets their packets pass.

use mape_core::FailureParts;
use mape_core::IntoVec as _;
use std::net::IpAddr;

use ipnet::IpNet;
use mape_firewall::{ForwardStatus, statuses};
use mape_linux::System;
use mape_linux::desired::DesiredLine;
use mape_linux::host_firewall::Packet;
use mape_linux::ip::Snapshot;

use super::finding::Finding;
use super::forwards::{CHECK, not_published};

/// Empty if no forward is configured.
pub(super) fn checks(line: &DesiredLine, machine: &Snapshot, system: &System) -> Vec<Finding> {
    let found = match statuses(&system.env) {
        Ok(found) => found,
        Err(failure) => {
            let FailureParts { message, hint, .. } = failure.into_parts();
            return vec![Finding::wrong(CHECK, message, hint)];
        }
    };
    let (published, wrong): (Vec<&ForwardStatus>, Vec<_>) =
        found.iter().partition(|it| it.state == "published" && it.reason.is_none());
    let mut checks: Vec<Finding> = wrong.into_iter().map(not_published).into_vec();
    checks.extend(dropped(&published, line, machine, system));
    if checks.is_empty() && !found.is_empty() {
        checks.push(Finding::fine(CHECK, format!("{} forwards are published", found.len())));
    }
    checks
}

/// Looks for a chain of another program that drops the packets of a published forward.
fn dropped(
    published: &[&ForwardStatus],
    line: &DesiredLine,
    machine: &Snapshot,
    system: &System,
) -> Option<Finding> {
    let device = &line.device;
    published.iter().find_map(|forward| {
        let host = forward.dest_ip.as_ref()?.parse().ok()?;
        let hook = if is_own(host, machine) { "input" } else { "forward" };
        let packets: Vec<Vec<Packet>> = forward
            .proto
            .iter()
            .map(|proto| vec![to_host(forward, host, proto, line, machine)])
            .into_vec();
        // Without nft's JSON nothing is known.
        let obstacles = system.host_firewall().obstacles(hook, &["inet", "ip"], &packets).ok()?;
        let (chain, fate) = obstacles.first()?;
        let what = format!(
            "the chain {chain} {} what arrives for the forward {}",
            fate.verb(),
            forward.section
        );
        let next = format!("`nft insert rule {chain} iifname \"{device}\" ct status dnat accept`");
        Some(Finding::wrong(CHECK, what, next))
    })
}

fn is_own(host: IpAddr, machine: &Snapshot) -> bool {
    let addresses = machine.devices.iter().flat_map(|device| &device.addr_info);
    addresses.into_iter().any(|address| address.local == Some(host))
}

/// Returns the header fields of the first packet of a connection to the host.
fn to_host(
    forward: &ForwardStatus,
    host: IpAddr,
    proto: &str,
    line: &DesiredLine,
    machine: &Snapshot,
) -> Packet {
    let number = if proto == "tcp" { "6" } else { "17" };
    let other = if proto == "tcp" { "udp" } else { "tcp" };
    let mut packet = Packet::default()
        .with("meta iifname", &[&line.device])
        .with("meta nfproto", &["ipv4"])
        .with("meta protocol", &["ip"])
        .with("meta l4proto", &[proto, number])
        .with("ip protocol", &[proto, number])
        .with("ip daddr", &[host])
        .with("ct state", &["new"])
        .with("ct status", &["dnat"])
        .without(&["ip6", "arp", "icmp", "icmpv6", "udplite", "sctp", "dccp", other]);
    if let Some(port) = forward.dest_port {
        let field = if proto == "tcp" { "tcp dport" } else { "udp dport" };
        packet = packet.with(field, &[port]).with("th dport", &[port]);
    }
    let leads = |address: &mape_linux::ip::Address| {
        let net = address.local.and_then(|local| IpNet::new(local, address.prefixlen).ok());
        net.is_some_and(|net| net.contains(&host))
    };
    let out = machine.devices.iter().find(|device| device.addr_info.iter().any(leads));
    match out {
        Some(device) => packet.with("meta oifname", &[&device.ifname]),
        None => packet,
    }
}
