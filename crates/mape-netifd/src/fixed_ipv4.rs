//! Contracts with an IPv4 address of one's own, or a block of them: a tunnel in which nothing is
//! shared.
//!
//! The identifier is the draft-03 one of the (first) address with PSID 0, and the far end is the
//! contract's (isp services v6 Plus fixed IP and OCN IPoE IP1, IP8, IP16).

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use mape_core::{Failure, Layout, ReceivedPrefix, Rule, RuleError, RuleParts};
use mape_provision::{Scheme, Url};

use super::options::{OptionError, Options};

/// Update server of v6 Plus for a new CE address. It takes plain HTTP only.
const V6PLUS_UPDATE_URL: &str = "http://fcs.enabler.ne.jp/update";
/// Every Japanese line is a /56 or a cut of one.
const LINE_LEN: u8 = 56;
/// A prefix for documentation (RFC 3849).
const EXAMPLE_LINE: Ipv6Net =
    Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), LINE_LEN);

/// The names under which `provider` has these services.
pub use mape_provision::FIXED_PROVIDERS as CONTRACTS;
/// Length of the largest block that such a contract has: 256 addresses.
const LARGEST_BLOCK_LEN: u8 = 24;
const ADDRESS_HINT: &str = "write the address of the contract, like 203.0.113.10, or its block with the \
                    length, like 198.51.100.80/29";

/// The numbers of such a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedIpv4Contract {
    ipv4: Ipv4Net,
    br: Ipv6Addr,
    /// The provider's update server for the CE address.
    pub update: Option<Update>,
}

/// The provider's service that has to know the CE address.
#[derive(Clone, PartialEq, Eq)]
pub struct Update(Url);

/// Carries a password.
impl std::fmt::Debug for Update {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Update({:?})", self.0)
    }
}

impl Update {
    /// With user and password: for the wire.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }
}

