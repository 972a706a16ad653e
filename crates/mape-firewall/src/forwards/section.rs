//! One section `mape_forward`: a configured forward.
//!
//! The options have the names of firewall4's `redirect`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use ipnet::Ipv4Net;
use mape_core::{
    Explain, Explanation, Failure, IntoVec as _, PortRange, Quoted, decimal, is_unicast4,
};
use mape_nft::Transport;
use mape_uci::{self, Section};

/// Type of the sections.
pub const KIND: &str = "mape_forward";

/// A configured forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Name of the section, made up by UCI where it has none.
    pub section: String,
    /// By this the port is remembered: the section's name. The made-up ones change when another
    /// section is put in before, so that of those what they say counts.
    pub key: String,
    /// A name for display.
    pub name: Option<String>,
    /// The MAP-E interface, where there are several.
    pub interface: Option<String>,
    /// TCP, UDP or both.
    pub transports: Vec<Transport>,
    /// Which external port.
    pub requested: RequestedPort,
    /// The LAN host.
    pub host: Host,
    /// The network that the host is in, as far as nothing else tells.
    pub network: String,
    /// From where inside the public address leads to the host too.
    pub reflection: Reflection,
    /// The ports on the host. There are as many external ones, in the same order.
    pub dest_ports: PortRange,
}

/// A forward as the configuration has it; `None` if it is disabled. An invalid one is its name and
/// its error.
pub type Written = Result<Option<Forward>, (String, Failure)>;

/// Reads the configured forwards below a root directory.
pub type ForwardsReader = fn(&Path) -> Result<Vec<Written>, Failure>;

/// The requested external port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedPort {
    /// The same ports as on the host if they are in the set, else any stable ones.
    Auto,
    /// These.
    Ports(PortRange),
}

/// The zones of the hairpin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reflection {
    Off,
    /// The one that the host is in.
    Host,
    Zones(Vec<String>),
}

/// A host of the LAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Address(Ipv4Addr),
    /// The last bits of its address in the network of an interface, like the host id of IPv6:
    /// `::10`.
    Id {
        id: u32,
        interface: String,
    },
    /// Its name or MAC address, as DHCP knows it, in the network of an interface.
    Named {
        name: String,
        interface: String,
    },
}

/// A section that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForwardError {
    /// An option has a value that it cannot have.
    #[error("the option {option} cannot be {value}")]
    Bad {
        /// The option.
        option: &'static str,
        /// Its value.
        value: Quoted,
        /// What it can be.
        hint: &'static str,
    },
    /// An option is missing; with what it should say.
    #[error("the option {0} is missing")]
    Missing(&'static str, &'static str),
}

impl Explain for ForwardError {
    fn explain(&self) -> Explanation {
        match self {
            Self::Bad { option, value, hint } => {
                Explanation::of_option(option, *hint).text("value", &value.text())
            }
            Self::Missing(option, hint) => Explanation::of_option(option, *hint),
        }
    }
}

/// The largest number of ports in one forward. The rules have an element for each of them.
pub const MAX_PORTS: u16 = 1024;

const PORT_HINT: &str = "write a port from 1 to 65535, or a range like 9792-9799";
const RANGE_HINT: &str = "write a range of at most 1024 ports, the lower port first";
const LENGTH_HINT: &str = "write as many ports in dest_port as in src_dport: the first port leads to the first, and so on";

impl Forward {
    /// Reads a section; `None` if it is disabled.
    pub(super) fn read(section: &Section) -> Result<Option<Self>, (String, ForwardError)> {
        let of = |section| Ok(if enabled(section)? { Some(Self::of(section)?) } else { None });
        of(section).map_err(|error| (section.name().to_owned(), error))
    }

    fn of(section: &Section) -> Result<Self, ForwardError> {
        let text = |option| section.get(option).map(str::trim).filter(|text| !text.is_empty());
        let requested = text("src_dport").map_or(Ok(RequestedPort::Auto), RequestedPort::parse)?;
        let dest_ports = text("dest_port").map(|it| ports("dest_port", it)).transpose()?;
        let dest_ports = match (dest_ports, requested) {
            (Some(inside), RequestedPort::Ports(outside)) if inside.count() != outside.count() => {
                let value = Quoted::new(&inside.to_string());
                return Err(ForwardError::Bad { option: "dest_port", value, hint: LENGTH_HINT });
            }
            (None, RequestedPort::Ports(outside)) => Some(outside),
            (inside, _) => inside,
        };
        let interface = text("dest").unwrap_or("lan");
        let host = match (text("dest_ip"), text("dest_host")) {
            (Some(address), None) => Host::parse(address, interface)?,
            (None, Some(name)) => {
                Host::Named { name: name.to_ascii_lowercase(), interface: interface.to_owned() }
            }
            (Some(_), Some(name)) => {
                let hint = "remove the option dest_host, or dest_ip";
                return Err(ForwardError::Bad {
                    option: "dest_host",
                    value: Quoted::new(name),
                    hint,
                });
            }
            (None, None) => {
                return Err(ForwardError::Missing(
                    "dest_ip",
                    "give the host's address, or dest_host",
                ));
            }
        };
        let protocols: Vec<&str> = section.list("proto").into_vec();
        let mut forward = Self {
            section: section.name().to_owned(),
            key: section.name().to_owned(),
            name: text("name").map(str::to_owned),
            interface: text("interface").map(str::to_owned),
            transports: transports(&protocols)?,
            requested,
            host,
            network: interface.to_owned(),
            reflection: Reflection::read(section)?,
            dest_ports: dest_ports.ok_or(ForwardError::Missing("dest_port", PORT_HINT))?,
        };
        if section.is_anonymous() {
            let (host, protocols) = (forward.host.text(), forward.protocols());
            forward.key = format!("{host}:{} {protocols}", forward.dest_ports);
        }
        Ok(forward)
    }

