//! What hosts do.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

const SECOND: Duration = Duration::from_secs(1);

/// Whether PSID 100 owns the port.
pub(crate) fn owned(port: u16) -> bool {
    port & 0x0ff0 == 0x0640 && port & 0xf000 != 0
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A connection, the port it arrived from, and whether the first SYN was enough.
pub(crate) fn connect(to: &str, timeout: Duration) -> Option<(TcpStream, u16, bool)> {
    let start = Instant::now();
    let mut stream = TcpStream::connect_timeout(&address(to), timeout).ok()?;
    let first = start.elapsed() < Duration::from_millis(900);
    stream.set_read_timeout(Some(SECOND)).unwrap();
    let mut port = [0; 2];
    stream.read_exact(&mut port).ok()?;
    Some((stream, u16::from_be_bytes(port), first))
}

/// Whether a byte goes there and back.
pub(crate) fn is_alive(stream: &mut TcpStream) -> bool {
    let mut byte = [7];
    stream.write_all(&byte).is_ok() && stream.read_exact(&mut byte).is_ok()
}

pub(crate) fn udp() -> UdpSocket {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.set_read_timeout(Some(SECOND / 5)).unwrap();
    socket
}

/// Sends to a server until it answers; the port it saw.
pub(crate) fn ask(socket: &UdpSocket, to: &str, size: usize) -> Option<u16> {
    let (data, mut buffer) = (vec![b'x'; size], vec![0; 65536]);
    (0..10).find_map(|_| {
        socket.send_to(&data, to).ok()?;
        let got = socket.recv(&mut buffer).ok()?;
        assert_eq!(got, size + 2);
        Some(u16::from_be_bytes([buffer[0], buffer[1]]))
    })
}

/// Returns whether a connected socket gets the error of a closed port.
pub(crate) fn is_refused(socket: &UdpSocket) -> bool {
    (0..5).any(|_| {
        let sent = socket.send(b"x").map(|_| ());
        let got = sent.and_then(|()| socket.recv(&mut [0; 9]).map(|_| ()));
        got.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    })
}

/// A raw socket: it sends what follows the IP header and gets whole packets.
pub(crate) struct Raw(Socket);

impl Raw {
    pub(crate) fn new(protocol: i32) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(protocol))).unwrap();
        socket.set_read_timeout(Some(SECOND / 5)).unwrap();
        Self(socket)
    }

    pub(crate) fn icmp() -> Self {
        Self::new(1)
    }

    pub(crate) fn ttl(self, ttl: u32) -> Self {
        self.0.set_ttl_v4(ttl).unwrap();
        self
    }

    pub(crate) fn bind(&self, from: &str) {
        self.0.bind(&SockAddr::from(address(&format!("{from}:0")))).unwrap();
    }

    pub(crate) fn send(&self, to: &str, packet: &[u8]) {
        self.try_send(to, packet).unwrap();
    }

    pub(crate) fn try_send(&self, to: &str, packet: &[u8]) -> std::io::Result<usize> {
        self.0.send_to(packet, &SockAddr::from(address(&format!("{to}:0"))))
    }

    /// What follows the IP header of the first packet that fits, within a second.
    pub(crate) fn get(&mut self, fits: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let start = Instant::now();
        let mut buffer = vec![0; 65536];
        while start.elapsed() < SECOND {
            if let Ok(size) = self.0.read(&mut buffer) {
                let payload = &buffer[20..size];
                if fits(payload) {
                    return Some(payload.to_vec());
                }
            }
        }
        None
    }

    /// Pings; whether the answer with the same identifier came.
    pub(crate) fn ping(&mut self, to: &str, id: u16) -> bool {
        self.send(to, &echo(id));
        let id = id.to_be_bytes();
        self.get(|packet| packet[0] == 0 && packet[4..6] == id).is_some()
    }
}

/// An echo request.
pub(crate) fn echo(id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    let mut packet = vec![8, 0, 0, 0, high, low, 0, 1];
    let sum: u32 = packet.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let sum = u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    packet[2..4].copy_from_slice(&(!sum).to_be_bytes());
    packet
}

/// A UDP datagram without checksum, for a raw socket.
pub(crate) fn unsummed(from: u16, to: u16) -> Vec<u8> {
    [from.to_be_bytes(), to.to_be_bytes(), 9_u16.to_be_bytes(), [0, 0]]
        .concat()
        .into_iter()
        .chain([b'x'])
        .collect()
}

/// An ICMP error that quotes a packet from this port (or with this echo identifier).
pub(crate) fn error_about(packet: &[u8], kind: [u8; 2], from: u16) -> bool {
    let quoted = if packet.get(17) == Some(&1) { 32..34 } else { 28..30 };
    packet[..2] == kind && packet.get(quoted) == Some(&from.to_be_bytes())
}
