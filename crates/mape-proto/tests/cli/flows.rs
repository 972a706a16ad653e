//! Who comes from the line to a published port and talks on after it was withdrawn or has got
//! another host: real packets through the rules of each edge, from a namespace outside to a host in
//! another.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::Duration;

use mape_kernel::conntrack::{Protocol, list};
use mape_kernel::netlink::Kernel;
use nix::sched::{CloneFlags, setns};

use super::forward::{Router, STATE};
use super::*;

const LINE: Ipv4Addr = Ipv4Addr::new(106, 72, 50, 97);
/// Two ports outside; the first is withdrawn, the other one stays.
const WEB: u16 = 9801;
const OTHER: u16 = 5700;
const TIMEOUT: Duration = Duration::from_millis(400);

/// The test's own namespace is the router; `$O` is outside, `$L` the LAN with the hosts .5 and .7.
const NET: &str = "
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
ip netns add $O; ip netns add $L
ip link set p-wan netns $O
ip -n $O link set lo up; ip -n $L link set lo up
ip -n $O addr add 203.0.113.1/24 dev p-wan; ip -n $O link set p-wan up
ip -n $O route add 106.72.50.97/32 dev p-wan
ip addr add 106.72.50.97/32 dev mape-wan; ip route add 203.0.113.0/24 dev mape-wan
ip link add c0 type veth peer name l0 netns $L
ip addr add 192.168.1.1/24 dev c0; ip link set c0 up
ip -n $L addr add 192.168.1.5/24 dev l0; ip -n $L addr add 192.168.1.7/24 dev l0
ip -n $L link set l0 up; ip -n $L route add default via 192.168.1.1
";

struct Net([String; 2]);

impl Net {
    fn new(edge: &str) -> Self {
        let id = std::process::id();
        let net = Self(["out", "lan"].map(|place| format!("mape-flows-{id}-{edge}-{place}")));
        let [outside, lan] = &net.0;
        let script = format!("set -e; O={outside}; L={lan}; {NET}");
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success(), "{edge}");
        net
    }

    fn within<T: Send>(&self, place: usize, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/run/netns/{}", self.0[place])).unwrap();
        let work = || {
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            work()
        };
        thread::scope(|scope| scope.spawn(work).join().unwrap())
    }

    /// Each host answers every packet with its own last octet.
    fn serve(&self) {
        for (host, port) in [(5, 443), (7, 443), (5, 22)] {
            let at = (Ipv4Addr::new(192, 168, 1, host), port);
            let (datagrams, listener) =
                self.within(1, || (UdpSocket::bind(at).unwrap(), TcpListener::bind(at).unwrap()));
            thread::spawn(move || {
                while let Ok((_, peer)) = datagrams.recv_from(&mut [0; 9]) {
                    let _ = datagrams.send_to(&[host], peer);
                }
            });
            thread::spawn(move || {
                while let Ok((mut stream, _)) = listener.accept() {
                    thread::spawn(move || {
                        while let Ok(1) = stream.read(&mut [0]) {
                            let _ = stream.write_all(&[host]);
                        }
                    });
                }
            });
        }
    }

    fn client(&self, port: u16) -> Client {
        self.within(0, || {
            let datagrams = UdpSocket::bind("203.0.113.1:0").unwrap();
            datagrams.set_read_timeout(Some(TIMEOUT)).unwrap();
            datagrams.connect((LINE, port)).unwrap();
            let to = (LINE, port).into();
            let stream = TcpStream::connect_timeout(&to, Duration::from_secs(9)).unwrap();
            stream.set_read_timeout(Some(TIMEOUT)).unwrap();
            Client { datagrams, stream }
        })
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for name in &self.0 {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

/// A host outside, by both protocols.
struct Client {
    datagrams: UdpSocket,
    stream: TcpStream,
}

impl Client {
    /// The hosts that answer by UDP and on the old TCP connection.
    fn talk(&mut self) -> [Option<u8>; 2] {
        let mut byte = [0];
        let _ = self.datagrams.send(b"x");
        let datagram = self.datagrams.recv(&mut byte).ok().map(|_| byte[0]);
        let _ = self.stream.write_all(b"x");
        let stream = self.stream.read_exact(&mut byte).ok().map(|()| byte[0]);
        [datagram, stream]
    }
}

#[test]
fn flows_from_the_line_end_with_their_forward() {
    let fixed = r#""rule":"ipv6=240b:10:3261:6400::/56,ipv4=106.72.50.97/32,ea=0,br=2404:9200:225:100::64""#;
    let (start, rest) = STATE.split_once("\"rule\"").unwrap();
    let (_, end) = rest.split_once("layout=draft03\"").unwrap();
    for (name, state) in [
        ("netdev", STATE.replace("auto", "netdev")),
        ("post", STATE.replace("auto", "postrouting")),
        ("plain", STATE.replace("auto", "plain")),
        ("fixed", format!("{start}{fixed}{end}")),
    ] {
        let Some(router) = Router::new(&format!("line-{name}"), "config defaults\n") else {
            return;
        };
        router.write("state/wan.json", &state);
        let net = Net::new(name);
        net.serve();
        for words in ["nas:443 --name web --port 9801", "nas:22 --name other --port 5700"] {
            assert_eq!(router.call(&format!("add {words}")).err, "", "{name}");
        }
        let (mut web, mut other) = (net.client(WEB), net.client(OTHER));
        let lives = [Some(5), Some(5)];
        assert_eq!((web.talk(), other.talk()), (lives, lives), "{name}");
        // As conntrack has them: the port is the one outside on every edge, so they are found by
        // it.
        let entries = list(&Kernel::Live, LINE).unwrap();
        let mut found: Vec<_> = entries
            .iter()
            .map(|it| (it.original.protocol == Protocol::Tcp, it.original.destination_port))
            .collect();
        found.sort_unstable();
        let ports = [Some(OTHER), Some(WEB)];
        assert_eq!(found, [false, true].map(|tcp| ports.map(|it| (tcp, it))).concat(), "{name}");
        // Another host: the old one says nothing more.
        let config = router.read("etc/config/firewall");
        let config = config.replacen("nas", "192.168.1.7", 1).replacen("dest_host", "dest_ip", 1);
        router.write("etc/config/firewall", &config);
        let loaded = router.load();
        assert!(loaded.out.contains("wan: 2 connections to hosts ended"), "{name}: {}", loaded.out);
        assert_eq!((web.talk(), other.talk()), ([Some(7), None], lives), "{name}: other host");
        let mut moved = net.client(WEB);
        assert_eq!(moved.talk(), [Some(7), Some(7)], "{name}");
        assert_eq!(router.call("remove web").status, ExitStatus::Fine, "{name}");
        assert_eq!((web.talk(), moved.talk()), ([None; 2], [None; 2]), "{name}: withdrawn");
        assert_eq!(other.talk(), lives, "{name}: withdrawn");
    }
}
