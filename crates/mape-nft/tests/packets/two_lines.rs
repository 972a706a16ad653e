//! A machine with several lines: what belongs to one of them does not leave by another one, also if
//! the NAT and the edge let it through.
//!
//! The outer guard is tested as in `outer.rs`: a raw socket of the router itself sends encapsulated
//! packets, which meet neither NAT nor edge.

use std::collections::HashSet;
use std::io::Read as _;
use std::net::SocketAddrV6;
use std::time::Duration;

use mape_core::{Plan, PortRange};
use mape_nft::{Edge, Interface, standalone, transaction};
use socket2::SockAddr;

use super::outer::{Inner, raw};
use super::support::{OCN, V6PLUS, built_in, interface, own_rule, whole_address, whole_prefix};
use super::world::{Place, World};

/// The interface of line `number`. Only the first one has a device.
fn line(number: u32, plan: &Plan) -> Interface {
    let name = format!("wan{number}");
    let (device, index) = if number == 0 {
        ("mape-wan".to_owned(), None)
    } else {
        (format!("mape-{name}"), Some(4700 + number))
    };
    Interface {
        name: name.parse().unwrap(),
        device: device.parse().unwrap(),
        index,
        ..interface(plan, Edge::Postrouting)
    }
}

/// A source address and a port of the line.
fn inner(plan: &Plan, protocol: u8) -> Inner {
    let port = plan.port_set().ranges().last().map_or(1234, PortRange::first);
    Inner { protocol, source: plan.address().octets(), ..Inner::udp(port) }
}

/// lw4o6: address and PSID are stated.
fn lw4o6(prefix: &str, psid: u16) -> Plan {
    let rule = format!("ipv4=192.0.2.18/32,ea=0,psidlen=6,psid={psid},offset=0");
    own_rule(&rule, prefix, "")
}

/// An address that is not shared, behind a tunnel with this interface identifier.
fn contract(prefix: &str, last: u8, id: &str) -> Plan {
    own_rule(&format!("ipv4=192.0.2.{last}/32,ea=0,id={id}"), prefix, "")
}

/// Sets of lines whose CE addresses have more and more in common.
fn machines() -> Vec<(&'static str, Vec<Plan>)> {
    let (here, there) = ("2001:db8:1:1::/64", "2001:db8:1:2::/64");
    vec![
        ("two providers", vec![built_in(V6PLUS, ""), built_in(OCN, "")]),
        ("an address that is not shared", vec![built_in(V6PLUS, ""), whole_address()]),
        ("a block of addresses", vec![built_in(V6PLUS, ""), whole_prefix()]),
        ("one address, two PSIDs", vec![lw4o6(here, 20), lw4o6(there, 21)]),
        (
            "one interface identifier",
            vec![lw4o6(here, 20), contract(there, 19, "::c0:2:1200:1400")],
        ),
        (
            "no word that differs from all",
            vec![
                lw4o6(here, 20),
                contract(there, 19, "::c0:2:1200:1400"),
                contract(here, 20, "::c0:3:1200:1400"),
                contract(here, 21, "::c0:2:1200:1500"),
            ],
        ),
    ]
}

/// Checks which packets get out in each tunnel: UDP and TCP of its own line, and of no other.
fn check(world: &World, name: &str, plans: &[Plan]) {
    world.within(Place::Cpe, || {
        let neighbour = "fd00::1".parse().unwrap();
        let mut to = raw(neighbour);
        let packets = |of: &Plan| [17, 6].map(|protocol| inner(of, protocol).bytes());
        for plan in plans {
            let from = raw(plan.ce());
            for packet in plans.iter().flat_map(packets) {
                let _ =
                    from.send_to(&packet, &SockAddr::from(SocketAddrV6::new(neighbour, 0, 0, 0)));
            }
            let mut arrived = HashSet::new();
            let mut buffer = [0; 256];
            loop {
                // On a busy machine what gets out takes its time; what does not never comes.
                let time = if arrived.len() < 2 { 5000 } else { 150 };
                to.set_read_timeout(Some(Duration::from_millis(time))).unwrap();
                let Ok(size) = to.read(&mut buffer) else { break };
                arrived.insert(buffer[..size].to_vec());
            }
            assert_eq!(arrived, HashSet::from(packets(plan)), "{name}: {}", plan.ce());
        }
    });
}

#[test]
fn no_packet_leaves_in_the_tunnel_of_another_line() {
    let Some(world) = World::new() else { return };
    world.sh(
        "ip netns exec $C sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.lo.disable_ipv6=0
         ip -n $C addr add fd00::1/128 dev lo nodad",
    );
    for (name, plans) in machines() {
        let lines: Vec<Interface> =
            (0..).zip(&plans).map(|(number, plan)| line(number, plan)).collect();
        for plan in &plans {
            world.sh(&format!("ip -n $C addr replace {}/128 dev lo nodad", plan.ce()));
        }
        world.load(&transaction(&lines).text(""));
        check(&world, name, &plans);
        // Files for one interface each, in both orders: they do not know the other lines.
        let files: Vec<Interface> = lines
            .iter()
            .map(|line| Interface { index: Some(line.index.unwrap_or(4700)), ..line.clone() })
            .collect();
        for order in [files.clone(), files.into_iter().rev().collect()] {
            world.sh("ip netns exec $C nft flush ruleset");
            for file in &order {
                world.load(&standalone(file));
            }
            check(&world, name, &plans);
        }
        world.sh("ip netns exec $C nft flush ruleset");
    }
}
