//! What the kernel reports when somebody changes addresses, routes, devices or rules.
//!
//! Nothing is read out of the messages: any of them means "look again". So no netlink library is
//! needed, and no second process as with `ip monitor`.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};

use super::LinuxError;

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE`, `RTMGRP_IPV6_IFADDR`,
/// `RTMGRP_IPV6_ROUTE` (linux/rtnetlink.h).
const ROUTE_GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
/// `NFNLGRP_NFTABLES`, number 7 (linux/netfilter/nfnetlink.h): a firewall that is started anew may
/// flush everybody's tables.
const NFT_GROUPS: u32 = 1 << 6;

/// A change is looked at when this long nothing has followed it, or after [`AT_MOST`].
const SILENCE: Duration = Duration::from_millis(300);
const AT_MOST: Duration = Duration::from_secs(3);

/// Sockets that become readable when something changes.
pub(crate) struct Events(Vec<OwnedFd>);

impl Events {
    /// Changes are reported from now on.
    ///
    /// # Errors
    /// There is no netlink for routes. One without nftables only reports less.
    pub(crate) fn new() -> Result<Self, LinuxError> {
        let route = listen(SockProtocol::NetlinkRoute, ROUTE_GROUPS)
            .map_err(|error| LinuxError::NoEvents(io::Error::from(error)))?;
        let mut sockets = vec![route];
        sockets.extend(listen(SockProtocol::NetlinkNetFilter, NFT_GROUPS));
        Ok(Self(sockets))
    }

    /// Waits until something changes and has settled, or until the time is up.
    pub(crate) fn wait(&self, limit: Option<Duration>) {
        if !self.readable(limit) {
            return;
        }
        let first = Instant::now();
        while first.elapsed() < AT_MOST {
            self.drain();
            if !self.readable(Some(SILENCE)) {
                return;
            }
        }
    }

    fn readable(&self, limit: Option<Duration>) -> bool {
        let mut sockets: Vec<PollFd<'_>> =
            self.0.iter().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
        let limit = limit.map_or(PollTimeout::NONE, |limit| {
            PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX)
        });
        // An interrupted wait is as good as an event: nothing is lost by looking again.
        poll(&mut sockets, limit) != Ok(0)
    }

    fn drain(&self) {
        let mut buffer = [0; 8192];
        for socket in &self.0 {
            // ENOBUFS: messages were lost, but not the fact that there were some.
            while matches!(
                recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT),
                Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR)
            ) {}
        }
    }
}

fn listen(protocol: SockProtocol, groups: u32) -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
    Ok(socket)
}
