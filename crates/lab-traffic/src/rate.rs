//! Measures the rates of several paths in turn, in one process that has both ends.
//!
//! Each path has its own client and server in namespaces of their own, with equal addresses, so
//! that only the path itself differs.
//!
//! A packet crosses all namespaces within the system call that sends it, on the same processor. No
//! other process is woken, so the time of the call is the cost of the path. Slices are so short
//! that many are not interrupted even on a busy machine: the first quartile of each round counts.
//! On a machine whose clock counts instructions, only timers and deferred work interrupt one.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, connect, socket};

use crate::Result;
use crate::args::{Args, nth};
use crate::report::Report;

/// Addresses of the servers of each path, of which the first is not used.
const ADDRESSES: usize = 8192;

/// A 64-byte frame without its checksum: Ethernet 14, IPv4 20, UDP 8, and this.
const SMALL: [u8; 22] = [b'.'; 22];

/// Established flows of each path, which are used in turn: a lookup in a table of the kernel is
/// longer for some ports than for others.
const FLOWS: usize = 16;

/// How long a handshake may take before it counts as lost (not measured then).
const TIMEOUT: Duration = Duration::from_millis(5);

/// The ends that stay for the whole run.
struct Ends {
    paths: Vec<Path>,
}

/// One candidate.
struct Path {
    base: SocketAddrV4,
    next: usize,
    /// The client's namespace.
    lan: File,
    listener: TcpListener,
    /// Receives packets that are not read.
    _sink: UdpSocket,
    clients: Vec<UdpSocket>,
    server: UdpSocket,
    /// The source address of each client, as the server sees it.
    outside: Vec<SocketAddr>,
    /// For bulk only: client and server side.
    bulk: Option<(TcpStream, TcpStream)>,
    lost: usize,
}

/// Measures one `--kind` of traffic on `--candidates` paths.
pub(crate) fn rate(args: &Args) -> Result<()> {
    let (to, kind): (_, String) = (args.to()?, args.required("kind")?);
    let (slices, operations): (usize, usize) =
        (args.required("slices")?, args.required("operations")?);
    let (rounds, candidates): (usize, usize) =
        (args.required("rounds")?, args.required("candidates")?);
    let mut ends = Ends::new(args, to, candidates)?;
    let run = match kind.as_str() {
        "connect" => Ends::connections,
        "udp" => Ends::flows,
        "out" => Ends::out,
        "in" => Ends::into,
        "bulk" | "blocks" => {
            for path in &mut ends.paths {
                enter(&path.lan)?;
                let client = TcpStream::connect(nth(path.base, 2))?;
                let server = accept(&path.listener, Duration::from_secs(3)).ok_or("no bulk")?;
                client.set_nonblocking(true)?;
                server.set_nonblocking(true)?;
                path.bulk = Some((client, server));
            }
            if kind == "bulk" { Ends::bulk } else { Ends::blocks }
        }
        _ => return Err(format!("--kind {kind}: not known").into()),
    };
    let mut rates = vec![Vec::new(); candidates];
    // The first round only warms up.
    for round in 0..=rounds {
        let mut times = vec![Vec::new(); candidates];
        for slice in 0..slices {
            for turn in 0..candidates {
                // In alternating order, so that no candidate always follows the same one.
                let turn = if slice % 2 == 0 { turn } else { candidates - 1 - turn };
                let candidate = (turn + slice) % candidates;
                enter(&ends.path(candidate)?.lan)?;
                let time = run(&mut ends, candidate, operations)?;
                if let Some(times) = times.get_mut(candidate) {
                    times.push(time / f64::from(u32::try_from(operations)?));
                }
            }
        }
        for (rates, times) in rates.iter_mut().zip(&mut times) {
            times.sort_by(f64::total_cmp);
            let time = times.get(times.len() / 4).copied().unwrap_or(f64::NAN);
            if round > 0 {
                rates.push(format!("{:.1}", 1.0 / time));
            }
        }
    }
    let lists: Vec<String> = rates.iter().map(|list| format!("[{}]", list.join(","))).collect();
    let lost: Vec<String> = ends.paths.iter().map(|path| path.lost.to_string()).collect();
    let first = |path: &Path| path.outside.first().map_or(0, SocketAddr::port).to_string();
    let outside: Vec<String> = ends.paths.iter().map(first).collect();
    Report::new("rate")
        .number("kind", format_args!("\"{kind}\""))
        .number("rates", format_args!("[{}]", lists.join(",")))
        .number("lost", format_args!("[{}]", lost.join(",")))
        .number("outside_ports", format_args!("[{}]", outside.join(",")))
        .print();
    Ok(())
}

impl Ends {
    fn new(args: &Args, to: SocketAddrV4, candidates: usize) -> Result<Self> {
        let (lan, server): (String, String) = (args.required("lan")?, args.required("server")?);
        let mut paths = Vec::new();
        for number in 0..candidates {
            let lan = File::open(format!("{lan}{number}"))?;
            enter(&File::open(format!("{server}{number}"))?)?;
            let listener = TcpListener::bind(("0.0.0.0", to.port()))?;
            listener.set_nonblocking(true)?;
            let sink = UdpSocket::bind(("0.0.0.0", to.port()))?;
            let mut address = nth(to, 1);
            address.set_port(to.port() + 1);
            let server = UdpSocket::bind(address)?;
            server.set_read_timeout(Some(Duration::from_secs(3)))?;
            enter(&lan)?;
            let (mut clients, mut outside) = (Vec::new(), Vec::new());
            for _ in 0..FLOWS {
                let client = UdpSocket::bind("0.0.0.0:0")?;
                client.connect(address)?;
                client.set_read_timeout(Some(Duration::from_secs(3)))?;
                // Twice, so that conntrack takes the flow for an established one.
                for turn in 0..2 {
                    let mut buffer = [0; 64];
                    client.send(&SMALL)?;
                    let (_, from) = server.recv_from(&mut buffer)?;
                    server.send_to(&SMALL, from)?;
                    client.recv(&mut buffer)?;
                    if turn == 1 {
                        outside.push(from);
                    }
                }
                client.set_nonblocking(true)?;
                clients.push(client);
            }
            server.set_nonblocking(true)?;
            let (bulk, lost) = (None, 0);
            let path = Path {
                base: to,
                next: 3,
                lan,
                listener,
                _sink: sink,
                clients,
                server,
                outside,
                bulk,
                lost,
            };
            paths.push(path);
        }
        Ok(Self { paths })
    }

