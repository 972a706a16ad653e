//! The UDP and ICMP tests: send, collect answers, send again what was not answered.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, SockaddrIn, bind, socket};

use crate::Result;
use crate::args::{Args, nth};
use crate::raw::{RawSocket, udp_without_checksum};
use crate::ready::Ready;
use crate::report::{Report, percent};

/// Datagrams that are sent before the answers are read: fewer than any queue on the way holds.
const BATCH: usize = 32;

/// How long the answers to one round may take.
const ROUND: Duration = Duration::from_secs(2);

/// One datagram to one destination, and what came back.
struct Question {
    socket: usize,
    to: SocketAddrV4,
    answer: Option<Vec<u8>>,
}

/// `--count` sockets, one datagram each to the same server.
pub(crate) fn udp(args: &Args) -> Result<()> {
    let (to, sources, count): (_, _, usize) =
        (args.to()?, args.sources()?, args.required("count")?);
    let mut sockets = Vec::new();
    for index in 0..count {
        sockets.push(UdpSocket::bind(SocketAddrV4::new(sources.number(index), 0))?);
    }
    let mut questions: Vec<_> =
        (0..count).map(|socket| Question { socket, to, answer: None }).collect();
    let size: usize = args.or("size", 32)?;
    let first = exchange(args, &sockets, &mut questions, &vec![b'.'; size])?;
    let whole = questions.iter().filter_map(|q| q.answer.as_ref()).filter(|a| a.len() >= size);
    let report = report("udp", &questions, first).number("whole", whole.count());
    report.outside(outside(&questions).iter()).print();
    std::thread::sleep(Duration::from_secs(args.or("keep", 0)?));
    Ok(())
}

/// `--sockets` sockets, each to the same `--servers` servers: counts those that keep one external
/// port.
pub(crate) fn eim(args: &Args) -> Result<()> {
    let (to, sources) = (args.to()?, args.sources()?);
    let (count, servers): (usize, usize) = (args.or("sockets", 1)?, args.or("servers", 6)?);
    let mut sockets = Vec::new();
    let mut questions = Vec::new();
    for socket in 0..count {
        sockets.push(UdpSocket::bind(SocketAddrV4::new(sources.number(socket), 0))?);
        questions.extend((0..servers).map(|n| Question { socket, to: nth(to, n), answer: None }));
    }
    let first = exchange(args, &sockets, &mut questions, b".")?;
    let constant = questions.chunks(servers.max(1)).filter(|same| {
        let seen = outside(same);
        seen.len() == servers && seen.iter().collect::<BTreeSet<_>>().len() == 1
    });
    let constant = constant.count();
    let report = report("eim", &questions, first).number("sockets", count);
    report.number("constant", constant).number("eim_percent", percent(constant, count)).print();
    Ok(())
}

/// One socket to `--count` different addresses.
pub(crate) fn distinct(args: &Args) -> Result<()> {
    let (to, count): (_, usize) = (args.to()?, args.required("count")?);
    let sockets = [UdpSocket::bind(SocketAddrV4::new(args.sources()?.number(0), 0))?];
    let mut questions: Vec<_> =
        (0..count).map(|n| Question { socket: 0, to: nth(to, n), answer: None }).collect();
    let first = exchange(args, &sockets, &mut questions, b".")?;
    report("distinct", &questions, first).outside(outside(&questions).iter()).print();
    Ok(())
}

/// `--count` echo requests. The kernel's ping sockets choose the identifiers, one per socket.
pub(crate) fn icmp(args: &Args) -> Result<()> {
    let (sources, count): (_, usize) = (args.sources()?, args.required("count")?);
    let to = SocketAddrV4::new(args.required::<Ipv4Addr>("to")?, 0);
    let mut sockets = Vec::new();
    for index in 0..count {
        let (kind, protocol) = (SockType::Datagram, SockProtocol::Icmp);
        let fd = socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, protocol)?;
        bind(fd.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(sources.number(index), 0)))?;
        sockets.push(UdpSocket::from(fd));
    }
    let mut questions: Vec<_> =
        (0..count).map(|socket| Question { socket, to, answer: None }).collect();
    // Type 8, code 0; the kernel fills in checksum and identifier.
    let mut message = vec![8, 0, 0, 0, 0, 0, 0, 1];
    message.resize(8 + args.or("size", 16)?, b'.');
    let first = exchange(args, &sockets, &mut questions, &message)?;
    report("icmp", &questions, first).print();
    Ok(())
}

