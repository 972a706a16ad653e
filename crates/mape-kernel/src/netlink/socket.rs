//! The netlink socket.

use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, connect, recv, send,
    setsockopt, socket,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

use super::message::Received;
use super::{Message, Messages, NetlinkError, Request};

/// Timeout in seconds. The kernel answers at once, so it ends only a call that would hang.
const RECEIVE_TIMEOUT: i64 = 5;
/// Size of the buffer, in bytes. The kernel fills it with messages of a long answer, up to 32 KiB.
const RECEIVE_BUFFER: usize = 1 << 15;

/// A connection to the kernel, mostly to its netfilter. Asking needs the capability
/// `CAP_NET_ADMIN`.
#[derive(Debug)]
pub struct Socket {
    socket: OwnedFd,
    sequence: u32,
}

impl Socket {
    /// Opens the socket and connects it to the kernel, so that no other process can send to it.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`]
    pub fn open() -> Result<Self, NetlinkError> {
        Self::of(SockProtocol::NetlinkNetFilter)
    }

    /// Opens a socket to the part of the kernel that has devices, addresses and routes.
    ///
    /// # Errors
    /// [`NetlinkError::Socket`]
    pub fn open_route() -> Result<Self, NetlinkError> {
        Self::of(SockProtocol::NetlinkRoute)
    }

    fn of(protocol: SockProtocol) -> Result<Self, NetlinkError> {
        let socket =
            socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)
                .map_err(NetlinkError::Socket)?;
        setsockopt(&socket, ReceiveTimeout, &TimeVal::seconds(RECEIVE_TIMEOUT))
            .and_then(|()| connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0)))
            .map_err(NetlinkError::Socket)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sends a request and hands on the content of each [`Message::Item`] that answers it: family
    /// and attributes. Returns the number of datagrams with items.
    ///
    /// # Errors
    /// [`NetlinkError`]. The items that were passed on before are valid but incomplete.
    pub fn ask(&mut self, request: Request, each: Each<'_>) -> Result<usize, NetlinkError> {
        let mut datagrams = 0;
        self.exchange(request, &mut |datagram, sequence| {
            let mut has_items = false;
            let end = read(datagram, Some(sequence), &mut |family, attributes| {
                has_items = true;
                each(family, attributes)
            });
            datagrams += usize::from(has_items);
            end
        })?;
        Ok(datagrams)
    }

    /// Sends a request and hands on the datagrams that come, with the number of the request, until
    /// one of them is said to be the end of the answer.
    ///
    /// # Errors
    /// [`NetlinkError`]
    pub fn exchange(
        &mut self,
        request: Request,
        each: EachDatagram<'_>,
    ) -> Result<(), NetlinkError> {
        self.sequence = self.sequence.wrapping_add(1);
        let fd = self.socket.as_raw_fd();
        send(fd, &request.bytes(self.sequence)?, MsgFlags::empty())
            .map_err(NetlinkError::Refused)?;
        let mut buffer = vec![0; RECEIVE_BUFFER];
        let mut changed = false;
        loop {
            let len = match recv(fd, &mut buffer, MsgFlags::MSG_TRUNC) {
                Ok(len) => len,
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => return Err(NetlinkError::Silent),
                Err(errno) => return Err(NetlinkError::Refused(errno)),
            };
            // Longer than the buffer: a part is lost.
            let datagram = buffer.get(..len).ok_or(NetlinkError::Interrupted)?;
            let end = each(datagram, self.sequence)?;
            changed |= end.interrupted;
            match (end.reached, changed) {
                (true, true) => return Err(NetlinkError::Interrupted),
                (true, false) => return Ok(()),
                (false, _) => {}
            }
        }
    }
}

/// Takes one item's family and attributes. One copy of the code serves all who take some.
pub type Each<'a> = &'a mut dyn FnMut(u8, &[u8]) -> Result<(), NetlinkError>;

/// Takes one datagram, with the number of the request.
pub type EachDatagram<'a> = &'a mut dyn FnMut(&[u8], u32) -> Result<End, NetlinkError>;

/// What a datagram says about the answer it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// It was the last one.
    pub reached: bool,
    /// What is listed has changed meanwhile.
    pub interrupted: bool,
}

/// Hands on the items of a datagram that answer request number `sequence`, or any.
///
/// # Errors
/// [`NetlinkError`] where the kernel refuses, the bytes are no messages, or `each` fails.
pub fn read(datagram: &[u8], sequence: Option<u32>, each: Each<'_>) -> Result<End, NetlinkError> {
    let mut end = End::default();
    for received in Messages::new(datagram) {
        let Received { sequence: found, interrupted, message } = received?;
        // The rest of an earlier answer that was not read to its end.
        if sequence.is_some_and(|sequence| sequence != found) {
            continue;
        }
        end.interrupted |= interrupted;
        match message {
            Message::Item { family, attributes } => each(family, attributes)?,
            Message::Result(0) => end.reached = true,
            Message::Result(error) => {
                return Err(NetlinkError::Refused(Errno::from_raw(error.saturating_neg())));
            }
            Message::Other => {}
        }
    }
    Ok(end)
}
