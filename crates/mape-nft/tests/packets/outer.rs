//! The outer guard, with encapsulated packets written by hand: a raw socket takes the same way out
//! as a tunnel.

use std::net::{Ipv6Addr, SocketAddrV6};
use std::time::Duration;

use mape_core::Plan;
use mape_nft::{Edge, standalone};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::support::{V6PLUS, built_in, interface, whole_address, whole_prefix};
use super::world::{Place, World};

/// Sends an IPv4 packet inside IPv6 from the CE to a neighbour; whether it gets out in time.
fn gets_out(from: &Socket, to: &Socket, ce: Ipv6Addr, inner: &[u8], time: Duration) -> bool {
    use std::io::Read as _;
    let mut to = to;
    to.set_read_timeout(Some(time)).unwrap();
    // Whether the sender learns of the guard's drop depends on the kernel.
    let _ = from.send_to(inner, &SockAddr::from(SocketAddrV6::new(ce, 0, 0, 0)));
    let mut buffer = [0; 256];
    to.read(&mut buffer).is_ok_and(|size| &buffer[..size] == inner)
}

/// A raw socket of this address that sends what follows an IPv6 header as IPv4.
pub(crate) fn raw(address: Ipv6Addr) -> Socket {
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::from(4))).unwrap();
    socket.bind(&SockAddr::from(SocketAddrV6::new(address, 0, 0, 0))).unwrap();
    socket
}

pub(crate) struct Inner {
    pub(crate) first: u8,
    pub(crate) fragment: u16,
    pub(crate) protocol: u8,
    pub(crate) source: [u8; 4],
    pub(crate) payload: Vec<u8>,
}

const OWN: [u8; 4] = [106, 72, 50, 97];

impl Inner {
    fn new(protocol: u8, payload: &[&[u8]]) -> Self {
        Self { first: 0x45, fragment: 0, protocol, source: OWN, payload: payload.concat() }
    }

    pub(crate) fn udp(port: u16) -> Self {
        Self::new(17, &[&port.to_be_bytes(), &[0, 53, 0, 8, 0, 0]])
    }

    fn echo(kind: u8, id: u16) -> Self {
        Self::new(1, &[&[kind, 0, 0, 0], &id.to_be_bytes(), &[0, 1]])
    }

    /// An error about a packet that arrived at this port, or echo reply with this identifier.
    fn error(protocol: u8, port: u16) -> Self {
        let mut quoted = Self::new(protocol, &[&[0, 53], &port.to_be_bytes(), &[0; 4]]);
        if protocol == 1 {
            quoted = Self::echo(0, port);
        }
        Self::new(1, &[&[3, 3, 0, 0, 0, 0, 0, 0], &quoted.bytes()])
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self { first, fragment, protocol, source, payload } = self;
        let mut header = [0_u8; 20];
        header[0] = *first;
        header[6..8].copy_from_slice(&fragment.to_be_bytes());
        (header[8], header[9]) = (64, *protocol);
        header[12..16].copy_from_slice(source);
        header[16..20].copy_from_slice(&[198, 51, 100, 1]);
        [&header[..], payload].concat()
    }
}

/// What gets out of a CPE whose edge is missing.
fn check(world: &World, plan: &Plan, packets: Vec<(&str, Inner, bool)>) {
    let ce = plan.ce();
    world.load(&standalone(&interface(plan, Edge::Netdev)));
    world.within(Place::Cpe, || {
        let neighbour = "fd00::1".parse().unwrap();
        let (from, to) = (raw(ce), raw(neighbour));
        for (name, inner, expected) in packets {
            // On a busy machine what gets out takes its time; what does not never comes.
            let time = Duration::from_millis(if expected { 5000 } else { 150 });
            assert_eq!(gets_out(&from, &to, neighbour, &inner.bytes(), time), expected, "{name}");
        }
    });
}

#[test]
fn only_own_ports_leave_the_box() {
    let Some(world) = World::new() else { return };
    let plan = built_in(V6PLUS, "5696");
    world.sh(&format!(
        "ip netns exec $C sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.lo.disable_ipv6=0
         for a in {} {} {} fd00::1; do ip -n $C addr add $a/128 dev lo nodad; done",
        plan.ce(),
        whole_address().ce(),
        whole_prefix().ce()
    ));
    check(
        &world,
        &plan,
        vec![
            ("first port", Inner::udp(5696), true),
            ("last port", Inner::udp(63055), true),
            ("port before a block", Inner::udp(9791), false),
            ("port behind a block", Inner::udp(9808), false),
            ("PSID in front of the first block", Inner::udp(1600), false),
            ("inside port", Inner::udp(16384), false),
            ("TCP", Inner { protocol: 6, ..Inner::udp(9792) }, true),
            ("TCP of another", Inner { protocol: 6, ..Inner::udp(80) }, false),
            ("GRE", Inner { protocol: 47, ..Inner::udp(5696) }, false),
            ("wrong source", Inner { source: [106, 72, 50, 96], ..Inner::udp(5696) }, false),
            ("with options", Inner { first: 0x46, ..Inner::udp(5696) }, false),
            ("later fragment", Inner { fragment: 7, ..Inner::udp(1) }, true),
            ("first fragment", Inner { fragment: 0x2000, ..Inner::udp(1) }, false),
            ("echo request", Inner::echo(8, 5700), true),
            ("echo request of another", Inner::echo(8, 16384), false),
            ("echo reply", Inner::echo(0, 5700), true),
            ("timestamp", Inner::echo(13, 5700), false),
            ("error about UDP", Inner::error(17, 5696), true),
            ("error about UDP of another", Inner::error(17, 16384), false),
            ("error about an echo", Inner::error(1, 5696), true),
            ("error about an echo of another", Inner::error(1, 16384), false),
            ("error about GRE", Inner::error(47, 5696), false),
        ],
    );
    let source = |source| Inner { source, ..Inner::udp(1) };
    check(
        &world,
        &whole_address(),
        vec![
            ("any port", source([192, 0, 2, 18]), true),
            ("any protocol", Inner { protocol: 47, ..source([192, 0, 2, 18]) }, true),
            ("wrong source", source([192, 0, 2, 19]), false),
        ],
    );
    check(
        &world,
        &whole_prefix(),
        vec![
            ("first address", source([192, 0, 2, 224]), true),
            ("last address", source([192, 0, 2, 239]), true),
            ("before", source([192, 0, 2, 223]), false),
            ("behind", source([192, 0, 2, 240]), false),
        ],
    );
}
