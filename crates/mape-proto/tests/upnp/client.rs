//! What a game asks its router for: a port, by NAT-PMP (RFC 6886), PCP (RFC 6887) and UPnP IGD.
//! `None` is a refusal.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

const ROUTER: &str = "192.168.9.1";
const HOST: [u8; 4] = [192, 168, 9, 2];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    transport: Transport,
    inside: u16,
    wanted: u16,
}

impl Request {
    pub(crate) fn new(transport: Transport, inside: u16, wanted: u16) -> Self {
        Self { transport, inside, wanted }
    }
}

fn exchange(request: &[u8]) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // It looks at every port there is before it refuses.
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.connect((ROUTER, 5351)).unwrap();
    socket.send(request).ok()?;
    let mut answer = vec![0; 1100];
    let size = socket.recv(&mut answer).ok()?;
    answer.truncate(size);
    Some(answer)
}

pub(crate) fn natpmp(request: Request) -> Option<u16> {
    let operation = if request.transport == Transport::Udp { 1 } else { 2 };
    let mut packet = vec![0, operation, 0, 0];
    packet.extend(request.inside.to_be_bytes());
    packet.extend(request.wanted.to_be_bytes());
    packet.extend(600_u32.to_be_bytes());
    let answer = exchange(&packet)?;
    // Version, operation, result; seconds; inside and outside port.
    (answer.len() == 16 && answer[2..4] == [0, 0])
        .then(|| u16::from_be_bytes([answer[10], answer[11]]))
}

pub(crate) fn pcp(request: Request) -> Option<u16> {
    let mapped = |address: [u8; 4]| [[0; 10].as_slice(), &[0xff, 0xff], &address].concat();
    let mut packet = vec![2, 1, 0, 0];
    packet.extend(600_u32.to_be_bytes());
    packet.extend(mapped(HOST));
    packet.extend([7; 12]);
    packet.extend([if request.transport == Transport::Udp { 17 } else { 6 }, 0, 0, 0]);
    packet.extend(request.inside.to_be_bytes());
    packet.extend(request.wanted.to_be_bytes());
    packet.extend(mapped([0; 4]));
    let answer = exchange(&packet)?;
    (answer.len() >= 60 && answer[1] == 0x81 && answer[3] == 0)
        .then(|| u16::from_be_bytes([answer[42], answer[43]]))
}

pub(crate) fn soap(request: Request) -> Option<u16> {
    let Request { transport, inside, wanted } = request;
    let transport = if transport == Transport::Udp { "UDP" } else { "TCP" };
    let service = "urn:schemas-upnp-org:service:WANIPConnection:1";
    let body = format!(
        "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body><u:AddPortMapping \
         xmlns:u=\"{service}\"><NewRemoteHost></NewRemoteHost><NewExternalPort>{wanted}\
         </NewExternalPort><NewProtocol>{transport}</NewProtocol><NewInternalPort>{inside}\
         </NewInternalPort><NewInternalClient>192.168.9.2</NewInternalClient><NewEnabled>1\
         </NewEnabled><NewPortMappingDescription>lab</NewPortMappingDescription>\
         <NewLeaseDuration>600</NewLeaseDuration></u:AddPortMapping></s:Body></s:Envelope>"
    );
    let mut stream = TcpStream::connect((ROUTER, 5000)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let head = format!(
        "POST /ctl/IPConn HTTP/1.1\r\nHost: {ROUTER}:5000\r\nContent-Type: text/xml\r\n\
         SOAPAction: \"{service}#AddPortMapping\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).ok()?;
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer.starts_with("HTTP/1.1 200").then_some(wanted)
}
