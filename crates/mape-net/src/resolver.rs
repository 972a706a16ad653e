//! Asking the uplink's own resolvers, over IPv6.

use mape_core::IntoVec as _;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use ipnet::Ipv6Net;
use mape_provision::{TxtReply, may_be_led_to};

use super::dns_message::{Kind, MAX_UDP, Reply, answer, question, strings};
use super::random;

/// Each server is asked this often, each time with twice the timeout.
const ROUNDS: u32 = 2;
/// Between two attempts to use an address.
const BIND_PAUSE: Duration = Duration::from_millis(200);
/// At most this many servers are asked: a router advertisement may name any number.
const MAX_SERVERS: usize = 4;

/// The resolvers learned on the uplink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolvers {
    /// In the order they are asked.
    pub servers: Vec<SocketAddrV6>,
    /// The uplink's own address. Without one the kernel chooses.
    pub source: Option<Ipv6Addr>,
    /// Limit of the first query to a server.
    pub timeout: Duration,
    /// When all queries together have to be over.
    pub until: Option<Instant>,
    /// The networks that the router is in: an answer with an address of these is not used.
    pub own: Vec<Ipv6Net>,
}

impl Default for Resolvers {
    fn default() -> Self {
        let (servers, own) = (Vec::new(), Vec::new());
        Self { servers, source: None, timeout: Duration::from_secs(2), until: None, own }
    }
}

impl Resolvers {
    /// The TXT records of a name.
    #[must_use]
    pub fn txt(&self, name: &str) -> TxtReply {
        match self.ask(name, Kind::Txt) {
            None => TxtReply::Timeout,
            Some(Reply::NxDomain) => TxtReply::NxDomain,
            Some(Reply::Failed | Reply::Truncated) => TxtReply::Failed,
            Some(Reply::Records(records)) if records.is_empty() => TxtReply::NoData,
            Some(Reply::Records(records)) => {
                let records = records.iter().map(|record| strings(record)).collect();
                Option::map_or(records, TxtReply::Failed, TxtReply::Records)
            }
        }
    }

    /// The IPv6 addresses of a name to which the [network may lead](may_be_led_to) the router.
    #[must_use]
    pub fn aaaa(&self, name: &str) -> Vec<Ipv6Addr> {
        let Some(Reply::Records(records)) = self.ask(name, Kind::Aaaa) else { return Vec::new() };
        let address = |data: &Vec<u8>| <[u8; 16]>::try_from(data.as_slice()).ok();
        let addresses = records.iter().filter_map(address).map(Ipv6Addr::from);
        addresses.filter(|address| may_be_led_to(*address, &self.own)).into_vec()
    }

    /// Returns the first answer with records or NXDOMAIN, else a failure; `None` where no server
    /// answered.
    fn ask(&self, name: &str, kind: Kind) -> Option<Reply> {
        let mut failed = None;
        for round in 0..ROUNDS {
            let timeout = self.timeout * (1 << round);
            for server in self.servers.iter().take(MAX_SERVERS) {
                match self.ask_one(*server, name, kind, timeout) {
                    Ok(Reply::Failed | Reply::Truncated) => failed = Some(Reply::Failed),
                    Ok(reply) => return Some(reply),
                    // Unreachable, or silent: another one may answer.
                    Err(_) => {}
                }
            }
            if failed.is_some() {
                break;
            }
        }
        failed
    }

    fn ask_one(
        &self,
        server: SocketAddrV6,
        name: &str,
        kind: Kind,
        timeout: Duration,
    ) -> io::Result<Reply> {
        let [high, low, ..] = random().to_be_bytes();
        let id = u16::from_be_bytes([high, low]);
        let query = question(id, name, kind).ok_or(io::ErrorKind::InvalidInput)?;
        let by = |end: Instant| self.until.map_or(end, |until| end.min(until));
        let end = by(Instant::now() + timeout);
        left(end)?;
        let socket = bound(self.source.unwrap_or(Ipv6Addr::UNSPECIFIED), end)?;
        // From now on the kernel accepts packets of this server only.
        socket.connect(server)?;
        socket.send(&query)?;
        let mut buffer = [0; MAX_UDP as usize];
        loop {
            socket.set_read_timeout(Some(left(end)?))?;
            let length = socket.recv(&mut buffer)?;
            let message = buffer.get(..length).unwrap_or_default();
            match answer(message, id, name, kind) {
                Some(Reply::Truncated) => break,
                Some(reply) => return Ok(reply),
                None => {}
            }
        }
        let message = over_tcp(server, &query, by(end + timeout))?;
        Ok(answer(&message, id, name, kind).unwrap_or(Reply::Failed))
    }
}

/// Returns a socket with this source. For a second or two the kernel checks that no other host has
/// a new address, and it cannot be used yet.
fn bound(source: Ipv6Addr, end: Instant) -> io::Result<UdpSocket> {
    loop {
        let socket = UdpSocket::bind((source, 0));
        let is_new = |error: &io::Error| error.kind() == io::ErrorKind::AddrNotAvailable;
        if !socket.as_ref().is_err_and(is_new) {
            return socket;
        }
        std::thread::sleep(left(end)?.min(BIND_PAUSE));
    }
}

fn over_tcp(server: SocketAddrV6, query: &[u8], end: Instant) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::V6(server), left(end)?)?;
    stream.set_write_timeout(Some(left(end)?))?;
    let length = u16::try_from(query.len()).unwrap_or(0).to_be_bytes();
    stream.write_all(&[&length[..], query].concat())?;
    let mut length = [0; 2];
    read_all(&mut stream, &mut length, end)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    read_all(&mut stream, &mut message, end)?;
    Ok(message)
}

/// Fills the buffer before `end`, however slowly the bytes drip.
fn read_all(stream: &mut TcpStream, mut buffer: &mut [u8], end: Instant) -> io::Result<()> {
    while !buffer.is_empty() {
        stream.set_read_timeout(Some(left(end)?))?;
        match stream.read(buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => buffer = buffer.get_mut(count..).unwrap_or_default(),
        }
    }
    Ok(())
}

fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests;
