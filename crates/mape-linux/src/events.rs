//! Waits until the kernel reports a change of addresses, routes, devices, rules or of the file of
//! forwards.
//!
//! The messages are not parsed: after any of them the caller reads the machine again. So neither a
//! netlink library nor a process of `ip monitor` is needed. A signal is waited for as well.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::{
    inotify::{AddWatchFlags, InitFlags, Inotify},
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
    file: Option<WatchedFile>,
}

/// Reports changes of one file, which may be missing or be replaced.
struct WatchedFile {
    directory: Inotify,
    name: OsString,
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
    /// Subscribes to changes, also of this file.
    ///
    /// # Errors
    /// There is no netlink for routes. Without netlink for nftables, or if the file's directory
    /// cannot be watched, fewer changes are reported.
    pub(crate) fn new(file: &Path) -> Result<Self, LinuxError> {
        let route = listen(SockProtocol::NetlinkRoute, ROUTE_GROUPS)
            .map_err(|error| LinuxError::NoEvents(io::Error::from(error)))?;
        let mut sockets = vec![route];
        sockets.extend(listen(SockProtocol::NetlinkNetFilter, NFT_GROUPS));
        // Without it SIGUSR1 ends the program, and the service manager starts it again.
        Ok(Self { sockets, renewal: renewal().ok(), file: WatchedFile::new(file) })
    }

    /// Waits until something changes and has settled, until `ended` can be read, or until the time
    /// is up.
    pub(super) fn wait(&self, limit: Option<Duration>, ended: Option<BorrowedFd<'_>>) -> Event {
        loop {
            let file = self.file.as_ref().map(|file| file.directory.as_fd());
            if !self.is_any_readable([file, ended], limit) {
                return Event::Look;
            }
            // A change of another file in the directory only starts the wait again.
            let file = self.file.as_ref();
            if file.is_some_and(WatchedFile::is_changed)
                || self.is_any_readable([None, ended], Some(Duration::ZERO))
            {
                break;
            }
        }
        let first = Instant::now();
        while first.elapsed() < AT_MOST {
            self.drain();
            let renewal = self.renewal.as_ref();
            if renewal.is_some_and(|signal| matches!(signal.read_signal(), Ok(Some(_)))) {
                return Event::Renewal;
            }
            let file = self.file.as_ref().map(|file| file.directory.as_fd());
            if !self.is_any_readable([file, None], Some(SILENCE)) {
                break;
            }
        }
        Event::Look
    }

    fn is_any_readable(&self, more: [Option<BorrowedFd<'_>>; 2], limit: Option<Duration>) -> bool {
        let all = self.sockets.iter().map(OwnedFd::as_fd);
        let all = all.chain(self.renewal.as_ref().map(SignalFd::as_fd));
        let all = all.chain(more.into_iter().flatten());
        let mut sockets: Vec<PollFd<'_>> =
            all.map(|file| PollFd::new(file, PollFlags::POLLIN)).collect();
        let limit = limit.map_or(PollTimeout::NONE, |limit| {
            PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX)
        });
        // An interrupted wait counts as a change.
        poll(&mut sockets, limit) != Ok(0)
    }

    fn drain(&self) {
        self.file.as_ref().map(WatchedFile::is_changed);
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

impl WatchedFile {
    /// Watches the directory: an editor writes another file and renames it.
    fn new(file: &Path) -> Option<Self> {
        let directory = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
        let changes = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_DELETE;
        directory.add_watch(file.parent()?, changes).ok()?;
        Some(Self { directory, name: file.file_name()?.to_owned() })
    }

    /// Reads the events since the last call. Returns whether one of them is about the file; an
    /// overflow counts as one.
    fn is_changed(&self) -> bool {
        let mut changed = false;
        while let Ok(events) = self.directory.read_events() {
            changed |= events
                .iter()
                .any(|event| event.name.as_ref().is_none_or(|name| *name == self.name));
        }
        changed
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::WatchedFile;
    use crate::scratch::Scratch;

    #[test]
    fn only_a_change_of_the_file_counts_and_a_new_file_under_its_name_does() {
        let directory = std::env::temp_dir().join(format!("mape-watched-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let directory = Scratch::of(directory);
        let (file, other) = (directory.join("forwards"), directory.join("other"));
        let watched = WatchedFile::new(&file).unwrap();
        assert!(!watched.is_changed());
        fs::write(&other, "x").unwrap();
        assert!(!watched.is_changed());
        fs::write(&file, "x").unwrap();
        assert!(watched.is_changed() && !watched.is_changed());
        fs::rename(&other, &file).unwrap();
        assert!(watched.is_changed());
        fs::rename(&file, &other).unwrap();
        assert!(watched.is_changed());
        assert!(WatchedFile::new(&directory.join("none/forwards")).is_none());
    }
}
