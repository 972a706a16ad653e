//! Requirements of RFC 7597, 4787, 5382, 5508 and 7857 that no other test shows.
//! `docs/rfc-compliance.md` names these tests.

use std::collections::HashSet;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use mape_nft::{Edge, Interface, Options, standalone};
use socket2::{Domain, SockAddr, Socket, Type};

use super::support::{EDGES, V6PLUS, built_in, interface};
use super::traffic::*;
use super::world::{ADDRESS, Place, World};
use super::{BOTH, TCP, TIMEOUT, UDP, assert_no_violation, loaded, rules};

const LINE: [u8; 4] = [106, 72, 50, 97];
const SERVER: [u8; 4] = [198, 51, 100, 1];
const LAN_HOST: [u8; 4] = [192, 168, 9, 2];
const SHORT: Duration = Duration::from_millis(300);

const UDP_PROTOCOL: u8 = 17;
const TCP_PROTOCOL: u8 = 6;

/// An ICMP message with a correct checksum.
fn icmp(kind: u8, code: u8, rest: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut message = [&[kind, code, 0, 0][..], &rest, data].concat();
    let words = message.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        _ => u32::from(pair[0]) << 8,
    });
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let sum = u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap();
    message[2..4].copy_from_slice(&(!sum).to_be_bytes());
    message
}

/// The beginning of a packet, as an error quotes it, with these bytes of IP options.
fn quoted(protocol: u8, from: ([u8; 4], u16), to: ([u8; 4], u16), options: &[u8]) -> Vec<u8> {
    let words = u8::try_from(5 + options.len() / 4).unwrap();
    let mut header = [0x40 | words, 0, 0, 60, 0, 0, 0, 0, 64, protocol, 0, 0].to_vec();
    header.extend(from.0.iter().chain(&to.0).chain(options));
    let ports = [from.1.to_be_bytes(), to.1.to_be_bytes()].concat();
    [header, ports, vec![0; 4]].concat()
}

/// A socket of the LAN host that other sockets may share the port with.
fn shared_port(kind: Type, port: u16) -> Socket {
    let socket = Socket::new(Domain::IPV4, kind, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_reuse_port(true).unwrap();
    let address: SocketAddr = format!("0.0.0.0:{port}").parse().unwrap();
    socket.bind(&SockAddr::from(address)).unwrap();
    socket
}

/// The external port of a UDP socket of the LAN host, which towards UDP is open from then on.
fn external_port(world: &World, socket: &UdpSocket) -> u16 {
    world.within(Place::Lan, || ask(socket, UDP, 1)).unwrap()
}

/// What the relay has judged once more than `before` have arrived, as soon as no more come. A busy
/// kernel delivers later.
fn judged_after(world: &World, before: u64) -> (u64, u64) {
    let more = (0..100).map(|_| world.judged()).find(|(all, _)| *all > before);
    assert!(more.is_some(), "nothing more arrives");
    world.judged()
}

/// RFC 7597 section 8.1: packets for other addresses are dropped, even if the router has them.
#[test]
fn other_destinations_stay_out() {
    for edge in EDGES {
        let Some(world) = World::new() else { return };
        world
            .sh("ip -n $C addr add 106.72.50.98/32 dev lo; ip -n $B route add 106.72.50.98 dev b0");
        let server = world.within(Place::Cpe, || UdpSocket::bind("106.72.50.98:5700").unwrap());
        server.set_read_timeout(Some(SHORT)).unwrap();
        let send = || world.within(Place::Br, || udp().send_to(b"x", "106.72.50.98:5700").unwrap());
        send();
        assert!(server.recv(&mut [0; 9]).is_ok(), "{edge}: without rules it arrives");
        world.load(&rules(edge, ""));
        send();
        assert!(server.recv(&mut [0; 9]).is_err(), "{edge}");
    }
}

/// RFC 4787 REQ-12 and RFC 5382 REQ-10: errors reach the host, and its connections go on.
#[test]
fn an_error_ends_no_connection() {
    for edge in EDGES {
        let Some(world) = loaded(&rules(edge, "")) else { return };
        let (mut stream, port) = world.within(Place::Lan, || {
            let (stream, port, _) = connect(TCP, TIMEOUT).unwrap();
            (stream, port)
        });
        let socket = world.within(Place::Lan, udp);
        let datagrams = external_port(&world, &socket);
        let local = [stream.local_addr(), socket.local_addr()].map(|it| it.unwrap().port());
        let mut lan = world.within(Place::Lan, Raw::icmp);
        for (kind, code) in [(3, 1), (3, 3), (11, 0)] {
            world.within(Place::Br, || {
                let raw = Raw::icmp();
                for (protocol, from, to) in
                    [(TCP_PROTOCOL, port, 80), (UDP_PROTOCOL, datagrams, 53)]
                {
                    let packet = quoted(protocol, (LINE, from), (SERVER, to), &[]);
                    raw.send(ADDRESS, &icmp(kind, code, [0; 4], &packet));
                }
            });
            for port in local {
                let arrived = lan.get(|packet| error_about(packet, [kind, code], port));
                assert!(arrived.is_some(), "{edge}: {kind}/{code} about {port}");
            }
        }
        assert!(is_alive(&mut stream), "{edge}");
        assert_eq!(external_port(&world, &socket), datagrams, "{edge}");
        assert_no_violation(&world);
    }
}

/// RFC 5382 REQ-1.
#[test]
fn one_tcp_port_keeps_its_external_port() {
    for edge in BOTH {
        let Some(world) = loaded(&rules(edge, "")) else { return };
        let ports: Vec<u16> = world.within(Place::Lan, || {
            let mut open = Vec::new();
            for server in 1..=super::world::SERVERS {
                let socket = shared_port(Type::STREAM, 40_000);
                let to: SocketAddr = format!("198.51.100.{server}:80").parse().unwrap();
                socket.connect_timeout(&SockAddr::from(to), TIMEOUT).unwrap();
                let mut port = [0; 2];
                (&socket).read_exact(&mut port).unwrap();
                open.push((socket, u16::from_be_bytes(port)));
            }
            open.into_iter().map(|(_, port)| port).collect()
        });
        assert_eq!(ports.len(), super::world::SERVERS, "{edge}");
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), 1, "{edge}: {ports:?}");
        assert_no_violation(&world);
    }
}