    /// Whether it belongs to this interface; `only` says that there is no other.
    #[must_use]
    pub fn is_of(&self, interface: &str, only: bool) -> bool {
        self.interface.as_ref().map_or(only, |name| name == interface)
    }

    /// Whether both have a protocol in common, so that they cannot share an external port.
    #[must_use]
    pub fn shares_a_protocol(&self, other: &Self) -> bool {
        self.transports.iter().any(|transport| other.transports.contains(transport))
    }

    /// Returns the protocols for display: TCP and UDP are `tcp udp`.
    #[must_use]
    pub fn protocols(&self) -> String {
        self.transports.iter().map(|it| it.name()).into_vec().join(" ")
    }
}

fn enabled(section: &Section) -> Result<bool, ForwardError> {
    switch(section, "enabled")
}

/// Reads a switch, which is on by default.
fn switch(section: &Section, option: &'static str) -> Result<bool, ForwardError> {
    let Some(text) = section.get(option).filter(|it| !it.is_empty()) else { return Ok(true) };
    let hint = "use 0 or 1";
    let bad = || ForwardError::Bad { option, value: Quoted::new(text), hint };
    mape_uci::switch(text).ok_or_else(bad)
}

impl Reflection {
    fn read(section: &Section) -> Result<Self, ForwardError> {
        if !switch(section, "reflection")? {
            return Ok(Self::Off);
        }
        let zones: Vec<String> = section.list("reflection_zone").map(str::to_owned).into_vec();
        Ok(if zones.is_empty() { Self::Host } else { Self::Zones(zones) })
    }
}

/// Reads the protocols. The default is both, as in firewall4.
///
/// # Errors
/// [`ForwardError`]
pub fn transports(names: &[&str]) -> Result<Vec<Transport>, ForwardError> {
    let mut found: Vec<Transport> = Vec::new();
    for name in names {
        let these = match name.to_ascii_lowercase().as_str() {
            "tcp" | "6" => vec![Transport::Tcp],
            "udp" | "17" => vec![Transport::Udp],
            "tcpudp" | "all" | "any" | "*" => Transport::ALL.to_vec(),
            _ => {
                let hint = "use tcp, udp or both";
                return Err(ForwardError::Bad { option: "proto", value: Quoted::new(name), hint });
            }
        };
        found.extend(these);
    }
    let all = Transport::ALL.into_iter();
    Ok(all.filter(|transport| found.is_empty() || found.contains(transport)).into_vec())
}

impl RequestedPort {
    pub fn parse(text: &str) -> Result<Self, ForwardError> {
        if text == "auto" { Ok(Self::Auto) } else { ports("src_dport", text).map(Self::Ports) }
    }

    /// As it is written.
    pub fn text(self) -> String {
        match self {
            Self::Auto => "auto".to_owned(),
            Self::Ports(ports) => ports.to_string(),
        }
    }
}

/// Reads a port, or a range as firewall4 (`9792-9799`) or iptables (`9792:9799`) writes it.
fn ports(option: &'static str, text: &str) -> Result<PortRange, ForwardError> {
    let port = |text: &str| {
        let port = decimal(text.trim(), 65535).and_then(|port| u16::try_from(port).ok());
        port.filter(|port| *port != 0)
    };
    let ends = text.split_once(['-', ':']);
    let (first, last) = ends.unwrap_or((text, text));
    let hint = if ends.is_some() { RANGE_HINT } else { PORT_HINT };
    let range = port(first).zip(port(last)).and_then(|(first, last)| PortRange::new(first, last));
    range.filter(|range| range.count() <= MAX_PORTS.into()).ok_or_else(|| ForwardError::Bad {
        option,
        value: Quoted::new(text),
        hint,
    })
}

impl Host {
    pub fn parse(text: &str, interface: &str) -> Result<Self, ForwardError> {
        let bad = || ForwardError::Bad {
            option: "dest_ip",
            value: Quoted::new(text),
            hint: "write an address like 192.168.1.10, or a host id like ::10",
        };
        if let Ok(address) = text.parse() {
            let is_of_a_host = is_unicast4(Ipv4Net::from(address));
            return if is_of_a_host { Ok(Self::Address(address)) } else { Err(bad()) };
        }
        let id = text.parse::<Ipv6Addr>().ok().and_then(|it| u32::try_from(it.to_bits()).ok());
        let id = id.filter(|id| *id != 0);
        id.map(|id| Self::Id { id, interface: interface.to_owned() }).ok_or_else(bad)
    }

    /// As it is written.
    pub fn text(&self) -> String {
        match self {
            Self::Address(address) => address.to_string(),
            Self::Id { id, .. } => Ipv6Addr::from_bits((*id).into()).to_string(),
            Self::Named { name, .. } => name.clone(),
        }
    }
}