impl FixedIpv4Contract {
    /// Reads the same options from a file of plain Linux.
    ///
    /// # Errors
    /// As those of a router's.
    pub fn of(options: &[(&'static str, String)]) -> Result<Option<Self>, Failure> {
        Self::read(&Options::of(options))
    }

    /// Reads the options where `provider` is one of these services.
    pub(super) fn read(options: &Options) -> Result<Option<Self>, Failure> {
        let provider = options.text("provider")?;
        let server = match provider.as_deref() {
            Some("v6plus-static") => Some(V6PLUS_UPDATE_URL),
            Some("ocn-static") => None,
            _ => return Ok(None),
        };
        for other in ["rule", "rules_file", "ip6prefix", "ealen", "psid", "psidlen", "offset"] {
            if options.has(other)? {
                return Err(OptionError::Contradiction("provider", other).into());
            }
        }
        let hint = "write the tunnel end (BR) of the contract";
        let br = options.read("peeraddr", hint, |text| text.parse().ok())?;
        let fixed = Self {
            ipv4: addresses(options)?.ok_or(OptionError::Without("provider", "ipaddr"))?,
            br: br.ok_or(OptionError::Without("provider", "peeraddr"))?,
            update: update(options, server)?,
        };
        // Whether these addresses can be a contract's, whatever the line is.
        fixed.rule_of(EXAMPLE_LINE)?;
        Ok(Some(fixed))
    }

    /// The rule that makes this of a line. `None` for a prefix that is no line's, such as a LAN's
    /// unique local one.
    #[must_use]
    pub fn rule(&self, prefix: ReceivedPrefix) -> Option<Rule> {
        let net = prefix.net();
        (net.addr().octets()[0] >> 5 == 1).then_some(())?;
        self.rule_of(Ipv6Net::new(net.addr(), net.prefix_len().min(LINE_LEN)).ok()?.trunc()).ok()
    }

    fn rule_of(&self, ipv6: Ipv6Net) -> Result<Rule, RuleError> {
        Rule::new(RuleParts {
            ipv6,
            ipv4: self.ipv4,
            ea_len: 0,
            offset: None,
            psid_len: None,
            psid: None,
            br: self.br,
            layout: Layout::Draft03,
        })
    }
}

/// `ipaddr`, with the length behind it or in `ip4prefixlen`. Papers have the mask too.
fn addresses(options: &Options) -> Result<Option<Ipv4Net>, OptionError> {
    let read = |text: &str| match text.split_once('/') {
        None => text.parse::<Ipv4Addr>().ok().map(Ipv4Net::from),
        Some((address, mask)) if mask.contains('.') => {
            Ipv4Net::with_netmask(address.parse().ok()?, mask.parse().ok()?).ok()
        }
        Some(_) => text.parse().ok(),
    };
    let read = |text: &str| read(text).filter(|net| net.prefix_len() >= LARGEST_BLOCK_LEN);
    let stated = options.read("ipaddr", ADDRESS_HINT, read)?;
    let len = options.number("ip4prefixlen", ADDRESS_HINT, u32::from(LARGEST_BLOCK_LEN)..=32)?;
    match (stated, len) {
        (Some(net), Some(len)) if net.prefix_len() < 32 && net.prefix_len() != len => {
            Err(OptionError::Contradiction("ipaddr", "ip4prefixlen"))
        }
        (Some(net), Some(len)) => Ok(Ipv4Net::new(net.addr(), len).ok()),
        (stated, _) => Ok(stated),
    }
}

fn update(options: &Options, server: Option<&str>) -> Result<Option<Update>, OptionError> {
    let (user, password) = (options.text("update_user")?, options.text("update_password")?);
    let (user, password) = match (user, password) {
        (None, None) => return Ok(None),
        (Some(user), Some(password)) => (user, password),
        (Some(_), None) => return Err(OptionError::Without("update_user", "update_password")),
        (None, Some(_)) => return Err(OptionError::Without("update_password", "update_user")),
    };
    let stated = options.text("update_url")?;
    let text = stated.as_deref().or(server);
    let text = text.ok_or(OptionError::Without("update_user", "update_url"))?;
    let url = Url::parse(text).filter(|url| url.scheme() == Scheme::Http);
    let bad = || OptionError::bad("update_url", text, "write an http URL, as such services have");
    let query = format!("user={}&pass={}", escaped(&user), escaped(&password));
    Ok(Some(Update(url.ok_or_else(bad)?.with_query(&query))))
}

/// All but letters, digits and `-._~` as `%XX` (RFC 3986 section 2.1).
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(byte.into());
        } else {
            // Writing into a `String` cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use crate::Config;

    const OPTIONS: &str = r#"{"provider":"v6plus-static","ipaddr":"203.0.113.10",
        "peeraddr":"2404:9200:225:100::65","update_user":"u","update_password":"p w"}"#;

    fn planned(prefix: &str) -> Result<String, String> {
        let config = Config::parse(OPTIONS).unwrap();
        let decision = config.sources(prefix.parse().unwrap()).decide();
        decision
            .map(|it| format!("{} {} {}", it.plan.ipv4(), it.plan.ce(), it.plan.br()))
            .map_err(|error| error.to_string())
    }

    /// The interface identifier is the address in two groups (RFC 7597 section 6 with no PSID, in
    /// the layout of draft 03): 203.0.113.10 is cb:71:a00:0, as three public set-up guides have it.
    #[test]
    fn the_address_of_the_contract() {
        let made = "203.0.113.10/32 240b:10:3261:6400:cb:71:a00:0 2404:9200:225:100::65";
        for prefix in ["240b:10:3261:6400::/56", "240b:10:3261:6400::/64", "240b:10:3261:6400::/60"]
        {
            assert_eq!(planned(prefix).as_deref(), Ok(made));
        }
        assert_eq!(
            planned("2001:db8:1200::/48").as_deref(),
            Ok("203.0.113.10/32 2001:db8:1200:0:cb:71:a00:0 2404:9200:225:100::65")
        );
        assert!(planned("fd00:1::/64").is_err());
        assert!(planned("240b:10:3261:6410::/60").unwrap_err().contains("not the first subnet"));
    }

