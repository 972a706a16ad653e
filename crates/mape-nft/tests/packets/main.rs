//! Real packets through the rules, in network namespaces of this machine. Needs root.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod conformance;
mod consoles;
mod locks;
mod neighbours;
mod outer;
mod servers;
#[path = "../support/mod.rs"]
mod support;
mod traffic;
mod two_lines;
mod world;
mod zones;

use std::collections::HashSet;
use std::net::UdpSocket;
use std::time::Duration;

use mape_nft::{Edge, Interface, Options, standalone};
use support::{EDGES, V6PLUS, built_in, interface, own_rule};
use traffic::*;
use world::{ADDRESS, Place, World};

const BOTH: [Edge; 2] = [Edge::Netdev, Edge::Postrouting];
const TCP: &str = "198.51.100.1:80";
const UDP: &str = "198.51.100.1:53";
const TIMEOUT: Duration = Duration::from_secs(4);
/// First packets that may be lost while 90 % of the set fill up. The kernel looks at up to 240
/// ports from four random places: in 6,000 simulated fillings 20 lost one first packet and none
/// lost two, with any contiguous range of 240. One-port maps lose about 60.
const LUCK: usize = 1;

fn rules(edge: Edge, reserved: &str) -> String {
    standalone(&interface(&built_in(V6PLUS, reserved), edge))
}

/// A world with these rules; `None` where it cannot be made.
fn loaded(rules: &str) -> Option<World> {
    let world = World::new()?;
    world.load(rules);
    Some(world)
}

fn assert_no_violation(world: &World) {
    let (all, bad) = world.judged();
    assert!(all > 0 && bad == 0, "{bad} of {all} packets against the rules");
}

#[test]
fn every_port_at_once_to_one_server() {
    for edge in BOTH {
        let Some(world) = loaded(&rules(edge, "")) else { return };
        let (ports, late, surplus) = world.within(Place::Lan, || {
            // One search in four misses the last free port; so who is given up asks again.
            let reach = || (0..6).find_map(|_| connect(TCP, TIMEOUT));
            let open: Vec<_> = (0..240).filter_map(|_| reach()).collect();
            // Up to 90 % of the set no SYN is lost.
            let late = open.iter().take(216).filter(|(_, _, first)| !first).count();
            let surplus = connect(TCP, Duration::from_millis(1500)).is_some();
            let elsewhere = connect("198.51.100.2:80", TIMEOUT).is_some();
            assert!(elsewhere, "other destinations are free");
            (open.iter().map(|(_, port, _)| *port).collect::<HashSet<_>>(), late, surplus)
        });
        assert_eq!((ports.len(), surplus), (240, false), "{edge}");
        assert!(late <= LUCK, "{edge}: {late} of 216 first SYNs lost");
        assert!(ports.into_iter().all(owned));
        assert_no_violation(&world);

        let ports = world.within(Place::Lan, || {
            let sockets: Vec<UdpSocket> = (0..240).map(|_| udp()).collect();
            sockets.iter().filter_map(|socket| ask(socket, UDP, 1)).collect::<HashSet<_>>()
        });
        assert_eq!(ports.len(), 240, "{edge}");
        assert_no_violation(&world);
    }
}

#[test]
fn one_socket_keeps_its_port() {
    for edge in BOTH {
        let Some(world) = loaded(&rules(edge, "")) else { return };
        for _ in 0..10 {
            let ports: HashSet<u16> = world.within(Place::Lan, || {
                let socket = udp();
                (1..=6).filter_map(|it| ask(&socket, &format!("198.51.100.{it}:53"), 1)).collect()
            });
            assert_eq!(ports.len(), 1, "{edge}: {ports:?}");
        }
    }
}

#[test]
fn pings_both_ways() {
    for edge in BOTH {
        let Some(world) = loaded(&rules(edge, "")) else { return };
        world.within(Place::Lan, || {
            let mut raw = Raw::icmp();
            let mut late = 0;
            for count in 0..240_u16 {
                let id = count * 257;
                let tries = (0..9).position(|_| raw.ping("198.51.100.1", id));
                assert!(tries.is_some(), "{edge}: {count} is never answered");
                late += usize::from(count < 216 && tries != Some(0));
            }
            assert!(late <= LUCK, "{edge}: {late} of 216 first requests lost");
        });
        // From the router itself, too.
        assert!(world.within(Place::Cpe, || Raw::icmp().ping("198.51.100.2", 1)), "{edge}");
        world.within(Place::Br, || {
            let mut raw = Raw::icmp();
            assert!(raw.ping(ADDRESS, 5700), "{edge}: an identifier of the set is answered");
            assert!(!raw.ping(ADDRESS, 5712), "{edge}: another one is not");
        });
        assert_no_violation(&world);
    }
}

