//! Tests of `http_bound`.

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
    let got = get_from(Ipv6Addr::LOCALHOST, server, &url, "", Duration::from_secs(5));
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
    assert!(get_from(foreign, server, &url, "", Duration::from_secs(1)).is_err());
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err());
}
