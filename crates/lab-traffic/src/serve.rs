//! The servers: every answer begins with the client's `ADDRESS:PORT`, followed by the echo.
//!
//! One process answers on every local address, from the address of the request.

use std::collections::HashMap;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use nix::libc;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType,
    SockaddrIn, bind, listen, recvmsg, sendmsg, setsockopt, socket, sockopt,
};

use crate::Result;
use crate::args::Args;
use crate::ready::Ready;

enum Socket {
    Listener(TcpListener),
    Caller { stream: TcpStream, unsent: Vec<u8> },
    Datagrams(UdpSocket),
}

struct Server {
    epoll: Epoll,
    sockets: HashMap<u64, Socket>,
    next: u64,
}

/// Runs until `--seconds` have passed (or the process is ended).
pub(crate) fn serve(args: &Args) -> Result<()> {
    let mut ready = Ready::within(Duration::from_secs(args.or("seconds", 600)?));
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let mut server = Server { epoll, sockets: HashMap::new(), next: 0 };
    for port in args.ports("tcp")? {
        server.add(Socket::Listener(listener(port)?))?;
    }
    for port in args.ports("udp")? {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        server.add(Socket::Datagrams(socket))?;
    }
    println!("{{\"serve\":\"ready\"}}");
    while let Some(events) = ready.next(&server.epoll)? {
        for event in events {
            server.handle(event.data())?;
        }
    }
    Ok(())
}

fn listener(port: u16) -> Result<TcpListener> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let fd: OwnedFd = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    let address = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
    bind(fd.as_raw_fd(), &SockaddrIn::from(address))?;
    // std's backlog of 128 would drop SYNs of a burst, which would look like the router's fault.
    // As many as the kernel allows; the C library of small machines names less.
    listen(&fd, Backlog::MAXALLOWABLE)?;
    Ok(TcpListener::from(fd))
}

impl Server {
    fn add(&mut self, socket: Socket) -> Result<()> {
        let event = |flags| EpollEvent::new(flags, self.next);
        match &socket {
            Socket::Listener(listener) => self.epoll.add(listener, event(EpollFlags::EPOLLIN))?,
            Socket::Datagrams(socket) => self.epoll.add(socket, event(EpollFlags::EPOLLIN))?,
            Socket::Caller { stream, .. } => {
                let both = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
                self.epoll.add(stream, event(both))?;
            }
        }
        self.sockets.insert(self.next, socket);
        self.next += 1;
        Ok(())
    }

    fn handle(&mut self, number: u64) -> Result<()> {
        match self.sockets.get_mut(&number) {
            Some(Socket::Datagrams(socket)) => answer_all(socket),
            Some(Socket::Caller { stream, unsent }) => {
                let goes_on = echo(stream, unsent);
                if !goes_on {
                    self.sockets.remove(&number);
                }
            }
            Some(Socket::Listener(listener)) => {
                let mut callers = Vec::new();
                while let Ok((stream, SocketAddr::V4(peer))) = listener.accept() {
                    callers.push((stream, peer));
                }
                for (stream, peer) in callers {
                    stream.set_nonblocking(true)?;
                    self.add(Socket::Caller { stream, unsent: format!("{peer}\n").into() })?;
                }
            }
            None => {}
        }
        Ok(())
    }
}

/// Sends what is waiting, then reads more, until one of them would block. False when it is over.
fn echo(stream: &mut TcpStream, unsent: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 16_384];
    loop {
        while !unsent.is_empty() {
            match stream.write(unsent) {
                Ok(length) => drop(unsent.drain(..length)),
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(length) => unsent.extend_from_slice(buffer.get(..length).unwrap_or(&[])),
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}

/// Answers every waiting datagram with one of the same length, or longer if the name needs it.
fn answer_all(socket: &UdpSocket) {
    let mut buffer = vec![0; 65_536];
    let mut control = nix::cmsg_space!(libc::in_pktinfo);
    loop {
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let fd = socket.as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        let Ok(message) = recvmsg::<SockaddrIn>(fd, &mut parts, Some(&mut control), flags) else {
            return;
        };
        let (Some(peer), length) = (message.address, message.bytes) else {
            continue;
        };
        let info = message.cmsgs().ok().and_then(|mut all| {
            all.find_map(|one| match one {
                ControlMessageOwned::Ipv4PacketInfo(info) => Some(info),
                _ => None,
            })
        });
        // Answers leave from the address of the request, through the interface of the route back.
        let Some(mut info) = info else { continue };
        info.ipi_ifindex = 0;
        let mut text = format!("{}\n", SocketAddrV4::from(peer)).into_bytes();
        text.resize(text.len().max(length), b'.');
        // A full queue loses a datagram, as networks do.
        let _ = sendmsg(
            fd,
            &[IoSlice::new(&text)],
            &[ControlMessage::Ipv4PacketInfo(&info)],
            MsgFlags::empty(),
            Some(&peer),
        );
    }
}
