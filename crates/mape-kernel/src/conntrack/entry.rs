//! One entry of the kernel's connection list.

use std::net::Ipv4Addr;

use super::constants::{IPCTNL_MSG_CT_DELETE, NFNL_SUBSYS_CTNETLINK, NFPROTO_IPV4};
use crate::netlink::{Attributes, Malformed, Request};

/// Attributes of an entry (`linux/netfilter/nfnetlink_conntrack.h`).
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_STATUS: u16 = 3;
const CTA_PROTOINFO: u16 = 4;
const CTA_TIMEOUT: u16 = 7;
const CTA_ID: u16 = 12;
const CTA_ZONE: u16 = 18;
/// Inside a tuple.
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;
const CTA_PROTO_ICMP_ID: u16 = 4;
/// Inside the protocol's own information.
const CTA_PROTOINFO_TCP: u16 = 1;
const CTA_PROTOINFO_TCP_STATE: u16 = 1;

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
    /// Source address of its packets.
    pub source: Ipv4Addr,
    /// Destination address of its packets.
    pub destination: Ipv4Addr,
    /// The source port, or the identifier of an ICMP echo; `None` for protocols without ports.
    pub source_port: Option<u16>,
    /// The destination port, or the identifier of an ICMP echo.
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
    /// Addresses and ports of the first packet, before any translation.
    pub original: Tuple,
    /// Addresses and ports of a reply as it arrives, after all translations of the first packet.
    pub reply: Tuple,
    /// Status bits.
    pub status: Status,
    /// `enum tcp_conntrack`: 3 is established, 7 `TIME_WAIT`.
    pub tcp_state: Option<u8>,
    /// Seconds until the kernel deletes the entry; `None` while a flowtable has it.
    pub timeout: Option<u32>,
    /// The attributes by which the kernel finds the entry again, as it wrote them.
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
                CTA_TUPLE_ORIG => {
                    original = Some((Tuple::read(attribute.nested())?, attribute.value.to_vec()));
                }
                CTA_TUPLE_REPLY => reply = Some(Tuple::read(attribute.nested())?),
                CTA_STATUS => status = Some(Status(attribute.word()?)),
                CTA_PROTOINFO => tcp_state = read_tcp_state(attribute.nested())?,
                CTA_TIMEOUT => timeout = Some(attribute.word()?),
                CTA_ID => id = Some(attribute.word()?),
                CTA_ZONE => zone = Some(attribute.short()?),
                _ => {}
            }
        }
        let (original, original_bytes) = original.ok_or(Malformed)?;
        let reply = reply.ok_or(Malformed)?;
        let status = status.ok_or(Malformed)?;
        Ok(Self { original, reply, status, tcp_state, timeout, original_bytes, id, zone })
    }

    /// Whether its first packet went to this address, or its replies do.
    #[must_use]
    pub fn concerns(&self, address: Ipv4Addr) -> bool {
        self.reply.destination == address || self.original.destination == address
    }

    /// Whether NAT translated another address to this one, or this one to another.
    ///
    /// An entry with this address alone is no proof: neighbours have the same shared address, and a
    /// host may reach them over another interface.
    #[must_use]
    pub fn is_translated(&self, address: Ipv4Addr) -> bool {
        self.status.is_source_translated() && self.reply.destination == address
            || self.status.is_destination_translated() && self.original.destination == address
    }

    /// Returns the port of this address that the entry occupies, as conntrack knows it: an internal
    /// port or a reserved one. `None` if the address belongs to the other side only, and for
    /// protocols without ports.
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

    /// Returns the message that deletes this entry and no other.
    ///
    /// It always names the entry: a message without a name would delete all entries.
    ///
    /// # Errors
    /// None that could happen: what came in one message fits into another.
    pub fn deletion(&self) -> Result<Request, Malformed> {
        let mut request = Request::order(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE, NFPROTO_IPV4)
            .with_nested(CTA_TUPLE_ORIG, &self.original_bytes)?;
        if let Some(id) = self.id {
            request = request.with(CTA_ID, &id.to_be_bytes())?;
        }
        if let Some(zone) = self.zone {
            request = request.with(CTA_ZONE, &zone.to_be_bytes())?;
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
                    (CTA_TUPLE_IP, CTA_IP_V4_SRC) => source = Some(attribute.ipv4()?),
                    (CTA_TUPLE_IP, CTA_IP_V4_DST) => destination = Some(attribute.ipv4()?),
                    (CTA_TUPLE_PROTO, CTA_PROTO_NUM) => protocol = Some(attribute.byte()?.into()),
                    (CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT) => source_port = Some(attribute.short()?),
                    (CTA_TUPLE_PROTO, CTA_PROTO_DST_PORT) => {
                        destination_port = Some(attribute.short()?);
                    }
                    (CTA_TUPLE_PROTO, CTA_PROTO_ICMP_ID) => {
                        source_port = Some(attribute.short()?);
                        destination_port = source_port;
                    }
                    // The rest has no attributes inside.
                    (CTA_TUPLE_IP | CTA_TUPLE_PROTO, _) => {}
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
    let Some(tcp) = attributes.find(CTA_PROTOINFO_TCP)? else { return Ok(None) };
    let state = Attributes::new(tcp).find(CTA_PROTOINFO_TCP_STATE)?;
    Ok(state.and_then(|state| state.first().copied()))
}
