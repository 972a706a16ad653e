//! One GET over plain HTTP from a given source address, which uclient-fetch cannot do.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddrV6, TcpStream};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use mape_provision::Url;
use nix::sys::socket::sockopt::{ReceiveTimeout, SendTimeout};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn6, bind, connect, setsockopt, socket,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

/// Longest status line, in bytes.
const MAX_LINE: u64 = 256;

/// Sends the request from `source` and returns the status of the answer. `header` is empty or has
/// complete lines. `timeout` is the limit of each step.
///
/// # Errors
/// There is no connection from there, or no answer of HTTP.
pub(crate) fn get_from(
    source: Ipv6Addr,
    server: SocketAddrV6,
    url: &Url,
    header: &str,
    timeout: Duration,
) -> io::Result<u16> {
    let none = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet6, SockType::Stream, none, None)?;
    let time = TimeVal::seconds(i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX));
    // The time to send is also that for the connection.
    setsockopt(&socket, SendTimeout, &time)?;
    setsockopt(&socket, ReceiveTimeout, &time)?;
    bind(socket.as_raw_fd(), &SockaddrIn6::from(SocketAddrV6::new(source, 0, 0, 0)))?;
    connect(socket.as_raw_fd(), &SockaddrIn6::from(server))?;
    let mut stream = TcpStream::from(socket);
    let (target, host) = (url.target(), url.authority());
    let request = format!(
        "GET {target} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: mape-rs\r\n{header}\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let read = stream.take(MAX_LINE).read_to_end(&mut answer);
    // A server that does not close has answered all the same.
    status(&answer).ok_or_else(|| read.err().unwrap_or_else(|| io::ErrorKind::InvalidData.into()))
}

fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.strip_prefix("HTTP/")?;
    line.split(' ').nth(1)?.trim().parse().ok()
}

#[cfg(test)]
mod tests;