/// RFC 5382 REQ-2a. The host's first SYN is lost at the other end, whose own SYN then arrives.
#[test]
fn both_ends_open_at_once() {
    for edge in BOTH {
        let Some(world) = loaded(&rules(edge, "")) else { return };
        world.sh("ip netns exec $B nft 'table ip shy { counter lost { }; chain c { \
                  type filter hook input priority 0; tcp dport 4000 tcp flags & (syn | ack) == syn \
                  counter name lost drop; }; }'");
        let port = world.within(Place::Lan, || {
            let socket = shared_port(Type::STREAM, 41_000);
            let to: SocketAddr = TCP.parse().unwrap();
            socket.connect_timeout(&SockAddr::from(to), TIMEOUT).unwrap();
            let mut port = [0; 2];
            (&socket).read_exact(&mut port).unwrap();
            // Open to the end of the test, so that the mapping stays.
            (socket, u16::from_be_bytes(port))
        });
        let open = |from: Socket, to: String| {
            let to: SocketAddr = to.parse().unwrap();
            from.connect_timeout(&SockAddr::from(to), Duration::from_secs(20)).map(|()| from)
        };
        let (inside, outside) = thread::scope(|scope| {
            let inside = scope.spawn(|| {
                world.within(Place::Lan, || {
                    open(shared_port(Type::STREAM, 41_000), "198.51.100.1:4000".to_owned())
                })
            });
            let lost = || {
                let text = world.sh("ip netns exec $B nft list counter ip shy lost");
                !text.contains("packets 0")
            };
            while !lost() {
                assert!(!inside.is_finished(), "{edge}: no SYN arrives");
                thread::sleep(Duration::from_millis(20));
            }
            let outside = world.within(Place::Br, || {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
                let own: SocketAddr = "198.51.100.1:4000".parse().unwrap();
                socket.bind(&SockAddr::from(own)).unwrap();
                open(socket, format!("{ADDRESS}:{}", port.1))
            });
            (inside.join().unwrap(), outside)
        });
        let (inside, outside) = (inside.unwrap(), outside.unwrap());
        (&inside).write_all(b"in").unwrap();
        (&outside).write_all(b"out").unwrap();
        (&outside).read_exact(&mut [0; 2]).unwrap();
        (&inside).read_exact(&mut [0; 3]).unwrap();
        assert_no_violation(&world);
    }
}

