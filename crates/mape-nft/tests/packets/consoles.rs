//! Two consoles in one house: hosts with full cone reach each other through the shared address (RFC
//! 4787 REQ-9), and errors come back to them (RFC 5508 REQ-7).

use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use mape_nft::{Edge, Forwards, Interface, Options, standalone};

use super::servers::{PORT, interface_with};
use super::support::{EDGES, V6PLUS, built_in, interface, whole_address};
use super::traffic::*;
use super::world::{ADDRESS, Place, World};
use super::{BOTH, UDP, assert_no_violation, loaded};

/// The port that both consoles use at home.
const GAME: u16 = 3074;
const HOSTS: [Place; 2] = [Place::Lan, Place::BesideLan];
const WAIT: Duration = Duration::from_millis(300);

fn rules(edge: Edge) -> String {
    let hosts = ["192.168.9.2", "192.168.9.3"].map(|host| host.parse().unwrap());
    let forwards = Forwards::new(Vec::new(), hosts.to_vec());
    standalone(&Interface { forwards, ..interface(&built_in(V6PLUS, ""), edge) })
}

/// Their sockets, and the external port of each, which a server outside tells them.
fn consoles(world: &World) -> [(UdpSocket, u16); 2] {
    HOSTS.map(|place| {
        world.within(place, || {
            let socket = UdpSocket::bind(("0.0.0.0", GAME)).unwrap();
            socket.set_read_timeout(Some(WAIT)).unwrap();
            let port = ask(&socket, UDP, 1).unwrap();
            (socket, port)
        })
    })
}

/// Sends until a datagram comes from the address of the line: how long that was, and the port.
fn meet(socket: &UdpSocket, to: u16, size: usize) -> Option<(usize, u16)> {
    let mut buffer = vec![0; 65536];
    (0..10).find_map(|_| {
        socket.send_to(&vec![b'x'; size], (ADDRESS, to)).ok()?;
        let (got, peer) = socket.recv_from(&mut buffer).ok()?;
        (peer.ip().to_string() == ADDRESS).then(|| (got, peer.port()))
    })
}

/// Both send at the same time to the external port of the other. What each of them got.
fn meet_each_other(
    [(one, at), (other, other_at)]: &[(UdpSocket, u16); 2],
    size: usize,
) -> [Option<(usize, u16)>; 2] {
    thread::scope(|scope| {
        let first = scope.spawn(|| meet(one, *other_at, size));
        let second = scope.spawn(|| meet(other, *at, size));
        [first, second].map(|it| it.join().unwrap())
    })
}

/// They see each other's external address and port, and so does a third host outside; it reaches
/// both. Large datagrams are fragments, with checksums that no device has to finish.
#[test]
fn two_consoles_and_a_third_outside() {
    for edge in EDGES {
        for size in [1, 3000] {
            let Some(world) = loaded(&rules(edge)) else { return };
            world.more();
            let both = consoles(&world);
            let [at, other_at] = [both[0].1, both[1].1];
            assert!(at != other_at && owned(at) && owned(other_at));
            let met = meet_each_other(&both, size);
            assert_eq!(met, [Some((size, other_at)), Some((size, at))], "{edge}, {size}");
            let third = world.within(Place::Br, || UdpSocket::bind("198.51.100.6:6000").unwrap());
            third.set_read_timeout(Some(WAIT)).unwrap();
            for (console, port) in &both {
                while console.recv(&mut [0; 9]).is_ok() {}
                third.send_to(b"third", (ADDRESS, *port)).unwrap();
                let (length, peer) = console.recv_from(&mut [0; 9]).unwrap();
                console.send_to(b"answer", peer).unwrap();
                let (answer, from) = third.recv_from(&mut [0; 9]).unwrap();
                assert_eq!((length, answer, from.port()), (5, 6, *port), "{edge}");
            }
            assert_no_violation(&world);
        }
    }
}

/// A datagram without a checksum arrives without one, and one with a checksum of its own is valid.
#[test]
fn checksums_stay() {
    for edge in BOTH {
        let Some(world) = loaded(&rules(edge)) else { return };
        world.more();
        let [(_one, at), (other, other_at)] = consoles(&world);
        let count = "nft 'table ip count { chain c { type filter hook prerouting priority -400; \
                     udp checksum 0 counter; }; }'";
        world.sh(&format!("ip netns exec $M {count}"));
        world.within(Place::Lan, || {
            Raw::new(17).send(ADDRESS, &unsummed(GAME, other_at));
        });
        let (size, peer) = other.recv_from(&mut [0; 9]).unwrap();
        assert_eq!((size, peer.port()), (1, at), "{edge}");
        let seen = world.sh("ip netns exec $M nft list table ip count");
        assert!(seen.contains("packets 1 "), "{edge}: {seen}");
    }
}

