//! Sends one packet and reports the ICMP error it causes, as traceroute and path MTU discovery need
//! it.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn,
    bind, connect, getpeername, getsockname, recv, recvmsg, send, setsockopt, socket, sockopt,
};

use crate::Result;
use crate::args::Args;
use crate::raw::{RawSocket, udp_without_checksum};
use crate::report::Report;

/// The interval at which the socket is read.
const STEP: Duration = Duration::from_millis(5);

/// An entry of a socket's error queue.
struct Notice {
    kind: u8,
    code: u8,
    /// The MTU of "fragmentation needed".
    info: u32,
    by: Ipv4Addr,
}

/// Sends one packet of `--protocol` to `--to` and reports the error or the answer, whichever comes.
pub(crate) fn probe(args: &Args) -> Result<()> {
    let (to, protocol) = (args.to()?, args.or("protocol", "udp".to_owned())?);
    let from = args.or("from", SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?;
    let size: usize = args.or("size", 32)?;
    let (kind, number) = match protocol.as_str() {
        "udp" => (SockType::Datagram, None),
        "tcp" => (SockType::Stream, None),
        "icmp" => (SockType::Datagram, Some(SockProtocol::Icmp)),
        other => return Err(format!("--protocol {other}: udp, tcp or icmp").into()),
    };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let fd = socket(AddressFamily::Inet, kind, flags, number)?;
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    setsockopt(&fd, sockopt::Ipv4RecvErr, &true)?;
    if let Some(ttl) = args.optional("ttl")? {
        setsockopt(&fd, sockopt::Ipv4Ttl, &ttl)?;
    }
    bind(fd.as_raw_fd(), &SockaddrIn::from(from))?;
    let connected = connect(fd.as_raw_fd(), &SockaddrIn::from(to));
    let message = match protocol.as_str() {
        "icmp" => [&[8, 0, 0, 0, 0, 0, 0, 1], vec![b'.'; size].as_slice()].concat(),
        _ => vec![b'.'; size],
    };
    let sent = match connected {
        Ok(()) if args.or("checksum", 1)? == 0 => {
            let local = SocketAddrV4::from(getsockname::<SockaddrIn>(fd.as_raw_fd())?);
            let datagram = udp_without_checksum(local.port(), to.port(), &message)?;
            RawSocket::new()?.send(*local.ip(), *to.ip(), 17, &datagram)
        }
        Ok(()) => send(fd.as_raw_fd(), &message, MsgFlags::empty()).map(drop).map_err(Into::into),
        // A TCP handshake under way.
        Err(Errno::EINPROGRESS) => Ok(()),
        Err(error) => Err(error.into()),
    };
    let (notice, answer) = wait(&fd, kind == SockType::Stream, args.wait()?)?;

    let report = Report::new("probe").number("sent", sent.is_ok());
    let report = report.number("answered", answer.is_some());
    let text = answer.unwrap_or_default();
    let outside = text.lines().next().and_then(|line| line.parse::<SocketAddrV4>().ok());
    let report = report.number("outside", outside.map_or(0, |outside| outside.port()));
    match notice {
        Some(Notice { kind, code, info, by }) => report
            .number("error", format!("\"{kind}/{code}\""))
            .number("mtu", info)
            .number("by", format!("\"{by}\"")),
        None => report.number("error", "\"none\"").number("mtu", 0).number("by", "\"none\""),
    }
    .print();
    Ok(())
}

/// The first error or the first answer.
fn wait(fd: &OwnedFd, tcp: bool, limit: Duration) -> Result<(Option<Notice>, Option<String>)> {
    let deadline = Instant::now() + limit;
    let mut buffer = vec![0; 65_536];
    loop {
        if let Some(notice) = notice(fd)? {
            return Ok((Some(notice), None));
        }
        // A stream answers at the latest with the client's address.
        if !tcp || getpeername::<SockaddrIn>(fd.as_raw_fd()).is_ok() {
            if let Ok(length) = recv(fd.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                let answer = buffer.get(..length).unwrap_or(&[]);
                return Ok((None, Some(String::from_utf8_lossy(answer).into_owned())));
            }
        }
        if Instant::now() >= deadline {
            return Ok((None, None));
        }
        std::thread::sleep(STEP);
    }
}

fn notice(fd: &OwnedFd) -> Result<Option<Notice>> {
    let mut control = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in);
    let mut buffer = [0; 2048];
    let mut parts = [std::io::IoSliceMut::new(&mut buffer)];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrIn>(fd.as_raw_fd(), &mut parts, Some(&mut control), flags);
    let Ok(message) = message else {
        return Ok(None);
    };
    for control in message.cmsgs()? {
        if let ControlMessageOwned::Ipv4RecvErr(error, offender) = control {
            // An error of this host ("message too long") did not arrive from the network.
            if error.ee_origin == libc::SO_EE_ORIGIN_ICMP {
                let by = offender.map_or(Ipv4Addr::UNSPECIFIED, |address| {
                    Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr))
                });
                let (kind, code, info) = (error.ee_type, error.ee_code, error.ee_info);
                return Ok(Some(Notice { kind, code, info, by }));
            }
        }
    }
    Ok(None)
}
