//! The connection list with a real kernel, in a network namespace of its own. Needs root; without
//! it the tests are skipped, except in CI.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::process::Command;

use mape_kernel::conntrack::{Entry, Protocol, forget, list};
use mape_kernel::netlink::Kernel;
use nix::sched::{CloneFlags, unshare};
use socket2::{Domain, Socket, Type};

/// The line's address.
const LINE: Ipv4Addr = Ipv4Addr::new(106, 72, 50, 97);
/// That of the other interface.
const OTHER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
/// A LAN host; nothing has to live there for an entry to be made.
const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);

/// The line, another interface with a NAT of its own, a published port, and a neighbour with the
/// same address, who is reached over the other interface.
const WORLD: &str = r"
set -e
ip link set lo up
for d in mape-wan other; do
	ip link add $d type veth peer name p-$d
	ip link set $d arp off up; ip link set p-$d up
done
ip addr add 192.168.1.1/32 dev lo
ip addr add 203.0.113.7/32 dev other
ip route add 198.18.0.0/16 dev mape-wan src 192.168.1.1
ip route add 198.19.0.0/16 dev other src 192.168.1.1
ip route add 106.72.50.97 dev other src 192.168.1.1
ip route add 192.168.1.2 dev other src 203.0.113.7
sysctl -qw net.ipv4.ping_group_range='0 2147483647'
nft -f - <<'END'
table ip nat {
	chain srcnat { type nat hook postrouting priority srcnat;
		oifname mape-wan meta l4proto { tcp, udp, icmp } snat to 106.72.50.97:16384-16623
		oifname other ip saddr 192.168.1.1 snat to 203.0.113.7
	}
	chain dstnat { type nat hook output priority -100;
		ip daddr 106.72.50.97 udp dport 5696 dnat to 192.168.1.2:53
	}
}
END
";

/// Runs in a namespace of this thread; `false` where there is no right to make one.
fn world() -> bool {
    let able = unshare(CloneFlags::CLONE_NEWNET).is_ok()
        && Command::new("sh").args(["-c", WORLD]).status().unwrap().success();
    if !able {
        assert!(std::env::var_os("MAPE_CI").is_none(), "CI must be able to make namespaces");
        eprintln!("skipped: needs root, ip and nft");
    }
    able
}

fn server(network: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, network, 0, 1)
}

fn udp(to: Ipv4Addr, port: u16) -> UdpSocket {
    let socket = UdpSocket::bind((HOST, 0)).unwrap();
    socket.send_to(b"x", (to, port)).unwrap();
    socket
}

fn tcp(to: Ipv4Addr, port: u16) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    let error = socket.connect(&SocketAddrV4::new(to, port).into()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(115), "{error}");
    socket
}

fn ping(to: Ipv4Addr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(socket2::Protocol::ICMPV4))?;
    socket.send_to(&[8, 0, 0, 0, 0, 0, 0, 1], &SocketAddrV4::new(to, 0).into())?;
    Ok(socket)
}

/// Protocol, inside port, and whether the line's address is the one of the original direction.
fn kinds(entries: &[Entry]) -> BTreeSet<(Protocol, bool)> {
    entries
        .iter()
        .map(|entry| (entry.original.protocol, entry.original.destination == LINE))
        .collect()
}

#[test]
fn what_the_kernel_lists_and_forgets() {
    if !world() {
        return;
    }
    let sockets = (
        [
            udp(server(18), 53),
            udp(server(18), 54),
            udp(server(19), 53),
            udp(LINE, 9),
            udp(LINE, 5696),
        ],
        [tcp(server(18), 80), tcp(server(19), 80)],
        [ping(server(18)).unwrap(), ping(server(19)).unwrap()],
    );
    let entries = list(&Kernel::Live, LINE).unwrap();
    // Two UDP, one TCP, one echo; the published port and the neighbour.
    assert_eq!(entries.len(), 6, "{entries:#?}");
    assert_eq!(
        kinds(&entries),
        [
            (Protocol::Tcp, false),
            (Protocol::Udp, false),
            (Protocol::Udp, true),
            (Protocol::Icmp, false)
        ]
        .into()
    );
    for entry in &entries {
        let original = entry.original;
        if original.destination == LINE {
            let published = original.destination_port == Some(5696);
            assert_eq!(entry.is_translated(LINE), published);
            assert_eq!(entry.port_on(LINE), published.then_some(5696));
            continue;
        }
        assert_eq!((original.source, original.destination), (HOST, server(18)));
        assert_eq!((entry.reply.source, entry.reply.destination), (server(18), LINE));
        assert!((16384..=16623).contains(&entry.port_on(LINE).unwrap()), "{entry:?}");
        assert!(entry.status.is_source_translated() && !entry.status.is_offloaded());
        assert!(entry.timeout.is_some_and(|seconds| seconds > 0 && seconds <= 120), "{entry:?}");
        // SYN_SENT
        let state = (original.protocol == Protocol::Tcp).then_some(1);
        assert_eq!(entry.tcp_state, state);
    }
    let first = sockets.0[0].local_addr().unwrap().port();
    let kept = entries.iter().find(|entry| entry.original.source_port == Some(first)).unwrap();
    let kept = (Protocol::Udp, kept.port_on(LINE));

    // TCP, the echo, the other UDP and the published port.
    assert_eq!(forget(LINE, |protocol, port| (protocol, port) == kept).unwrap(), 4);
    let left = list(&Kernel::Live, LINE).unwrap();
    assert_eq!(left.len(), 2, "{left:#?}");
    assert!(left.iter().any(|entry| entry.original.source_port == Some(first)));
    assert!(left.iter().any(|entry| entry.original.destination_port == Some(9)));
    assert_eq!(forget(LINE, |_, _| false).unwrap(), 1);
    assert_eq!(forget(LINE, |_, _| false).unwrap(), 0);
    // UDP, TCP and echo of the other interface and of the neighbour are unchanged.
    assert_eq!(list(&Kernel::Live, OTHER).unwrap().len(), 4);
    drop(sockets);
}

/// More entries than one answer of the kernel holds.
#[test]
fn many() {
    if !world() {
        return;
    }
    let socket = UdpSocket::bind((HOST, 0)).unwrap();
    for number in 0..3000_u16 {
        let [high, low] = number.to_be_bytes();
        for network in [18, 19] {
            socket
                .send_to(b"x", (Ipv4Addr::new(198, network, high, low.max(1)), number + 1))
                .unwrap();
        }
    }
    let entries = list(&Kernel::Live, LINE).unwrap();
    assert_eq!(entries.len(), 3000);
    let ports: BTreeSet<_> = entries.iter().map(|entry| entry.port_on(LINE)).collect();
    assert_eq!(ports.len(), 1, "a socket keeps its port");
    assert_eq!(forget(LINE, |_, _| false).unwrap(), 3000);
    assert_eq!(
        (list(&Kernel::Live, LINE).unwrap().len(), list(&Kernel::Live, OTHER).unwrap().len()),
        (0, 3000)
    );
}
