//! `mape-proto status`.

use std::fmt::{Display, Write as _};

use mape_core::{Code, Explain, Explanation, Failure, IntoVec as _, Quoted, Shown};
use mape_firewall::{Env, look_into};
use mape_netifd::status::{
    AddressBlock, Condition, InterfaceStatus, Issue, LineStatus, PerProtocol, Report,
};
use mape_nft::InterfaceName;

use super::answer::Answer;
use super::arguments::{Argument, Arguments, UsageError};
use super::units::{UNKNOWN, duration, size, utc};
use super::{help, history, json};

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
        report.note(env);
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
        Explanation::with(Code::NoInterface, hint, params)
    }
}

pub(super) fn answer(arguments: &mut Arguments) -> Result<Answer, Failure> {
    let mut options = Options::default();
    let mut of_a_day = false;
    while let Some(argument) = arguments.next_of_machine()? {
        if !options.take(&argument)? {
            let Argument::Option(name) = argument else { continue };
            if name != "history" {
                return Err(UsageError::option(&name).into());
            }
            of_a_day = true;
        }
    }
    if options.help {
        return Ok(Answer::fine(help::STATUS.to_owned()));
    }
    let report = options.report(arguments.env())?;
    let text = match (of_a_day, options.json) {
        (true, true) => history::json(&report, arguments.env()),
        (true, false) if report.interfaces.is_empty() => return Err(NoInterface(None).into()),
        (true, false) => history::text(&report, arguments.env()),
        (false, true) => json::line(&report),
        _ => text(&report),
    };
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
        for (name, value) in status.block.iter().flat_map(AddressBlock::rows) {
            self.row(name, &value);
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
