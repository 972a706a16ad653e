//! The blocks of `docs/neighbours.md`, executed as they stand there, beside the rules.

use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use mape_nft::{Edge, standalone};

use super::servers::{PORT, interface_with, serve, tcp};
use super::traffic::*;
use super::world::{ADDRESS, Place, World};
use super::{TCP, TIMEOUT, UDP, assert_no_violation, loaded, rules};
const PAGE: &str = include_str!("../../../../docs/neighbours.md");
const WAIT: Duration = Duration::from_millis(500);

/// The shell commands of the section with this heading.
fn block(heading: &str) -> &'static str {
    let (_, section) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    block.split("```").next().unwrap()
}

/// Runs the commands in the CPE.
fn run(world: &World, commands: &str) {
    for command in commands.lines() {
        world.sh(&format!(
            "export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/tmp/$C/bus\n\
                           nft() {{ command ip netns exec $C nft \"$@\"; }}\n\
                           tc() {{ command ip netns exec $C tc \"$@\"; }}\n\
                           ip() {{ command ip -n $C \"$@\"; }}\n{command}"
        ));
    }
}

/// The CPE's devices as the page calls them, and a published port.
fn town() -> Option<World> {
    let world = loaded(&standalone(&interface_with(Edge::Netdev, &["lan"])))?;
    world.more();
    serve(&world);
    Some(world)
}

fn lan_reaches_the_internet(world: &World) -> bool {
    world.within(Place::Lan, || {
        connect(TCP, TIMEOUT).is_some_and(|it| owned(it.1))
            && ask(&udp(), UDP, 1).is_some_and(owned)
    })
}

fn server_is_reached(world: &World) -> bool {
    world.within(Place::Br, || tcp(&format!("{ADDRESS}:{PORT}"))).is_some()
}

/// A process that ends with the test.
struct Daemon(Child);

