//! The TCP tests.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use crate::Result;
use crate::args::{Args, nth};
use crate::pool::{Connection, Pool};
use crate::report::{LATE, Report, percent, syn_retransmissions};

/// Handshakes under way at once: a burst, but not one that overruns the servers' queues.
const WINDOW: usize = 64;

/// How long an answer on an established path may take on a slow emulated machine, and how much
/// longer each connection that is asked at the same time makes it: such a machine answers some
/// hundreds in a second.
const ANSWER: Duration = Duration::from_secs(20);
const ANSWER_EACH: Duration = Duration::from_millis(3);

/// Opens `--count` connections to one server and shows that all are alive at the same moment.
pub(crate) fn hold(args: &Args) -> Result<()> {
    let (to, count) = (args.to()?, args.required("count")?);
    open_all(args, "hold", count, |_| to)
}

/// Opens `--count` connections spread over `--servers` servers.
pub(crate) fn many(args: &Args) -> Result<()> {
    let (to, count) = (args.to()?, args.required("count")?);
    let servers: usize = args.or("servers", 100)?;
    open_all(args, "many", count, |index| nth(to, index % servers.max(1)))
}

fn open_all(
    args: &Args,
    test: &str,
    count: usize,
    target: impl Fn(usize) -> SocketAddrV4,
) -> Result<()> {
    let (sources, wait) = (args.sources()?, args.wait()?);
    let mut progress = Progress::new(args, count)?;
    let before = syn_retransmissions();
    let mut pool = Pool::new()?;
    for index in 0..count {
        pool.open(sources.number(index), target(index))?;
        // A handshake that lost its SYN must not hold up the others for long.
        pool.run(Duration::from_millis(200), |pool| pool.pending() < WINDOW)?;
        progress.show(&pool);
    }
    finish(&mut pool, wait)?;
    progress.show(&pool);
    let mut given_up = Vec::new();
    for _ in 0..args.or("again", 0)? {
        let dead = pool.reopen_dead()?;
        if dead.is_empty() {
            break;
        }
        given_up.extend(dead);
        finish(&mut pool, wait)?;
        progress.show(&pool);
    }
    // One whose SYN got through only while the others were answering has not been asked yet.
    if pool.all().any(|connection| connection.connected.is_some() && !connection.echoed) {
        finish(&mut pool, Duration::ZERO)?;
    }
    let report = report(test, count, pool.all().chain(&given_up), before);
    let mut report = report.number("given_up", given_up.len());
    if args.or("list", 0)? == 1 {
        report = report.ports(pool.all().filter_map(|connection| connection.outside.as_ref()));
    }
    report.print();
    std::thread::sleep(Duration::from_secs(args.or("keep", 0)?));
    Ok(())
}

/// Opens `--count` connections to one server; after each, 0 to 4 to other servers, soon closed.
pub(crate) fn mixed(args: &Args) -> Result<()> {
    let (to, count): (_, usize) = (args.to()?, args.required("count")?);
    let others: SocketAddrV4 = args.required("others")?;
    let servers: usize = args.or("servers", 64)?;
    let mut random = Random(args.or("seed", 1)?);
    let (sources, wait) = (args.sources()?, args.wait()?);
    let mut progress = Progress::new(args, count)?;
    let before = syn_retransmissions();
    let mut pool = Pool::new()?;
    let mut opened = 0;
    let mut short = Vec::new();
    for index in 0..count {
        pool.open(sources.number(index), to)?;
        let mut now = Vec::new();
        for _ in 0..random.below(5) {
            let server = nth(others, random.below(servers.max(1)));
            now.push(pool.open(sources.number(random.below(64)), server)?);
            opened += 1;
        }
        pool.run(Duration::from_millis(100), |pool| pool.pending() == 0)?;
        for number in now {
            short.extend(pool.close(number));
        }
        progress.show(&pool);
    }
    finish(&mut pool, wait)?;
    let late_others = short.iter().filter(|connection| is_late(connection)).count();
    let report = report("mixed", count, pool.all(), before);
    report.number("others", opened).number("others_late", late_others).print();
    Ok(())
}