/// RFC 7857 section 2.2.
#[test]
fn a_refusal_arrives() {
    for edge in EDGES {
        let Some(world) = loaded(&rules(edge, "")) else { return };
        let error = world.within(Place::Lan, || {
            TcpStream::connect_timeout(&"198.51.100.1:81".parse().unwrap(), TIMEOUT).unwrap_err()
        });
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{edge}");
    }
}

/// RFC 5508 REQ-3b is not met, in either direction: the offsets of the rules are fixed.
#[test]
fn errors_that_quote_options_are_dropped() {
    const ROUTER_ALERT: [u8; 4] = [0x94, 4, 0, 0];
    for edge in EDGES {
        let Some(world) = loaded(&rules(edge, "")) else { return };
        let socket = world.within(Place::Lan, udp);
        let port = external_port(&world, &socket);
        let mut lan = world.within(Place::Lan, Raw::icmp);
        let mut arrives = |options: &[u8]| {
            let packet = quoted(UDP_PROTOCOL, (LINE, port), (SERVER, 53), options);
            world.within(Place::Br, || Raw::icmp().send(ADDRESS, &icmp(3, 3, [0; 4], &packet)));
            lan.get(|packet| packet[..2] == [3, 3]).is_some()
        };
        assert!(arrives(&[]), "{edge}");
        assert!(!arrives(&ROUTER_ALERT), "{edge}");

        let local = socket.local_addr().unwrap().port();
        let (before, _) = world.judged();
        for options in [&ROUTER_ALERT[..], &[]] {
            let packet = quoted(UDP_PROTOCOL, (SERVER, 53), (LAN_HOST, local), options);
            let error = icmp(3, 3, [0; 4], &packet);
            world.within(Place::Lan, || Raw::icmp().send("198.51.100.1", &error));
        }
        assert_eq!(judged_after(&world, before), (before + 1, 0), "{edge}");
    }
}

/// RFC 5508 REQ-4: about a port of the set that no host uses, and about one of another line.
#[test]
fn an_error_about_nothing_reaches_no_host() {
    for edge in EDGES {
        let Some(world) = loaded(&rules(edge, "")) else { return };
        let socket = world.within(Place::Lan, udp);
        let port = external_port(&world, &socket);
        let unused = if port == 5700 { 5701 } else { 5700 };
        let mut lan = world.within(Place::Lan, Raw::icmp);
        for (from, expected) in [(port, true), (unused, false), (1234, false)] {
            let packet = quoted(UDP_PROTOCOL, (LINE, from), (SERVER, 53), &[]);
            world.within(Place::Br, || Raw::icmp().send(ADDRESS, &icmp(3, 3, [0; 4], &packet)));
            let arrived = lan.get(|packet| packet[..2] == [3, 3]).is_some();
            assert_eq!(arrived, expected, "{edge}: {from}");
        }
    }
}

/// RFC 5508 REQ-10c: source quench, and queries that are no echo, in both directions.
#[test]
fn other_icmp_stays_out() {
    const ID: [u8; 4] = [0x16, 0x44, 0, 1];
    for edge in EDGES {
        let Some(world) = loaded(&rules(edge, "")) else { return };
        let socket = world.within(Place::Lan, udp);
        let port = external_port(&world, &socket);
        let mut lan = world.within(Place::Lan, Raw::icmp);
        let mut cpe = world.within(Place::Cpe, Raw::icmp);
        let about = quoted(UDP_PROTOCOL, (LINE, port), (SERVER, 53), &[]);
        let (before, _) = world.judged();
        for (kind, rest, data) in
            [(4, [0; 4], &about[..]), (13, ID, &[0; 12]), (15, ID, &[]), (17, ID, &[0; 4])]
        {
            let message = icmp(kind, 0, rest, data);
            world.within(Place::Br, || Raw::icmp().send(ADDRESS, &message));
            world.within(Place::Lan, || Raw::icmp().send("198.51.100.1", &message));
        }
        // What is sent last arrives last.
        world.within(Place::Br, || {
            let last = quoted(UDP_PROTOCOL, (LINE, port), (SERVER, 53), &[]);
            Raw::icmp().send(ADDRESS, &icmp(3, 3, [0; 4], &last));
            Raw::icmp().send(ADDRESS, &icmp(8, 0, ID, &[]));
        });
        let first = |raw: &mut Raw| raw.get(|_| true).map(|packet| packet[0]);
        assert_eq!((first(&mut lan), first(&mut cpe)), (Some(3), Some(8)), "{edge}");
        // The reply to the echo is all that left.
        assert_eq!(judged_after(&world, before), (before + 1, 0), "{edge}");
    }
}

