//! The options of an interface: reads them and checks each value and their combination.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use log::LevelFilter;
use mape_core::{
    Failure, LINE_LEN, Layout, MIN_MTU, PortList, ProviderChoice, Quoted, ReceivedPrefix, Request,
    Rule, RuleParts, decimal, fill_from_table, is_lw4o6, is_map_form, parse_map_rules, parse_psid,
    parse_rule,
};
use mape_nft::{EdgeChoice, Options as NftOptions};
use mape_provision::{Mode, Sources};
use mape_system::rule_file;

use super::fixed_ipv4::{FixedIpv4Contract, choose_provider};
use super::options::{OptionError, Options};
use super::provisioning::mode;

/// The options of one interface, valid by themselves; whether they fit the line is the plan's
/// matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The interface that has the IPv6 prefix; found by itself where absent.
    pub tunlink: Option<String>,
    /// MTU inside the tunnel, in bytes; what the uplink leaves where absent.
    pub mtu: Option<u16>,
    /// Hop limit of the tunnel's packets, 1 to 255.
    pub ttl: u8,
    /// Tunnel encapsulation limit as netifd takes it: `ignore` or a number.
    pub encaplimit: String,
    /// Firewall zone of the tunnel: stated, `-` for none, or that of the uplink.
    pub zone: Option<String>,
    /// Where ports are translated.
    pub edge: EdgeChoice,
    /// Options of the nft rules.
    pub nft: NftOptions,
    /// How many ports are set aside for UPnP, NAT-PMP and PCP.
    pub upnp_ports: u16,
    /// Hosts whose UDP sockets hear from anyone once they have sent anything.
    pub full_cone_hosts: Vec<Ipv4Addr>,
    /// Whether a server is asked for the rule, and which.
    pub provisioning: Mode,
    /// A file with the certificate of an authority that is trusted for that.
    pub authority: Option<String>,
    /// The least important messages that are logged.
    pub log_level: LevelFilter,
    /// A contract with an address of its own.
    pub fixed: Option<FixedIpv4Contract>,
    provider: ProviderChoice,
    layout: Option<Layout>,
    explicit: Vec<Rule>,
    file: Vec<Rule>,
    provisioned: Vec<Rule>,
    dhcpv6: Vec<Rule>,
    reserved: PortList,
}

/// The numbers of a rule under upstream `map`'s names. `ipaddr` and `ip6prefix` are the rule's
/// prefixes there, not the line's.
pub const RULE_OPTIONS: [&str; 9] = [
    "ipaddr",
    "ip4prefixlen",
    "ip6prefix",
    "ip6prefixlen",
    "peeraddr",
    "ealen",
    "offset",
    "psidlen",
    "psid",
];

pub(super) const UPNP_HINT: &str = "use a number of ports that leaves some for everything else";

impl Config {
    /// Reads the JSON object that netifd passes.
    ///
    /// # Errors
    /// Codes `MAPE_OPTION_INVALID` and `MAPE_RULE_INCONSISTENT`, naming option and value.
    pub fn parse(json: &str) -> Result<Self, Failure> {
        let options = Options::parse(json)?;
        let config = Self::read(&options);
        options.checked(config)
    }

    fn read(options: &Options) -> Result<Self, Failure> {
        let is_lw4o6 = is_of_type_lw4o6(options);
        let layout = layout(options)?;
        let unstated = layout.unwrap_or(Layout::Draft03);
        let file = match options.text("rules_file") {
            Some(path) => rule_file::read(&path, unstated)?,
            None => Vec::new(),
        };
        let mut reserved = PortList::default();
        for entry in options.list("reserved_ports") {
            reserved.extend(entry.parse()?)?;
        }
        let fixed = FixedIpv4Contract::read(options)?;
        let provider = options.text("provider").filter(|_| fixed.is_none());
        let explicit =
            if fixed.is_none() { stated_rules(options, layout, is_lw4o6)? } else { Vec::new() };
        let edge = options.text("edge");
        Ok(Self {
            tunlink: options.text("tunlink"),
            mtu: mtu(options)?,
            ttl: options.number("ttl", "use 1 to 255", 1..=255).unwrap_or(64),
            encaplimit: encaplimit(options),
            zone: options.text("zone"),
            edge: edge.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
            nft: NftOptions {
                full_cone: options.switch("full_cone").unwrap_or(false),
                time_wait: options.seconds("time_wait"),
                dscp_reset: options.switch("dscp_reset").unwrap_or(false),
            },
            upnp_ports: options.number("upnp_ports", UPNP_HINT, 0..=65535).unwrap_or(0),
            full_cone_hosts: full_cone_hosts(options)?,
            provisioning: mode(options)?,
            authority: options.text("provisioning_ca"),
            log_level: options.log_level(),
            provider: match provider {
                // What the table says of the prefix is not about such a contract.
                _ if fixed.is_some() => ProviderChoice::Manual,
                Some(name) => choose_provider(&name)?,
                None => ProviderChoice::Auto,
            },
            layout,
            explicit,
            fixed,
            file,
            provisioned: Vec::new(),
            dhcpv6: Vec::new(),
            reserved,
        })
    }

