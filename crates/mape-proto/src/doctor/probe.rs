//! Sends packets to the target that the user names. No other check sends anything.

use mape_core::IntoVec as _;
use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::{
    socket::{
        AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, connect, recv, send,
        setsockopt, socket, sockopt,
    },
    time::{TimeVal, TimeValLike as _},
};

use super::finding::Finding;

/// Timeout of a connection through the tunnel.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of an echo request.
const ECHO_TIMEOUT: Duration = Duration::from_secs(2);
/// A packet size that fits every path (RFC 791).
const SMALL: u16 = 68;
/// Size of the headers of IPv4 without options and of ICMP.
const HEADERS: u16 = 28;

/// Connects by TCP over IPv4, and if that works, pings with packets of the tunnel's `mtu`.
pub(super) fn checks(target: SocketAddrV4, mtu: Option<u16>) -> Vec<Finding> {
    let reached = reach(target);
    let size = mtu.filter(|_| reached.0.fine).and_then(|mtu| {
        let socket = raw(target)?;
        // The large packet is sent twice, because any packet may be lost.
        let large = answers(&socket, mtu, 1) || answers(&socket, mtu, 2);
        Some(packet_size(target, mtu, large, large || answers(&socket, SMALL, 3)))
    });
    std::iter::once(reached).chain(size).into_vec()
}

/// Connects by TCP. A ping would not test the ports that applications use.
fn reach(target: SocketAddrV4) -> Finding {
    const CHECK: &str = "target";
    match TcpStream::connect_timeout(&SocketAddr::V4(target), CONNECT_TIMEOUT) {
        Ok(_) => Finding::fine(CHECK, format!("{target} accepts a TCP connection")),
        Err(error) => Finding::wrong(
            CHECK,
            format!("no TCP connection to {target}"),
            "try another target; if none works, the first check that fails above is the cause",
        )
        .with("target", &target.to_string())
        .with_evidence(error.to_string()),
    }
}

fn packet_size(target: SocketAddrV4, mtu: u16, large: bool, small: bool) -> Finding {
    const CHECK: &str = "packet_size";
    let host = target.ip();
    match (large, small) {
        (true, _) => Finding::fine(CHECK, format!("{host} answers packets of {mtu} bytes")),
        (false, true) => Finding::wrong(
            CHECK,
            format!("{host} answers small packets, but not packets of {mtu} bytes"),
            "set the option mtu of the interface to 1280; if that helps, the MTU of the path is \
             smaller than the MTU of the uplink",
        )
        .with("target", &host.to_string())
        .with("mtu", &mtu.to_string()),
        (false, false) => {
            Finding::fine(CHECK, format!("{host} does not answer ping (inconclusive)"))
        }
    }
}

/// Opens a raw ICMP socket; `None` without the permission. Its packets are not fragmented, which is
/// the kernel's default.
fn raw(target: SocketAddrV4) -> Option<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Raw, flags, SockProtocol::Icmp).ok()?;
    let timeout = TimeVal::milliseconds(i64::try_from(ECHO_TIMEOUT.as_millis()).ok()?);
    setsockopt(&socket, sockopt::ReceiveTimeout, &timeout).ok()?;
    connect(socket.as_raw_fd(), &SockaddrIn::from(target)).ok()?;
    Some(socket)
}

/// Whether an echo request whose IPv4 packet has `size` bytes is answered.
fn answers(socket: &OwnedFd, size: u16, sequence: u8) -> bool {
    let request = request(usize::from(size.saturating_sub(HEADERS)), sequence);
    if send(socket.as_raw_fd(), &request, MsgFlags::empty()).is_err() {
        return false;
    }
    let mut buffer = vec![0; usize::from(u16::MAX)];
    let end = Instant::now() + ECHO_TIMEOUT;
    while Instant::now() < end {
        let Ok(length) = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) else {
            return false;
        };
        if buffer.get(..length).is_some_and(|packet| is_reply(packet, &request)) {
            return true;
        }
    }
    false
}

/// Builds an echo request: type 8, code 0 (RFC 792). The identifier is the process id.
fn request(data: usize, sequence: u8) -> Vec<u8> {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let mut message = vec![8, 0, 0, 0, high, low, 0, sequence];
    message.resize(message.len() + data, 0);
    let sum = message.chunks(2).fold(0_u32, |sum, word| {
        let at = |index: usize| u32::from(word.get(index).copied().unwrap_or(0));
        sum + (at(0) << 8) + at(1)
    });
    // At most 65535 words of 16 bits, so that two foldings leave one word (RFC 1071).
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !((folded & 0xffff) + (folded >> 16));
    if let Some(field) = message.get_mut(2..4) {
        field.copy_from_slice(&checksum.to_be_bytes()[2..]);
    }
    message
}

/// Whether an IPv4 packet is the answer to this request, of the same length.
fn is_reply(packet: &[u8], request: &[u8]) -> bool {
    let header = packet.first().map_or(0, |byte| usize::from(byte & 15) * 4);
    let Some(message) = packet.get(header..) else { return false };
    message.starts_with(&[0, 0])
        && message.get(4..8) == request.get(4..8)
        && message.len() == request.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_a_right_checksum() {
        for data in [0, 1, 40, 1432] {
            let message = request(data, 2);
            assert_eq!(message.len(), 8 + data);
            let word =
                |word: &[u8]| u32::from(word[0]) << 8 | word.get(1).map_or(0, |it| (*it).into());
            let sum: u32 = message.chunks(2).map(word).sum();
            assert_eq!(sum % 0xffff, 0, "{data}");
        }
    }

    #[test]
    fn only_its_own_answer_counts() {
        let request = request(3, 1);
        let mut reply = [&[0x45][..], &[0; 19], &request].concat();
        assert!(!is_reply(&reply, &request), "the request itself");
        reply[20] = 0;
        assert!(is_reply(&reply, &request));
        assert!(!is_reply(&reply[..reply.len() - 1], &request), "shorter");
        assert!(!is_reply(&reply, &super::request(3, 2)), "another number");
        for end in 0..24 {
            assert!(!is_reply(&reply[..end], &request));
        }
    }

    #[test]
    fn sizes_are_judged() {
        let judge = |large, small| packet_size("192.0.2.1:80".parse().unwrap(), 1460, large, small);
        assert!(judge(true, true).0.fine && judge(false, false).0.fine);
        let narrow = judge(false, true);
        assert!(!narrow.0.fine && narrow.0.message.contains("not packets of 1460 bytes"));
    }
}
