//! Contracts with an IPv4 address of one's own, or a block of them: a tunnel in which nothing is
//! shared.
//!
//! The identifier is the draft-03 one of the (first) address with PSID 0, and the far end is the
//! contract's (isp services v6 Plus fixed IP and OCN IPoE IP1, IP8, IP16).

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use mape_core::{
    Failure, Layout, ProviderChoice, ReceivedPrefix, Rule, RuleError, RuleParts, UnknownProvider,
};
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

/// Reads the option `provider` if it names no such contract.
///
/// # Errors
/// For an unknown name; the next step has the names of these contracts too.
pub fn choose_provider(name: &str) -> Result<ProviderChoice, Failure> {
    let contracts = CONTRACTS.join(" or ");
    let too = format!("{contracts} for a contract with an IPv4 address of its own");
    name.parse().map_err(|error: UnknownProvider| Failure::from(error).or_else_do(&too))
}

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
        if fixed.ipv4 != fixed.ipv4.trunc() {
            return Err(OptionError::InsideBlock(fixed.ipv4).into());
        }
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
fn addresses(options: &Options) -> Result<Option<Ipv4Net>, Failure> {
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
            Err(OptionError::Contradiction("ipaddr", "ip4prefixlen").into())
        }
        (Some(net), Some(len)) => Ok(Ipv4Net::new(net.addr(), len).ok()),
        (stated, _) => Ok(stated),
    }
}

fn update(options: &Options, server: Option<&str>) -> Result<Option<Update>, Failure> {
    let (user, password) = (options.text("update_user")?, options.text("update_password")?);
    let (user, password) = match (user, password) {
        (None, None) => return Ok(None),
        (Some(user), Some(password)) => (user, password),
        (Some(_), None) => {
            return Err(OptionError::Without("update_user", "update_password").into());
        }
        (None, Some(_)) => {
            return Err(OptionError::Without("update_password", "update_user").into());
        }
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
mod tests;
