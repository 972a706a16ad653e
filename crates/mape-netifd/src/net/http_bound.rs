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

/// Sends the request from `source` and returns the status of the answer. `timeout` is the limit of
/// each step.
///
/// # Errors
/// There is no connection from there, or no answer of HTTP.
pub fn get_from(
    source: Ipv6Addr,
    server: SocketAddrV6,
    url: &Url,
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
        "GET {target} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: mape-rs\r\nConnection: close\r\n\r\n"
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
mod tests {
    use super::*;
    use std::net::{SocketAddr, TcpListener};
    use std::thread;

    fn asked(answer: &'static str) -> (io::Result<u16>, String) {
        let listener = TcpListener::bind("[::1]:0").unwrap();
        let SocketAddr::V6(server) = listener.local_addr().unwrap() else { unreachable!() };
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; 500];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let url = Url::parse("http://fcs.enabler.ne.jp/update?user=u&pass=p").unwrap();
        let got = get_from(Ipv6Addr::LOCALHOST, server, &url, Duration::from_secs(5));
        (got, thread.join().unwrap())
    }

    #[test]
    fn the_request_to_the_byte_and_the_status() {
        let (status, request) = asked("HTTP/1.1 200 OK\r\n\r\nOK");
        assert_eq!(status.unwrap(), 200);
        assert_eq!(
            request,
            "GET /update?user=u&pass=p HTTP/1.0\r\nHost: fcs.enabler.ne.jp\r\n\
             User-Agent: mape-rs\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(asked("HTTP/1.0 401\r\n").0.unwrap(), 401);
        for nonsense in ["", "SSH-2.0-x\r\n", "HTTP/1.1 abc\r\n"] {
            assert!(asked(nonsense).0.is_err(), "{nonsense}");
        }
    }

    #[test]
    fn from_an_address_that_is_not_ours_nothing_is_sent() {
        let listener = TcpListener::bind("[::1]:0").unwrap();
        let SocketAddr::V6(server) = listener.local_addr().unwrap() else { unreachable!() };
        let url = Url::parse("http://a/").unwrap();
        let foreign = "2001:db8::1".parse().unwrap();
        assert!(get_from(foreign, server, &url, Duration::from_secs(1)).is_err());
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err());
    }
}
