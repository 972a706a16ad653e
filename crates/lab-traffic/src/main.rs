//! Traffic for the VM lab: servers that answer with the client's address, and clients that count
//! the answers.
//!
//! Every command ends by itself and prints one line of JSON. Nothing here judges: the scripts
//! compare the numbers, and the border relay of the lab judges the packets.

mod args;
mod behaviour;
mod cost;
mod datagram;
mod first;
mod flood;
mod pool;
mod probe;
mod rate;
mod raw;
mod ready;
mod report;
mod serve;
mod steady;
mod syslog;
mod tcp;

use std::process::ExitCode;

use args::Args;

const HELP: &str = "\
Usage: lab-traffic COMMAND [OPTION VALUE]...

  serve     TCP and UDP echo; each answer starts with the caller's ADDRESS:PORT
            --tcp PORTS --udp PORTS (such as 7000,8000-8009) --seconds N (600)
  hold      open --count TCP connections to --to and use all of them at once
            --again N (0): reopen what is not up after --wait, N times
            --keep N: stay open for N seconds after the report
            --list 1: name the outside ports in the report
  mixed     as hold, with 0 to 4 short connections to --servers others after --others in between
  churn     --live connections to --to, then --rate closes and opens per second for --seconds
  many      --count TCP connections at once to --servers addresses from --to on
  bulk      send --bytes through one TCP connection to --to and compare what comes back
  udp       --count sockets, one datagram of --size bytes each to --to
            --checksum 0: without checksums; needs --from and root
  icmp      --count echo requests, each with an identifier of its own, to --to (an address)
  eim       --sockets UDP sockets, each to --servers addresses from --to on
  stun      the server of RFC 5780: addresses --from A,B, ports --udp P,Q, for --seconds
  behaviour of the NAT before the STUN server --to, as RFC 5780 finds it out: mapping, filtering,
            hairpin, port preservation; --from ADDRESS:PORT, --wait-ms N (400) for what never comes
  distinct  one UDP socket to --count addresses from --to on
  rate      --kind connect|udp|out|in|bulk on --candidates paths in turn, in --rounds of --slices
            of --operations; the servers live in the namespace --server (a file), the paths'
            addresses are 8192 apart from --to on
  raw       one IPv4 packet: --from and --to (addresses) --protocol N --payload HEXADECIMAL;
            an ICMP checksum of zero is filled in
  probe     one packet of --protocol udp, tcp or icmp to --to, and the ICMP error it provokes:
            type/code, MTU and sender; --from ADDRESS:PORT --ttl N --size N --checksum 0
  flood     UDP, TCP, ICMP and GRE from --from to four addresses from --to on, from lasting and
            from random ports, --rate packets a second (400) for --seconds; needs root
  first     one UDP socket asks --to every --pause milliseconds (100), for --seconds (60): when the
            first answer came, in milliseconds since the machine's start
  steady    --udp sockets and --tcp connections that keep talking to --to for --seconds, with
            --pause milliseconds (250) after each round: how many are still answered, and how
            many are seen at another port
  cost      PROGRAM WORD...: processor time of it and of all it waited for, in microseconds
  trace     PROGRAM WORD...: the programs it executes, its processes, and each program's peak memory
  syslog    write what comes to --socket (/dev/log) into --file, until killed

Common options: --from ADDRESS,... (sources, used in turn), --wait SECONDS (15) for what is slow;
for datagrams --rounds N (3), how often to send what is not answered; for hold, many and mixed
--progress 1: say on standard error how many connections are up.
";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let done = match command.as_str() {
        "cost" => cost::cost(words),
        "trace" => cost::trace(words),
        _ => Args::parse(words).and_then(|args| run(&command, &args)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab-traffic: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Any failure of a command; only its text is used.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn run(command: &str, args: &Args) -> Result<()> {
    // Thousands of sockets; the usual soft limit is 1024.
    let (_, hard) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?;
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, hard, hard)?;
    match command {
        "serve" => serve::serve(args),
        "hold" => tcp::hold(args),
        "mixed" => tcp::mixed(args),
        "churn" => tcp::churn(args),
        "many" => tcp::many(args),
        "bulk" => tcp::bulk(args),
        "udp" => datagram::udp(args),
        "icmp" => datagram::icmp(args),
        "eim" => datagram::eim(args),
        "rate" => rate::rate(args),
        "raw" => raw::raw(args),
        "stun" => behaviour::serve(args),
        "behaviour" => behaviour::behaviour(args),
        "distinct" => datagram::distinct(args),
        "probe" => probe::probe(args),
        "flood" => flood::flood(args),
        "first" => first::first(args),
        "steady" => steady::steady(args),
        "syslog" => syslog::syslog(args),
        "help" | "--help" | "" => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(format!("unknown command {command}; `lab-traffic help` lists them").into()),
    }
}
