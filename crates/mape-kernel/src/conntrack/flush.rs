//! Deletes the connections that still have the line's former address.

use std::net::Ipv4Addr;

use mape_nft::{Published, Transport};
use nix::errno::Errno;

use super::{ConntrackError, Entry, Protocol, select};
use crate::netlink::{Kernel, NetlinkError, Socket};

/// Deletes the entries that were translated to or from this address, except those that `keep`
/// selects, and returns how many. `keep` gets the protocol and the internal port, or `None` for a
/// protocol without ports.
///
/// This is for a line whose address or ports have changed: while a host keeps sending, its entry
/// never times out, and replies to the old address do not arrive. Entries that only contain the
/// address, without translation, stay, because they can belong to a neighbour.
///
/// # Errors
/// [`ConntrackError`]: the first error, after the other entries were deleted.
pub fn forget(
    address: Ipv4Addr,
    keep: impl Fn(Protocol, Option<u16>) -> bool,
) -> Result<usize, ConntrackError> {
    let unwanted = select(&Kernel::Live, |entry: &Entry| {
        entry.is_translated(address) && !keep(entry.original.protocol, entry.port_on(address))
    })?;
    delete_all(unwanted)
}

/// The connections of a published port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flows {
    /// The external address.
    pub address: Ipv4Addr,
    /// The external port, and the host to which it leads.
    pub published: Published,
}

impl Flows {
    /// Whether the entry is one of them: it came to the port from any source and was sent to the
    /// host, or the host sent first and got the port. A published port is a reserved one, so its
    /// internal and external numbers are equal on every edge.
    #[must_use]
    fn have(&self, entry: &Entry) -> bool {
        let Self { address, published: Published { transport, port, host } } = *self;
        let protocol = match transport {
            Transport::Tcp => Protocol::Tcp,
            Transport::Udp => Protocol::Udp,
        };
        let Entry { original, reply, status, .. } = entry;
        let outside = (address, Some(port));
        let inside = (*host.ip(), Some(host.port()));
        let arrived = status.is_destination_translated()
            && (original.destination, original.destination_port) == outside
            && (reply.source, reply.source_port) == inside;
        let left = status.is_source_translated()
            && (original.source, original.source_port) == inside
            && (reply.destination, reply.destination_port) == outside;
        original.protocol == protocol && (arrived || left)
    }
}

/// Deletes the connections of these published ports and returns how many there were.
///
/// # Errors
/// As [`forget`].
pub fn forget_flows(kernel: &Kernel, gone: &[Flows]) -> Result<usize, ConntrackError> {
    let is_gone = |entry: &Entry| gone.iter().any(|flows| flows.have(entry));
    delete_all(select(kernel, is_gone)?)
}

fn delete_all(unwanted: Vec<Entry>) -> Result<usize, ConntrackError> {
    if unwanted.is_empty() {
        return Ok(0);
    }
    let mut socket = Socket::open()?;
    let mut deleted = 0;
    let mut refused = None;
    for entry in unwanted {
        match delete(&mut socket, &entry) {
            Ok(()) => deleted += 1,
            // Another process was faster, or the connection has just ended.
            Err(error) if error.is(Errno::ENOENT) => {}
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    refused.map_or(Ok(deleted), |error| Err(error.into()))
}

fn delete(socket: &mut Socket, entry: &Entry) -> Result<(), NetlinkError> {
    socket.ask(entry.deletion()?, &mut |_, _| Ok(())).map(drop)
}
