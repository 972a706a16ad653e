//! As much of STUN (RFC 8489) as RFC 5780 needs: binding requests with CHANGE-REQUEST, and their
//! answers.

use std::net::{Ipv4Addr, SocketAddrV4};

const COOKIE: u32 = 0x2112_a442;
const REQUEST: u16 = 0x0001;
const SUCCESS: u16 = 0x0101;
const CHANGE_REQUEST: u16 = 0x0003;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const OTHER_ADDRESS: u16 = 0x802c;
const HEADER: usize = 20;

/// Where the answer is to come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    Port,
    AddressAndPort,
}

impl Change {
    /// Bit 1 is the address, bit 0 the port.
    pub(super) fn bits(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Port => 1,
            Self::AddressAndPort => 3,
        }
    }
}

/// A binding request.
pub(super) struct Message {
    pub(super) change: Change,
    transaction: [u8; 12],
}

/// What a server says.
pub(super) struct Answer {
    pub(super) mapped: SocketAddrV4,
    pub(super) other: SocketAddrV4,
}

impl Message {
    /// `mark` tells one request from another.
    pub(super) fn new(change: Change, mark: [u8; 2]) -> Self {
        let mut transaction = *b"mape-lab--xx";
        if let Some(end) = transaction.last_chunk_mut::<2>() {
            *end = mark;
        }
        Self { change, transaction }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let flags = match self.change {
            Change::Nothing => 0_u32,
            Change::Port => 2,
            Change::AddressAndPort => 6,
        };
        self.message(REQUEST, &attribute(CHANGE_REQUEST, &flags.to_be_bytes()))
    }

    fn message(&self, kind: u16, attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(attributes.len()).unwrap_or(0);
        let mut bytes = [kind.to_be_bytes(), length.to_be_bytes()].concat();
        bytes.extend(COOKIE.to_be_bytes());
        bytes.extend(self.transaction);
        bytes.extend(attributes);
        bytes
    }

    /// Reads a request.
    pub(super) fn request(packet: &[u8]) -> Option<Self> {
        let (kind, transaction) = head(packet)?;
        let change = attributes(packet).find(|(kind, _)| *kind == CHANGE_REQUEST);
        let flags = change.and_then(|(_, value)| value.last().copied()).unwrap_or(0);
        let change = match flags & 6 {
            0 => Change::Nothing,
            2 => Change::Port,
            _ => Change::AddressAndPort,
        };
        (kind == REQUEST).then_some(Self { change, transaction })
    }

    pub(super) fn answer(&self, peer: SocketAddrV4, other: SocketAddrV4) -> Vec<u8> {
        let mut all = attribute(XOR_MAPPED_ADDRESS, &address(xored(peer)));
        all.extend(attribute(OTHER_ADDRESS, &address(other)));
        self.message(SUCCESS, &all)
    }

    /// The answer to this request, if that is what the packet is.
    pub(super) fn answered_by(&self, packet: &[u8]) -> Option<Answer> {
        let (kind, transaction) = head(packet)?;
        if kind != SUCCESS || transaction != self.transaction {
            return None;
        }
        let find = |wanted| {
            let (_, value) = attributes(packet).find(|(kind, _)| *kind == wanted)?;
            let port = u16::from_be_bytes(*value.get(2..)?.first_chunk()?);
            let ip = u32::from_be_bytes(*value.get(4..)?.first_chunk()?);
            Some(SocketAddrV4::new(Ipv4Addr::from(ip), port))
        };
        Some(Answer { mapped: xored(find(XOR_MAPPED_ADDRESS)?), other: find(OTHER_ADDRESS)? })
    }
}

fn head(packet: &[u8]) -> Option<(u16, [u8; 12])> {
    let kind = u16::from_be_bytes(*packet.first_chunk()?);
    let cookie = u32::from_be_bytes(*packet.get(4..)?.first_chunk()?);
    (cookie == COOKIE).then_some((kind, *packet.get(8..)?.first_chunk()?))
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap_or(0);
    [&kind.to_be_bytes(), &length.to_be_bytes(), value].concat()
}

fn attributes(packet: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = packet.get(HEADER..).unwrap_or_default();
    std::iter::from_fn(move || {
        let kind = u16::from_be_bytes(*rest.first_chunk()?);
        let length = usize::from(u16::from_be_bytes(*rest.get(2..)?.first_chunk()?));
        let value = rest.get(4..4 + length)?;
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
        Some((kind, value))
    })
}

fn address(address: SocketAddrV4) -> Vec<u8> {
    let mut value = vec![0, 1];
    value.extend(address.port().to_be_bytes());
    value.extend(address.ip().octets());
    value
}

/// Twice is nothing.
fn xored(address: SocketAddrV4) -> SocketAddrV4 {
    let [high, low, ..] = COOKIE.to_be_bytes();
    let port = address.port() ^ u16::from_be_bytes([high, low]);
    SocketAddrV4::new(Ipv4Addr::from(address.ip().to_bits() ^ COOKIE), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header and the mapped address of RFC 5769 section 2.2.
    #[test]
    fn a_known_answer() {
        let mut packet = vec![0x01, 0x01, 0x00, 0x0c, 0x21, 0x12, 0xa4, 0x42];
        packet.extend([0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]);
        packet.extend([0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        let (_, value) = attributes(&packet).next().unwrap();
        let port = u16::from_be_bytes([value[2], value[3]]);
        let ip = Ipv4Addr::new(value[4], value[5], value[6], value[7]);
        let mapped: SocketAddrV4 = "192.0.2.1:32853".parse().unwrap();
        assert_eq!(xored(SocketAddrV4::new(ip, port)), mapped);
        assert_eq!(attribute(XOR_MAPPED_ADDRESS, &address(xored(mapped))), packet[20..]);
    }

    #[test]
    fn there_and_back() {
        for change in [Change::Nothing, Change::Port, Change::AddressAndPort] {
            let request = Message::new(change, [1, 2]);
            let read = Message::request(&request.bytes()).unwrap();
            assert!(read.change == change && read.transaction == request.transaction);
            let (peer, other) =
                ("203.0.113.9:4000".parse().unwrap(), "192.0.2.7:1".parse().unwrap());
            let answer = request.answered_by(&read.answer(peer, other)).unwrap();
            assert_eq!((answer.mapped, answer.other), (peer, other));
            assert!(Message::new(change, [3, 4]).answered_by(&read.answer(peer, other)).is_none());
        }
        for length in 0..24 {
            assert!(Message::request(&[7; 24][..length]).is_none());
        }
    }
}
