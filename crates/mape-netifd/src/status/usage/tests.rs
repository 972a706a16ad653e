//! Which port is meant by what conntrack shows, for all kinds of lines and edges.

use mape_core::{Layout, Request, parse_rule, plan};

use super::super::ports::PortsStatus;
use super::*;

#[path = "../../../../../tests/support/conntrack_entry.rs"]
#[allow(dead_code, reason = "only whole entries are made here")]
mod made;

use made::entry;

const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 11);
const SERVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const SNAT: u32 = 1 << 4;
const DNAT: u32 = 1 << 5;

fn ports(request: &Request) -> Ports {
    let plan = plan(request).unwrap();
    Ports::new(&plan, &Dataplane::new(&plan, &[]).unwrap())
}

fn v6plus() -> Ports {
    let mut request = Request::new("240b:10:3261:6400::/56".parse().unwrap());
    request.reserved = "5696".parse().unwrap();
    ports(&request)
}

fn own(rule: &str, prefix: &str) -> Ports {
    let rule = format!("ipv6=2001:db8::/40,br=2001:db8:ffff::1,ipv4=192.0.2.0/24,{rule}");
    let mut request = Request::new(prefix.parse().unwrap());
    request.explicit.push(parse_rule(&rule, Layout::Draft03).unwrap());
    ports(&request)
}

/// A connection of a LAN host, seen at this port.
fn outgoing(ports: &Ports, port: u16, protocol: u8) -> Entry {
    // An echo has one identifier and not two ports.
    let server = (SERVER, if protocol == 1 { port } else { 443 });
    entry([(HOST, 50000), server], [server, (ports.address(), port)], SNAT, protocol)
}

/// A connection from outside, as it arrives behind the edge.
fn incoming(ports: &Ports, port: u16, to: Ipv4Addr, status: u32) -> Entry {
    let caller = (SERVER, 40000);
    entry([caller, (ports.address(), port)], [(to, port), caller], status, 6)
}

fn used(ports: &Ports, entries: &[Entry], edge: Option<Edge>) -> Vec<u16> {
    ports.usage(entries, edge).ports.into_iter().map(|(port, ..)| port).collect()
}

#[test]
fn hosts_are_those_behind_the_line() {
    let ports = v6plus();
    let mapping = ports.line.mapping().cloned().unwrap();
    let inside: Vec<u16> = mapping.pairs().map(|(port, _)| port).take(3).collect();
    let server = (SERVER, 443);
    let line = ports.address();
    let from = |host, port| entry([(host, 50000), server], [server, (line, port)], SNAT, 6);
    let other = Ipv4Addr::new(192, 168, 1, 9);
    let entries = [
        from(HOST, inside[0]),
        from(HOST, inside[1]),
        from(other, inside[2]),
        // A server in the LAN, called from outside, and one on the router itself.
        incoming(&ports, 5696, other, DNAT),
        incoming(&ports, 5696, line, 0),
        // Not of the set.
        from(other, 80),
    ];
    let host = |address, connections| Host { address, connections };
    let usage = ports.usage(&entries, Some(Edge::Netdev));
    assert_eq!(usage.top_hosts(9), [host(other, 2), host(HOST, 2), host(line, 1)]);
    assert_eq!(usage.top_hosts(1), [host(other, 2)]);
    // A port without a connection, and one of two hosts.
    let free = ports.all().find(|port| usage.ports.iter().all(|(used, ..)| used != port)).unwrap();
    let (connections, hosts) = usage.on(free);
    assert_eq!((connections, hosts), (PerProtocol::default(), [].as_slice()));
    assert_eq!(usage.on(5696).1, [line, other]);
    let shown = PortsStatus::new(&ports, Some(&usage), None);
    let seen = shown.all().iter().filter(|port| !port.hosts.is_empty());
    assert_eq!(seen.map(|port| port.hosts.len()).sum::<usize>(), 5);
}

