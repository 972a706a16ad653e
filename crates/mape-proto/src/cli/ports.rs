//! `mape-proto ports`.

use std::fmt::Write as _;

use mape_core::{Code, Explain};
use serde::Serialize;

use super::arguments::{Argument, Arguments, UsageError};
use super::status::{NoInterface, Options};
use super::{help, json};
use crate::failure::Failure;
use crate::status::{InterfaceStatus, PerProtocol, PortStatus, PortsStatus, Role};

/// Which ports are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    All,
    Free,
    Used,
}

/// Nobody knows which ports are in use.
#[derive(Debug, thiserror::Error)]
#[error("the ports in use of {interface} are unknown: {reason}")]
struct Unknown {
    interface: String,
    reason: String,
}

impl Explain for Unknown {
    fn code(&self) -> Code {
        Code::Conntrack
    }

    fn hint(&self) -> String {
        "run this as root; without --free and --used all ports are listed".to_owned()
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        vec![("interface", self.interface.clone()), ("reason", self.reason.clone())]
    }
}

#[derive(Serialize)]
struct PortsJson<'report> {
    schema: u8,
    interfaces: Vec<InterfacePorts<'report>>,
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
    while let Some(argument) = arguments.next()? {
        if options.take(&argument, arguments)? {
            continue;
        }
        let Argument::Option(name) = argument else { continue };
        filter = match (name.as_str(), filter) {
            ("free", Filter::Used) | ("used", Filter::Free) => {
                return Err(UsageError::Exclusive("free", "used").into());
            }
            ("free", _) => Filter::Free,
            ("used", _) => Filter::Used,
            _ => return Err(UsageError::option(&name).into()),
        };
    }
    if options.help {
        return Ok(help::PORTS.to_owned());
    }
    let report = options.report()?;
    if report.interfaces.is_empty() {
        return Err(NoInterface(None).into());
    }
    let mut listed = Vec::new();
    for interface in &report.interfaces {
        let ipv4 = interface.line.as_ref().map(|line| line.ipv4.to_string());
        let ports = filter.apply(interface)?;
        listed.push(InterfacePorts { interface: &interface.interface, ipv4, ports });
    }
    Ok(if options.json {
        json::line(&PortsJson { schema: 1, interfaces: listed })
    } else {
        listed.iter().map(InterfacePorts::text).collect()
    })
}

impl Filter {
    fn apply(self, interface: &InterfaceStatus) -> Result<Vec<PortStatus>, Unknown> {
        let known = interface.ports.as_ref().is_some_and(PortsStatus::is_known);
        if self != Self::All && !known {
            let reasons = interface.unknown.join("; ");
            let reason = if reasons.is_empty() { "it is not set up".to_owned() } else { reasons };
            return Err(Unknown { interface: interface.interface.clone(), reason });
        }
        let all = interface.ports.iter().flat_map(PortsStatus::all);
        let wanted = |port: &&PortStatus| match self {
            Self::All => true,
            Self::Free => port.role == Role::Nat && port.is_used() == Some(false),
            Self::Used => port.is_used() == Some(true),
        };
        Ok(all.filter(wanted).copied().collect())
    }
}

impl InterfacePorts<'_> {
    fn text(&self) -> String {
        let ipv4 = self.ipv4.as_deref().unwrap_or("no address");
        let mut text = format!("# {}: {ipv4}\n# port\ttcp\tudp\ticmp\n", self.interface);
        for PortStatus { port, role, connections } in &self.ports {
            let count = |count: Option<u32>| {
                count.map_or_else(|| "unknown".to_owned(), |count| count.to_string())
            };
            let PerProtocol { tcp, udp, icmp } = connections.map(count);
            let mark = match role {
                Role::Nat => "",
                Role::Reserved => "\treserved",
                Role::Published => "\tpublished",
                Role::Upnp => "\tupnp",
                Role::Unused => "\tunused",
            };
            // Writing into a `String` cannot fail.
            let _ = writeln!(text, "{port}\t{tcp}\t{udp}\t{icmp}{mark}");
        }
        text
    }
}