fn full_cone(edge: Edge) -> Option<World> {
    let options = Options { full_cone: true, ..Options::default() };
    loaded(&standalone(&Interface { options, ..interface(&built_in(V6PLUS, ""), edge) }))
}

/// RFC 7857 section 6: a port that is open to every sender of UDP is not open to TCP.
#[test]
fn full_cone_is_for_udp() {
    for edge in BOTH {
        let Some(world) = full_cone(edge) else { return };
        let (socket, listener) = world.within(Place::Lan, || {
            let listener = TcpListener::bind("0.0.0.0:42000").unwrap();
            let socket = UdpSocket::bind("0.0.0.0:42000").unwrap();
            socket.set_read_timeout(Some(SHORT)).unwrap();
            (socket, listener)
        });
        let port = external_port(&world, &socket);
        world.within(Place::Br, || {
            let stranger = UdpSocket::bind("198.51.100.6:6000").unwrap();
            stranger.send_to(b"hello", (ADDRESS, port)).unwrap();
            let to = format!("{ADDRESS}:{port}").parse().unwrap();
            assert!(TcpStream::connect_timeout(&to, SHORT).is_err(), "{edge}");
        });
        assert!(socket.recv(&mut [0; 9]).is_ok(), "{edge}");
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "{edge}");
    }
}

/// RFC 7857 section 7: only the host's own packets keep its port open.
#[test]
fn strangers_keep_no_port_open() {
    const PAUSE: Duration = Duration::from_millis(1500);
    for edge in BOTH {
        let Some(world) = full_cone(edge) else { return };
        let socket = world.within(Place::Lan, udp);
        let port = external_port(&world, &socket);
        let before = expires_in(&world);
        thread::sleep(PAUSE);
        world.within(Place::Br, || {
            let stranger = UdpSocket::bind("198.51.100.6:6000").unwrap();
            stranger.send_to(b"hello", (ADDRESS, port)).unwrap();
        });
        assert!(socket.recv(&mut [0; 9]).is_ok(), "{edge}");
        let after = expires_in(&world);
        // The kernel counts in ticks.
        assert!(
            after + PAUSE <= before + Duration::from_millis(20),
            "{edge}: {before:?} {after:?}"
        );
        external_port(&world, &socket);
        assert!(expires_in(&world) > after, "{edge}: its own packets do");
    }
}

/// The time that the only learned port has left, such as `4m58s904ms`.
fn expires_in(world: &World) -> Duration {
    let text = world.sh("ip netns exec $C nft list map inet mape_rs full-cone_wan");
    let (_, rest) = text.split_once("expires ").unwrap();
    let mut rest = rest.split([' ', ',', '}']).next().unwrap();
    let mut time = Duration::ZERO;
    for (unit, size) in [("m", 60_000), ("s", 1000), ("ms", 1)] {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let (number, unit_and_rest) = rest.split_at(digits);
        let letters = unit_and_rest.find(|it: char| it.is_ascii_digit());
        let (found, next) = unit_and_rest.split_at(letters.unwrap_or(unit_and_rest.len()));
        if found == unit {
            time += Duration::from_millis(number.parse::<u64>().unwrap() * size);
            rest = next;
        }
    }
    assert!(rest.is_empty() && !time.is_zero(), "{text}");
    time
}
