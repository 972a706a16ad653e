//! Entries of the kernel's list of connections, made for tests. A module of each test that needs
//! one.

use std::net::Ipv4Addr;

use mape_kernel::conntrack::Entry;
use mape_kernel::netlink::Request;

/// One attribute: its type and its value.
pub(crate) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let bytes = Request::order(0, 0, 0).with(kind, value).unwrap().bytes(0).unwrap();
    bytes[20..].to_vec()
}

/// One direction of a connection.
pub(crate) fn tuple(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), protocol: u8) -> Vec<u8> {
    let ip = [attribute(1, &from.0.octets()), attribute(2, &to.0.octets())].concat();
    let mut proto = attribute(1, &[protocol]);
    if protocol == 1 {
        proto.extend(attribute(4, &from.1.to_be_bytes()));
    } else {
        proto.extend(attribute(2, &from.1.to_be_bytes()));
        proto.extend(attribute(3, &to.1.to_be_bytes()));
    }
    [attribute(1, &ip), attribute(2, &proto)].concat()
}

/// An address and a port.
pub(crate) type End = (Ipv4Addr, u16);

/// The attributes of such an entry.
pub(crate) fn bytes(original: [End; 2], reply: [End; 2], status: u32, protocol: u8) -> Vec<u8> {
    [
        attribute(0x8001, &tuple(original[0], original[1], protocol)),
        attribute(0x8002, &tuple(reply[0], reply[1], protocol)),
        attribute(3, &status.to_be_bytes()),
        attribute(12, &[9, 8, 7, 6]),
        attribute(18, &[0, 5]),
    ]
    .concat()
}

/// A made entry: both directions as (source, destination), status, protocol.
pub(crate) fn entry(original: [End; 2], reply: [End; 2], status: u32, protocol: u8) -> Entry {
    Entry::read(&bytes(original, reply, status, protocol)).unwrap()
}
