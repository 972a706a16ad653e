//! Measures the cost of a request of LuCI's status page, on a line of 63 blocks with all of its
//! 1008 ports in use.
//!
//! The connections are copies of one in `tests/vectors/status`, as the kernel wrote it, with other
//! addresses and ports.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::program::timed;
use host_tools::steps::{cargo, output, root, run};
use host_tools::tools::cache_directory;

const ROUNDS: usize = 11;
const CALLS: u32 = 20;
/// An OCN line.
const PREFIX: &str = "2400:4050:80ba:2200::/56";
/// The largest answer, in bytes.
const BOUND: usize = 8192;
/// The type of the last message (`linux/netlink.h`).
const DONE: usize = 20;
/// The fields of a recorded TCP connection that each copy replaces: addresses, ports, protocol,
/// status.
const MESSAGE: usize = 212;
const ORIGINAL: Tuple = Tuple {
    source: 0x20,
    destination: 0x28,
    protocol: 0x34,
    source_port: 0x3c,
    destination_port: 0x44,
};
const REPLY: Tuple = Tuple {
    source: 0x54,
    destination: 0x5c,
    protocol: 0x68,
    source_port: 0x70,
    destination_port: 0x78,
};
const STATUS: usize = 0x83;
/// The status: seen both ways, confirmed, assured, source translated.
const TRANSLATED: u8 = 0x9e;

/// Positions in one direction of a connection.
struct Tuple {
    source: usize,
    destination: usize,
    protocol: usize,
    source_port: usize,
    destination_port: usize,
}

/// Measures one request: size of the answer, and time of the command.
///
/// # Errors
///
/// A build or a call fails, or the answer does not have all ports.
pub(super) fn measure() -> anyhow::Result<Value> {
    run(cargo(&["build", "--release", "--locked", "--package", "mape-proto"]))?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let program = target.join("release/mape-proto");
    let line = cache_directory().join("poll");
    let connections = write_line(&program, &line)?;

    let place = |option: &str, place: &str| format!("--{option}={}", line.join(place).display());
    let words = [
        place("state-dir", "state"),
        place("device-dir", "sys"),
        place("proc-dir", "proc"),
        place("recorded", "recorded"),
    ];
    let status = || {
        let mut command = Command::new(&program);
        command.args(["status", "--json", "wan"]).args(&words);
        command
    };
    let answer = output(status())?;
    let json: Value = serde_json::from_str(&answer)?;
    let ports = json.pointer("/interfaces/0/ports").context("no ports")?;
    ensure!(ports.pointer("/used/tcp") == Some(&json!(1008)), "not all ports are in use: {ports}");
    let blocks = ports.get("blocks").and_then(Value::as_array).map_or(0, Vec::len);

    let time = timed(ROUNDS, CALLS, status)?;
    println!(
        "The status page asks once, with {blocks} blocks, 1008 ports and {connections} connections:"
    );
    let met = if answer.len() <= BOUND { "met" } else { "NOT met" };
    println!("  answer                     {} bytes; bound {BOUND}: {met}", answer.len());
    println!("  mape-proto status --json   {time}, {CALLS} calls in each of {ROUNDS} rounds");
    println!("  which is {:.2} % of one processor at a poll every 5 seconds", time.ms() / 50.0);
    Ok(json!({ "bytes": answer.len(), "connections": connections, "status_ms": time.json() }))
}