/// Port unreachable, time exceeded and fragmentation needed reach who they are about.
#[test]
fn errors_from_outside() {
    for edge in BOTH {
        let Some(world) = loaded(&rules(edge, "")) else { return };
        world.within(Place::Lan, || {
            let socket = udp();
            socket.connect("198.51.100.1:9").unwrap();
            assert!(is_refused(&socket), "{edge}: port unreachable");

            let mut raw = Raw::icmp();
            let socket = udp();
            let port = socket.local_addr().unwrap().port();
            socket.set_ttl(2).unwrap();
            socket.send_to(b"x", "203.0.113.9:33434").unwrap();
            let found = raw.get(|packet| error_about(packet, [11, 0], port));
            assert!(found.is_some(), "{edge}: time exceeded for UDP");

            Raw::icmp().ttl(2).send("203.0.113.9", &echo(77));
            let found = raw.get(|packet| error_about(packet, [11, 0], 77));
            assert!(found.is_some(), "{edge}: time exceeded for an echo");

            let socket = udp();
            let port = socket.local_addr().unwrap().port();
            socket.send_to(&[b'x'; 1400], "203.0.113.9:33434").unwrap();
            let found = raw.get(|packet| error_about(packet, [3, 4], port));
            let mtu = found.map(|packet| u16::from_be_bytes([packet[6], packet[7]]));
            assert_eq!(mtu, Some(1300), "{edge}: fragmentation needed");
        });
        assert_no_violation(&world);
    }
}

/// A LAN host answers "port unreachable"; the server outside receives it for the external port.
#[test]
fn errors_from_inside() {
    for edge in EDGES {
        let Some(world) = loaded(&rules(edge, "")) else { return };
        let server = world.within(Place::Br, || {
            let socket = UdpSocket::bind("198.51.100.1:5000").unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            socket
        });
        world.within(Place::Lan, || udp().send_to(b"x", "198.51.100.1:5000").unwrap());
        let (_, peer) = server.recv_from(&mut [0; 9]).unwrap();
        assert!(owned(peer.port()));
        server.connect(peer).unwrap();
        assert!(is_refused(&server), "{edge}");
        assert_no_violation(&world);
    }
}

/// The router also tells of packets that no connection of the line has sent: of those that a LAN
/// host sends to the shared address as if it were a host outside. About a port of the set that is
/// all right.
#[test]
fn errors_about_foreign_ports() {
    for edge in EDGES {
        let Some(world) = loaded(&rules(edge, "5696")) else { return };
        world.sh("ip -n $L addr add 203.0.113.9/32 dev l0");
        let send = |port| {
            world.within(Place::Lan, || {
                let socket = UdpSocket::bind("203.0.113.9:53").unwrap();
                socket.send_to(b"x", (ADDRESS, port)).unwrap();
            });
        };
        for port in [1234, 5712, 16384] {
            send(port);
        }
        assert_eq!(world.judged().1, 0, "{edge}");
        send(5696);
        assert_no_violation(&world);
    }
}

#[test]
fn fragments_and_absent_checksums() {
    for edge in BOTH {
        let Some(world) = loaded(&rules(edge, "")) else { return };
        let (socket, port) = world.within(Place::Lan, || {
            let socket = udp();
            assert!(ask(&socket, UDP, 4000).is_some(), "{edge}: fragments");
            let local = socket.local_addr().unwrap().port();
            Raw::new(17).send("198.51.100.1", &unsummed(local, 53));
            let mut buffer = [0; 9];
            assert_eq!(socket.recv(&mut buffer).unwrap(), 3, "{edge}: no checksum outwards");
            (socket, u16::from_be_bytes([buffer[0], buffer[1]]))
        });
        world.within(Place::Br, || {
            // From the address that was asked.
            let raw = Raw::new(17);
            raw.bind("198.51.100.1");
            raw.send(ADDRESS, &unsummed(53, port));
        });
        assert_eq!(socket.recv(&mut [0; 9]).unwrap(), 1, "{edge}: no checksum inwards");
        assert_no_violation(&world);
    }
}

