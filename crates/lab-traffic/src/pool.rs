//! Many TCP connections at once, driven by one epoll.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};

use crate::Result;
use crate::ready::Ready;

/// One connection and its result.
pub(crate) struct Connection {
    /// None once it is closed: a socket kept for its record would go on trying.
    stream: Option<TcpStream>,
    from: Ipv4Addr,
    to: SocketAddrV4,
    started: Instant,
    /// How long the handshake took.
    pub(crate) connected: Option<Duration>,
    /// The caller's address as the server saw it: the first line it sends.
    pub(crate) outside: Option<SocketAddrV4>,
    /// The server sent back what [`Pool::ask`] wrote.
    pub(crate) echoed: bool,
    failed: bool,
    received: Vec<u8>,
}

/// Connections by the number that [`Pool::open`] returned.
pub(crate) struct Pool {
    epoll: Epoll,
    connections: Vec<Option<Connection>>,
    /// Handshakes neither complete nor failed.
    pending: usize,
}

impl Pool {
    pub(crate) fn new() -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self { epoll, connections: Vec::new(), pending: 0 })
    }

    /// Starts a connection; never waits.
    pub(crate) fn open(&mut self, from: Ipv4Addr, to: SocketAddrV4) -> Result<usize> {
        let number = self.connections.len();
        let connection = self.start(number, from, to)?;
        self.connections.push(Some(connection));
        Ok(number)
    }

    /// Opens every connection that did not come up once more, from a new source port, as an
    /// application would. Returns the records of those given up.
    pub(crate) fn reopen_dead(&mut self) -> Result<Vec<Connection>> {
        let mut dead = Vec::new();
        for number in 0..self.connections.len() {
            let Some(Some(old)) = self.connections.get(number) else {
                continue;
            };
            if old.connected.is_none() {
                let (from, to) = (old.from, old.to);
                dead.extend(self.close(number));
                let fresh = self.start(number, from, to)?;
                if let Some(slot) = self.connections.get_mut(number) {
                    *slot = Some(fresh);
                }
            }
        }
        Ok(dead)
    }

    fn start(&mut self, number: usize, from: Ipv4Addr, to: SocketAddrV4) -> Result<Connection> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let fd = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
        if !from.is_unspecified() {
            bind(fd.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(from, 0)))?;
        }
        let started = Instant::now();
        let failed = match connect(fd.as_raw_fd(), &SockaddrIn::from(to)) {
            Ok(()) | Err(Errno::EINPROGRESS) => false,
            // The router refused at once (no route, a filter): a result, not a broken test.
            Err(_) => true,
        };
        let stream = TcpStream::from(fd);
        if !failed {
            let wanted = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
            self.epoll.add(&stream, EpollEvent::new(wanted, number as u64))?;
            self.pending += 1;
        }
        Ok(Connection {
            stream: Some(stream),
            from,
            to,
            started,
            connected: None,
            outside: None,
            echoed: false,
            failed,
            received: Vec::new(),
        })
    }

    /// Closes a connection in the ordinary way (FIN) and returns its record.
    pub(crate) fn close(&mut self, number: usize) -> Option<Connection> {
        let mut connection = self.connections.get_mut(number)?.take()?;
        connection.stream = None;
        if connection.connected.is_none() && !connection.failed {
            self.pending -= 1;
        }
        Some(connection)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().flatten()
    }

    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// Sends a line on every open connection, for the server to send back.
    pub(crate) fn ask(&mut self) {
        for connection in self.connections.iter_mut().flatten() {
            if let Some(stream) = &mut connection.stream {
                // What cannot be sent will not be echoed either.
                let _ = stream.write_all(b"still there?\n");
            }
        }
    }

    /// Handles what happens until `done` says so or the time is up.
    pub(crate) fn run(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> Result<()> {
        let mut ready = Ready::within(limit);
        while !done(self) {
            let Some(events) = ready.next(&self.epoll)? else { break };
            for event in events {
                let slot =
                    usize::try_from(event.data()).ok().and_then(|n| self.connections.get_mut(n));
                let Some(connection) = slot.and_then(Option::as_mut) else {
                    continue;
                };
                let was_pending = connection.connected.is_none() && !connection.failed;
                connection.handle(event.events());
                if was_pending && (connection.connected.is_some() || connection.failed) {
                    self.pending -= 1;
                }
            }
        }
        Ok(())
    }
}

impl Connection {
    fn handle(&mut self, events: EpollFlags) {
        if self.connected.is_none() {
            if events.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP) {
                self.failed = true;
                return;
            }
            if events.contains(EpollFlags::EPOLLOUT) {
                self.connected = Some(self.started.elapsed());
            }
        }
        let Some(stream) = &mut self.stream else {
            return;
        };
        let mut buffer = [0; 512];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => self.received.extend_from_slice(buffer.get(..length).unwrap_or(&[])),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let text = String::from_utf8_lossy(&self.received);
        let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        self.outside = lines.next().and_then(|line| line.parse().ok());
        self.echoed = lines.next().is_some();
    }
}
