//! `/etc/mape-rs.conf`: one option per line, with the names that the options have in UCI.

use std::borrow::Cow;
use std::io;
use std::net::Ipv6Addr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use log::LevelFilter;
use mape_core::{
    Code, Explain, Explanation, Failure, Layout, MIN_MTU, ProviderChoice, Quoted, ReceivedPrefix,
    Request, decimal, parse_rule,
};
use mape_netifd::{
    CONTRACTS, FixedIpv4Contract, OptionError, choose_provider, planned_uplink_mtu,
    provisioning_mode,
};
use mape_nft::{DeviceName, EdgeChoice, InterfaceName, Options};
use mape_provision::Mode;
use mape_system::files;
use mape_system::logger::{DEFAULT_LEVEL, level};
use mape_system::user_rules::Stated;

use crate::lines::{at_line, in_file, split};
use crate::spec::{InputChain, RouteOption};

/// The configuration that is read if the user names none. It may be missing: every option has a
/// default.
pub const DEFAULT_FILE: &str = "/etc/mape-rs.conf";

/// After the defaults of ifupdown and of `NetworkManager` for cables, before those of networkd and
/// of `NetworkManager` for Wi-Fi.
const DEFAULT_METRIC: u32 = 512;
/// The main table's number, under which `ip` does not show it.
const MAIN_TABLE: u32 = 254;
/// The kernel's own default.
const DEFAULT_TTL: u8 = 64;

/// The configuration of a line. Every option has a default.
#[derive(Clone, Debug)]
pub struct Config {
    /// Absolute path of the file.
    pub file: PathBuf,
    /// Name of the line; its device is `mape-NAME`.
    pub interface: InterfaceName,
    /// The uplink; `None` for the device of the IPv6 default route.
    pub uplink: Option<DeviceName>,
    /// A delegated prefix; only needed if the machine's routes and addresses do not show it.
    pub prefix: Option<ReceivedPrefix>,
    stated: Stated,
    /// A fixed-IPv4 contract.
    pub fixed: Option<FixedIpv4Contract>,
    /// Whether a server is asked for the rule, and which.
    pub provisioning: Mode,
    /// A file with the certificate of an authority that is trusted for that.
    pub authority: Option<String>,
    /// The line's resolvers; empty for those that the machine's files name.
    pub dns: Vec<Ipv6Addr>,
    /// MTU inside the tunnel in bytes; `None` for as much as the uplink allows.
    pub mtu: Option<u16>,
    /// Hop limit of the outer packets, 1 to 255.
    pub ttl: u8,
    /// Table and metric of the IPv4 default route; `None` for no route.
    pub route: Option<RouteOption>,
    /// Where ports are translated.
    pub edge: EdgeChoice,
    /// Further options of the rules.
    pub nft: Options,
    /// The least important messages that are logged.
    pub log_level: LevelFilter,
    /// A chain of the host's firewall to which `up` may add a rule.
    pub input_chain: Option<InputChain>,
}

/// A line of the file that cannot be used.
#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error("{0} has no value")]
    NoValue(Quoted),
    #[error("the option {0} is not known")]
    Unknown(Quoted),
    #[error("{0} is an option of fixed-IPv4 contracts, and provider names none of them")]
    NoContract(&'static str),
    #[error("{key} cannot be {value}")]
    Value { key: &'static str, value: Quoted, expected: &'static str },
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
}

impl Explain for LineError {
    fn explain(&self) -> Explanation {
        let is_invalid = |hint| Explanation::new(Code::OptionInvalid, hint);
        match self {
            Self::NoValue(option) => {
                is_invalid(Cow::from("write one option in a line: NAME VALUE"))
                    .param("option", &option.text())
            }
            Self::Unknown(option) => is_invalid("mape-proto up --help lists the options".into())
                .param("option", &option.text()),
            Self::NoContract(option) => {
                let hint =
                    format!("write provider {} too, or remove that option", CONTRACTS.join(" or "));
                is_invalid(hint.into()).text("option", option)
            }
            Self::Value { key, value, expected } => is_invalid(format!("write {expected}").into())
                .text("option", key)
                .param("value", &value.text()),
            Self::Unreadable(_) => is_invalid("name a readable text file".into()),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            file: DEFAULT_FILE.into(),
            interface: DeviceName::default_tunnel().interface(),
            uplink: None,
            prefix: None,
            stated: Stated::default(),
            fixed: None,
            provisioning: Mode::Off,
            authority: None,
            dns: Vec::new(),
            mtu: None,
            ttl: DEFAULT_TTL,
            route: Some(RouteOption { table: None, metric: DEFAULT_METRIC }),
            edge: EdgeChoice::Auto,
            nft: Options::default(),
            log_level: DEFAULT_LEVEL,
            input_chain: None,
        }
    }
}

