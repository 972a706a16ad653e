//! Port forwards: every place reaches them, and no outgoing connection takes their ports. And the
//! neighbours of the shared address.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use mape_nft::{Edge, Forwards, Interface, Published, Transport, standalone};

use super::support::{EDGES, V6PLUS, built_in, interface};
use super::traffic::*;
use super::world::{ADDRESS, Place, World};
use super::{assert_no_violation, loaded};

/// TCP and UDP of the host in the LAN.
pub(crate) const PORT: u16 = 5696;
/// A published UDP port, which NAT may not assign to another flow either.
const GAME: u16 = 63055;
const INSIDE: &str = "0.0.0.0:7";
const SECOND: Duration = Duration::from_secs(1);

/// All in the LAN and in the other network reach it too.
fn publishing(edge: Edge) -> String {
    standalone(&interface_with(edge, &["lan", "c2"]))
}

/// The line with two published ports, which are reached from these devices too.
pub(crate) fn interface_with(edge: Edge, from: &[&str]) -> Interface {
    let from: Vec<_> = from.iter().map(|device| device.parse().unwrap()).collect();
    let one = |transport, port, host: &str| {
        (Published { transport, port, host: host.parse().unwrap() }, from.clone())
    };
    let published = vec![
        one(Transport::Tcp, PORT, "192.168.9.2:7"),
        one(Transport::Udp, PORT, "192.168.9.2:7"),
        one(Transport::Udp, GAME, "192.168.9.2:3074"),
    ];
    let line = built_in(V6PLUS, "5696,63055");
    let forwards = Forwards::with_hairpin(published, Vec::new());
    Interface { forwards, ..interface(&line, edge) }
}

/// A LAN host whose servers answer with the client's address.
pub(crate) fn serve(world: &World) {
    let (listener, socket) = world.within(Place::Lan, || {
        (TcpListener::bind(INSIDE).unwrap(), UdpSocket::bind(INSIDE).unwrap())
    });
    thread::spawn(move || {
        while let Ok((mut stream, peer)) = listener.accept() {
            let _ = stream.write_all(peer.ip().to_string().as_bytes());
        }
    });
    thread::spawn(move || {
        while let Ok((_, peer)) = socket.recv_from(&mut [0; 99]) {
            let _ = socket.send_to(peer.ip().to_string().as_bytes(), peer);
        }
    });
}

/// Whom the server sees, by TCP.
pub(crate) fn tcp(to: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&to.parse().unwrap(), super::TIMEOUT).ok()?;
    stream.set_read_timeout(Some(SECOND)).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

/// The same by UDP; the answer has to come from where it was asked.
pub(crate) fn datagram(to: &str) -> Option<String> {
    let socket = udp();
    socket.connect(to).unwrap();
    let mut buffer = [0; 99];
    (0..3).find_map(|_| {
        socket.send(b"x").ok()?;
        let size = socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..size]).into_owned())
    })
}

/// From where it is asked, and what is asked: `None` where there is no answer.
fn matrix(world: &World) -> Vec<(Place, [Option<String>; 2])> {
    let to = format!("{ADDRESS}:{PORT}");
    let places = [Place::BesideLan, Place::Lan, Place::Zone, Place::Cpe];
    let ask = |place| world.within(place, || [tcp(&to), datagram(&to)]);
    places.into_iter().map(|place| (place, ask(place))).collect()
}

fn town(rules: &str) -> Option<World> {
    let world = loaded(rules)?;
    world.more();
    serve(&world);
    Some(world)
}

/// From the LAN beside the server, from the server's host, from another network and from the
/// router.
#[test]
fn hairpin_matrix() {
    for edge in EDGES {
        let Some(world) = town(&publishing(edge)) else { return };
        for (place, answers) in matrix(&world) {
            // The address that it is asked at, and none that it could trust.
            assert!(
                answers.iter().all(|it| it.as_deref() == Some(ADDRESS)),
                "{edge}: {place:?} {answers:?}"
            );
        }
        let outside = world.within(Place::Br, || {
            [tcp(&format!("{ADDRESS}:{PORT}")), datagram(&format!("{ADDRESS}:{PORT}"))]
        });
        // The server sees the client's own address.
        assert_eq!(outside, [Some("198.51.100.6".to_owned()), Some("198.51.100.6".to_owned())]);
        assert_no_violation(&world);
    }
}