/// A forwarded port works in both directions and is never used for anything else.
#[test]
fn reserved_ports() {
    for edge in [Edge::Netdev, Edge::Postrouting, Edge::Plain] {
        let Some(world) = loaded(&rules(edge, "5696,63055")) else { return };
        world.load(
            "table ip forward { chain c { type nat hook prerouting priority dstnat; \
             iifname mape-wan udp dport 5696 dnat to 192.168.9.2:7; }; }",
        );
        let server = world.within(Place::Lan, || UdpSocket::bind("0.0.0.0:7").unwrap());
        server.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let client = world.within(Place::Br, udp);
        client.send_to(b"hello", format!("{ADDRESS}:5696")).unwrap();
        let (size, peer) = server.recv_from(&mut [0; 9]).unwrap();
        assert_eq!(size, 5);
        server.send_to(b"answer", peer).unwrap();
        let (size, peer) = client.recv_from(&mut [0; 9]).unwrap();
        assert_eq!((size, peer.port()), (6, 5696), "{edge}");
        // A server on the router that speaks first keeps its port.
        let port = world.within(Place::Cpe, || {
            let socket = UdpSocket::bind(format!("{ADDRESS}:63055")).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            ask(&socket, UDP, 1)
        });
        assert_eq!(port, Some(63055), "{edge}");
        let ports: HashSet<u16> = world.within(Place::Lan, || {
            let sockets: Vec<UdpSocket> = (0..238).map(|_| udp()).collect();
            sockets.iter().filter_map(|socket| ask(socket, "198.51.100.2:53", 1)).collect()
        });
        assert!(!ports.contains(&5696) && !ports.contains(&63055), "{edge}");
        assert!(ports.len() == 238 || edge == Edge::Plain, "{edge}: {}", ports.len());
        assert_no_violation(&world);
    }
}

/// If the address is not shared, no LAN host leaves from a reserved port, and a service of the
/// router keeps it. All other ports stay as they are.
#[test]
fn reserved_ports_of_a_whole_address() {
    let plan = own_rule("ipv4=106.72.50.97/32,ea=0", "2001:db8::/64", "40000,51820-51821");
    let Some(world) = loaded(&standalone(&interface(&plan, Edge::Netdev))) else { return };
    world.sh("ip netns exec $B nft delete table ip judge");
    let from = |place, address: &str| {
        world.within(place, || {
            let socket = UdpSocket::bind(address).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            ask(&socket, UDP, 1)
        })
    };
    // The longest range without reserved ports is 1024 to 39999.
    let outside = from(Place::Lan, "0.0.0.0:51820").unwrap();
    assert!((1024..40000).contains(&outside), "{outside}");
    assert_eq!(from(Place::Lan, "0.0.0.0:5000"), Some(5000));
    assert_eq!(from(Place::Cpe, "106.72.50.97:51820"), Some(51820));
    assert!(world.within(Place::Lan, || Raw::icmp().ping("198.51.100.1", 51820)));
}

/// The first segments of both directions fit the tunnel, those to a reserved port as well; one that
/// says no size passes.
#[test]
fn segments_fit() {
    for edge in [Edge::Netdev, Edge::Postrouting, Edge::Plain] {
        let Some(world) = loaded(&rules(edge, "5696")) else { return };
        // What passes has the size it should: everything else never arrives.
        world.load(
            "table ip forward { chain c { type nat hook prerouting priority dstnat; \
             iifname mape-wan tcp dport 5696 dnat to 192.168.9.2:7; }; }",
        );
        world.sh("ip -n $C link set mape-wan mtu 1500; ip -n $B link set b0 mtu 1500; \
             for n in $L $B; do ip netns exec $n nft 'table ip fits { chain c { \
             type filter hook prerouting priority -400; iif != lo tcp flags syn \
             tcp option maxseg exists tcp option maxseg size != 1420 drop; }; }'; done");
        let open = || world.within(Place::Lan, || connect(TCP, Duration::from_millis(900)));
        assert!(open().is_some_and(|(_, _, first)| first), "{edge}");
        let server = world.within(Place::Lan, || std::net::TcpListener::bind("0.0.0.0:7").unwrap());
        world.within(Place::Br, || {
            let to = format!("{ADDRESS}:5696").parse().unwrap();
            std::net::TcpStream::connect_timeout(&to, Duration::from_millis(900)).unwrap();
        });
        drop(server);
        world.sh(
            "ip netns exec $L nft 'table ip bare { chain c { type filter hook output priority 0; \
             tcp flags syn reset tcp option maxseg; }; }'",
        );
        assert!(open().is_some(), "{edge}: no size");
        assert_no_violation(&world);
    }
}

#[test]
fn what_is_not_ours_stays_out() {
    for edge in [Edge::Netdev, Edge::Postrouting, Edge::Plain] {
        let Some(world) = loaded(&rules(edge, "")) else { return };
        for port in [1000, 5712, 16384] {
            let socket = world.within(Place::Cpe, || UdpSocket::bind(("0.0.0.0", port)).unwrap());
            socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            world.within(Place::Br, || udp().send_to(b"x", (ADDRESS, port)).unwrap());
            assert!(socket.recv(&mut [0; 9]).is_err(), "{edge}: {port}");
        }
        // Without port and identifier: the LAN host gets an ICMP error.
        let refused = world.within(Place::Lan, || {
            let mut errors = Raw::icmp();
            Raw::new(47).send("198.51.100.1", &[0, 0, 8, 0]);
            errors.get(|packet| packet[..2] == [3, 2]).is_some()
        });
        assert!(refused, "{edge}");
        assert_eq!(world.judged().1, 0, "{edge}");
    }
}