    /// Returns the same options with the rules of a provisioning server's answer.
    #[must_use]
    pub fn with_provisioned(self, rules: Vec<Rule>) -> Self {
        Self { provisioned: rules, ..self }
    }

    /// Returns the same options with the rules of the line's DHCPv6 server (RFC 7598).
    #[must_use]
    pub fn with_dhcpv6(self, rules: Vec<Rule>) -> Self {
        Self { dhcpv6: rules, ..self }
    }

    /// Returns all sources of a rule for one of the uplink's prefixes.
    #[must_use]
    pub fn sources(&self, prefix: ReceivedPrefix) -> Sources {
        Sources {
            request: self.request(prefix),
            provisioned: self.provisioned.clone(),
            dhcpv6: self.dhcpv6.clone(),
        }
    }

    /// The question to the core for one of the uplink's prefixes.
    #[must_use]
    pub fn request(&self, prefix: ReceivedPrefix) -> Request {
        let mut request = Request::new(prefix);
        request.provider = self.provider;
        request.explicit.clone_from(&self.explicit);
        request.explicit.extend(self.fixed.as_ref().and_then(|it| it.rule(prefix)));
        request.file.clone_from(&self.file);
        request.layout = self.layout;
        request.reserved = self.reserved.clone();
        request
    }

    /// The rules the user stated one by one.
    #[must_use]
    pub fn stated(&self) -> &[Rule] {
        &self.explicit
    }

    /// The same question without the rules the user stated, where he stated some: what the table
    /// would say.
    #[must_use]
    pub fn request_of_table(&self, prefix: ReceivedPrefix) -> Option<Request> {
        let stated = !self.explicit.is_empty() || !self.file.is_empty();
        stated.then(|| Request::new(prefix))
    }
}

fn mtu(options: &Options) -> Result<Option<u16>, Failure> {
    let mtu = options.number("mtu", "use a number of bytes, or remove it", 0..=65495);
    match mtu.filter(|mtu| *mtu < MIN_MTU) {
        Some(small) => Err(OptionError::MtuTooSmall(small).into()),
        None => Ok(mtu),
    }
}

/// `type` is the older name of `maptype`.
fn is_of_type_lw4o6(options: &Options) -> bool {
    let mut found = false;
    for name in ["maptype", "type"] {
        found |= options.read(name, "use proto map for MAP-T", is_lw4o6).unwrap_or(false);
    }
    found
}

fn full_cone_hosts(options: &Options) -> Result<Vec<Ipv4Addr>, Failure> {
    let name = "full_cone_hosts";
    let hint = "list the addresses of hosts of the LAN, like 192.168.1.20";
    let mut hosts = Vec::new();
    for entry in options.list(name) {
        let bad = |_| OptionError::Bad { name, value: Quoted::new(&entry), hint };
        hosts.push(entry.parse().map_err(bad)?);
    }
    Ok(hosts)
}

/// `layout`, or `legacymap` of those who come from upstream's `map`.
fn layout(options: &Options) -> Result<Option<Layout>, Failure> {
    let layout = options.text("layout").as_deref().map(str::parse::<Layout>).transpose()?;
    let legacy = options
        .switch("legacymap")
        .map(|legacy| if legacy { Layout::Draft03 } else { Layout::Rfc7597 });
    match (layout, legacy) {
        (Some(layout), Some(legacy)) if layout != legacy => {
            Err(OptionError::Contradiction("layout", "legacymap").into())
        }
        _ => Ok(layout.or(legacy)),
    }
}

