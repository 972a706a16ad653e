//! Deleting what still has the line's former address.

use std::net::Ipv4Addr;

use nix::errno::Errno;

use super::{ConntrackError, Entry, Protocol, select};
use crate::netlink::{Kernel, NetlinkError, Socket};

/// Deletes the entries that were translated to or from this address, but for those that are to be
/// kept, and says how many. `keep` gets the protocol and the inside port; `None` where the protocol
/// has no ports.
///
/// For a line whose address or ports have changed: while a connection goes on sending, its entry
/// lives on for ever with an address that nobody answers to. Entries in which the address only
/// occurs are left alone, as they can be somebody else's.
///
/// # Errors
/// [`ConntrackError`], the first one where several entries cannot be deleted; the others are, by then.
pub fn forget(
    address: Ipv4Addr,
    keep: impl Fn(Protocol, Option<u16>) -> bool,
) -> Result<usize, ConntrackError> {
    let unwanted = select(&Kernel::Live, |entry: &Entry| {
        entry.is_translated(address) && !keep(entry.original.protocol, entry.port_on(address))
    })?;
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
    socket.ask(entry.deletion()?, |_, _| Ok(()))
}
