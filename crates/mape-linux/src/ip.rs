//! Reads and changes the machine through iproute2.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use mape_core::Quoted;
use mape_system::program::{Command, Program, ProgramError};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::LinuxError;

/// `ip` takes milliseconds, and some seconds if the kernel is busy with another program's changes.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The longest list of routes, in bytes: a full internet table has 110 MB.
const MAX_LIST: usize = 1 << 27;
/// A lifetime that never ends, in seconds.
const FOREVER: u32 = u32::MAX;

/// A network device, as `ip -json -details address show` prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Device {
    pub ifname: String,
    pub flags: Vec<String>,
    pub mtu: u32,
    /// The bridge this device is a port of.
    pub master: Option<String>,
    pub linkinfo: LinkInfo,
    pub addr_info: Vec<Address>,
}

/// Details of a virtual device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LinkInfo {
    pub info_kind: String,
    pub info_data: TunnelInfo,
}

/// Details of an `ip6tnl` device. What a version of iproute2 does not print is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TunnelInfo {
    pub proto: Option<String>,
    pub local: Option<String>,
    pub remote: Option<String>,
    pub link: Option<String>,
    pub ttl: Option<u8>,
    /// Present if each packet carries an encapsulation limit.
    pub encap_limit: Option<u16>,
}

/// An address of a device.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Address {
    /// `None` if the text is neither an IPv4 nor an IPv6 address.
    #[serde(deserialize_with = "address")]
    pub local: Option<IpAddr>,
    pub prefixlen: u8,
    pub valid_life_time: u32,
    pub preferred_life_time: u32,
}

impl Default for Address {
    fn default() -> Self {
        Self { local: None, prefixlen: 0, valid_life_time: FOREVER, preferred_life_time: FOREVER }
    }
}

fn address<'de, D: serde::Deserializer<'de>>(text: D) -> Result<Option<IpAddr>, D::Error> {
    Ok(String::deserialize(text)?.parse().ok())
}

/// A route, as `ip -Numeric -json route show table all` prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Route {
    /// A number, or a word from versions that know no numbers. `None` for unicast.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub dst: String,
    pub gateway: Option<String>,
    pub dev: Option<String>,
    /// `None` for the main table.
    pub table: Option<String>,
    pub metric: u32,
    /// Seconds left, of a route from a router advertisement; below 0 until the kernel collects it.
    pub expires: Option<i64>,
    pub nexthops: Vec<NextHop>,
}

/// One next hop of a route that has several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NextHop {
    pub dev: Option<String>,
}

impl Route {
    /// Whether it is a default route of the main table.
    #[must_use]
    pub fn is_main_default(&self) -> bool {
        self.is_default_of(None)
    }

    /// Whether it is a default route of this table.
    #[must_use]
    pub fn is_default_of(&self, table: Option<u32>) -> bool {
        let table = table.map(|table| table.to_string());
        self.dst == "default" && self.kind.is_none() && self.table == table
    }

    /// Whether it has expired. The kernel lists it until it is collected.
    fn is_expired(&self) -> bool {
        self.expires.is_some_and(|left| left < 0)
    }

    /// Whether it rejects the unused rest of a delegated prefix (types 6 to 8).
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        let refusals = ["unreachable", "blackhole", "prohibit", "6", "7", "8"];
        self.kind.as_deref().is_some_and(|kind| refusals.contains(&kind))
    }

    /// Returns the device of the route or of its first next hop.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        let way = self.nexthops.first().and_then(|way| way.dev.as_deref());
        self.dev.as_deref().or(way)
    }
}

/// Formats the route as `ip route` shows it.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.dst)?;
        if let Some(gateway) = &self.gateway {
            write!(f, " via {gateway}")?;
        }
        if let Some(device) = self.device() {
            write!(f, " dev {device}")?;
        }
        write!(f, " metric {}", self.metric)
    }
}

/// Devices and routes of the machine.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub devices: Vec<Device>,
    pub routes6: Vec<Route>,
    pub routes4: Vec<Route>,
}

