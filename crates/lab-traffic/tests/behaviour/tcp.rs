//! The behaviour for TCP, in the terms of RFC 5382, measured with sockets that share a port.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use mape_nft::Edge;
use socket2::{Domain, SockAddr, Socket, Type};

use super::rules;
use super::world::{ADDRESS, Place, World};

/// Longer than the first repetition of a SYN.
const WAIT: Duration = Duration::from_secs(2);
/// Long enough for some repetitions.
const OPEN: Duration = Duration::from_secs(20);
/// The port of the LAN host that is published in one of the set-ups.
const INSIDE: u16 = 3074;

pub(super) const HEAD: &str = "\
| switched on | edge | mapping | filtering | simultaneous open | hairpin |
|---|---|---|---|---|---|
";

/// Returns the row of a set-up; `None` without root.
pub(super) fn measured(setup: &str, edge: Edge) -> Option<String> {
    let world = World::new()?;
    world.load(&rules(setup, edge));
    serve_another_port(&world);
    let outgoing = |to: &str| world.within(Place::Lan, || connection(INSIDE, to));
    // Open to the end, so that the mapping stays.
    let (_first, outside) = outgoing("198.51.100.1:80");
    let (_second, same_address) = outgoing("198.51.100.1:81");
    let (_third, other_address) = outgoing("198.51.100.2:80");
    let mapping = match (same_address == outside, other_address == outside) {
        (_, true) => "endpoint-independent",
        (true, _) => "address-dependent",
        _ => "address- and port-dependent",
    };
    let target = if setup.starts_with("a published") { 5696 } else { outside };
    let _listener = world.within(Place::Lan, || {
        let socket = shared(INSIDE);
        socket.listen(8).unwrap();
        socket
    });
    let reached = |from: &str| {
        world.within(Place::Br, || {
            let socket = bound(from);
            connect(&socket, &format!("{ADDRESS}:{target}"), WAIT)
        })
    };
    let filtering = if reached("198.51.100.2:5555") {
        "endpoint-independent"
    } else if reached("198.51.100.1:5555") {
        "address-dependent"
    } else {
        "address- and port-dependent"
    };
    let hairpin = world
        .within(Place::Lan, || connect(&bound("0.0.0.0:0"), &format!("{ADDRESS}:{target}"), WAIT));
    let both = simultaneous(&world);
    assert_eq!(world.judged().1, 0, "{setup}, {edge}: packets against the rules");
    let [both, hairpin] = [both, hairpin].map(|it| if it { "yes" } else { "no" });
    Some(format!("| {setup} | {edge} | {mapping} | {filtering} | {both} | {hairpin} |\n"))
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn bound(to: &str) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.bind(&SockAddr::from(address(to))).unwrap();
    socket
}

/// A socket of the LAN host on a port that others may have too.
fn shared(port: u16) -> Socket {
    bound(&format!("192.168.9.2:{port}"))
}

fn connect(socket: &Socket, to: &str, wait: Duration) -> bool {
    socket.connect_timeout(&SockAddr::from(address(to)), wait).is_ok()
}

/// A connection to a server that says which port it sees.
fn connection(from: u16, to: &str) -> (Socket, u16) {
    let socket = shared(from);
    assert!(connect(&socket, to, OPEN), "{to}");
    let mut port = [0; 2];
    (&socket).read_exact(&mut port).unwrap();
    (socket, u16::from_be_bytes(port))
}

/// Port 81 of the first server, as its port 80.
fn serve_another_port(world: &World) {
    let listener = world.within(Place::Br, || TcpListener::bind("198.51.100.1:81").unwrap());
    thread::spawn(move || {
        let mut open = Vec::new();
        while let Ok((mut stream, peer)) = listener.accept() {
            let _ = stream.write_all(&peer.port().to_be_bytes());
            open.push(stream);
        }
    });
}

/// Both ends send a SYN to each other: the first of the LAN host's is lost at the other end, which
/// then sends its own to the port that it has seen.
fn simultaneous(world: &World) -> bool {
    world.sh("ip netns exec $B nft 'table ip shy { set seen { type inet_service; flags dynamic; \
         size 9; }; chain c { type filter hook input priority 0; \
         tcp dport 4000 tcp flags & (syn | ack) == syn add @seen { tcp sport } drop; }; }'");
    thread::scope(|scope| {
        let inside = scope.spawn(|| {
            world.within(Place::Lan, || connect(&shared(INSIDE), "198.51.100.1:4000", OPEN))
        });
        let seen = || {
            let text = world.sh("ip netns exec $B nft list set ip shy seen");
            let ports = text.split("elements = {").nth(1)?;
            ports.split(|it: char| !it.is_ascii_digit()).find_map(|it| it.parse::<u16>().ok())
        };
        let port = loop {
            if let Some(port) = seen() {
                break port;
            }
            assert!(!inside.is_finished(), "no SYN arrives");
            thread::sleep(Duration::from_millis(20));
        };
        let outside = world.within(Place::Br, || {
            connect(&bound("198.51.100.1:4000"), &format!("{ADDRESS}:{port}"), OPEN)
        });
        inside.join().unwrap() && outside
    })
}
