//! `mape-proto status`.

use std::fmt::{Display, Write as _};

use mape_core::{Code, Explain, Explanation, Failure, IntoVec as _, Quoted, Shown};
use mape_firewall::{Env, look_into};
use mape_netifd::status::{Condition, InterfaceStatus, Issue, LineStatus, PerProtocol, Report};
use mape_nft::InterfaceName;

use super::answer::Answer;
use super::arguments::{Argument, Arguments, UsageError};
use super::{help, json};

/// Blocks shown in a line.
const BLOCKS_IN_A_LINE: usize = 3;

/// What both commands take.
#[derive(Default)]
pub(super) struct Options {
    pub(super) interface: Option<InterfaceName>,
    pub(super) json: bool,
    pub(super) help: bool,
}

impl Options {
    /// Takes an argument, if it is one that both commands know.
    pub(super) fn take(&mut self, argument: &Argument) -> Result<bool, Failure> {
        match argument {
            Argument::Plain(text) if self.interface.is_none() => {
                self.interface = Some(text.parse()?);
            }
            Argument::Plain(text) => return Err(UsageError::Surplus(Quoted::new(text)).into()),
            Argument::Option(name) => match name.as_str() {
                "json" => self.json = true,
                "help" => self.help = true,
                _ => return Ok(false),
            },
        }
        Ok(true)
    }

    /// Collects the status and records the peaks.
    pub(super) fn report(&self, env: &Env) -> Result<Report, Failure> {
        look_into(&env.run)?;
        let mut report = Report::collect(env, self.interface.as_ref());
        report.note_peaks(env);
        match &self.interface {
            Some(name) if report.interfaces.is_empty() => {
                Err(NoInterface(Some(Quoted::new(name.as_str()))).into())
            }
            _ => Ok(report),
        }
    }
}

/// There is no such interface, or none at all.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.as_ref().map_or_else(
    || "there is no MAP-E interface".to_owned(),
    |name| format!("there is no MAP-E interface called {name}"),
))]
pub(super) struct NoInterface(pub(super) Option<Quoted>);

impl Explain for NoInterface {
    fn explain(&self) -> Explanation {
        let hint = match self.0 {
            Some(_) => "mape-proto status without a name shows those there are",
            None => "configure one with option proto mape",
        };
        let params = self.0.iter().map(|name| ("interface", name.text())).into_vec();
        Explanation { code: Code::NoInterface, hint: hint.into(), params }
    }
}

pub(super) fn answer(arguments: &mut Arguments) -> Result<Answer, Failure> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next_of_machine()? {
        if !options.take(&argument)? {
            let Argument::Option(name) = argument else { continue };
            return Err(UsageError::option(&name).into());
        }
    }
    if options.help {
        return Ok(Answer::fine(help::STATUS.to_owned()));
    }
    let report = options.report(arguments.env())?;
    let text = if options.json { json::line(&report) } else { text(&report) };
    let up = report.is_up();
    Ok(Answer::checked(text, up))
}

fn text(report: &Report) -> String {
    if report.interfaces.is_empty() {
        let none = NoInterface(None);
        return format!("{none}\n  next step        {}\n", none.hint());
    }
    let mut text = String::new();
    for interface in &report.interfaces {
        Page { text: &mut text }.interface(interface);
        text.push('\n');
    }
    let counters = report.conntrack;
    let mut page = Page { text: &mut text };
    page.heading(&"The whole machine, since it started");
    page.row("insert failed", &or_unknown(counters.insert_failed, "connections"));
    page.row("search restart", &or_unknown(counters.search_restart, "times"));
    page.row("drop", &or_unknown(counters.drop, "packets"));
    page.row("early drop", &or_unknown(counters.early_drop, "connections"));
    text
}

const UNKNOWN: &str = "unknown";

fn or_unknown(value: Option<impl Display>, unit: &str) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| format!("{value} {unit}"))
}

struct Page<'text> {
    text: &'text mut String,
}