/// The ends of a published range, and a port between them, reach the host's ports in their order;
/// the ports beside the range do not. Ports of the host beside its range answer nowhere.
#[test]
fn a_range_is_published_port_by_port() {
    const FIRST: u16 = 9792;
    const INSIDE: u16 = 100;
    for edge in EDGES {
        let one = |at: u16, transport| {
            let host = format!("192.168.9.2:{}", INSIDE + at).parse().unwrap();
            (Published { transport, port: FIRST + at, host }, vec!["lan".parse().unwrap()])
        };
        let published = (0..8).flat_map(|at| Transport::ALL.map(|transport| one(at, transport)));
        let forwards = Forwards::with_hairpin(published.collect(), Vec::new());
        let line = built_in(V6PLUS, "9792-9799");
        let rules = standalone(&Interface { forwards, ..interface(&line, edge) });
        let Some(world) = loaded(&rules) else { return };
        world.more();
        for port in INSIDE - 1..=INSIDE + 8 {
            serve_number(&world, port);
        }
        for (place, port, expected) in [
            (Place::Br, FIRST - 1, None),
            (Place::Br, FIRST, Some(INSIDE)),
            (Place::Br, FIRST + 3, Some(INSIDE + 3)),
            (Place::Br, FIRST + 7, Some(INSIDE + 7)),
            (Place::Br, FIRST + 8, None),
            (Place::BesideLan, FIRST, Some(INSIDE)),
            (Place::BesideLan, FIRST + 7, Some(INSIDE + 7)),
            (Place::BesideLan, FIRST + 8, None),
        ] {
            let to = format!("{ADDRESS}:{port}");
            let expected = expected.map(|port| port.to_string());
            let answers = world.within(place, || [tcp(&to), datagram(&to)]);
            assert_eq!(answers, [expected.clone(), expected], "{edge}: {place:?} to {port}");
        }
        assert_no_violation(&world);
    }
}

/// A server of the LAN host that answers with the number of its port.
fn serve_number(world: &World, port: u16) {
    let at = format!("0.0.0.0:{port}");
    let (listener, socket) = world
        .within(Place::Lan, || (TcpListener::bind(&at).unwrap(), UdpSocket::bind(&at).unwrap()));
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.write_all(port.to_string().as_bytes());
        }
    });
    thread::spawn(move || {
        while let Ok((_, peer)) = socket.recv_from(&mut [0; 99]) {
            let _ = socket.send_to(port.to_string().as_bytes(), peer);
        }
    });
}

/// Each rule of the hairpin is needed.
#[test]
fn no_hairpin_without_its_rules() {
    let whole = publishing(Edge::Netdev);
    let failing = |from: &str, to: &str| {
        assert!(whole.contains(from), "{from}");
        let world = town(&whole.replace(from, to))?;
        let answers = matrix(&world).into_iter();
        Some(answers.map(|(_, answers)| answers.iter().all(Option::is_none)).collect::<Vec<_>>())
    };
    let Some(not_back) = failing("@published_wan snat ip to 106.72.50.97", "@published_wan accept")
    else {
        return;
    };
    assert_eq!(not_back, [true, true, false, false]);
    let to_hosts = failing("iifname \"lan\" ip daddr", "iifname \"none\" ip daddr");
    assert_eq!(to_hosts.unwrap(), [true, true, false, false]);
    let from_router = failing(
        "chain dnat-local_wan {\n\t\tip daddr 106.72.50.97",
        "chain dnat-local_wan {\n\t\tip daddr 203.0.113.1",
    );
    assert_eq!(from_router.unwrap(), [false, false, false, true]);
}

