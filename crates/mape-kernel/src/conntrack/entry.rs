//! One entry of the list.

use std::net::Ipv4Addr;

use crate::conntrack::{CONNTRACK, DELETE, IPV4};
use crate::netlink::{Attributes, Malformed, Request};

/// Attributes of an entry (`linux/netfilter/nfnetlink_conntrack.h`).
const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const STATUS: u16 = 3;
const PROTOINFO: u16 = 4;
const TIMEOUT: u16 = 7;
const ID: u16 = 12;
const ZONE: u16 = 18;
/// Inside a tuple.
const TUPLE_IP: u16 = 1;
const TUPLE_PROTO: u16 = 2;
const IPV4_SOURCE: u16 = 1;
const IPV4_DESTINATION: u16 = 2;
const PROTO_NUMBER: u16 = 1;
const PROTO_SOURCE_PORT: u16 = 2;
const PROTO_DESTINATION_PORT: u16 = 3;
const PROTO_ICMP_ID: u16 = 4;
/// Inside the protocol's own information.
const PROTOINFO_TCP: u16 = 1;
const TCP_STATE: u16 = 1;

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// 6
    Tcp,
    /// 17
    Udp,
    /// 1
    Icmp,
    /// Any other number.
    Other(u8),
}

impl From<u8> for Protocol {
    fn from(number: u8) -> Self {
        match number {
            1 => Self::Icmp,
            6 => Self::Tcp,
            17 => Self::Udp,
            other => Self::Other(other),
        }
    }
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Where its packets come from.
    pub source: Ipv4Addr,
    /// Where they go to.
    pub destination: Ipv4Addr,
    /// Of an ICMP echo the identifier; `None` for protocols without ports.
    pub source_port: Option<u16>,
    /// Of an ICMP echo the identifier too.
    pub destination_port: Option<u16>,
    /// The protocol.
    pub protocol: Protocol,
}

/// What the kernel says of an entry: the bits of `enum ip_conntrack_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Status(pub u32);

impl Status {
    /// The source of the first packet was changed.
    #[must_use]
    pub const fn is_source_translated(self) -> bool {
        self.0 & 1 << 4 != 0
    }

    /// The destination of the first packet was changed.
    #[must_use]
    pub const fn is_destination_translated(self) -> bool {
        self.0 & 1 << 5 != 0
    }

    /// A flowtable has it: its packets pass by conntrack, and it does not time out.
    #[must_use]
    pub const fn is_offloaded(self) -> bool {
        self.0 & 1 << 14 != 0
    }
}

/// One connection, seen from both sides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// As its first packet arrived.
    pub original: Tuple,
    /// As answers arrive, so after every translation.
    pub reply: Tuple,
    /// Status bits.
    pub status: Status,
    /// `enum tcp_conntrack`: 3 is established, 7 `TIME_WAIT`.
    pub tcp_state: Option<u8>,
    /// Seconds until it is forgotten; `None` while a flowtable has it.
    pub timeout: Option<u32>,
    /// The names by which the kernel finds it again, as it wrote them.
    original_bytes: Vec<u8>,
    id: Option<u32>,
    zone: Option<u16>,
}