fn report(test: &str, questions: &[Question], first: usize) -> Report {
    let answered = questions.iter().filter(|question| question.answer.is_some()).count();
    let report = Report::new(test).number("wanted", questions.len());
    report.number("answered_first", first).number("answered", answered)
}

/// The source addresses that the servers saw.
fn outside(questions: &[Question]) -> Vec<SocketAddrV4> {
    let parse = |answer: &Vec<u8>| {
        let text = String::from_utf8_lossy(answer);
        text.lines().next().and_then(|line| line.parse().ok())
    };
    questions.iter().filter_map(|question| question.answer.as_ref()).filter_map(parse).collect()
}

/// Sends `message` for every question, in rounds; returns how many the first round answered.
fn exchange(
    args: &Args,
    sockets: &[UdpSocket],
    questions: &mut [Question],
    message: &[u8],
) -> Result<usize> {
    let rounds: usize = args.or("rounds", 3)?;
    // The sockets are still needed: for their ports, and for the answers.
    let raw = if args.or("checksum", 1)? == 0 { Some(RawSocket::new()?) } else { None };
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    for (number, socket) in sockets.iter().enumerate() {
        socket.set_nonblocking(true)?;
        epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
    }
    // An answer belongs to the socket it arrives on and the address it comes from.
    let index = questions.iter().enumerate().map(|(n, q)| ((q.socket, q.to), n)).collect();
    let mut inbox = Inbox { epoll, sockets, index, answered: 0 };
    let mut first = 0;
    for round in 0..rounds {
        let open: Vec<usize> = (0..questions.len()).filter(|n| is_open(questions, *n)).collect();
        for batch in open.chunks(BATCH) {
            for question in batch.iter().filter_map(|n| questions.get(*n)) {
                let Some(socket) = sockets.get(question.socket) else {
                    continue;
                };
                match (&raw, socket.local_addr()?) {
                    (Some(raw), SocketAddr::V4(from)) => {
                        let to = question.to;
                        let datagram = udp_without_checksum(from.port(), to.port(), message)?;
                        raw.send(*from.ip(), *to.ip(), 17, &datagram)?;
                    }
                    // Refusals by the router arrive here as errors: no answer, then.
                    _ => drop(socket.send_to(message, question.to)),
                }
            }
            // Most answers come at once; a lost one must not cost every batch its time.
            inbox.read(questions, Duration::from_millis(50), |all| {
                batch.iter().all(|n| !is_open(all, *n))
            })?;
        }
        inbox.read(questions, ROUND, |all| open.iter().all(|n| !is_open(all, *n)))?;
        if round == 0 {
            first = inbox.answered;
        }
    }
    Ok(first)
}

fn is_open(questions: &[Question], number: usize) -> bool {
    questions.get(number).is_some_and(|question| question.answer.is_none())
}

struct Inbox<'a> {
    epoll: Epoll,
    sockets: &'a [UdpSocket],
    index: std::collections::HashMap<(usize, SocketAddrV4), usize>,
    answered: usize,
}

impl Inbox<'_> {
    fn read(
        &mut self,
        questions: &mut [Question],
        limit: Duration,
        done: impl Fn(&[Question]) -> bool,
    ) -> Result<()> {
        let mut ready = Ready::within(limit);
        let mut buffer = vec![0; 65_536];
        while !done(questions) {
            let Some(events) = ready.next(&self.epoll)? else { break };
            for event in events {
                let number = usize::try_from(event.data())?;
                let Some(socket) = self.sockets.get(number) else {
                    continue;
                };
                while let Ok((length, SocketAddr::V4(from))) = socket.recv_from(&mut buffer) {
                    let found = self.index.get(&(number, from)).and_then(|n| questions.get_mut(*n));
                    let Some(question) = found else { continue };
                    if question.answer.is_none() {
                        self.answered += 1;
                        question.answer = buffer.get(..length).map(<[u8]>::to_vec);
                    }
                }
            }
        }
        Ok(())
    }
}