/// Ten thousand connections of each kind, one after the other: none leaves from a published port.
#[test]
fn churn_takes_no_published_port() {
    const CONNECTIONS: usize = 10_000;
    let Some(world) = town(&publishing(Edge::Netdev)) else { return };
    world.sh("ip netns exec $C sysctl -qw net.netfilter.nf_conntrack_udp_timeout=1 \
              net.netfilter.nf_conntrack_tcp_timeout_time_wait=1");
    let published = |port: u16| port == PORT || port == GAME;
    let seen = world.within(Place::Lan, || {
        let (mut tcp, mut datagrams) = (0, 0);
        for round in 0.. {
            let server = round % super::world::SERVERS + 1;
            if let Some((_, port, _)) = connect(&format!("198.51.100.{server}:80"), SECOND) {
                assert!(owned(port) && !published(port), "TCP from {port}");
                tcp += 1;
            }
            if let Some(port) = ask(&udp(), &format!("198.51.100.{server}:53"), 1) {
                assert!(owned(port) && !published(port), "UDP from {port}");
                datagrams += 1;
            }
            if tcp >= CONNECTIONS && datagrams >= CONNECTIONS {
                break;
            }
            assert!(round < 2 * CONNECTIONS, "{tcp} and {datagrams} connections");
        }
        (tcp, datagrams)
    });
    assert!(seen.0 >= CONNECTIONS && seen.1 >= CONNECTIONS);
    let outside = world.within(Place::Br, || tcp(&format!("{ADDRESS}:{PORT}")));
    assert!(outside.is_some(), "the server answers after the churn");
    assert_no_violation(&world);
}

/// A server that speaks first is seen with its published port.
#[test]
fn a_server_that_speaks_keeps_its_port() {
    for edge in EDGES {
        let Some(world) = loaded(&publishing(edge)) else { return };
        let ports: Vec<Option<u16>> = world.within(Place::Lan, || {
            let socket = UdpSocket::bind("0.0.0.0:3074").unwrap();
            socket.set_read_timeout(Some(SECOND)).unwrap();
            (1..=3).map(|it| ask(&socket, &format!("198.51.100.{it}:53"), 1)).collect()
        });
        assert_eq!(ports, [Some(GAME); 3], "{edge}");
        assert_no_violation(&world);
    }
}

/// The relay plays the neighbours: what is sent to a port of theirs comes back to it with the
/// shared address.
const NEIGHBOUR: &str = "ip netns exec $B nft 'table ip neighbour {
    chain to { type nat hook prerouting priority dstnat; ip daddr 106.72.50.97 meta l4proto { tcp, udp } \
        th dport { 53, 80 } dnat to 198.51.100.1; };
    chain from { type nat hook postrouting priority srcnat; oifname b0 ip daddr 106.72.50.97 \
        meta l4proto { tcp, udp } th dport 5696 snat to 106.72.50.97:2000-2999; }; }'";

#[test]
fn neighbours_of_the_address() {
    for edge in EDGES {
        let Some(world) = town(&publishing(edge)) else { return };
        world.sh(NEIGHBOUR);
        for place in [Place::Lan, Place::Zone, Place::Cpe] {
            let (stream, datagram) = world.within(place, || {
                let stream = connect(&format!("{ADDRESS}:80"), super::TIMEOUT);
                (stream.map(|it| it.1), ask(&udp(), &format!("{ADDRESS}:53"), 3000))
            });
            assert!(stream.is_some_and(owned), "{edge}: {place:?} {stream:?}");
            assert!(datagram.is_some_and(owned), "{edge}: {place:?} {datagram:?}");
        }
        let from_one = world.within(Place::Br, || {
            [tcp(&format!("{ADDRESS}:{PORT}")), datagram(&format!("{ADDRESS}:{PORT}"))]
        });
        let stands_for_them = Some("192.0.0.8".to_owned());
        assert_eq!(from_one, [stands_for_them.clone(), stands_for_them], "{edge}");
        assert_no_violation(&world);
    }
}

/// What the page about it says of a line that publishes nothing: their ports end on the router.
#[test]
fn without_published_ports_the_address_is_the_routers() {
    let Some(world) = town(&super::rules(Edge::Netdev, "5696")) else { return };
    world.sh(NEIGHBOUR);
    let own = world.within(Place::Cpe, || TcpListener::bind("0.0.0.0:80").unwrap());
    thread::spawn(move || {
        while let Ok((mut stream, _)) = own.accept() {
            let _ = stream.write_all(b"router");
        }
    });
    let to_neighbour = world.within(Place::Lan, || tcp(&format!("{ADDRESS}:80")));
    assert_eq!(to_neighbour.as_deref(), Some("router"));
    assert_eq!(world.judged(), (0, 0));
}
