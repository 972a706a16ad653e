//! Keeps flows alive during a change of the router, and counts those that were interrupted.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddrV4, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};

use crate::Result;
use crate::args::Args;
use crate::report::Report;

/// For all answers of a round.
const TIMEOUT: Duration = Duration::from_millis(250);

/// How long an answer may take on a slow emulated machine.
const ANSWER: Duration = Duration::from_secs(5);

struct Datagrams {
    socket: UdpSocket,
    /// The source address that the server saw first.
    outside: Option<SocketAddrV4>,
    moved: bool,
    unanswered: usize,
    alive: bool,
}

struct Connection {
    stream: TcpStream,
    received: usize,
    alive: bool,
}

/// `--udp` sockets and `--tcp` connections to `--to` say something, then pause for `--pause`
/// milliseconds, for `--seconds`; a line `steady` is printed once all have been answered.
pub(crate) fn steady(args: &Args) -> Result<()> {
    let (to, sources) = (args.to()?, args.sources()?);
    let (udp, tcp): (usize, usize) = (args.or("udp", 0)?, args.or("tcp", 0)?);
    let mut datagrams = Vec::new();
    for index in 0..udp {
        let socket = UdpSocket::bind(SocketAddrV4::new(sources.number(index), 0))?;
        socket.connect(to)?;
        socket.set_nonblocking(true)?;
        let (outside, unanswered) = (None, 0);
        datagrams.push(Datagrams { socket, outside, moved: false, unanswered, alive: false });
    }
    let mut streams = Vec::new();
    for index in 0..tcp {
        let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        bind(fd.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(sources.number(index), 0)))?;
        connect(fd.as_raw_fd(), &SockaddrIn::from(to))?;
        let stream = TcpStream::from(fd);
        stream.set_nonblocking(true)?;
        streams.push(Connection { stream, received: 0, alive: false });
    }
    let deadline = Instant::now() + Duration::from_secs(args.or("seconds", 10)?);
    let pause = Duration::from_millis(args.or("pause", 250)?);
    let mut rounds = 0;
    // One more round after the end shows which flows are alive.
    loop {
        let last = Instant::now() >= deadline;
        let timeout = if last || rounds == 0 { ANSWER } else { TIMEOUT };
        round(&mut datagrams, &mut streams, timeout);
        if rounds == 0 {
            println!("{{\"steady\":\"ready\"}}");
        }
        rounds += 1;
        if last {
            break;
        }
        std::thread::sleep(pause);
    }
    let count = |test: fn(&Datagrams) -> bool| datagrams.iter().filter(|one| test(one)).count();
    Report::new("steady")
        .number("rounds", rounds)
        .number("udp_alive", count(|one| one.alive))
        .number("udp_moved", count(|one| one.moved))
        .number("udp_unanswered", datagrams.iter().map(|one| one.unanswered).sum::<usize>())
        .number("tcp_alive", streams.iter().filter(|one| one.alive).count())
        .print();
    Ok(())
}

fn round(datagrams: &mut [Datagrams], streams: &mut [Connection], timeout: Duration) {
    for one in datagrams.iter_mut() {
        one.alive = false;
        // What cannot be sent is not answered either.
        let _ = one.socket.send(b".");
    }
    for one in streams.iter_mut() {
        one.received = 0;
        one.alive = false;
        let _ = one.stream.write(b"steady\n");
    }
    let deadline = Instant::now() + timeout;
    let mut buffer = [0; 2048];
    loop {
        for one in datagrams.iter_mut() {
            while let Ok(length) = one.socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or(&[]));
                let outside = text.lines().next().and_then(|line| line.parse().ok());
                one.moved |= one.outside.is_some() && one.outside != outside;
                one.outside = one.outside.or(outside);
                one.alive = true;
            }
        }
        for one in streams.iter_mut() {
            loop {
                match one.stream.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(length) => one.received += length,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            one.alive = one.received > 0;
        }
        if datagrams.iter().all(|one| one.alive) && streams.iter().all(|one| one.alive) {
            return;
        }
        if Instant::now() >= deadline {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    for one in datagrams.iter_mut().filter(|one| !one.alive) {
        one.unanswered += 1;
    }
}