    fn path(&mut self, candidate: usize) -> Result<&mut Path> {
        self.paths.get_mut(candidate).ok_or_else(|| "no such candidate".into())
    }

    /// TCP connections opened and closed, each to another server. Seconds, as below.
    fn connections(&mut self, candidate: usize, count: usize) -> Result<f64> {
        let path = self.path(candidate)?;
        let mut waste = Duration::ZERO;
        let mut done = 0;
        let start = Instant::now();
        while done < count {
            let to = path.target();
            let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
            let fd = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
            let began = Instant::now();
            match connect(fd.as_raw_fd(), &SockaddrIn::from(to)) {
                Ok(()) | Err(Errno::EINPROGRESS) => {}
                Err(error) => return Err(error.into()),
            }
            let server = accept(&path.listener, TIMEOUT);
            if server.is_some() {
                done += 1;
            } else {
                // A lost SYN is another test's business.
                path.lost += 1;
                waste += began.elapsed();
                if path.lost > 100_000 {
                    return Err("nothing gets through".into());
                }
            }
            drop(fd);
            drop(server);
        }
        Ok(start.elapsed().saturating_sub(waste).as_secs_f64())
    }

    /// UDP flows begun by one socket, each to another server.
    fn flows(&mut self, candidate: usize, count: usize) -> Result<f64> {
        let path = self.path(candidate)?;
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        let start = Instant::now();
        for _ in 0..count {
            if socket.send_to(&SMALL, path.target()).is_err() {
                path.lost += 1;
            }
        }
        Ok(start.elapsed().as_secs_f64())
    }

    /// Small packets of an established flow, towards the server.
    fn out(&mut self, candidate: usize, count: usize) -> Result<f64> {
        let path = self.path(candidate)?;
        let start = Instant::now();
        for client in path.clients.iter().cycle().take(count) {
            client.send(&SMALL)?;
        }
        let time = start.elapsed().as_secs_f64();
        path.lost += count.saturating_sub(drain(&path.server));
        Ok(time)
    }

    /// The same towards the LAN.
    fn into(&mut self, candidate: usize, count: usize) -> Result<f64> {
        let path = self.path(candidate)?;
        let start = Instant::now();
        for outside in path.outside.iter().cycle().take(count) {
            path.server.send_to(&SMALL, *outside)?;
        }
        let time = start.elapsed().as_secs_f64();
        path.lost += count.saturating_sub(path.clients.iter().map(drain).sum());
        Ok(time)
    }

    /// `count` bytes of a download whose server always has more to send: full segments.
    fn bulk(&mut self, candidate: usize, count: usize) -> Result<f64> {
        self.download(candidate, count, 1 << 20)
    }

    /// The same, each 64 kB by themselves: what is left over of the last segment makes a small
    /// packet, the third one beside a large one and its acknowledgement.
    fn blocks(&mut self, candidate: usize, count: usize) -> Result<f64> {
        self.download(candidate, count, 65_536)
    }

    fn download(&mut self, candidate: usize, count: usize, block: usize) -> Result<f64> {
        let path = self.path(candidate)?;
        let (client, server) = path.bulk.as_mut().ok_or("no connection")?;
        let data = vec![b'.'; block];
        let mut buffer = vec![0; 262_144];
        let (mut sent, mut received) = (0, 0);
        let start = Instant::now();
        while received < count {
            if sent < count {
                let part = data.get(..data.len().min(count - sent)).unwrap_or(&data);
                match server.write(part) {
                    Ok(length) => sent += length,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error.into()),
                }
            }
            match client.read(&mut buffer) {
                Ok(0) => return Err("the download ended".into()),
                Ok(length) => received += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            if start.elapsed() > Duration::from_secs(60) {
                return Err("the download stands still".into());
            }
        }
        Ok(start.elapsed().as_secs_f64())
    }
}

impl Path {
    fn target(&mut self) -> SocketAddrV4 {
        let to = nth(self.base, self.next);
        self.next = if self.next + 2 < ADDRESSES { self.next + 1 } else { 3 };
        to
    }
}

/// Makes later sockets of this thread belong to a namespace.
fn enter(namespace: &File) -> nix::Result<()> {
    setns(namespace, CloneFlags::CLONE_NEWNET)
}

fn accept(listener: &TcpListener, limit: Duration) -> Option<TcpStream> {
    let start = Instant::now();
    loop {
        if let Ok((stream, _)) = listener.accept() {
            return Some(stream);
        }
        if start.elapsed() > limit {
            return None;
        }
        // On a busy machine the kernel hands packets to its own thread, which needs a processor.
        std::thread::yield_now();
    }
}

/// Reads what is waiting; how many datagrams it was.
fn drain(socket: &UdpSocket) -> usize {
    let mut buffer = [0; 64];
    std::iter::from_fn(|| socket.recv(&mut buffer).ok()).count()
}