impl Config {
    /// Reads the file; without one, [`DEFAULT_FILE`], which may be missing.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it cannot be used. The sentence names file and line.
    pub fn read(file: Option<&Path>) -> Result<Self, Failure> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        match files::text(path) {
            Ok(text) => Self::parse(&text, path),
            Err(error) if file.is_none() && error.kind() == io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(error) => Err(in_file(LineError::Unreadable(error).into(), path)),
        }
    }

    /// Reads the text of a configuration.
    ///
    /// # Errors
    /// A line cannot be used. The sentence names `path` and the line.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        let mut config = Self { file: absolute(path), ..Self::default() };
        let (mut contract, mut provisioning) = (Vec::new(), Vec::new());
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in (1..).zip(text.lines()) {
            let Some((key, value)) = split(line) else { continue };
            if key == "provider" {
                // The last one counts.
                contract.retain(|(name, _)| *name != key);
            }
            if let Some(option) = contract_option(key, value) {
                contract.push((option, value.to_owned()));
            } else if let Some(option) = named(&PROVISIONING, key, value) {
                provisioning.push((option, value.to_owned()));
            } else {
                config.set(key, value).map_err(|failure| at_line(failure, path, number))?;
            }
        }
        config.provisioning =
            provisioning_mode(&provisioning).map_err(|failure| in_file(failure, path))?;
        config.set_contract(contract).map_err(|failure| in_file(failure, path))?;
        Ok(config)
    }

    /// Returns the name of the line even if other lines of the file are wrong, so that `down` works
    /// with any file. `None` if the name is wrong too, or the file cannot be read.
    pub(super) fn name_in(file: &Path) -> Option<InterfaceName> {
        let text = files::text(file).ok()?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut names = text.lines().filter_map(split).filter(|(key, _)| *key == "interface");
        names.next_back().map_or(Some(Self::default().interface), |(_, value)| value.parse().ok())
    }

    /// Sets the fixed-IPv4 contract from its options, as a router does.
    fn set_contract(&mut self, mut options: Vec<(&'static str, String)>) -> Result<(), Failure> {
        let Some((first, _)) = options.first() else { return Ok(()) };
        if options.iter().all(|(name, _)| *name != "provider") {
            return Err(LineError::NoContract(first).into());
        }
        let rules = self.stated.rules.iter().map(|rule| ("rule", rule.clone()));
        let files = self.stated.rule_files.iter().map(|file| ("rules_file", file.clone()));
        options.extend(rules.chain(files));
        self.fixed = FixedIpv4Contract::of(&options)?;
        // The built-in table does not describe such a contract.
        self.stated.provider = ProviderChoice::Manual;
        Ok(())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Failure> {
        if value.is_empty() {
            return Err(LineError::NoValue(Quoted::new(key)).into());
        }
        match key {
            "interface" => self.interface = value.parse()?,
            "uplink" => self.uplink = Some(value.parse()?),
            "prefix" => self.prefix = Some(value.parse()?),
            "provider" => self.stated.provider = choose_provider(value)?,
            "layout" => self.stated.layout = Some(value.parse()?),
            "rule" => {
                // Kept as text: `layout` may follow.
                parse_rule(value, Layout::Draft03)?;
                self.stated.rules.push(value.to_owned());
            }
            "rules_file" => self.stated.rule_files.push(value.into()),
            "reserved_ports" => {
                let ports = value.split_whitespace().collect::<Vec<_>>().join(",");
                self.stated.reserved.extend(ports.parse()?)?;
            }
            "mtu" => {
                let mtu = number("mtu", value, 0..=65_495)?;
                self.mtu = Some(mtu).filter(|mtu| *mtu >= MIN_MTU);
                self.mtu.ok_or(OptionError::MtuTooSmall(mtu))?;
            }
            "ttl" => self.ttl = number("ttl", value, 1..=255)?,
            "defaultroute" => {
                let on = switch("defaultroute", value)?;
                let route = self.route.or(Self::default().route);
                self.route = route.filter(|_| on);
            }
            "metric" => self.place()?.metric = number("metric", value, 0..=u32::MAX)?,
            "table" => {
                let table = number("table", value, 1..=u32::MAX)?;
                self.place()?.table = Some(table).filter(|table| *table != MAIN_TABLE);
            }
            "provisioning_ca" => self.authority = Some(value.to_owned()),
            "dns" => {
                for word in value.split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
                    let address = word.parse().map_err(|_| LineError::Value {
                        key: "dns",
                        value: Quoted::new(word),
                        expected: "the IPv6 addresses of the line's resolvers",
                    })?;
                    self.dns.push(address);
                }
            }
            "edge" => self.edge = value.parse()?,
            "full_cone" => self.nft.full_cone = switch("full_cone", value)?,
            "dscp_reset" => self.nft.dscp_reset = switch("dscp_reset", value)?,
            "time_wait" => {
                let seconds: u16 = number("time_wait", value, 1..=65_535)?;
                self.nft.time_wait = NonZeroU16::new(seconds);
            }
            "log_level" => {
                self.log_level = level(value).ok_or_else(|| LineError::Value {
                    key: "log_level",
                    value: Quoted::new(value),
                    expected: "error, warn, info or debug",
                })?;
            }
            "input_chain" => {
                self.input_chain = Some(value.parse().map_err(|()| LineError::Value {
                    key: "input_chain",
                    value: Quoted::new(value),
                    expected: "family, table and chain, like inet filter input",
                })?);
            }
            // A line like `[main]`.
            "" => return Err(LineError::Unknown(Quoted::new(value)).into()),
            _ => return Err(LineError::Unknown(Quoted::new(key)).into()),
        }
        Ok(())
    }

    fn place(&mut self) -> Result<&mut RouteOption, LineError> {
        self.route.as_mut().ok_or(LineError::Value {
            key: "defaultroute",
            value: Quoted::new("0"),
            expected: "either defaultroute 0 or a metric or table for the route",
        })
    }

    /// Returns the name of the tunnel device.
    #[must_use]
    pub fn device(&self) -> DeviceName {
        DeviceName::of_interface(&self.interface)
    }

    /// Returns the request for a plan with this prefix. `uplink_mtu` is used if `mtu` is not set.
    ///
    /// # Errors
    /// A rule file cannot be read or is wrong, or the uplink has no room for `mtu`.
    pub fn request(&self, prefix: ReceivedPrefix, uplink_mtu: u16) -> Result<Request, Failure> {
        let mut request = self.stated.request(prefix)?;
        request.explicit.extend(self.fixed.as_ref().and_then(|fixed| fixed.rule(prefix)));
        request.uplink_mtu = match self.mtu {
            Some(mtu) => planned_uplink_mtu(mtu, uplink_mtu)?,
            None => uplink_mtu,
        };
        Ok(request)
    }
}

pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Returns the option of a fixed-IPv4 contract that this line sets.
fn contract_option(key: &str, value: &str) -> Option<&'static str> {
    const OPTIONS: [&str; 9] = [
        "ipaddr",
        "ip4prefixlen",
        "peeraddr",
        "nat_address",
        "interface_id",
        "update_url",
        "update_user",
        "update_password",
        "update_auth",
    ];
    if key == "provider" {
        return CONTRACTS.contains(&value).then_some("provider");
    }
    named(&OPTIONS, key, value)
}

/// The options that say which server is asked, and as whom.
const PROVISIONING: [&str; 5] = [
    "provisioning",
    "provisioning_url",
    "provisioning_user",
    "provisioning_password",
    "provisioning_server",
];

/// Returns the option of these that this line sets.
fn named(options: &[&'static str], key: &str, value: &str) -> Option<&'static str> {
    options.iter().copied().find(|option| *option == key).filter(|_| !value.is_empty())
}

fn number<T: TryFrom<u32>>(
    key: &'static str,
    text: &str,
    range: std::ops::RangeInclusive<u32>,
) -> Result<T, LineError> {
    let number = decimal(text, *range.end()).filter(|number| range.contains(number));
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| LineError::Value {
        key,
        value: Quoted::new(text),
        expected: match key {
            "mtu" => "the tunnel's MTU in bytes, 1280 or more",
            "ttl" => "a number from 1 to 255",
            "time_wait" => "a number of seconds from 1 to 65535",
            _ => "a number",
        },
    })
}

/// Reads a switch, as UCI does.
fn switch(key: &'static str, text: &str) -> Result<bool, LineError> {
    let bad = || LineError::Value { key, value: Quoted::new(text), expected: "0 or 1" };
    mape_uci::switch(text).ok_or_else(bad)
}

#[cfg(test)]
mod tests;