    /// A contract with eight addresses: 198.51.100.80 is c6:3364:5000.
    #[test]
    fn a_block_of_addresses() {
        let planned = |from: &str, to: &str| {
            let ocn = OPTIONS.replace("v6plus-static", "ocn-static").replace("update_", "x_");
            let ocn = ocn.replace("2404:9200:225:100::65", "2001:380:a182::2");
            let options = ocn.replace("203.0.113.10", "198.51.100.80/29").replace(from, to);
            let prefix = "2400:4050:1234:5600::/56".parse().unwrap();
            let decision = Config::parse(&options).map_err(|error| error.line())?;
            let plan = decision.sources(prefix).decide().unwrap().plan;
            let ports = plan.port_set().port_count();
            Ok(format!("{} {} {ports}", plan.ipv4(), plan.ce()))
        };
        let eight: Result<String, String> =
            Ok("198.51.100.80/29 2400:4050:1234:5600:c6:3364:5000:0 65536".to_owned());
        assert_eq!(planned("", ""), eight);
        assert_eq!(planned("80/29", "80/255.255.255.248"), eight);
        let length = r#"80","ip4prefixlen":"29"#;
        assert_eq!(planned("80/29", length), eight);
        for len in [28, 30, 31, 32] {
            let one = planned("/29", &format!("/{len}")).unwrap();
            assert!(one.starts_with(&format!("198.51.100.80/{len} 2400")), "{one}");
        }
        // What is right stands in the sentence or behind it.
        for (to, said) in [
            ("82/29", "did you mean 198.51.100.80/29?"),
            ("80/27", "did you mean 198.51.100.64/27?"),
            ("80/23", "198.51.100.80/29"),
            ("80/33", "198.51.100.80/29"),
            ("80/255.0.255.0", "198.51.100.80/29"),
            ("80-87", "198.51.100.80/29"),
            ("80/28\",\"ip4prefixlen\":\"29", "remove the option ip4prefixlen"),
            ("80\",\"ip4prefixlen\":\"8", "198.51.100.80/29"),
        ] {
            let error = planned("80/29", to).unwrap_err();
            assert!(error.contains(said), "{to}: {error}");
        }
    }

    #[test]
    fn whom_to_tell() {
        let update = |options: &str| {
            let fixed = Config::parse(options).unwrap().fixed.unwrap();
            fixed.update.map(|update| update.url().to_string())
        };
        let v6plus = "http://fcs.enabler.ne.jp/update?user=u&pass=p%20w";
        assert_eq!(update(OPTIONS).as_deref(), Some(v6plus));
        let own =
            OPTIONS.replace("v6plus-static\"", "ocn-static\",\"update_url\":\"http://a/x?y=1\"");
        assert_eq!(update(&own).as_deref(), Some("http://a/x?y=1&user=u&pass=p%20w"));
        let none = OPTIONS.replace("update_", "x_");
        assert_eq!(update(&none), None);
        assert!(!format!("{:?}", Config::parse(OPTIONS).unwrap()).contains("p%20w"));
    }

    #[test]
    fn an_address_that_no_contract_has_is_named() {
        for (given, values) in [
            ("203.0.113.10", ["0.0.0.0", "127.0.0.1", "224.0.0.5"]),
            ("2404:9200:225:100::65", ["fe80::1", "::1", "ff02::1"]),
        ] {
            for value in values {
                let error = Config::parse(&OPTIONS.replacen(given, value, 1)).unwrap_err().line();
                assert!(error.starts_with("MAPE_RULE_INCONSISTENT: "), "{error}");
                assert!(error.contains(value), "{error}");
            }
        }
    }

    #[test]
    fn what_is_missing_or_contradicts_is_named() {
        for (from, to, name) in [
            ("ipaddr", "x", "ipaddr"),
            ("peeraddr", "x", "peeraddr"),
            ("update_user", "x", "update_user"),
            ("v6plus-static", "ocn-static", "update_url"),
            ("203.0.113.10", "203.0.113", "ipaddr"),
            ("{", "{\"ealen\":\"8\",", "ealen"),
            ("{", "{\"update_url\":\"https://a/\",", "update_url"),
        ] {
            let error = Config::parse(&OPTIONS.replacen(from, to, 1)).unwrap_err();
            assert!(error.line().contains(name), "{}", error.line());
        }
    }
}
