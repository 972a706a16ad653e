//! `mape-proto ports`.

use std::fmt::Write as _;

use mape_core::{Code, Explain, Explanation, Failure, IntoVec as _};
use mape_netifd::status::{InterfaceStatus, PerProtocol, PortStatus, PortsStatus, Role};
use serde::Serialize;

use super::arguments::{Argument, Arguments, UsageError};
use super::status::{NoInterface, Options};
use super::{help, json};

/// Which ports are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    All,
    Free,
    Used,
    /// All of them, in a row where their use is the same: a set of 65535 is 3 MB one by one.
    Ranges,
}

/// The ports in use cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the ports in use of {interface} are unknown: {reason}")]
struct Unknown {
    interface: String,
    reason: String,
}

impl Explain for Unknown {
    fn explain(&self) -> Explanation {
        let hint = "run this as root; without --free and --used all ports are listed";
        let params = vec![("interface", self.interface.clone()), ("reason", self.reason.clone())];
        Explanation::with(Code::Conntrack, hint, params)
    }
}

#[derive(Serialize)]
struct PortsJson<'report> {
    schema: u8,
    interfaces: Vec<InterfacePorts<'report>>,
}

#[derive(Serialize)]
struct RangesJson<'report> {
    schema: u8,
    interfaces: Vec<InterfaceRanges<'report>>,
}

#[derive(Serialize)]
struct InterfaceRanges<'report> {
    interface: &'report str,
    ipv4: Option<String>,
    /// First and last port, and what they are for.
    ranges: Vec<(u16, u16, Role)>,
}

#[derive(Serialize)]
struct InterfacePorts<'report> {
    interface: &'report str,
    ipv4: Option<String>,
    ports: Vec<PortStatus>,
}

pub(super) fn answer(arguments: &mut Arguments) -> Result<String, Failure> {
    let mut options = Options::default();
    let mut filter = Filter::All;
    while let Some(argument) = arguments.next_of_machine()? {
        if options.take(&argument)? {
            continue;
        }
        let Argument::Option(name) = argument else { continue };
        let chosen = [Filter::Free, Filter::Used, Filter::Ranges];
        let chosen = chosen.into_iter().find(|it| it.name() == name);
        let chosen = chosen.ok_or_else(|| UsageError::option(&name))?;
        if filter != Filter::All && filter != chosen {
            return Err(UsageError::Exclusive(filter.name(), chosen.name()).into());
        }
        filter = chosen;
    }
    if options.help {
        return Ok(help::PORTS.to_owned());
    }
    let report = options.report(arguments.env())?;
    if report.interfaces.is_empty() {
        return Err(NoInterface(None).into());
    }
    let mut listed = Vec::new();
    for interface in &report.interfaces {
        let ipv4 = interface.line.as_ref().map(|line| line.address.ipv4.to_string());
        let ports = filter.apply(interface)?;
        listed.push(InterfacePorts { interface: &interface.interface, ipv4, ports });
    }
    if filter == Filter::Ranges {
        let interfaces: Vec<_> = listed.into_iter().map(InterfacePorts::ranges).into_vec();
        return Ok(if options.json {
            json::line(&RangesJson { schema: json::SCHEMA, interfaces })
        } else {
            interfaces.iter().map(InterfaceRanges::text).collect()
        });
    }
    Ok(if options.json {
        json::line(&PortsJson { schema: json::SCHEMA, interfaces: listed })
    } else {
        listed.iter().map(InterfacePorts::text).collect()
    })
}

impl Filter {
    /// That of its option.
    const fn name(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Free => "free",
            Self::Used => "used",
            Self::Ranges => "ranges",
        }
    }

    fn apply(self, interface: &InterfaceStatus) -> Result<Vec<PortStatus>, Unknown> {
        let known = interface.ports.as_ref().is_some_and(PortsStatus::is_known);
        if matches!(self, Self::Free | Self::Used) && !known {
            let reasons = interface.unknown.join("; ");
            let reason = if reasons.is_empty() { "it is not set up".to_owned() } else { reasons };
            return Err(Unknown { interface: interface.interface.clone(), reason });
        }
        let all = interface.ports.iter().flat_map(PortsStatus::all);
        let wanted = |port: &&PortStatus| match self {
            Self::All | Self::Ranges => true,
            Self::Free => port.role == Role::Nat && port.is_used() == Some(false),
            Self::Used => port.is_used() == Some(true),
        };
        Ok(all.filter(wanted).cloned().into_vec())
    }
}

/// For people; that of outgoing connections needs no word.
const fn word(role: Role) -> &'static str {
    match role {
        Role::Nat => "",
        Role::Reserved => "\treserved",
        Role::Published => "\tpublished",
        Role::Upnp => "\tupnp",
        Role::Unused => "\tunused",
    }
}

impl<'report> InterfacePorts<'report> {
    fn ranges(self) -> InterfaceRanges<'report> {
        let mut ranges: Vec<(u16, u16, Role)> = Vec::new();
        for PortStatus { port, role, .. } in self.ports {
            match ranges.last_mut() {
                Some((_, last, same)) if *same == role && last.checked_add(1) == Some(port) => {
                    *last = port;
                }
                _ => ranges.push((port, port, role)),
            }
        }
        InterfaceRanges { interface: self.interface, ipv4: self.ipv4, ranges }
    }

    fn text(&self) -> String {
        let ipv4 = self.ipv4.as_deref().unwrap_or("no address");
        let mut text = format!("# {}: {ipv4}\n# port\ttcp\tudp\ticmp\tdevices\n", self.interface);
        for PortStatus { port, role, connections, hosts } in &self.ports {
            let count = |count: Option<u32>| {
                count.map_or_else(|| "unknown".to_owned(), |count| count.to_string())
            };
            let PerProtocol { tcp, udp, icmp } = connections.map(count);
            // Writing into a `String` cannot fail.
            let _ = write!(text, "{port}\t{tcp}\t{udp}\t{icmp}");
            for (at, host) in hosts.iter().enumerate() {
                let _ = write!(text, "{}{host}", if at == 0 { '\t' } else { ',' });
            }
            let _ = writeln!(text, "{}", word(*role));
        }
        text
    }
}

impl InterfaceRanges<'_> {
    fn text(&self) -> String {
        let ipv4 = self.ipv4.as_deref().unwrap_or("no address");
        let mut text = format!("# {}: {ipv4}\n# ports\n", self.interface);
        for (first, last, role) in &self.ranges {
            let _ = writeln!(text, "{first}-{last}{}", word(*role));
        }
        text
    }
}
