//! Sends packets of every kind all the time, while a test replaces the rules.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::Result;
use crate::args::Args;
use crate::raw::{RawSocket, checksum, udp_without_checksum};
use crate::report::Report;

const GRE: u8 = 47;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Flows that last for the whole time. Their conntrack entries outlive every ruleset.
const LASTING: u16 = 16;

/// Sends UDP, TCP, ICMP and GRE in turn from `--from` to four addresses from `--to` on.
pub(crate) fn flood(args: &Args) -> Result<()> {
    let (from, to): (Ipv4Addr, Ipv4Addr) = (args.required("from")?, args.required("to")?);
    let (seconds, rate): (u64, u32) = (args.or("seconds", 10)?, args.or("rate", 400)?);
    let socket = RawSocket::new()?;
    let start = Instant::now();
    let (mut sent, mut refused) = (0_u32, 0_u32);
    let mut random = u32::from(from) | 1;
    while start.elapsed() < Duration::from_secs(seconds) {
        // Xorshift: repeatable, and no need for better.
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        let [high, low, kind, place] = random.to_be_bytes();
        let target = Ipv4Addr::from(u32::from(to).wrapping_add(u32::from(place % 4)));
        // Half of the packets belong to lasting flows, the others come from anywhere.
        let any = u16::from_be_bytes([high, low]).max(1);
        let port = if sent % 2 == 0 { 40_000 + any % LASTING } else { any };
        let (protocol, payload) = match kind % 8 {
            0..=2 => (UDP, udp_without_checksum(port, 7000, b"flood")?),
            3..=4 => (TCP, syn(from, target, port, 7000)),
            5..=6 => (ICMP, echo(port)),
            _ => (GRE, vec![0, 0, 0x08, 0, 0x45, 0, 0, 0]),
        };
        // Refusals are the router's right: without route or device, or dropped on the way out.
        if socket.send(from, target, protocol, &payload).is_err() {
            refused += 1;
        }
        sent += 1;
        let due = Duration::from_secs(1) * sent / rate.max(1);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
    }
    Report::new("flood").number("sent", sent - refused).number("refused", refused).print();
    Ok(())
}

/// A connection request with a valid checksum: conntrack ignores others.
fn syn(from: Ipv4Addr, to: Ipv4Addr, port: u16, server: u16) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(port.to_be_bytes());
    header.extend(server.to_be_bytes());
    header.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0]);
    let pseudo = [from.octets().as_slice(), &to.octets(), &[0, TCP, 0, 20], &header].concat();
    if let Some(field) = header.get_mut(16..18) {
        field.copy_from_slice(&checksum(&pseudo).to_be_bytes());
    }
    header
}

fn echo(identifier: u16) -> Vec<u8> {
    let mut message = vec![8, 0, 0, 0];
    message.extend(identifier.to_be_bytes());
    message.extend([0, 1]);
    let sum = checksum(&message).to_be_bytes();
    if let Some(field) = message.get_mut(2..4) {
        field.copy_from_slice(&sum);
    }
    message
}
