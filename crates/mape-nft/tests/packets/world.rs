//! Three namespaces: a LAN host, the CPE with the rules under test, and a BR that judges.
//!
//! The CPE's tunnel device is one end of a veth pair, since not every kernel has tunnels; what
//! happens inside IPv6 is left to the lab with real ones. The BR's judge knows nothing of this
//! crate: it is the RFC's formula as bit masks, for PSID 100, a = 4, k = 8.

use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

/// The address of the line under test.
pub(crate) const ADDRESS: &str = "106.72.50.97";
pub(crate) const SERVERS: usize = 6;

const SETUP: &str = "
ip link add l0 netns $L type veth peer name c0 netns $C
for n in $L $C $B; do ip -n $n link set lo up; done
sysctl() { for n in $L $C $B; do ip netns exec $n sysctl -qw $1; done; }
sysctl net.ipv4.ip_forward=1
sysctl net.ipv4.conf.all.rp_filter=0
sysctl net.ipv4.conf.default.rp_filter=0
sysctl net.ipv4.icmp_ratelimit=0
# Errors of the relay come from its own private address, as those of many routers on the way.
sysctl net.ipv4.icmp_errors_use_inbound_ifaddr=1
sysctl net.ipv6.conf.all.disable_ipv6=1
sysctl net.ipv6.conf.default.disable_ipv6=1
ip -n $L addr add 192.168.9.2/24 dev l0; ip -n $L link set l0 up
ip -n $L route add default via 192.168.9.1
ip -n $C addr add 192.168.9.1/24 dev c0; ip -n $C link set c0 up
ip link add s0 netns $B type veth peer name s1 netns $B
ip -n $B link set s0 up; ip -n $B link set s1 up
for i in 1 2 3 4 5 6; do ip -n $B addr add 198.51.100.$i/32 dev lo; done
ip -n $B route add 203.0.113.0/24 dev s0 mtu lock 1300
ip -n $B neigh add 203.0.113.9 lladdr 02:00:00:00:00:09 dev s0
ip netns exec $B nft -f - <<'END'
table ip judge {
	counter seen { }
	counter bad { }
	chain judge { type filter hook prerouting priority -500; policy accept; iifname b0 goto line; }
	chain line {
		counter name seen
		ip saddr != 106.72.50.97 goto violation
		ip frag-off & 0x1fff != 0 accept
		meta l4proto { tcp, udp } th sport & 0x0ff0 == 0x0640 th sport & 0xf000 != 0 accept
		icmp type { echo-request, echo-reply } icmp id & 0x0ff0 == 0x0640 icmp id & 0xf000 != 0 accept
		icmp type { 3, 11, 12 } @th,136,8 { 6, 17 } @th,240,16 & 0x0ff0 == 0x0640 accept
		icmp type { 3, 11, 12 } @th,136,8 1 @th,256,16 & 0x0ff0 == 0x0640 accept
		goto violation
	}
	chain violation { counter name bad drop; }
}
END
";

/// Makes the CPE's device and its other end.
const DEVICE: &str = "
ip link add mape-wan netns $C type veth peer name b0 netns $B
ip -n $C link set mape-wan mtu 1460 up; ip -n $C addr add 106.72.50.97/32 dev mape-wan
ip -n $C route add default via 10.255.0.1 dev mape-wan onlink
ip -n $B addr add 10.255.0.1/32 dev b0; ip -n $B link set b0 mtu 1460 up
ip -n $B route add 106.72.50.97/32 dev b0 src 198.51.100.6
";

/// A second host beside the first, one in another network, and one outside that another line leads
/// to: for tests that ask for them. The bridge is a router's: where the machine has `br_netfilter`,
/// its packets would pass the rules twice.
const MORE: &str = "
ip netns add $M; ip netns add $Z; ip netns add $W
ip netns exec $C sysctl -qw net.bridge.bridge-nf-call-iptables=0 2>/dev/null || :
for n in $M $Z $W; do ip -n $n link set lo up; done
ip -n $C link add lan type bridge; ip -n $C link set lan up; ip -n $C link set c0 master lan
ip -n $C addr del 192.168.9.1/24 dev c0; ip -n $C addr add 192.168.9.1/24 dev lan
ip link add m0 netns $M type veth peer name c1 netns $C
ip -n $C link set c1 master lan up
ip -n $M addr add 192.168.9.3/24 dev m0; ip -n $M link set m0 up
ip -n $M route add default via 192.168.9.1
ip link add z0 netns $Z type veth peer name c2 netns $C
ip -n $C addr add 192.168.10.1/24 dev c2; ip -n $C link set c2 up
ip -n $Z addr add 192.168.10.2/24 dev z0; ip -n $Z link set z0 up
ip -n $Z route add default via 192.168.10.1
ip link add w0 netns $W type veth peer name c3 netns $C
ip -n $C addr add 192.0.2.1/24 dev c3; ip -n $C link set c3 up
ip -n $W addr add 192.0.2.9/24 dev w0; ip -n $W link set w0 up
ip -n $W route add 106.72.50.97/32 via 192.0.2.1
";