impl Page<'_> {
    fn heading(&mut self, text: &dyn Display) {
        // Writing into a `String` cannot fail.
        let _ = writeln!(self.text, "{}\n", Shown(text));
    }

    // Not generic, so that the program contains it once.
    fn row(&mut self, name: &str, value: &dyn Display) {
        let _ = writeln!(self.text, "  {name:<16} {}", Shown(value));
    }

    fn issue(&mut self, name: &str, issue: &Issue) {
        let Issue { code, message, hint, .. } = issue;
        match message {
            Some(message) => self.row(name, &format_args!("{message} ({code})")),
            None => self.row(name, code),
        }
        if let Some(hint) = hint {
            self.row("next step", hint);
        }
    }

    fn interface(&mut self, status: &InterfaceStatus) {
        let InterfaceStatus { interface, state, .. } = status;
        let state = match state {
            Condition::Up => "up",
            Condition::Blocked => "up, but shut: its rules are not loaded",
            Condition::Pending => "not up yet",
            Condition::Down => "down",
        };
        let uptime = status.uptime.map_or_else(String::new, |up| format!(" for {}", duration(up)));
        self.heading(&format_args!("{interface}: {state}{uptime}"));
        if status.state == Condition::Blocked {
            self.row("next step", &"`mape-proto firewall` loads them, or tells why it cannot");
        }
        for (name, issue) in [("error", &status.error), ("warning", &status.warning)] {
            if let Some(issue) = issue {
                self.issue(name, issue);
            }
        }
        if let Some(line) = &status.line {
            self.address(line);
        }
        self.ports(status);
        self.traffic(status);
        if let Some(line) = &status.line {
            self.line(line);
        }
        self.row(
            "device",
            &format_args!("{}, MTU {}", status.device, or_unknown(status.mtu, "bytes")),
        );
        self.row("edge", &status.edge.unwrap_or(UNKNOWN));
        self.offload(status);
        if let Some(dropped) = &status.dropped {
            let (incoming, outgoing, outer) = (dropped.incoming, dropped.outgoing, dropped.outer);
            self.row(
                "packets dropped",
                &format_args!(
                    "{incoming} incoming, {outgoing} outgoing, {outer} by the outer guard"
                ),
            );
        } else {
            self.row("packets dropped", &UNKNOWN);
        }
        if let Some(since) = status.since {
            self.row("numbers since", &utc(since));
        }
        if let Some(before) = &status.before {
            let part = |key: &str| {
                let value = before.get(key)?;
                Some(
                    value.as_str().map_or_else(|| mape_system::json::to_text(value), str::to_owned),
                )
            };
            let [ipv4, psid, prefix] = ["ipv4", "psid", "end_user_prefix"]
                .map(|key| part(key).unwrap_or(UNKNOWN.to_owned()));
            self.row("before that", &format_args!("{ipv4}, PSID {psid}, {prefix}"));
        }
        for reason in &status.unknown {
            self.row("unknown because", reason);
        }
        self.blocks(status);
    }

    fn address(&mut self, line: &LineStatus) {
        let address = &line.address;
        let whole = match address.ipv4_prefix_len {
            32 => address.ipv4.to_string(),
            len => format!("{}/{len}", address.ipv4),
        };
        self.row("provider", &line.provider);
        self.row("IPv4", &whole);
        let blocks = address.port_ranges.len();
        self.row(
            "port set",
            &format_args!("{} ports in {blocks} blocks, PSID {}", address.port_count, address.psid),
        );
    }

    fn line(&mut self, line: &LineStatus) {
        let (address, tunnel) = (&line.address, line.tunnel);
        self.row("end-user prefix", &address.end_user_prefix);
        self.row("CE address", &tunnel.ce);
        self.row("BR address", &tunnel.br);
        let source = line.rule_source.as_deref().unwrap_or(UNKNOWN);
        self.row("rule", &format_args!("{source}, {} layout", line.layout));
        if let Some(table) = &line.table_rule {
            self.row("built-in rule", &format_args!("another one: {table}"));
        }
        self.row("uplink", &line.uplink.as_deref().unwrap_or(UNKNOWN));
    }

    fn offload(&mut self, status: &InterfaceStatus) {
        let offload = &status.flow_offload;
        let text = match (offload.on, offload.used, offload.reason) {
            (Some(false), ..) => "off".to_owned(),
            (Some(true), Some(true), _) => "on".to_owned(),
            (Some(true), _, Some(reason)) => format!("on, but not for this interface: {reason}"),
            _ => UNKNOWN.to_owned(),
        };
        self.row("flow offload", &text);
    }

    fn traffic(&mut self, status: &InterfaceStatus) {
        let traffic = &status.traffic;
        for (name, bytes, packets) in [
            ("received", traffic.rx_bytes, traffic.rx_packets),
            ("sent", traffic.tx_bytes, traffic.tx_packets),
        ] {
            let bytes = bytes.map_or_else(|| UNKNOWN.to_owned(), size);
            self.row(name, &format_args!("{bytes}, {}", or_unknown(packets, "packets")));
        }
    }

    fn ports(&mut self, status: &InterfaceStatus) {
        let Some(ports) = &status.ports else { return self.row("ports in use", &UNKNOWN) };
        let of = format!("of {}", ports.usable);
        self.row("ports in use", &protocols(ports.used, &of));
        match ports.peak {
            Some(peak) => {
                let most = protocols(peak.ports.map(Some), &of);
                let since = duration(peak.recorded_for);
                self.row("at most", &format_args!("{most}, recorded for {since}"));
            }
            None => self.row("at most", &UNKNOWN),
        }
        for server in status.forwards.iter().flatten() {
            let protocols: Vec<&str> = server.transports.iter().map(|it| it.name()).into_vec();
            let host = server.host_text().unwrap_or_else(|| UNKNOWN.to_owned());
            let before = server.before.map(|it| format!(", before: {it}")).unwrap_or_default();
            let (port, protocols) = (server.ports, protocols.join("+"));
            let text = format!("{protocols} {port} to {host} ({}){before}", server.forward);
            self.row("published", &text);
        }
        self.row("connections", &protocols(ports.connections, ""));
    }

    fn blocks(&mut self, status: &InterfaceStatus) {
        let Some(ports) = status.ports.as_ref().filter(|ports| ports.is_known()) else { return };
        self.row("blocks", &"TCP/UDP/ICMP of each block");
        for blocks in ports.blocks.chunks(BLOCKS_IN_A_LINE) {
            let cells: Vec<String> = blocks
                .iter()
                .map(|block| {
                    let range = format!("{}-{}", block.first, block.last);
                    let PerProtocol { tcp, udp, icmp } = block.used.map(Option::unwrap_or_default);
                    format!("{range:<12}{:<12}", format!("{tcp}/{udp}/{icmp}"))
                })
                .into_vec();
            let _ = writeln!(self.text, "    {}", cells.concat().trim_end());
        }
    }
}