impl Entry {
    /// Reads the attributes of an entry.
    ///
    /// # Errors
    /// [`Malformed`] where addresses, protocol or status are missing or a length is wrong.
    pub fn read(attributes: &[u8]) -> Result<Self, Malformed> {
        let (mut original, mut reply, mut status) = (None, None, None);
        let (mut tcp_state, mut timeout, mut id, mut zone) = (None, None, None, None);
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            match attribute.kind {
                TUPLE_ORIGINAL => {
                    original = Some((Tuple::read(attribute.nested())?, attribute.value.to_vec()));
                }
                TUPLE_REPLY => reply = Some(Tuple::read(attribute.nested())?),
                STATUS => status = Some(Status(attribute.word()?)),
                PROTOINFO => tcp_state = read_tcp_state(attribute.nested())?,
                TIMEOUT => timeout = Some(attribute.word()?),
                ID => id = Some(attribute.word()?),
                ZONE => zone = Some(attribute.short()?),
                _ => {}
            }
        }
        let (original, original_bytes) = original.ok_or(Malformed)?;
        let reply = reply.ok_or(Malformed)?;
        let status = status.ok_or(Malformed)?;
        Ok(Self { original, reply, status, tcp_state, timeout, original_bytes, id, zone })
    }

    /// Whether it came to this address, or its answers do.
    #[must_use]
    pub fn concerns(&self, address: Ipv4Addr) -> bool {
        self.reply.destination == address || self.original.destination == address
    }

    /// Whether somebody's address was translated to this one, or this one to somebody's.
    ///
    /// Not enough is that the address occurs: a shared one is also that of neighbours, who may be
    /// talked to over another interface.
    #[must_use]
    pub fn is_translated(&self, address: Ipv4Addr) -> bool {
        self.status.is_source_translated() && self.reply.destination == address
            || self.status.is_destination_translated() && self.original.destination == address
    }

    /// The port of this address that it occupies, as conntrack knows it: an inside port, or a
    /// reserved one. `None` where the address is only that of the other side, and for protocols
    /// without ports.
    ///
    /// Echo requests from outside occupy nothing: their identifier is the sender's choice.
    #[must_use]
    pub fn port_on(&self, address: Ipv4Addr) -> Option<u16> {
        let Self { original, reply, status, .. } = self;
        let (source, destination) =
            (status.is_source_translated(), status.is_destination_translated());
        if reply.destination == address && (source || !destination) {
            reply.destination_port
        } else if original.destination == address
            && (destination || !source)
            && original.protocol != Protocol::Icmp
        {
            original.destination_port
        } else {
            None
        }
    }

    /// The message that deletes this entry and no other.
    ///
    /// It always names the entry, since one without a name would delete all there are.
    ///
    /// # Errors
    /// None that could happen: what came in one message fits into another.
    pub fn deletion(&self) -> Result<Request, Malformed> {
        let mut request = Request::order(CONNTRACK, DELETE, IPV4)
            .with_nested(TUPLE_ORIGINAL, &self.original_bytes)?;
        if let Some(id) = self.id {
            request = request.with(ID, &id.to_be_bytes())?;
        }
        if let Some(zone) = self.zone {
            request = request.with(ZONE, &zone.to_be_bytes())?;
        }
        Ok(request)
    }
}

impl Tuple {
    fn read(attributes: Attributes<'_>) -> Result<Self, Malformed> {
        let (mut source, mut destination, mut protocol) = (None, None, None);
        let (mut source_port, mut destination_port) = (None, None);
        for part in attributes {
            let part = part?;
            for attribute in part.nested() {
                let attribute = attribute?;
                match (part.kind, attribute.kind) {
                    (TUPLE_IP, IPV4_SOURCE) => source = Some(attribute.ipv4()?),
                    (TUPLE_IP, IPV4_DESTINATION) => destination = Some(attribute.ipv4()?),
                    (TUPLE_PROTO, PROTO_NUMBER) => protocol = Some(attribute.byte()?.into()),
                    (TUPLE_PROTO, PROTO_SOURCE_PORT) => source_port = Some(attribute.short()?),
                    (TUPLE_PROTO, PROTO_DESTINATION_PORT) => {
                        destination_port = Some(attribute.short()?);
                    }
                    (TUPLE_PROTO, PROTO_ICMP_ID) => {
                        source_port = Some(attribute.short()?);
                        destination_port = source_port;
                    }
                    // The rest has no attributes inside.
                    (TUPLE_IP | TUPLE_PROTO, _) => {}
                    _ => break,
                }
            }
        }
        Ok(Self {
            source: source.ok_or(Malformed)?,
            destination: destination.ok_or(Malformed)?,
            source_port,
            destination_port,
            protocol: protocol.ok_or(Malformed)?,
        })
    }
}

fn read_tcp_state(attributes: Attributes<'_>) -> Result<Option<u8>, Malformed> {
    let Some(tcp) = attributes.find(PROTOINFO_TCP)? else { return Ok(None) };
    let state = Attributes::new(tcp).find(TCP_STATE)?;
    Ok(state.and_then(|state| state.first().copied()))
}