/// Each of the rules is needed: without one, one console hears nothing, or an internal port.
#[test]
fn no_console_meets_another_without_its_rules() {
    let whole = rules(Edge::Netdev);
    let met = |from: &str, to: &str| {
        assert!(whole.contains(from), "{from}");
        let world = loaded(&whole.replace(from, to))?;
        world.more();
        let both = consoles(&world);
        let seen = meet_each_other(&both, 1);
        Some(seen == [Some((1, both[1].1)), Some((1, both[0].1))])
    };
    let Some(all) = met("udp", "udp") else { return };
    assert!(all);
    let key = "iif != \"mape-wan\"";
    for (from, to) in [
        (format!("{key} ip daddr"), format!("{key} ip saddr")),
        (format!("{key} oif != \"mape-wan\""), format!("{key} oif \"mape-wan\"")),
        ("ip saddr . udp sport map @full-cone-source_wan snat".to_owned(), String::new()),
        ("udp dport map @full-cone-ext2int_wan dnat".to_owned(), String::new()),
    ] {
        // What stands behind a comment is missing.
        let rest = if to.is_empty() {
            from.replace(" snat", " return #").replace(" dnat", " return #")
        } else {
            to
        };
        assert_eq!(met(&from, &rest), Some(false), "{from}");
    }
}

/// A host without full cone reaches one that has it; it is seen with the address of the line.
#[test]
fn other_hosts_reach_a_console() {
    for edge in EDGES {
        let Some(world) = loaded(&rules(edge)) else { return };
        world.more();
        let [(one, at), _] = consoles(&world);
        let guest = world.within(Place::Zone, udp);
        guest.send_to(b"hello", (ADDRESS, at)).unwrap();
        let (_, peer) = one.recv_from(&mut [0; 9]).unwrap();
        assert_eq!(peer.ip().to_string(), ADDRESS, "{edge}");
        one.send_to(b"answer", peer).unwrap();
        let (_, from) = guest.recv_from(&mut [0; 9]).unwrap();
        assert_eq!(from.to_string(), format!("{ADDRESS}:{at}"), "{edge}");
    }
}

/// On an address that is not shared, ports are not translated, and the consoles meet too.
#[test]
fn consoles_on_an_address_of_their_own() {
    let options = Options { full_cone: true, ..Options::default() };
    let Some(world) = World::new() else { return };
    world.more();
    let rules = standalone(&Interface { options, ..interface(&whole_address(), Edge::Netdev) });
    // The namespaces have the address of the shared line, whose judge knows one port set only.
    world.sh("ip netns exec $B nft delete table ip judge");
    world.load(&rules.replace("192.0.2.18", ADDRESS).replace("0xc0000212", "0x6a483261"));
    let both = consoles(&world);
    let [at, other_at] = [both[0].1, both[1].1];
    assert_eq!(meet_each_other(&both, 1), [Some((1, other_at)), Some((1, at))]);
}

/// A port of the set that no host has sent from is the router's, as without full cone.
#[test]
fn a_port_of_no_console_is_the_routers() {
    for edge in EDGES {
        let Some(world) = loaded(&rules(edge)) else { return };
        world.more();
        let [(one, at), _] = consoles(&world);
        let free = (5696..5712).find(|port| *port != at).unwrap();
        let router = world.within(Place::Cpe, || UdpSocket::bind((ADDRESS, free)).unwrap());
        router.set_read_timeout(Some(WAIT)).unwrap();
        for size in [1, 3000] {
            one.send_to(&vec![b'x'; size], (ADDRESS, free)).unwrap();
            let (got, peer) = router.recv_from(&mut vec![0; 65536]).unwrap();
            assert_eq!((got, peer.to_string()), (size, format!("192.168.9.2:{GAME}")), "{edge}");
        }
    }
}

/// RFC 5508 REQ-7: the sender of a hairpin packet gets the error about it, with the destination
/// that it used; for a console's port and for a published one.
#[test]
fn errors_about_hairpin_packets() {
    for edge in EDGES {
        let Some(world) = loaded(&rules(edge)) else { return };
        world.more();
        let [(one, _), (other, other_at)] = consoles(&world);
        drop(other);
        // A connected socket takes only errors about packets to its own peer.
        one.connect((ADDRESS, other_at)).unwrap();
        assert!(is_refused(&one), "{edge}");
        let Some(world) = loaded(&standalone(&interface_with(edge, &["lan"]))) else { return };
        world.more();
        let beside = world.within(Place::BesideLan, udp);
        beside.connect((ADDRESS, PORT)).unwrap();
        assert!(is_refused(&beside), "{edge}: published");
    }
}
