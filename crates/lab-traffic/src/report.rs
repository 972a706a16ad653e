//! One line of JSON per command, and the numbers in it.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::SocketAddrV4;
use std::time::Duration;

/// A connection that needed this long lost its first SYN: the retransmission comes after 1 s.
pub(crate) const LATE: Duration = Duration::from_millis(900);

/// A JSON object under construction. Names and words are chosen here, so nothing needs escaping.
pub(crate) struct Report(Vec<String>);

impl Report {
    pub(crate) fn new(test: &str) -> Self {
        Self(vec![format!("\"test\":\"{test}\"")])
    }

    pub(crate) fn number(mut self, name: &str, value: impl Display) -> Self {
        self.0.push(format!("\"{name}\":{value}"));
        self
    }

    /// Median, 99th percentile and maximum in milliseconds, of what did arrive.
    pub(crate) fn times(self, times: impl Iterator<Item = Duration>) -> Self {
        let mut sorted: Vec<Duration> = times.collect();
        sorted.sort_unstable();
        let percentile = |percent: usize| {
            let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            let time = sorted.get(index).copied().unwrap_or_default();
            format!("{:.1}", time.as_secs_f64() * 1000.0)
        };
        self.number("p50_ms", percentile(50))
            .number("p99_ms", percentile(99))
            .number("max_ms", percentile(100))
    }

    /// What the other side saw: how many different ports and addresses.
    pub(crate) fn outside<'a>(self, seen: impl Iterator<Item = &'a SocketAddrV4>) -> Self {
        let seen: BTreeSet<&SocketAddrV4> = seen.collect();
        let ports: BTreeSet<u16> = seen.iter().map(|peer| peer.port()).collect();
        let addresses: BTreeSet<_> = seen.iter().map(|peer| peer.ip()).collect();
        self.number("outside_ports", ports.len()).number("outside_addresses", addresses.len())
    }

    /// The ports among `seen` themselves, in order.
    pub(crate) fn ports<'a>(self, seen: impl Iterator<Item = &'a SocketAddrV4>) -> Self {
        let ports: BTreeSet<u16> = seen.map(SocketAddrV4::port).collect();
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        self.number("ports", format_args!("[{}]", ports.join(",")))
    }

    pub(crate) fn print(self) {
        println!("{{{}}}", self.0.join(","));
    }
}

/// `part` of `whole` in per cent, as JSON.
pub(crate) fn percent(part: usize, whole: usize) -> String {
    let permille = (part * 1000).checked_div(whole).unwrap_or(0);
    format!("{}.{}", permille / 10, permille % 10)
}

/// SYN retransmissions of this network namespace since it exists: exact where times only hint.
/// Zero if the kernel does not tell.
pub(crate) fn syn_retransmissions() -> u64 {
    let text = std::fs::read_to_string("/proc/net/netstat").unwrap_or_default();
    // Two lines per group: names, then values.
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let mut pairs = names.split(' ').zip(values.split(' '));
    let value = pairs.find(|(name, _)| *name == "TCPSynRetrans").map(|(_, value)| value);
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}