fn encaplimit(options: &Options) -> String {
    let hint = "use ignore, or a number from 0 to 255";
    let limit = options.read("encaplimit", hint, |text| {
        (text == "ignore" || decimal(text, 255).is_some()).then(|| text.to_owned())
    });
    limit.unwrap_or_else(|| "ignore".to_owned())
}

/// The rule in our form or in `map`'s, or its numbers one by one.
fn stated_rules(
    options: &Options,
    layout: Option<Layout>,
    is_lw4o6: bool,
) -> Result<Vec<Rule>, Failure> {
    let mut given = None;
    for name in RULE_OPTIONS {
        if options.has(name) {
            given = given.or(Some(name));
        }
    }
    match (options.text("rule"), given) {
        (Some(_), Some(number)) => Err(OptionError::Contradiction("rule", number).into()),
        (Some(rules), None) if is_map_form(&rules) => Ok(parse_map_rules(&rules, layout)?),
        (Some(rules), None) => {
            let unstated = layout.unwrap_or(Layout::Draft03);
            let mut stated = Vec::new();
            for rule in rules.split_ascii_whitespace() {
                stated.push(parse_rule(rule, unstated)?);
            }
            Ok(stated)
        }
        (None, Some(_)) => Ok(vec![numbers(options, layout, is_lw4o6)?]),
        (None, None) => Ok(Vec::new()),
    }
}

fn numbers(options: &Options, layout: Option<Layout>, is_lw4o6: bool) -> Result<Rule, Failure> {
    let bits = |name, hint, most| options.number::<u8>(name, hint, 0..=most);
    let length = |name| bits(name, "write a number of bits", 128);
    let needed = |name| move || OptionError::Incomplete(name);
    let address6 = |name, hint| options.read(name, hint, |text| text.parse::<Ipv6Addr>().ok());
    let address4 = |text: &str| text.parse::<Ipv4Addr>().ok();

    let ipv6 = address6("ip6prefix", "write it like 240b:10::, and its length as ip6prefixlen")
        .ok_or_else(needed("ip6prefix"))?;
    let ipv6_len = length("ip6prefixlen").ok_or_else(needed("ip6prefixlen"))?;
    let hint = "write it like 106.72.0.0, and its length as ip4prefixlen";
    let ipv4 = options.read("ipaddr", hint, address4).ok_or_else(needed("ipaddr"))?;
    let ipv4_len = length("ip4prefixlen").unwrap_or(32);
    let bad = |name, value: u8, hint| OptionError::Bad {
        name,
        value: Quoted::new(&value.to_string()),
        hint,
    };
    let parts = RuleParts {
        ipv6: Ipv6Net::new(ipv6, ipv6_len)
            .map_err(|_| bad("ip6prefixlen", ipv6_len, "use 0 to 128"))?,
        ipv4: Ipv4Net::new(ipv4, ipv4_len)
            .map_err(|_| bad("ip4prefixlen", ipv4_len, "use 0 to 32"))?,
        // Optional for upstream, which takes what the delegated prefix has behind the rule's.
        ea_len: bits("ealen", "use 0 to 48", 48)
            .or(if is_lw4o6 { Some(0) } else { LINE_LEN.checked_sub(ipv6_len) })
            .ok_or_else(needed("ealen"))?,
        offset: bits("offset", "use 0 to 16", 16).or(is_lw4o6.then_some(0)),
        // Upstream takes 0 for "whatever the EA bits leave".
        psid_len: bits("psidlen", "use 0 to 16", 16).filter(|len| *len > 0),
        psid: options.read(
            "psid",
            "write a number from 0 to 65535, decimal or like 0x34",
            parse_psid,
        ),
        br: address6("peeraddr", "write it like 2404:9200:225:100::64")
            .ok_or_else(needed("peeraddr"))?,
        layout: Layout::Rfc7597,
    };
    Ok(Rule::new(fill_from_table(parts, layout))?)
}

#[cfg(test)]
mod tests;
