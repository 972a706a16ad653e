//! Asks until an answer comes, and prints when that was.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::Result;
use crate::args::Args;
use crate::report::Report;

/// One socket sends a datagram to `--to` every `--pause` milliseconds, until `--to` answers or
/// `--seconds` are over. `at_ms` is the time of the answer since the machine's start, -1 for none.
pub(crate) fn first(args: &Args) -> Result<()> {
    let (to, sources) = (args.to()?, args.sources()?);
    // Not connected: there may be no route yet.
    let socket = UdpSocket::bind((sources.number(0), 0))?;
    let pause = Duration::from_millis(args.or("pause", 100)?);
    socket.set_read_timeout(Some(pause))?;
    let end = Instant::now() + Duration::from_secs(args.or("seconds", 60)?);
    let (mut at, mut sent) = (None, 0);
    while at.is_none() && Instant::now() < end {
        sent += 1;
        let next = Instant::now() + pause;
        if socket.send_to(b".", to).is_ok() && socket.recv_from(&mut [0; 64]).is_ok() {
            at = Some(uptime()?);
        } else {
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }
    Report::new("first").number("at_ms", at.unwrap_or(-1)).number("sent", sent).print();
    Ok(())
}

/// Returns the milliseconds since the machine's start, of which the kernel tells the tens.
fn uptime() -> Result<i64> {
    let text = std::fs::read_to_string("/proc/uptime")?;
    let (seconds, hundredths) = text.split_once('.').ok_or("no uptime")?;
    let hundredths = hundredths.split(' ').next().ok_or("no uptime")?;
    Ok(seconds.parse::<i64>()? * 1000 + hundredths.parse::<i64>()? * 10)
}