impl Daemon {
    fn new(world: &World, command: &str) -> Self {
        let command = world.sh(&format!("printf %s \"ip netns exec $C {command}\""));
        let mut words = command.split(' ');
        let child = Command::new(words.next().unwrap())
            .args(words)
            .env("DBUS_SYSTEM_BUS_ADDRESS", world.sh("printf %s unix:path=/tmp/$C/bus"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether firewalld is installed. `cargo xtask test` does not install it where systemd would start
/// it.
fn has_firewalld() -> bool {
    let found = ["firewalld", "dbus-daemon"].iter().all(|program| {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
        found.is_ok_and(|it| it.status.success())
    });
    let expected = std::env::var_os("MAPE_CI").is_some()
        && !std::path::Path::new("/run/systemd/system").exists();
    assert!(found || !expected, "CI without systemd must have firewalld and dbus-daemon");
    if !found {
        eprintln!("skipped: needs firewalld and dbus-daemon");
    }
    found
}

/// Our tables as nft lists them.
fn tables(world: &World) -> String {
    world.sh("ip netns exec $C nft --stateless list table inet mape_rs; \
              ip netns exec $C nft --stateless list table netdev mape_rs_wan")
}

#[test]
fn firewalld_beside_the_line() {
    if !has_firewalld() {
        return;
    }
    let Some(world) = town() else { return };
    world.sh("rm -rf /tmp/$C; mkdir -p /tmp/$C/etc");
    let _bus = Daemon::new(
        &world,
        "dbus-daemon --system --nofork --nopidfile --address=unix:path=/tmp/$C/bus",
    );
    let _firewalld = Daemon::new(
        &world,
        "firewalld --nofork --nopid --system-config /tmp/$C/etc --log-file /tmp/$C/log",
    );
    let state =
        "export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/tmp/$C/bus; firewall-cmd --state 2>&1 || :";
    while !world.sh(state).starts_with("running") {
        thread::sleep(Duration::from_millis(200));
    }
    assert!(!lan_reaches_the_internet(&world), "without zones, firewalld rejects the LAN");
    let before = tables(&world);
    run(&world, block("firewalld"));
    for reload in ["firewall-cmd --reload", "firewall-cmd --complete-reload"] {
        assert!(lan_reaches_the_internet(&world), "before {reload}");
        assert!(server_is_reached(&world), "before {reload}");
        run(&world, reload);
    }
    assert!(lan_reaches_the_internet(&world) && server_is_reached(&world));
    assert_eq!(tables(&world), before);
    let listed = world.sh("ip netns exec $C nft list table inet firewalld");
    assert!(listed.contains("ip6 saddr 2404:9200:225:100::64 meta l4proto ipencap accept"));
    world.sh("rm -rf /tmp/$C");
    assert_no_violation(&world);
}

/// The chain accepts its server and the port forward, and no other port.
#[test]
fn a_hole_in_the_ipv6_firewall() {
    let Some(world) = town() else { return };
    world.sh(
        "for n in $L $C $B; do
             ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=0 \
                 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 \
                 net.ipv6.conf.all.forwarding=1
         done
         ip link add six netns $C type veth peer name six0 netns $B
         for it in $C:lan $C:six $B:six0 $L:l0; do
             ip netns exec ${it%:*} sysctl -qw net.ipv6.conf.${it#*:}.disable_ipv6=0
         done
         ip -n $C link set six up; ip -n $B link set six0 up
         ip -n $C addr add 2001:db8:1::1/64 dev lan nodad; ip -n $L addr add 2001:db8:1::10/64 dev l0 nodad
         ip -n $L -6 route add default via 2001:db8:1::1
         ip -n $C addr add 2001:db8:2::1/64 dev six nodad; ip -n $B addr add 2001:db8:2::2/64 dev six0 nodad
         ip -n $B -6 route add 2001:db8:1::/64 via 2001:db8:2::1",
    );
    for port in [443, 444] {
        let listener =
            world.within(Place::Lan, || TcpListener::bind(("2001:db8:1::10", port)).unwrap());
        thread::spawn(move || while listener.accept().is_ok() {});
    }
    let reached = |port: u16| {
        let to = format!("[2001:db8:1::10]:{port}").parse().unwrap();
        world.within(Place::Br, || std::net::TcpStream::connect_timeout(&to, WAIT).is_ok())
    };
    // The links need a moment for their neighbours.
    assert!((0..20).any(|_| reached(444)), "without a chain that drops");
    run(&world, block("Holes in the IPv6 firewall"));
    assert!(reached(443) && !reached(444));
    assert!(lan_reaches_the_internet(&world) && server_is_reached(&world));
    assert_no_violation(&world);
}

/// One host goes to another line, the others to MAP-E; all go to MAP-E when that line is down.
#[test]
fn another_line_for_one_host() {
    let Some(world) = town() else { return };
    world.sh("ip -n $C link set c3 down; ip -n $C link set c3 name ppp; ip -n $C link set ppp up
              ip -n $W addr add 198.51.100.1/32 dev lo");
    let other = world.within(Place::OtherLine, || UdpSocket::bind("198.51.100.1:53").unwrap());
    let (to, from) = std::sync::mpsc::channel();
    thread::spawn(move || {
        while let Ok((_, peer)) = other.recv_from(&mut [0; 9]) {
            let _ = to.send(peer.ip().to_string());
            let _ = other.send_to(&[0, 0, b'x'], peer);
        }
    });
    let commands = block("pbr, mwan3 and PPPoE beside the line");
    // A veth has neighbours, unlike PPP.
    run(&world, &commands.replace("default dev ppp", "default via 192.0.2.9 dev ppp"));
    let ask_from = |place| world.within(place, || ask(&udp(), UDP, 1));
    assert!(ask_from(Place::Lan).is_some_and(owned));
    assert_eq!(ask_from(Place::BesideLan), Some(0));
    assert_eq!(from.recv_timeout(WAIT).as_deref(), Ok("192.0.2.1"));
    assert!(lan_reaches_the_internet(&world) && server_is_reached(&world));
    world.sh("ip -n $C link set ppp down");
    assert!(ask_from(Place::BesideLan).is_some_and(owned), "the other line is down");
    assert_no_violation(&world);
}

#[test]
fn a_shaper_on_the_tunnel() {
    let Some(world) = loaded(&rules(Edge::Netdev, "")) else { return };
    run(&world, block("SQM and cake"));
    let ports = world.within(Place::Lan, || {
        let open: Vec<_> =
            (0..240).filter_map(|_| (0..6).find_map(|_| connect(TCP, TIMEOUT))).collect();
        open.iter().map(|it| it.1).collect::<std::collections::HashSet<_>>().len()
    });
    assert_eq!(ports, 240);
    let shaped = world.sh("ip netns exec $C tc -s qdisc show dev mape-wan");
    let sent = shaped.split(" Sent ").nth(1).and_then(|it| it.split(' ').next()).unwrap();
    assert!(shaped.contains("qdisc tbf") && sent.parse::<u64>().unwrap() > 10_000, "{shaped}");
    assert_no_violation(&world);
}