impl Snapshot {
    #[must_use]
    pub fn device(&self, name: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.ifname == name)
    }

    /// Whether the device has this IPv6 address.
    #[must_use]
    pub fn has_address(&self, device: &str, address: Ipv6Addr) -> bool {
        let wanted = IpAddr::from(address);
        let addresses = self.device(device).map(|device| device.addr_info.as_slice());
        addresses.unwrap_or_default().iter().any(|found| found.local == Some(wanted))
    }
}

/// The program `ip`, and the kernel's files for what `ip` does not print.
#[derive(Clone, Debug)]
pub struct Ip {
    pub program: PathBuf,
    pub proc: PathBuf,
}

impl Default for Ip {
    fn default() -> Self {
        Self { program: "ip".into(), proc: "/proc".into() }
    }
}

impl Ip {
    /// Reads devices, addresses and routes.
    ///
    /// # Errors
    /// There is no `ip` that speaks JSON (busybox has one that does not).
    pub fn snapshot(&self) -> Result<Snapshot, LinuxError> {
        Ok(Snapshot {
            devices: self.list(&["-details", "address", "show"])?,
            routes6: self
                .list(&["-6", "route", "show", "table", "all"])?
                .into_iter()
                .filter(|route: &Route| !route.is_expired())
                .collect(),
            routes4: self.list(&["-4", "route", "show", "table", "all"])?,
        })
    }

    fn list<T: DeserializeOwned>(&self, words: &[&str]) -> Result<Vec<T>, LinuxError> {
        let mut command = Command::new(&self.program);
        command.args(&["-Numeric", "-json"]).args(words);
        let program = Program::new(command, TIMEOUT).printing(MAX_LIST);
        let printed = program.output().map_err(|error| match error {
            ProgramError::Refused { said, .. } => LinuxError::OldIp(said),
            error => stopped("ip", error),
        })?;
        // Nothing at all stands for an empty list.
        if printed.trim_ascii().is_empty() {
            return Ok(Vec::new());
        }
        serde_json::from_slice(&printed)
            .map_err(|error| LinuxError::OldIp(Quoted::new(&error.to_string())))
    }

    /// The MTU that IPv6 has on a device, in bytes: a router advertisement can lower it.
    #[must_use]
    pub fn ipv6_mtu(&self, device: &str) -> Option<u32> {
        let path = self.proc.join("sys/net/ipv6/conf").join(device).join("mtu");
        std::fs::read_to_string(path).ok()?.trim().parse().ok()
    }

    /// Whether IPv4 packets are forwarded.
    #[must_use]
    pub fn forwards(&self) -> bool {
        let path = self.proc.join("sys/net/ipv4/ip_forward");
        std::fs::read_to_string(path).is_ok_and(|text| text.trim() == "1")
    }

    /// The kernel's release, as `uname -r` prints it.
    #[must_use]
    pub fn release(&self) -> Option<String> {
        std::fs::read_to_string(self.proc.join("sys/kernel/osrelease")).ok()
    }

    /// Runs the lines in one process; it ends at the first that fails.
    ///
    /// # Errors
    /// What `ip` says of that line.
    pub fn batch(&self, lines: &[String]) -> Result<(), LinuxError> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut command = Command::new(&self.program);
        command.args(&["-batch", "-"]);
        let input = lines.join("\n") + "\n";
        let ended = Program::new(command, TIMEOUT).reading(input.as_bytes()).run();
        let ended = ended.map_err(LinuxError::NoIp)?;
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        let said = match ended.success() {
            Ok(_) => return Ok(()),
            Err(ProgramError::Refused { said, .. }) => said,
            Err(error) => return Err(stopped("ip", error)),
        };
        let number = text.lines().find_map(|line| line.strip_prefix("Command failed -:"));
        let number = number.and_then(|number| number.trim().parse::<usize>().ok());
        let line = number.and_then(|number| lines.get(number.checked_sub(1)?));
        Err(LinuxError::Refused {
            line: line.cloned().unwrap_or_else(|| lines.join("; ")),
            reason: said,
        })
    }
}

/// A program that could not be started or gave no verdict.
#[must_use]
pub fn stopped(program: &'static str, error: ProgramError) -> LinuxError {
    match error {
        ProgramError::NotStarted(error) if program == "ip" => LinuxError::NoIp(error),
        error => LinuxError::Stopped { program, reason: error.to_string() },
    }
}