/// Without a second stage it still works, only not as well.
#[test]
fn the_plain_edge() {
    let Some(world) = loaded(&rules(Edge::Plain, "")) else { return };
    world.within(Place::Lan, || {
        let open: Vec<_> = (0..150).filter_map(|_| connect(TCP, TIMEOUT)).collect();
        assert_eq!(open.len(), 150);
        assert!(open.iter().all(|(_, port, _)| owned(*port)));
        let socket = udp();
        assert!(ask(&socket, UDP, 4000).is_some());
        socket.connect("198.51.100.1:9").unwrap();
        assert!(is_refused(&socket));
        assert!(Raw::icmp().ping("198.51.100.1", 1));
    });
    assert_no_violation(&world);
}

/// Loading again drops no flow; one more reserved port costs at most its own and one other.
#[test]
fn reloads_keep_flows() {
    for edge in BOTH {
        let Some(world) = loaded(&rules(edge, "")) else { return };
        let mut open = world.within(Place::Lan, || {
            (0..200).filter_map(|_| connect(TCP, TIMEOUT)).collect::<Vec<_>>()
        });
        assert_eq!(open.len(), 200);
        for _ in 0..5 {
            world.load(&rules(edge, ""));
        }
        let alive = |open: &mut Vec<(std::net::TcpStream, u16, bool)>| {
            open.iter_mut().filter_map(|it| is_alive(&mut it.0).then_some(())).count()
        };
        assert_eq!(alive(&mut open), 200, "{edge}");
        world.load(&rules(edge, "9795"));
        assert!(alive(&mut open) >= 198, "{edge}");
        // A moved flow arrives from a port that is not its own: dead, but within the set.
        assert_no_violation(&world);
    }
}

#[test]
fn full_cone() {
    for edge in BOTH {
        for on in [false, true] {
            let options = Options { full_cone: on, ..Options::default() };
            let interface = Interface { options, ..interface(&built_in(V6PLUS, ""), edge) };
            let Some(world) = loaded(&standalone(&interface)) else { return };
            let (socket, port) = world.within(Place::Lan, || {
                let socket = udp();
                let port = ask(&socket, UDP, 1).unwrap();
                (socket, port)
            });
            world.within(Place::Br, || {
                let stranger = UdpSocket::bind("198.51.100.6:6000").unwrap();
                stranger.send_to(b"hello", (ADDRESS, port)).unwrap();
            });
            assert_eq!(socket.recv(&mut [0; 9]).is_ok(), on, "{edge}");
            // A reload keeps what was learned.
            world.load(&standalone(&interface));
            world.within(Place::Br, || {
                let stranger = UdpSocket::bind("198.51.100.5:6000").unwrap();
                stranger.send_to(b"hello", (ADDRESS, port)).unwrap();
            });
            assert_eq!(socket.recv(&mut [0; 9]).is_ok(), on, "{edge}");
        }
    }
}

/// Segments fit the tunnel, and the other options do what they say.
#[test]
fn options() {
    for edge in [Edge::Netdev, Edge::Postrouting, Edge::Plain] {
        let options = Options {
            time_wait: std::num::NonZeroU16::new(3),
            dscp_reset: true,
            ..Options::default()
        };
        let interface = Interface { options, ..interface(&built_in(V6PLUS, ""), edge) };
        let Some(world) = loaded(&standalone(&interface)) else { return };
        world.sh(
            "ip netns exec $B nft 'table ip seen { chain c { type filter hook prerouting priority -400; \
             iifname b0 tcp flags syn tcp option maxseg size != 1420 counter drop; \
             iifname b0 ip dscp != 0 counter drop; }; }'",
        );
        world.within(Place::Lan, || {
            let (mut stream, _, first) = connect(TCP, TIMEOUT).unwrap();
            assert!(first && is_alive(&mut stream), "{edge}");
            let socket = socket2::Socket::from(udp());
            socket.set_tos_v4(0xb8).unwrap();
            assert!(ask(&socket.into(), UDP, 1).is_some(), "{edge}");
        });
        std::thread::sleep(Duration::from_millis(100));
        let entries = world.sh("ip netns exec $C cat /proc/net/nf_conntrack 2>/dev/null || true");
        if !entries.is_empty() {
            let closing = entries.lines().find(|line| line.contains("TIME_WAIT")).unwrap();
            let left = closing.split_whitespace().nth(4).unwrap();
            assert!(left.parse::<u32>().unwrap() <= 3, "{edge}: {left}");
        }
    }
}