/// Writes the files that the program reads, and returns the number of connections.
fn write_line(program: &Path, line: &Path) -> anyhow::Result<usize> {
    let record = root().join("tests/vectors/status/v6plus");
    let _ = fs::remove_dir_all(line);
    fs::create_dir_all(cache_directory())?;
    run(Command::new("cp").arg("-R").arg(&record).arg(line))?;
    let plan = output(Command::new(program).args(["plan", "--json", PREFIX]))?;
    let plan: Value = serde_json::from_str(&plan)?;
    let text = |pointer: &str| plan.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let number = |pointer: &str| plan.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    let rule = format!(
        "ipv6={},ipv4={},ea={},offset={},psidlen={},br={},layout={}",
        text("/rule/ipv6"),
        text("/rule/ipv4"),
        number("/rule/ea_len"),
        number("/rule/psid_offset"),
        number("/rule/psid_len"),
        text("/br"),
        text("/rule/layout"),
    );
    // With the plain edge conntrack shows external ports. The recorded rules are of another line.
    let state = json!({
        "schema": 1, "interface": "wan", "device": "mape-wan", "prefix": PREFIX, "rule": rule,
        "mtu": 1460, "reserved": "", "edge": "plain",
    });
    fs::write(line.join("state/wan.json"), state.to_string())?;
    for file in fs::read_dir(line.join("recorded"))? {
        let file = file?.path();
        if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("nft-")) {
            fs::remove_file(file)?;
        }
    }
    let dump = line.join("recorded/netifd.json");
    let mut netifd: Value = serde_json::from_str(&fs::read_to_string(&dump)?)?;
    let data = netifd.pointer_mut("/interface/1/data").and_then(Value::as_object_mut);
    let data = data.context("no data in the record")?;
    for key in
        ["provider", "end_user_prefix", "ipv4", "psid", "port_ranges", "port_count", "ce", "br"]
    {
        data.insert(key.to_owned(), plan.get(key).cloned().unwrap_or_default());
    }
    data.insert("rule".to_owned(), rule.into());
    data.insert("edge".to_owned(), "plain".into());
    fs::write(dump, netifd.to_string())?;

    let file = line.join("recorded/conntrack");
    let record = fs::read(&file)?;
    let template = record.get(..MESSAGE).context("the record is too short")?;
    let end = record.get(record.len().saturating_sub(DONE)..).context("the record has no end")?;
    let address: std::net::Ipv4Addr = text("/ipv4").parse()?;
    let ranges = plan.get("port_ranges").and_then(Value::as_array).context("no ranges")?;
    let mut messages = Vec::new();
    let mut count = 0;
    for range in ranges {
        let bound = |index: usize| range.get(index).and_then(Value::as_u64).unwrap_or_default();
        for port in bound(0)..=bound(1) {
            let port = u16::try_from(port)?;
            // Two connections over TCP to different servers, one over UDP.
            for (server, protocol) in [(1, 6), (2, 6), (3, 17)] {
                messages.extend(connection(template, address, port, server, protocol));
                count += 1;
            }
        }
    }
    messages.extend(end);
    fs::write(file, messages)?;
    Ok(count)
}

/// Returns a connection of one of 32 hosts in the LAN over this port.
fn connection(
    template: &[u8],
    address: std::net::Ipv4Addr,
    port: u16,
    server: u8,
    protocol: u8,
) -> Vec<u8> {
    let mut message = template.to_vec();
    let mut put = |place: usize, bytes: &[u8]| {
        for (to, from) in message.iter_mut().skip(place).zip(bytes) {
            *to = *from;
        }
    };
    let host = [192, 168, 1, 10 + u8::try_from(port % 32).unwrap_or_default()];
    let server = [198, 18, 0, server];
    let (source_port, https) = ((port ^ 0x8000).to_be_bytes(), 443_u16.to_be_bytes());
    put(ORIGINAL.source, &host);
    put(ORIGINAL.destination, &server);
    put(ORIGINAL.protocol, &[protocol]);
    put(ORIGINAL.source_port, &source_port);
    put(ORIGINAL.destination_port, &https);
    put(REPLY.source, &server);
    put(REPLY.destination, &address.octets());
    put(REPLY.protocol, &[protocol]);
    put(REPLY.source_port, &https);
    put(REPLY.destination_port, &port.to_be_bytes());
    put(STATUS, &[TRANSLATED]);
    message
}
