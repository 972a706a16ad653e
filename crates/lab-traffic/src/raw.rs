//! Packets that ordinary sockets do not send.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, sendto, socket,
};

use crate::Result;
use crate::args::Args;
use crate::report::Report;

/// A socket whose packets bring their own IPv4 header. Needs root.
pub(crate) struct RawSocket(OwnedFd);

impl RawSocket {
    pub(crate) fn new() -> Result<Self> {
        let protocol = SockProtocol::Raw;
        let fd = socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        Ok(Self(fd))
    }

    /// Sends `payload`; the kernel fills in length, identification and header checksum.
    pub(crate) fn send(
        &self,
        from: Ipv4Addr,
        to: Ipv4Addr,
        protocol: u8,
        payload: &[u8],
    ) -> Result<()> {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
        packet.extend(from.octets());
        packet.extend(to.octets());
        packet.extend(payload);
        let target = SockaddrIn::from(SocketAddrV4::new(to, 0));
        sendto(self.0.as_raw_fd(), &packet, &target, MsgFlags::empty())?;
        Ok(())
    }
}

/// A UDP datagram with checksum 0: "not computed", which every receiver must accept.
pub(crate) fn udp_without_checksum(from: u16, to: u16, message: &[u8]) -> Result<Vec<u8>> {
    let length = u16::try_from(message.len() + 8)?;
    let mut datagram = Vec::new();
    for field in [from, to, length, 0] {
        datagram.extend(field.to_be_bytes());
    }
    datagram.extend(message);
    Ok(datagram)
}

/// Sends one packet: `--from`, `--to` (addresses), `--protocol`, `--payload` in hexadecimal.
pub(crate) fn raw(args: &Args) -> Result<()> {
    let (from, to): (Ipv4Addr, Ipv4Addr) = (args.required("from")?, args.required("to")?);
    let protocol: u8 = args.required("protocol")?;
    let text: String = args.required("payload")?;
    let mut payload = Vec::new();
    for start in (0..text.len()).step_by(2) {
        let digits = text.get(start..start + 2).ok_or("--payload: an odd number of digits")?;
        payload.push(u8::from_str_radix(digits, 16)?);
    }
    if protocol == 1 {
        fill_icmp_checksum(&mut payload);
    }
    RawSocket::new()?.send(from, to, protocol, &payload)?;
    Report::new("raw").number("sent", payload.len()).print();
    Ok(())
}

/// Writes the checksum of a message into it (bytes 2 and 3), unless one is there already.
fn fill_icmp_checksum(message: &mut [u8]) {
    let sum = checksum(message);
    if let Some(field) = message.get_mut(2..4).filter(|field| **field == [0, 0]) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
}

/// The Internet checksum (RFC 1071) of a message whose own field is zero.
pub(crate) fn checksum(message: &[u8]) -> u16 {
    let words = message.chunks(2).map(|pair| {
        let (high, low) = (pair.first(), pair.get(1));
        u32::from(high.copied().unwrap_or(0)) << 8 | u32::from(low.copied().unwrap_or(0))
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}