fn protocols(numbers: PerProtocol<Option<u32>>, of: &str) -> String {
    let PerProtocol { tcp, udp, icmp } = numbers;
    let (Some(tcp), Some(udp), Some(icmp)) = (tcp, udp, icmp) else { return UNKNOWN.to_owned() };
    format!("TCP {tcp}, UDP {udp}, ICMP {icmp} {of}").trim_end().to_owned()
}

/// Bytes as a person says them: with one decimal in the largest unit that leaves a whole part.
fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let Some(power) = bytes.checked_ilog2().map(|power| power / 10).filter(|power| *power > 0)
    else {
        return format!("{bytes} bytes");
    };
    let unit = units.get(power as usize - 1).unwrap_or(&"");
    let tenths = (bytes >> (10 * power - 10)) * 10 / 1024;
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// Seconds as a person says them.
fn duration(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86400),
    }
}

/// Seconds since 1970 as a person writes them, to the minute.
fn utc(seconds: u64) -> String {
    let (days, minutes) = (seconds / 86400, seconds % 86400 / 60);
    // Years that begin in March end with the leap day; 400 of them have 146,097 days.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = 400 * era + year + u64::from(month < 3);
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of `date --utc`.
    #[test]
    fn dates() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_798_761_599, "2026-12-31 23:59 UTC"),
            (1_835_395_200, "2028-02-29 00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }

    #[test]
    fn sizes() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (10743, "10.4 KiB"),
            (1_048_575, "1023.9 KiB"),
            (5_000_000_000, "4.6 GiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn durations() {
        for (seconds, text) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7199, "119 min"),
            (7200, "2 h"),
            (172_800, "2 days"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