/// The namespaces of one test.
pub(crate) struct World {
    names: [String; 6],
}

/// One of them; the last three are there after [`World::more`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Lan,
    Cpe,
    Br,
    BesideLan,
    Zone,
    OtherLine,
}

impl World {
    /// `None` where there is no right to make one.
    pub(crate) fn new() -> Option<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = std::process::id();
        let names = ["lan", "cpe", "br", "beside", "zone", "other"]
            .map(|place| format!("mape-{id}-{count}-{place}"));
        let world = Self { names };
        let made = world.run("ip netns add $L; ip netns add $C; ip netns add $B; nft list tables");
        if !made.status.success() {
            let error = String::from_utf8_lossy(&made.stderr);
            assert!(std::env::var_os("MAPE_CI").is_none(), "CI must have namespaces: {error}");
            eprintln!("skipped: needs root, ip and nft: {error}");
            return None;
        }
        world.sh(&format!("{SETUP}{DEVICE}"));
        world.serve();
        Some(world)
    }

    fn run(&self, script: &str) -> Output {
        let [lan, cpe, br, beside, zone, other] = &self.names;
        let script =
            format!("set -e; L={lan} C={cpe} B={br} M={beside} Z={zone} W={other}; {script}");
        Command::new("sh").args(["-c", &script]).output().unwrap()
    }

    pub(crate) fn sh(&self, script: &str) -> String {
        let output = self.run(script);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Makes the places that few tests need.
    pub(crate) fn more(&self) {
        self.sh(MORE);
    }

    /// Loads a text into the CPE.
    pub(crate) fn load(&self, rules: &str) {
        let file = std::env::temp_dir().join(&self.names[1]);
        std::fs::write(&file, rules).unwrap();
        self.sh(&format!("ip netns exec $C nft -f {0}; rm {0}", file.display()));
    }

    /// The device goes and comes back with another index.
    pub(crate) fn recreate_device(&self) {
        self.sh(&format!("ip -n $C link del mape-wan\n{DEVICE}"));
    }

    /// Packets the BR has seen, and those against the rules, once no more come.
    pub(crate) fn judged(&self) -> (u64, u64) {
        let mut before = self.counters();
        loop {
            thread::sleep(Duration::from_millis(20));
            let now = self.counters();
            if now == before {
                return now;
            }
            before = now;
        }
    }

    fn counters(&self) -> (u64, u64) {
        let count = |name: &str| {
            let text = self.sh(&format!("ip netns exec $B nft list counter ip judge {name}"));
            let mut words = text.split_whitespace().skip_while(|word| *word != "packets");
            words.nth(1).unwrap().parse().unwrap()
        };
        (count("seen"), count("bad"))
    }

    /// The judge finds something against the rules, if not at once: a busy kernel delivers later.
    pub(crate) fn expect_bad(&self) {
        for _ in 0..100 {
            if self.judged().1 > 0 {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("the judge found nothing: {:?}", self.judged());
    }

    /// Runs in one of the namespaces.
    pub(crate) fn within<T: Send>(&self, place: Place, work: impl FnOnce() -> T + Send) -> T {
        let name = &self.names[place as usize];
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                enter(name);
                work()
            });
            worker.join().unwrap()
        })
    }

    /// On each of the BR's addresses: UDP 53 answers with the sender's port in front of the data,
    /// TCP 80 sends the port first and then repeats what it gets.
    fn serve(&self) {
        use std::io::{Read as _, Write as _};
        let name = &self.names[Place::Br as usize];
        let (ready, all_ready) = std::sync::mpsc::channel();
        for server in 1..=SERVERS {
            let (udp_name, tcp_name) = (name.clone(), name.clone());
            let (udp_ready, tcp_ready) = (ready.clone(), ready.clone());
            thread::spawn(move || {
                enter(&udp_name);
                let socket = UdpSocket::bind(format!("198.51.100.{server}:53")).unwrap();
                udp_ready.send(()).unwrap();
                let mut buffer = vec![0; 65536];
                while let Ok((size, peer)) = socket.recv_from(&mut buffer) {
                    let port = peer.port().to_be_bytes();
                    let _ = socket.send_to(&[&port, &buffer[..size]].concat(), peer);
                }
            });
            thread::spawn(move || {
                enter(&tcp_name);
                let listener = TcpListener::bind(format!("198.51.100.{server}:80")).unwrap();
                tcp_ready.send(()).unwrap();
                while let Ok((mut stream, peer)) = listener.accept() {
                    thread::spawn(move || {
                        let _ = stream.write_all(&peer.port().to_be_bytes());
                        let mut byte = [0];
                        while let Ok(1) = stream.read(&mut byte) {
                            let _ = stream.write_all(&byte);
                        }
                    });
                }
            });
        }
        assert_eq!(all_ready.iter().take(2 * SERVERS).count(), 2 * SERVERS);
    }
}

fn enter(name: &str) {
    let namespace = File::open(format!("/run/netns/{name}")).unwrap();
    setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
}

impl Drop for World {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "del", name]).output();
        }
    }
}
