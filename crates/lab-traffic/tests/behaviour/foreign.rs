//! A second opinion on the table: coturn's server and its client `turnutils_natdiscovery`.

use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use mape_nft::Edge;

use super::rules;
use super::world::{Place, World};

const SERVER: &str = "turnserver";
const CLIENT: &str = "turnutils_natdiscovery";

/// The server with two addresses and two ports.
struct Server(Child);

impl Server {
    fn new(world: &World) -> Self {
        let child = Command::new("ip")
            .args(["netns", "exec", &world.sh("printf %s $B"), SERVER, "-n", "--stun-only"])
            .args(["--no-cli", "--no-tls", "--no-dtls", "--no-tcp", "--log-file", "/dev/null"])
            .args(["--pidfile", "", "-L", "198.51.100.1", "-L", "198.51.100.2"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self(child);
        world.within(Place::Br, || {
            // A port that is taken is a server that listens.
            while UdpSocket::bind("198.51.100.2:3479").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether both programs are installed.
pub(super) fn is_installed() -> bool {
    let found = [SERVER, CLIENT].iter().all(|program| {
        let which = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
        which.is_ok_and(|which| which.status.success())
    });
    assert!(found || std::env::var_os("MAPE_CI").is_none(), "CI must have coturn");
    found
}

/// Returns mapping and filtering as coturn sees them; `None` without root.
pub(super) fn measured(setup: &str, edge: Edge) -> Option<[String; 2]> {
    let world = World::new()?;
    world.load(&rules(setup, edge));
    let _server = Server::new(&world);
    let ask = |what: &str, port: u16| {
        let text = world.sh(&format!(
            "ip netns exec $L {CLIENT} {what} -L 192.168.9.2 -l {port} 198.51.100.1 2>&1 || :"
        ));
        let verdict = text.lines().find_map(|line| {
            let line = line.trim().strip_prefix("NAT with ")?;
            line.split_once(" Independent ").map(|_| "endpoint-independent").or_else(|| {
                line.contains("Address and Port Dependent")
                    .then_some("address- and port-dependent")
                    .or_else(|| line.contains("Address Dependent").then_some("address-dependent"))
            })
        });
        verdict.unwrap_or_else(|| panic!("{setup}, {edge}: {text}")).to_owned()
    };
    // Filtering first: a packet to the server's other address opens the way for its answers.
    let filtering = ask("-f", 3074);
    let verdicts = [ask("-m", 3074), filtering];
    assert_eq!(world.judged().1, 0, "{setup}, {edge}: packets against the rules");
    Some(verdicts)
}
