use super::*;
use std::net::TcpListener;
use std::thread;

/// A resolver on this machine that answers every question with what `reply` makes of it.
fn server(reply: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddrV6 {
    let socket = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let SocketAddr::V6(address) = socket.local_addr().unwrap() else { unreachable!() };
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            for message in reply(&buffer[..length]) {
                socket.send_to(&message, from).unwrap();
            }
        }
    });
    address
}

/// The question turned into an answer with this code and these records.
fn with(question: &[u8], code: u8, kind: Kind, records: &[&[u8]]) -> Vec<u8> {
    let mut bytes = question[..question.len() - 11].to_vec();
    (bytes[2], bytes[3]) = (0x85, 0x80 | code);
    bytes[7] = u8::try_from(records.len()).unwrap();
    bytes[11] = 0;
    for data in records {
        bytes.extend([0xc0, 0x0c, 0, kind as u8, 0, 1, 0, 0, 0, 9]);
        bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(*data);
    }
    bytes
}

fn asked(servers: &[SocketAddrV6]) -> TxtReply {
    let servers = servers.to_vec();
    Resolvers { servers, timeout: Duration::from_millis(200), ..Resolvers::default() }
        .txt("4over6.info")
}

#[test]
fn every_answer_has_its_meaning() {
    let says = |code, records: &'static [&'static [u8]]| {
        asked(&[server(move |question| vec![with(question, code, Kind::Txt, records)])])
    };
    assert_eq!(says(0, &[]), TxtReply::NoData);
    assert_eq!(says(3, &[]), TxtReply::NxDomain);
    assert_eq!(says(2, &[]), TxtReply::Failed);
    assert_eq!(says(5, &[]), TxtReply::Failed);
    let records = vec![vec![b"ab".to_vec(), b"c".to_vec()], vec![b"d".to_vec()]];
    assert_eq!(says(0, &[b"\x02ab\x01c", b"\x01d"]), TxtReply::Records(records));
    assert_eq!(says(0, &[b"\x05ab"]), TxtReply::Failed);
}

#[test]
fn one_that_fails_or_is_silent_is_not_the_last_word() {
    let silent = server(|_| Vec::new());
    let failing = server(|question| vec![with(question, 2, Kind::Txt, &[])]);
    let good = server(|question| vec![with(question, 3, Kind::Txt, &[])]);
    assert_eq!(asked(&[silent, failing, good]), TxtReply::NxDomain);
    assert_eq!(asked(&[silent]), TxtReply::Timeout);
    assert_eq!(asked(&[silent, failing]), TxtReply::Failed);
    assert_eq!(asked(&[]), TxtReply::Timeout);
}

#[test]
fn no_server_is_asked_after_the_deadline() {
    let good = server(|question| vec![with(question, 3, Kind::Txt, &[])]);
    let until = |until| {
        Resolvers { servers: vec![good], until: Some(until), ..Resolvers::default() }.txt("a.b")
    };
    assert_eq!(until(Instant::now() + Duration::from_secs(60)), TxtReply::NxDomain);
    assert_eq!(until(Instant::now()), TxtReply::Timeout);
}

#[test]
fn a_wrong_answer_does_not_keep_the_right_one_out() {
    let noisy = server(|question| {
        let right = with(question, 3, Kind::Txt, &[]);
        let mut forged = with(question, 0, Kind::Txt, &[b"\x04evil"]);
        forged[0] ^= 1;
        vec![b"".to_vec(), b"garbage".to_vec(), forged, question.to_vec(), right]
    });
    assert_eq!(asked(&[noisy]), TxtReply::NxDomain);
}

#[test]
fn what_does_not_fit_comes_over_tcp() {
    let socket = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let SocketAddr::V6(address) = socket.local_addr().unwrap() else { unreachable!() };
    let listener = TcpListener::bind(address).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 512];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        let mut cut = with(&buffer[..length], 0, Kind::Txt, &[]);
        cut[2] |= 0x02;
        socket.send_to(&cut, from).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let mut framed = vec![0; length + 2];
        stream.read_exact(&mut framed).unwrap();
        let long = [&[255][..], &[b'x'; 255]].concat().repeat(9);
        let message = with(&framed[2..], 0, Kind::Txt, &[&long]);
        let length = u16::try_from(message.len()).unwrap().to_be_bytes();
        stream.write_all(&length).unwrap();
        stream.write_all(&message[..1000]).unwrap();
        stream.write_all(&message[1000..]).unwrap();
    });
    assert_eq!(asked(&[address]), TxtReply::Records(vec![vec![vec![b'x'; 255]; 9]]));
}

#[test]
fn addresses_are_read() {
    let address: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let good =
        server(move |question| vec![with(question, 0, Kind::Aaaa, &[&address.octets(), b"short"])]);
    let resolvers = Resolvers {
        servers: vec![good],
        source: Some(Ipv6Addr::LOCALHOST),
        ..Resolvers::default()
    };
    assert_eq!(resolvers.aaaa("vne.example.jp"), [address]);
    // No name leads into a network of the router's own.
    let own = vec!["2001:db8::/32".parse().unwrap()];
    assert!(Resolvers { own, ..resolvers.clone() }.aaaa("vne.example.jp").is_empty());
    for inside in ["fd00::1", "fc00::1", "fe80::1", "::1", "::ffff:192.0.2.1"] {
        let octets = inside.parse::<Ipv6Addr>().unwrap().octets();
        let bad = server(move |question| vec![with(question, 0, Kind::Aaaa, &[&octets])]);
        let resolvers = Resolvers { servers: vec![bad], ..resolvers.clone() };
        assert!(resolvers.aaaa("vne.example.jp").is_empty(), "{inside}");
    }
    assert!(resolvers.aaaa("not a name but long".repeat(9).as_str()).is_empty());
}
