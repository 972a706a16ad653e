//! Waits until the kernel reports a change of addresses, routes, devices or rules.
//!
//! The messages are not parsed: after any of them the caller reads the machine again. So neither a
//! netlink library nor a process of `ip monitor` is needed. A signal is waited for as well.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::{
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
    socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
    },
};

use crate::error::LinuxError;

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE`, `RTMGRP_IPV6_IFADDR`,
/// `RTMGRP_IPV6_ROUTE` (linux/rtnetlink.h).
const ROUTE_GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
/// `NFNLGRP_NFTABLES`, number 7 (linux/netfilter/nfnetlink.h): a firewall that restarts may flush
/// all tables.
const NFT_GROUPS: u32 = 1 << 6;

/// A wait ends when no change followed the last one for this long, or after [`AT_MOST`].
const SILENCE: Duration = Duration::from_millis(300);
const AT_MOST: Duration = Duration::from_secs(3);

/// The sockets that report changes, and the signal that asks for [`Event::Renewal`].
pub(crate) struct Events {
    sockets: Vec<OwnedFd>,
    renewal: Option<SignalFd>,
}

/// The reason why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Something may have changed, or the time is up.
    Look,
    /// SIGUSR1: the program's file is to be executed again; it may be a newer version.
    Renewal,
}

impl Events {
    /// Subscribes to changes.
    ///
    /// # Errors
    /// There is no netlink for routes. Without netlink for nftables fewer changes are reported.
    pub(crate) fn new() -> Result<Self, LinuxError> {
        let route = listen(SockProtocol::NetlinkRoute, ROUTE_GROUPS)
            .map_err(|error| LinuxError::NoEvents(io::Error::from(error)))?;
        let mut sockets = vec![route];
        sockets.extend(listen(SockProtocol::NetlinkNetFilter, NFT_GROUPS));
        // Without it SIGUSR1 ends the program, and the service manager starts it again.
        Ok(Self { sockets, renewal: renewal().ok() })
    }

    /// Waits until something changes and has settled, or until the time is up.
    pub(super) fn wait(&self, limit: Option<Duration>) -> Event {
        if !self.readable(limit) {
            return Event::Look;
        }
        let first = Instant::now();
        while first.elapsed() < AT_MOST {
            self.drain();
            let renewal = self.renewal.as_ref();
            if renewal.is_some_and(|signal| matches!(signal.read_signal(), Ok(Some(_)))) {
                return Event::Renewal;
            }
            if !self.readable(Some(SILENCE)) {
                break;
            }
        }
        Event::Look
    }

    fn readable(&self, limit: Option<Duration>) -> bool {
        let all = self.sockets.iter().map(OwnedFd::as_fd);
        let all = all.chain(self.renewal.as_ref().map(SignalFd::as_fd));
        let mut sockets: Vec<PollFd<'_>> =
            all.map(|file| PollFd::new(file, PollFlags::POLLIN)).collect();
        let limit = limit.map_or(PollTimeout::NONE, |limit| {
            PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX)
        });
        // An interrupted wait counts as a change.
        poll(&mut sockets, limit) != Ok(0)
    }

    fn drain(&self) {
        let mut buffer = [0; 8192];
        for socket in &self.sockets {
            // ENOBUFS: messages were lost; some change happened.
            while matches!(
                recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT),
                Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR)
            ) {}
        }
    }
}

/// Makes SIGUSR1 readable; it no longer ends the process.
fn renewal() -> nix::Result<SignalFd> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGUSR1);
    signals.thread_block()?;
    SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

fn listen(protocol: SockProtocol, groups: u32) -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
    Ok(socket)
}
