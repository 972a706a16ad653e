//! Debian's miniupnpd with the list that the loader writes: it grants only ports that really
//! arrive, and outgoing connections never get one of them. Needs root, nft and the package
//! miniupnpd-nftables.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod client;
mod foreign;
#[allow(dead_code, reason = "each test binary uses a part")]
#[path = "../../../mape-nft/tests/packets/traffic.rs"]
mod traffic;
#[allow(dead_code, reason = "each test binary uses a part")]
#[path = "../../../mape-nft/tests/packets/world.rs"]
mod world;

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use client::{Request, Transport, natpmp, pcp, soap};
use foreign::{Said, natpmpc, upnpc};
use traffic::{ask, owned, udp};
use world::{ADDRESS, Place, World};

const POOL: std::ops::RangeInclusive<u16> = 63040..=63055;
const SECOND: Duration = Duration::from_secs(1);

const STATE: &str = r#"{"schema":1,"interface":"wan","device":"mape-wan","prefix":"PREFIX","rule":"ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,offset=4,psidlen=8,br=2404:9200:225:100::64,layout=draft03","mtu":1460,"edge":"auto","upnp_ports":16}"#;

/// The chains that OpenWrt's firewall and Debian's scripts make for it. It works in them, not in
/// ours.
const CHAINS: &str = "table inet filter {
    chain miniupnpd { }
    chain forward { type filter hook forward priority 0; policy accept;
        ct state established,related accept; jump miniupnpd; iifname mape-wan drop; }
    chain prerouting_miniupnpd { }
    chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
    chain postrouting_miniupnpd { }
    chain postrouting { type nat hook postrouting priority 100; jump postrouting_miniupnpd; }
}";

/// Loads the rules of this line as a router does; its directory.
fn load(world: &World, prefix: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("upnp-{}", world.sh("printf %s $L")));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("wan.json"), STATE.replace("PREFIX", prefix)).unwrap();
    let program = env!("CARGO_BIN_EXE_mape-proto");
    world.sh(&format!("ip netns exec $C {program} firewall --state-dir {}", directory.display()));
    directory
}

/// The file with its process.
struct Daemon(PathBuf);

impl Daemon {
    /// With the list as the page about servers tells.
    fn new(world: &World, directory: &Path, device: &str) -> Self {
        let (config, pid) = (directory.join("miniupnpd.conf"), directory.join("pid"));
        let list = std::fs::read_to_string(directory.join("wan.upnp")).unwrap();
        let text = format!(
            "ext_ifname=mape-wan\nlistening_ip={device}\nport=5000\nenable_natpmp=yes\nenable_upnp=yes\n\
             secure_mode=yes\nuuid=00000000-0000-0000-0000-000000000001\n{list}"
        );
        std::fs::write(&config, text).unwrap();
        let (config, file) = (config.display(), pid.display());
        world.sh(&format!(
            "ip netns exec $C miniupnpd -f {config} -P {file} </dev/null >/dev/null 2>&1"
        ));
        Self(pid)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let process = std::fs::read_to_string(&self.0).unwrap_or_default();
        let _ = Command::new("kill").arg(process.trim()).status();
    }
}

/// Servers of the LAN host on this port, which repeat what they hear.
fn serve(world: &World, port: u16) {
    let (listener, socket) = world.within(Place::Lan, || {
        let address = format!("0.0.0.0:{port}");
        (TcpListener::bind(&address).unwrap(), UdpSocket::bind(&address).unwrap())
    });
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.write_all(b"tcp");
        }
    });
    thread::spawn(move || {
        while let Ok((_, peer)) = socket.recv_from(&mut [0; 99]) {
            let _ = socket.send_to(b"udp", peer);
        }
    });
}

/// Whether a host on the internet reaches the server at this port.
fn arrives(world: &World, transport: Transport, port: u16) -> bool {
    let to = format!("{ADDRESS}:{port}");
    world.within(Place::Br, || match transport {
        Transport::Tcp => TcpStream::connect_timeout(&to.parse().unwrap(), SECOND)
            .and_then(|mut stream| stream.read_exact(&mut [0; 3]))
            .is_ok(),
        Transport::Udp => {
            let socket = udp();
            (0..3).any(|_| socket.send_to(b"x", &to).is_ok() && socket.recv(&mut [0; 9]).is_ok())
        }
    })
}

/// The daemon needs a moment to begin.
fn until_granted(world: &World) -> Option<u16> {
    let ask = |_| {
        let port = natpmp(Request::new(Transport::Udp, 6999, 63040));
        thread::sleep(if port.is_some() { Duration::ZERO } else { SECOND / 10 });
        port
    };
    world.within(Place::Lan, || (0..100).find_map(ask))
}

