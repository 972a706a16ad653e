//! What firewall4's zones let through, and what our set adds: its text as its templates have it,
//! with our files where it includes them. `lan` may go out, the guests of `c2` nowhere, the lines
//! `mape-wan` and `c3` are closed.

use std::net::{Ipv6Addr, SocketAddrV6, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

use mape_nft::{Admitted, Edge, Forwards, Interface, Options, standalone, static_text};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::servers::{PORT, datagram, interface_with, serve, tcp};
use super::support::{EDGES, V6PLUS, built_in, interface};
use super::traffic::udp;
use super::world::{ADDRESS, Place, World};

const SET: &str = include_str!("../../../../files/usr/share/nftables.d/table-pre/50-mape-rs.nft");
const LINE: &str =
    include_str!("../../../../files/usr/share/nftables.d/table-pre/50-mape-rs.rules");
const FW4: &str = r#"
table inet fw4
flush table inet fw4
table inet fw4 {
	SET
	chain input {
		type filter hook input priority filter; policy drop;
		ct state vmap { established : accept, related : accept }
		iifname "lan" accept
		meta l4proto ipv6-icmp accept
		jump handle_reject
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state vmap { established : accept, related : accept }
		iifname "lan" jump forward_lan
		iifname "c2" jump forward_guest
		iifname { "mape-wan", "c3" } jump forward_wan
		LINE
		jump handle_reject
	}
	chain handle_reject {
		meta l4proto tcp reject with tcp reset
		reject
	}
	chain forward_lan { oifname { "mape-wan", "c3", "lan" } accept; }
	chain forward_guest { oifname "c2" jump handle_reject; }
	chain forward_wan { oifname { "mape-wan", "c3" } jump handle_reject; }
}
"#;
/// What our line once was.
const ANY_DNAT: &str = "meta nfproto ipv4 ct status dnat accept";
const SHARED: &str = "106.72.50.97:5696";

fn fw4(line: &str) -> String {
    FW4.replace("SET", SET).replace("LINE", line)
}

/// firewall4 with our files and nothing else of ours.
fn town() -> Option<World> {
    let world = World::new()?;
    world.more();
    world.load(&(fw4(LINE) + &static_text()));
    serve(&world);
    Some(world)
}

/// As the loader does it.
fn load(world: &World, interface: &Interface) {
    world.load(&standalone(interface));
    world.load(&Admitted::text(&Admitted::of(std::slice::from_ref(interface))));
}

/// What another program sends to the LAN, like one for containers, stays as shut as it is without
/// us.
#[test]
fn only_what_is_published_is_let_through() {
    for edge in EDGES {
        let Some(world) = town() else { return };
        // The real port 5702 is the inside port 16390 of this line; the plain edge has none.
        let seen = if edge == Edge::Plain { 5702 } else { 16390 };
        world.load(&format!(
            "table ip other {{ chain c {{ type nat hook prerouting priority dstnat; \
             fib daddr type local tcp dport {{ 8080, {seen} }} dnat to 192.168.9.3:7; }}; }}"
        ));
        let other = world.within(Place::BesideLan, || TcpListener::bind("0.0.0.0:7").unwrap());
        thread::spawn(move || while other.accept().is_ok() {});
        let reached = |place, to: &str| world.within(place, || tcp(to).is_some());
        let from_other_line = || reached(Place::OtherLine, "192.0.2.1:8080");
        assert!(!from_other_line(), "{edge}: the package alone");
        load(&world, &interface_with(edge, &["lan"]));
        let line = format!("{ADDRESS}:5702");
        assert!(!from_other_line(), "{edge}: from another line");
        assert!(!reached(Place::Zone, "192.168.10.1:8080"), "{edge}: from another zone");
        assert!(!reached(Place::Br, &line), "{edge}: from the line");
        // What is published is, by both protocols.
        let published = world.within(Place::Br, || [tcp(SHARED), datagram(SHARED)]);
        assert!(published.iter().all(Option::is_some), "{edge}: {published:?}");
        // All of this hangs on our line.
        world.load(&fw4(ANY_DNAT));
        assert!(from_other_line() && reached(Place::Br, &line), "{edge}");
        world.load(&fw4(LINE));
        assert!(
            world.within(Place::Br, || tcp(SHARED).is_some()),
            "{edge}: a reload keeps the set"
        );
        world.load("flush set inet fw4 mape_rs_published");
        assert!(world.within(Place::Br, || tcp(SHARED).is_none()), "{edge}: only by the set");
    }
}

/// Whom the hairpin is for reaches the host at the public address, and is seen with it.
#[test]
fn the_hairpin_is_for_its_zones() {
    for edge in EDGES {
        let Some(world) = town() else { return };
        let ask = |place| world.within(place, || [tcp(SHARED), datagram(SHARED)]);
        let public = Some(ADDRESS.to_owned());
        for (from, guests) in [(&["lan"][..], false), (&["lan", "c*"][..], true)] {
            load(&world, &interface_with(edge, from));
            for place in [Place::Lan, Place::BesideLan, Place::Cpe] {
                assert_eq!(ask(place), [public.clone(), public.clone()], "{edge}: {place:?}");
            }
            let seen = if guests { public.clone() } else { None };
            assert_eq!(ask(Place::Zone), [seen.clone(), seen.clone()], "{edge}");
            // `c*` is the other line's device too.
            assert_eq!(ask(Place::OtherLine), [seen.clone(), seen], "{edge}");
        }
    }
}

/// An isolated zone does not get out to the address's other subscribers; what their zone allows,
/// the LAN's do.
#[test]
fn the_zone_judges_who_reaches_neighbours() {
    for edge in EDGES {
        let Some(world) = town() else { return };
        load(&world, &interface_with(edge, &["lan", "c2"]));
        let knock = |place| {
            world.within(place, || {
                udp().send_to(b"x", format!("{ADDRESS}:53")).unwrap();
                tcp(&format!("{ADDRESS}:443"))
            })
        };
        for place in [Place::Zone, Place::OtherLine] {
            assert_eq!(knock(place), None);
            assert_eq!(world.judged(), (0, 0), "{edge}: {place:?}");
        }
        world.sh("ip netns exec $B nft 'table ip deaf { chain c { type filter hook prerouting \
                  priority -400; iifname b0 ip daddr 106.72.50.97 drop; }; }'");
        knock(Place::Lan);
        let (all, bad) = world.judged();
        assert!(all >= 2 && bad == 0, "{edge}: {all} {bad}");
    }
}

/// Full cone passes the zones for those it is for.
#[test]
fn full_cone_passes_the_zones() {
    for edge in EDGES {
        let Some(world) = town() else { return };
        for (full_cone, hosts, heard) in [
            (true, vec![], true),
            (false, vec![[192, 168, 9, 2].into()], true),
            (false, vec![[192, 168, 9, 3].into()], false),
        ] {
            let options = Options { full_cone, ..Options::default() };
            let forwards = Forwards::new(Vec::new(), hosts);
            let line = built_in(V6PLUS, "");
            load(&world, &Interface { options, forwards, ..interface(&line, edge) });
            // A socket of its own, so nothing of it is known yet.
            let (socket, port) = world.within(Place::Lan, || {
                let socket = udp();
                let port = super::ask(&socket, super::UDP, 1).unwrap();
                (socket, port)
            });
            world.within(Place::Br, || {
                let stranger = UdpSocket::bind("198.51.100.6:6000").unwrap();
                stranger.send_to(b"hello", (ADDRESS, port)).unwrap();
            });
            assert_eq!(socket.recv(&mut [0; 9]).is_ok(), heard, "{edge}: {full_cone}");
        }
    }
}

/// Nothing comes from the line with a source that no packet of the internet has: not to a published
/// port, and not to the router, whose refusal would go to that source.
#[test]
fn sources_that_no_packet_outside_has() {
    const BOGONS: [&str; 9] = [
        "192.168.9.77",
        "192.168.10.20",
        "10.9.9.9",
        "169.254.1.1",
        "240.0.0.1",
        "100.64.0.1",
        "172.31.255.1",
        "192.0.0.1",
        "192.0.0.8",
    ];
    for edge in EDGES {
        let Some(world) = World::new() else { return };
        world.more();
        let add = |address| format!("ip -n $B addr add {address}/32 dev lo\n");
        world.sh(&BOGONS.map(add).concat());
        for (published, from) in [(true, 7000), (false, 7001)] {
            let with = interface_with(edge, &["lan"]);
            let forwards = if published { with.forwards.clone() } else { Forwards::default() };
            world.load(&standalone(&Interface { forwards, ..with }));
            let place = if published { Place::Lan } else { Place::Cpe };
            let port = if published { 7 } else { PORT };
            let server =
                world.within(place, || UdpSocket::bind(format!("0.0.0.0:{port}")).unwrap());
            server.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            let hear = || Some(server.recv_from(&mut [0; 9]).ok()?.1.to_string());
            world.within(Place::Br, || {
                for address in BOGONS {
                    let socket = UdpSocket::bind((address, from)).unwrap();
                    socket.send_to(b"x", (ADDRESS, PORT)).unwrap();
                }
            });
            let seen: Vec<String> = std::iter::from_fn(hear).collect();
            assert!(seen.is_empty(), "{edge}, published {published}: {seen:?}");
            world.within(Place::Br, || {
                let socket = UdpSocket::bind(("198.51.100.2", from)).unwrap();
                socket.send_to(b"x", (ADDRESS, PORT)).unwrap();
            });
            assert_eq!(hear(), Some(format!("198.51.100.2:{from}")), "{edge}");
        }
    }
}

/// A LAN host that makes packets of the tunnel itself, with the router's CE address, whatever
/// headers they have.
#[test]
fn only_the_router_sends_from_the_ce_address() {
    let Some(world) = town() else { return };
    let plan = built_in(V6PLUS, "");
    let ce = plan.ce();
    world.load(&standalone(&interface(&plan, Edge::Netdev)));
    world.load("table inet fw4 { chain forward_lan { meta nfproto ipv6 accept; }; }");
    world.sh(&format!(
        "for n in $L $C $W; do ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=0 \
         net.ipv6.conf.default.disable_ipv6=0; done
         ip netns exec $C sysctl -qw net.ipv6.conf.all.forwarding=1
         ip -n $C addr add fd01::1/64 dev lan nodad; ip -n $C addr add fd02::1/64 dev c3 nodad
         ip -n $W addr add fd02::9/64 dev w0 nodad
         ip -n $L addr add fd01::2/64 dev l0 nodad; ip -n $L addr add {ce}/128 dev l0 nodad
         ip -n $L -6 route add default via fd01::1
         ip netns exec $W nft 'table ip6 seen {{ counter ce {{ }}; counter own {{ }}; chain c {{ \
         type filter hook prerouting priority -400; ip6 saddr {ce} counter name ce drop; \
         ip6 saddr fd01::2 counter name own drop; }}; }}'"
    ));
    // IPv4 and UDP from a neighbour's port.
    let udp = [1234_u16, 53, 8, 0].map(u16::to_be_bytes).concat();
    let header = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 106, 72, 50, 97, 203, 0, 113, 1];
    let inner = [&header[..], &udp].concat();
    // The next header, its length, and padding.
    let options = [&[4, 0, 1, 4, 0, 0, 0, 0][..], &inner].concat();
    let to = SockAddr::from(SocketAddrV6::new("fd02::9".parse().unwrap(), 0, 0, 0));
    let send = |from: Ipv6Addr| {
        world.within(Place::Lan, || {
            for (protocol, packet) in [(4, &inner), (60, &options)] {
                let raw = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::from(protocol)));
                let raw = raw.unwrap();
                raw.bind(&SockAddr::from(SocketAddrV6::new(from, 0, 0, 0))).unwrap();
                raw.send_to(packet, &to).unwrap();
            }
        });
    };
    let count = |name: &str| {
        world.sh(&format!(
            "ip netns exec $W nft list counter ip6 seen {name} | grep -o 'packets [0-9]*'"
        ))
    };
    send(ce);
    send("fd01::2".parse().unwrap());
    for _ in 0..100 {
        if count("own") == "packets 2\n" {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!((count("own").as_str(), count("ce").as_str()), ("packets 2\n", "packets 0\n"));
}
