//! Determines the behaviour of a NAT as in RFC 5780: a STUN server with two addresses and two
//! ports, and a client that requests answers from the others.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::args::Args;
use crate::report::Report;

mod stun;

use stun::{Answer, Change, Message};

/// Two addresses (`--from A,B`) with two ports each (`--udp P,Q`), until it is ended or `--seconds`
/// have passed.
pub(crate) fn serve(args: &Args) -> Result<()> {
    let addresses = args.sources()?;
    let ports = args.ports("udp")?;
    let [one, other] = ports.as_slice() else { return Err("--udp needs two ports".into()) };
    let mut places = Vec::new();
    for (address, port) in [(0, one), (0, other), (1, one), (1, other)] {
        places.push(SocketAddrV4::new(addresses.number(address), *port));
    }
    let sockets: Arc<Vec<UdpSocket>> =
        Arc::new(places.iter().map(UdpSocket::bind).collect::<std::io::Result<_>>()?);
    println!("{{\"stun\":\"ready\"}}");
    for number in 0..places.len() {
        let (sockets, places) = (Arc::clone(&sockets), places.clone());
        thread::spawn(move || answer(&sockets, &places, number));
    }
    thread::sleep(Duration::from_secs(args.or("seconds", 600)?));
    Ok(())
}

/// The place of a number has the address in its second bit and the port in its first.
fn answer(sockets: &[UdpSocket], places: &[SocketAddrV4], number: usize) {
    let mut buffer = [0; 1500];
    let Some(socket) = sockets.get(number) else { return };
    while let Ok((size, SocketAddr::V4(peer))) = socket.recv_from(&mut buffer) {
        let Some(request) = buffer.get(..size).and_then(Message::request) else { continue };
        let from = number ^ request.change.bits();
        let other = places.get(number ^ 3);
        let (Some(sender), Some(other)) = (sockets.get(from), other) else { continue };
        let _ = sender.send_to(&request.answer(peer, *other), peer);
    }
}

/// Queries the server `--to`, from `--from ADDRESS:PORT` if given, and reports mapping, filtering
/// (RFC 4787: `endpoint`, `address`, `address-port`), hairpin, and whether the external port equals
/// the internal one.
pub(crate) fn behaviour(args: &Args) -> Result<()> {
    let server = args.to()?;
    let from = args.or("from", SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?;
    let wait = Duration::from_millis(args.or("wait-ms", 400)?);
    let client = Client { socket: UdpSocket::bind(from)?, wait };
    let first = client.ask(server, Change::Nothing).ok_or("the server does not answer")?;
    // First, because traffic to another address may open a filter.
    let filtering = if client.ask(server, Change::AddressAndPort).is_some() {
        "endpoint"
    } else if client.ask(server, Change::Port).is_some() {
        "address"
    } else {
        "address-port"
    };
    let ask = |address: &SocketAddrV4, port: &SocketAddrV4| {
        let to = SocketAddrV4::new(*address.ip(), port.port());
        client.ask(to, Change::Nothing).ok_or("the server's other address does not answer")
    };
    let second = ask(&first.other, &server)?;
    let mapping = if second.mapped == first.mapped {
        "endpoint"
    } else if ask(&first.other, &first.other)?.mapped == second.mapped {
        "address"
    } else {
        "address-port"
    };
    let hairpin = client.hears_from(&UdpSocket::bind("0.0.0.0:0")?, first.mapped)?;
    let inside = client.socket.local_addr()?.port();
    Report::new("behaviour")
        .number("mapping", format_args!("\"{mapping}\""))
        .number("filtering", format_args!("\"{filtering}\""))
        .number("hairpin", hairpin)
        .number("preserved", inside == first.mapped.port())
        .number("inside", inside)
        .number("outside", first.mapped.port())
        .print();
    Ok(())
}

struct Client {
    socket: UdpSocket,
    wait: Duration,
}

impl Client {
    /// Several tries: a datagram may be lost for other reasons. More of them where an answer has to
    /// come, since only silence costs time.
    fn ask(&self, to: SocketAddrV4, change: Change) -> Option<Answer> {
        let tries = if matches!(change, Change::Nothing) { 12 } else { 3 };
        (1..=tries).find_map(|try_number| {
            let request = Message::new(change, [try_number, change.bits().to_le_bytes()[0]]);
            self.socket.send_to(&request.bytes(), to).ok()?;
            self.until(|packet, _| request.answered_by(packet))
        })
    }

    /// Returns whether a datagram from another socket to the mapped address arrives here.
    fn hears_from(&self, other: &UdpSocket, mapped: SocketAddrV4) -> Result<bool> {
        let request = Message::new(Change::Nothing, [9, 9]);
        for _ in 0..3 {
            other.send_to(&request.bytes(), mapped)?;
            let is_it = |packet: &[u8], _| (packet == request.bytes()).then_some(());
            if self.until(is_it).is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn until<T>(&self, is_it: impl Fn(&[u8], SocketAddr) -> Option<T>) -> Option<T> {
        let end = Instant::now() + self.wait;
        let mut buffer = [0; 1500];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.socket.set_read_timeout(Some(left)).ok()?;
            if let Ok((size, peer)) = self.socket.recv_from(&mut buffer) {
                if let Some(found) = buffer.get(..size).and_then(|packet| is_it(packet, peer)) {
                    return Some(found);
                }
            }
        }
    }
}
