//! What the kernel reports when somebody changes addresses, routes, devices or rules.
//!
//! Nothing is read out of the messages: any of them means "look again". So no netlink library is
//! needed, and no second process as with `ip monitor`. One signal is waited for beside them.

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
/// `NFNLGRP_NFTABLES`, number 7 (linux/netfilter/nfnetlink.h): a firewall that is started anew may
/// flush everybody's tables.
const NFT_GROUPS: u32 = 1 << 6;

/// A change is looked at when this long nothing has followed it, or after [`AT_MOST`].
const SILENCE: Duration = Duration::from_millis(300);
const AT_MOST: Duration = Duration::from_secs(3);

/// What becomes readable when something changes, or when a signal asks for [`Event::Renewal`].
pub(crate) struct Events {
    sockets: Vec<OwnedFd>,
    renewal: Option<SignalFd>,
}

/// Why a wait has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Something may have changed, or the time is up.
    Look,
    /// SIGUSR1: the program's file is to be run again, perhaps a newer version.
    Renewal,
}

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
        // Without it the signal ends the program, and a supervisor starts it again.
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
        // An interrupted wait is as good as an event: nothing is lost by looking again.
        poll(&mut sockets, limit) != Ok(0)
    }

    fn drain(&self) {
        let mut buffer = [0; 8192];
        for socket in &self.sockets {
            // ENOBUFS: messages were lost, but not the fact that there were some.
            while matches!(
                recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT),
                Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR)
            ) {}
        }
    }
}

/// SIGUSR1 is read from now on, and ends nothing.
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