#[test]
fn only_what_arrives_is_granted() {
    let Some(world) = World::new() else { return };
    if Command::new("miniupnpd").arg("--version").output().is_err() {
        assert!(std::env::var_os("MAPE_CI").is_none(), "CI must have miniupnpd-nftables");
        eprintln!("skipped: needs miniupnpd-nftables");
        return;
    }
    let directory = load(&world, "240b:10:3261:6400::/56");
    world.load(CHAINS);
    let daemon = Daemon::new(&world, &directory, "c0");
    assert!(until_granted(&world).is_some(), "it does not answer");

    // In the pool, of the set but not in the pool, and of other subscribers; by each of the
    // protocols.
    let mut granted = HashSet::new();
    let mut refused = 0;
    let mut inside = 7000;
    for wanted in [63041, 5696, 63056, 25565] {
        for transport in [Transport::Tcp, Transport::Udp] {
            for protocol in [natpmp, pcp, soap] {
                inside += 1;
                serve(&world, inside);
                let request = Request::new(transport, inside, wanted);
                let Some(port) = world.within(Place::Lan, || protocol(request)) else {
                    refused += 1;
                    continue;
                };
                assert!(POOL.contains(&port), "{request:?}: {port} is granted");
                assert!(arrives(&world, transport, port), "{request:?}: {port} does not arrive");
                granted.insert(port);
            }
        }
    }
    assert!(granted.len() > 3 && refused > 3, "{granted:?}, {refused} refused");
    // What is outside the pool does not arrive whatever is asked for.
    assert!(!arrives(&world, Transport::Tcp, 5696) && !arrives(&world, Transport::Udp, 63039));

    // Every port that outgoing connections can get, at once.
    let ports: HashSet<u16> = world.within(Place::Lan, || {
        let sockets: Vec<UdpSocket> = (0..224).map(|_| udp()).collect();
        sockets.iter().filter_map(|socket| ask(socket, "198.51.100.2:53", 1)).collect()
    });
    assert_eq!(ports.len(), 224);
    assert!(ports.iter().all(|port| owned(*port) && !POOL.contains(port)));
    let (all, bad) = world.judged();
    assert!(all > 0 && bad == 0, "{bad} of {all} packets against the rules");

    // Another prefix: the list is another one, and so is what is granted.
    drop(daemon);
    world.sh("ip netns exec $C nft flush chain inet filter prerouting_miniupnpd");
    load(&world, "240b:10:3251:5100::/56");
    let daemon = Daemon::new(&world, &directory, "c0");
    let port = until_granted(&world).unwrap();
    assert!((62736..=62751).contains(&port), "{port} is none of PSID 81's last ports");
    drop(daemon);
    std::fs::remove_dir_all(directory).unwrap();
}

/// The answers that UPnP and NAT-PMP have for what cannot be granted, as other programs read them.
#[test]
fn other_clients_read_the_refusals() {
    let Some(world) = World::new() else { return };
    if Command::new("miniupnpd").arg("--version").output().is_err() || !foreign::is_installed() {
        eprintln!("skipped: needs miniupnpd-nftables, miniupnpc and natpmpc");
        return;
    }
    world.more();
    let directory = load(&world, "240b:10:3261:6400::/56");
    world.load(CHAINS);
    let daemon = Daemon::new(&world, &directory, "lan");
    assert!(until_granted(&world).is_some(), "it does not answer");
    let (here, beside) = (("$L", "192.168.9.2"), ("$M", "192.168.9.3"));
    // The router itself listens there.
    let _own = world.within(Place::Cpe, || {
        let own = "0.0.0.0:63047";
        (TcpListener::bind(own).unwrap(), UdpSocket::bind(own).unwrap())
    });
    let port_in_pool = |said| matches!(said, Said::Granted(port) if POOL.contains(&port));
    for transport in [Transport::Tcp, Transport::Udp] {
        assert_eq!(upnpc(&world, here, transport, 7001, 63045), Said::Granted(63045));
        // ConflictInMappingEntry: another host has it.
        assert_eq!(upnpc(&world, beside, transport, 7001, 63045), Said::Refused(718));
        assert_eq!(upnpc(&world, here, transport, 7001, 63047), Said::Refused(729));
        // Action not authorized: a port of NAT, one of a neighbour.
        for wanted in [5696, 63056] {
            assert_eq!(upnpc(&world, here, transport, 7002, wanted), Said::Refused(606));
        }
        assert_eq!(natpmpc(&world, transport, 7003, 63046), Said::Granted(63046));
        // NAT-PMP grants another one instead.
        assert!(port_in_pool(natpmpc(&world, transport, 7004, 5696)));
    }
    drop(daemon);
    std::fs::remove_dir_all(directory).unwrap();
}
