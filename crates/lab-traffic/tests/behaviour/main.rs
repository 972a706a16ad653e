//! How the rules behave as a NAT, measured: the tables in `docs/nat-behaviour.md`, which
//! `MAPE_BLESS=1` writes. Needs root; coturn for a second opinion.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod foreign;
#[path = "../../../mape-nft/tests/support/mod.rs"]
mod support;
mod tcp;
#[allow(dead_code, reason = "each test binary uses a part")]
#[path = "../../../mape-nft/tests/packets/world.rs"]
mod world;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use mape_nft::{Edge, Forwards, Interface, Options, Published, Transport, standalone};
use support::{EDGES, V6PLUS, built_in, interface};
use world::World;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lab-traffic");
const SERVER: &str = "198.51.100.1:3478";
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/nat-behaviour.md");

/// What is switched on, and for the host that asks.
const SETUPS: [&str; 5] = [
    "nothing (default)",
    "a published port (`mape_forward`)",
    "`full_cone_hosts` with this host",
    "`full_cone_hosts` with another host",
    "`full_cone`",
];

fn rules(setup: &str, edge: Edge) -> String {
    let hosts = |host: &str| vec![host.parse().unwrap()];
    let published =
        |transport| Published { transport, port: 5696, host: "192.168.9.2:3074".parse().unwrap() };
    let (reserved, full_cone, forwards) = match setup {
        "a published port (`mape_forward`)" => {
            let from = vec!["c0".parse().unwrap()];
            let both = [Transport::Udp, Transport::Tcp].map(|it| (published(it), from.clone()));
            ("5696", false, Forwards::with_hairpin(both.to_vec(), Vec::new()))
        }
        "`full_cone_hosts` with this host" => {
            ("", false, Forwards::new(Vec::new(), hosts("192.168.9.2")))
        }
        "`full_cone_hosts` with another host" => {
            ("", false, Forwards::new(Vec::new(), hosts("192.168.9.77")))
        }
        "`full_cone`" => ("", true, Forwards::default()),
        _ => ("", false, Forwards::default()),
    };
    let options = Options { full_cone, ..Options::default() };
    standalone(&Interface { options, forwards, ..interface(&built_in(V6PLUS, reserved), edge) })
}

struct Server(Child);

impl Server {
    fn new(world: &World) -> Self {
        let namespace = world.sh("printf %s $B");
        let mut child = Command::new("ip")
            .args(["netns", "exec", &namespace, PROGRAM, "stun", "--udp", "3478,3479"])
            .args(["--from", "198.51.100.1,198.51.100.2"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("ready"), "{line}");
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The value of a field of the client's answer.
fn field<'line>(line: &'line str, name: &str) -> &'line str {
    let rest = line.split(&format!("\"{name}\":")).nth(1).unwrap_or_else(|| panic!("{line}"));
    rest.split([',', '}']).next().unwrap_or_default().trim_matches('"')
}

const fn spelled(word: &str) -> &str {
    match word.as_bytes() {
        b"endpoint" => "endpoint-independent",
        b"address" => "address-dependent",
        b"address-port" => "address- and port-dependent",
        b"true" => "yes",
        b"false" => "no",
        _ => word,
    }
}

fn measured(setup: &str, edge: Edge) -> Option<String> {
    let world = World::new()?;
    world.load(&rules(setup, edge));
    let _server = Server::new(&world);
    let ask = |from: &str| {
        world.sh(&format!("ip netns exec $L {PROGRAM} behaviour --to {SERVER} --from {from}"))
    };
    let line = ask("192.168.9.2:3074");
    let cells = ["mapping", "filtering", "hairpin", "preserved"];
    let cells: Vec<&str> = cells.iter().map(|name| spelled(field(&line, name))).collect();
    let kept = setup.starts_with("a published") && field(&line, "outside") == "5696";
    let port = if kept { "always the published one" } else { cells[3] };
    assert_eq!(world.judged().1, 0, "{setup}, {edge}: packets against the rules");
    Some(format!("| {setup} | {edge} | {} | {} | {} | {port} |\n", cells[0], cells[1], cells[2]))
}

/// Compares a table with the document, or writes it there.
fn expect_table(name: &str, table: &str) {
    // The tests run at the same time.
    static DOCUMENT_LOCK: Mutex<()> = Mutex::new(());
    let _lock = DOCUMENT_LOCK.lock();
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let (start, end) = (format!("<!-- {name} -->\n"), "<!-- end -->");
    let (head, rest) = text.split_once(&start).unwrap();
    let (old, foot) = rest.split_once(end).unwrap();
    if std::env::var_os("MAPE_BLESS").is_some() {
        std::fs::write(DOCUMENT, format!("{head}{start}{table}{end}{foot}")).unwrap();
    } else {
        assert_eq!(old, table, "MAPE_BLESS=1 rewrites the table");
    }
}

/// RFC 5382 REQ-1 to REQ-3.
#[test]
fn the_table_of_tcp_is_what_is_measured() {
    let mut table = tcp::HEAD.to_owned();
    for setup in &SETUPS[..2] {
        for edge in EDGES {
            let Some(row) = tcp::measured(setup, edge) else { return };
            table += &row;
        }
    }
    expect_table("measured with TCP", &table);
}

/// The table says what coturn finds.
#[test]
fn coturn_finds_the_same() {
    if !foreign::is_installed() {
        eprintln!("skipped: needs coturn");
        return;
    }
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    for setup in SETUPS {
        for edge in EDGES {
            let Some([mapping, filtering]) = foreign::measured(setup, edge) else { return };
            let row = format!("| {setup} | {edge} | {mapping} | {filtering} |");
            assert!(text.lines().any(|line| line.starts_with(&row)), "{row}");
        }
    }
}

#[test]
fn the_table_is_what_is_measured() {
    let mut table = "| switched on | edge | mapping | filtering | hairpin | port preserved |\n\
                     |---|---|---|---|---|---|\n"
        .to_owned();
    for setup in SETUPS {
        for edge in EDGES {
            let Some(row) = measured(setup, edge) else { return };
            table += &row;
        }
    }
    expect_table("measured", &table);
}