#[test]
fn inside_ports_are_shown_as_real_ones() {
    let ports = v6plus();
    let mapping = ports.line.mapping().cloned().unwrap();
    let inside = mapping.internal();
    for edge in [Some(Edge::Netdev), Some(Edge::Postrouting), None] {
        for (port, real) in mapping.pairs() {
            assert_eq!(used(&ports, &[outgoing(&ports, port, 6)], edge), [real]);
        }
        // A server on a LAN host, and one on the router itself.
        let line = ports.address();
        assert_eq!(used(&ports, &[incoming(&ports, 5696, HOST, DNAT)], edge), [5696]);
        assert_eq!(used(&ports, &[incoming(&ports, 5696, line, 0)], edge), [5696]);
        // A socket with full cone, and a port without a listener.
        let cone = incoming(&ports, inside.first(), HOST, DNAT);
        assert_eq!(used(&ports, &[cone], edge), [mapping.to_external(inside.first()).unwrap()]);
        assert!(used(&ports, &[incoming(&ports, inside.first(), line, 0)], edge).is_empty());
        // No port of the line at all.
        for port in [80, inside.first() - 1, inside.last() + 1] {
            assert!(used(&ports, &[outgoing(&ports, port, 6)], edge).is_empty());
        }
    }
    // What the plain edge makes is real already.
    assert_eq!(used(&ports, &[outgoing(&ports, 9792, 6)], Some(Edge::Plain)), [9792]);
    assert!(used(&ports, &[outgoing(&ports, inside.first(), 6)], Some(Edge::Plain)).is_empty());
    // It could be; or a leftover that the edge drops.
    assert_eq!(used(&ports, &[outgoing(&ports, 9792, 6)], None), [9792]);
    assert!(used(&ports, &[outgoing(&ports, 9792, 6)], Some(Edge::Netdev)).is_empty());
}

#[test]
fn sums() {
    let ports = v6plus();
    let inside = ports.line.mapping().unwrap().internal().first();
    let entries: Vec<Entry> = [(0, 6), (0, 6), (1, 6), (1, 17), (2, 1), (3, 47)]
        .map(|(port, protocol)| outgoing(&ports, inside + port, protocol))
        .into();
    let usage = ports.usage(&entries, Some(Edge::Netdev));
    let counts = |tcp, udp, icmp| PerProtocol { tcp, udp, icmp };
    assert_eq!(usage.connections(), counts(3, 1, 1));
    assert_eq!(usage.ports(), counts(2, 1, 1));
    assert_eq!(ports.usage(&[], None).ports(), counts(0, 0, 0));
    let blocks = ports.blocks().iter().map(|block| usage.within(*block).tcp);
    assert_eq!(blocks.sum::<u32>(), 2);
}

#[test]
fn other_kinds_of_lines() {
    // A whole address: every port is its own, and all of them are usable.
    let whole = own("ea=8", "2001:db8:12::/48");
    assert_eq!((whole.usable(), whole.is_shared(), whole.reserved().len()), (65535, false, 0));
    assert_eq!(used(&whole, &[outgoing(&whole, 50000, 6)], Some(Edge::Netdev)), [50000]);
    let call = incoming(&whole, 22, whole.address(), 0);
    assert_eq!(used(&whole, &[call], Some(Edge::Netdev)), [22]);
    // A set larger than its gaps: an inside port has the number of another real one.
    let large = own("ea=9,offset=4", "2001:db8:12:8000::/49");
    let mapping = large.line.mapping().cloned().unwrap();
    for (inside, real) in mapping.pairs() {
        assert_eq!(used(&large, &[outgoing(&large, inside, 17)], Some(Edge::Netdev)), [real]);
    }
    let roles = |ports: &Ports, role| ports.all().filter(|port| ports.role(*port) == role).count();
    assert_eq!(roles(&large, Role::Nat), large.usable());
    let reserved = v6plus();
    assert_eq!((roles(&reserved, Role::Nat), roles(&reserved, Role::Reserved)), (239, 1));
    assert_eq!(roles(&whole, Role::Nat), 65535);
}