/// Keeps `--live` connections to one server; `--rate` times a second the oldest is replaced.
pub(crate) fn churn(args: &Args) -> Result<()> {
    let (to, live): (_, usize) = (args.to()?, args.required("live")?);
    let (rate, seconds): (u32, u32) = (args.required("rate")?, args.or("seconds", 10)?);
    let (sources, wait) = (args.sources()?, args.wait()?);
    let mut pool = Pool::new()?;
    let mut open = VecDeque::new();
    for index in 0..live {
        open.push_back(pool.open(sources.number(index), to)?);
        pool.run(Duration::from_millis(200), |pool| pool.pending() < WINDOW)?;
    }
    pool.run(wait, |pool| pool.pending() == 0)?;

    let before = syn_retransmissions();
    let start = Instant::now();
    let mut records = Vec::new();
    let mut fresh = Vec::new();
    let total = rate * seconds;
    for number in 0..total {
        let oldest = open.pop_front().unwrap_or_default();
        let record = pool.close(oldest);
        if fresh.first() == Some(&oldest) {
            fresh.remove(0);
            records.extend(record);
        }
        let new = pool.open(sources.number(number as usize), to)?;
        open.push_back(new);
        fresh.push(new);
        let next = Duration::from_secs(1) * (number + 1) / rate.max(1);
        pool.run(next.saturating_sub(start.elapsed()), |_| false)?;
    }
    finish(&mut pool, wait)?;
    let alive = pool.all().filter(|connection| connection.echoed).count();
    records.extend(fresh.iter().filter_map(|number| pool.close(*number)));
    report("churn", total as usize, records.iter(), before).number("live", alive).print();
    Ok(())
}

/// Sends `--bytes` and compares the echo, writing and reading at the same time.
pub(crate) fn bulk(args: &Args) -> Result<()> {
    let bytes: usize = args.or("bytes", 1_000_000)?;
    let mut stream = TcpStream::connect_timeout(&args.to()?.into(), args.wait()?)?;
    stream.set_read_timeout(Some(args.wait()?))?;
    let mut writer = stream.try_clone()?;
    let data: Vec<u8> = (0..bytes).map(|n| u8::try_from(n % 251).unwrap_or(0)).collect();
    let expected = data.clone();
    let started = Instant::now();
    let sender = std::thread::spawn(move || {
        // A failure shows as missing bytes below.
        let _ = writer.write_all(&data);
    });
    let mut received = Vec::new();
    let mut buffer = vec![0; 65_536];
    let mut greeting = None;
    while received.len() < greeting.unwrap_or(0) + bytes {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(length) => received.extend_from_slice(buffer.get(..length).unwrap_or(&[])),
        }
        greeting = received.iter().position(|byte| *byte == b'\n').map(|end| end + 1);
    }
    let seconds = started.elapsed().as_secs_f64();
    let echo = received.get(greeting.unwrap_or(0)..).unwrap_or(&[]);
    let report = Report::new("bulk").number("sent", bytes).number("received", echo.len());
    report.number("equal", echo == expected).number("seconds", format!("{seconds:.3}")).print();
    stream.shutdown(std::net::Shutdown::Both).ok();
    sender.join().map_err(|_| "the sender stopped".into())
}

/// Waits for the handshakes, then uses every connection once more.
fn finish(pool: &mut Pool, wait: Duration) -> Result<()> {
    pool.run(wait, |pool| pool.pending() == 0)?;
    let answer = ANSWER + ANSWER_EACH * u32::try_from(pool.all().count())?;
    pool.run(answer, |pool| pool.all().all(|c| c.connected.is_none() || c.outside.is_some()))?;
    pool.ask();
    pool.run(answer, |pool| pool.all().all(|c| c.connected.is_none() || c.echoed))
}

fn is_late(connection: &Connection) -> bool {
    connection.connected.is_none_or(|time| time >= LATE)
}

/// `late` counts the connections whose first SYN was lost, those that never came up included.
fn report<'a>(
    test: &str,
    wanted: usize,
    connections: impl Iterator<Item = &'a Connection>,
    retransmissions_before: u64,
) -> Report {
    let all: Vec<&Connection> = connections.collect();
    let late = all.iter().filter(|connection| is_late(connection)).count();
    Report::new(test)
        .number("wanted", wanted)
        .number("opened", all.iter().filter(|c| c.connected.is_some()).count())
        .number("alive", all.iter().filter(|c| c.echoed).count())
        .number("late", late)
        .number("late_percent", percent(late, wanted))
        .number("syn_retransmissions", syn_retransmissions() - retransmissions_before)
        .outside(all.iter().filter_map(|c| c.outside.as_ref()))
        .times(all.iter().filter_map(|c| c.connected))
}

/// `--progress 1`: how many connections are up, on standard error, in about 20 steps.
struct Progress {
    step: usize,
    next: usize,
}

impl Progress {
    fn new(args: &Args, count: usize) -> Result<Self> {
        let wanted = args.or("progress", 0)? == 1;
        let step = if wanted { (count / 20).max(1) } else { usize::MAX };
        Ok(Self { step, next: step })
    }

    fn show(&mut self, pool: &Pool) {
        let up = pool.all().filter(|connection| connection.connected.is_some()).count();
        if up >= self.next {
            eprintln!("progress {up}");
            self.next = up + self.step;
        }
    }
}

/// Repeatable variety (xorshift); nothing here needs more.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % bound
    }
}
