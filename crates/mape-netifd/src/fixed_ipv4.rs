//! Contracts with an IPv4 address of one's own, or a block of them: a tunnel in which nothing is
//! shared.
//!
//! The far end is the contract's. The identifier is the draft-03 one of the (first) address with
//! PSID 0 (v6 Plus fixed IP; OCN IPoE IP1, IP8, IP16), or one that the papers state (transix,
//! Xpass).

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU64;

use ipnet::{Ipv4Net, Ipv6Net};
use mape_core::{
    Contract, Failure, Layout, ProviderChoice, ReceivedPrefix, Rule, RuleError, RuleParts,
    UnknownProvider, parse_interface_id,
};
use mape_net::UpdateRequest;
use mape_provision::Url;

use super::options::{OptionError, Options};

/// A provider's service with fixed IPv4 addresses.
struct Service {
    /// The value of the option `provider`.
    provider: &'static str,
    /// Whether the papers state an interface identifier, instead of one made of the address.
    states_id: bool,
    /// Update server for a new CE address. Those with a URL take plain HTTP only.
    update_url: Option<&'static str>,
    /// The names of user and password in the query of the update; `None` for HTTP's basic
    /// authentication.
    names: Option<[&'static str; 2]>,
}

const SERVICES: [Service; 4] = [
    Service {
        provider: "v6plus-static",
        states_id: false,
        update_url: Some("http://fcs.enabler.ne.jp/update"),
        names: Some(["user", "pass"]),
    },
    Service {
        provider: "ocn-static",
        states_id: false,
        update_url: None,
        names: Some(["user", "pass"]),
    },
    Service {
        provider: "transix-static",
        states_id: true,
        update_url: Some("http://update.transix.jp/request"),
        names: Some(["username", "password"]),
    },
    // One source has the form of the call, and none the whole URL.
    Service { provider: "xpass-static", states_id: true, update_url: None, names: None },
];
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

const NAT_HINT: &str = "write an address of the block, like 198.51.100.81";
const ID_HINT: &str = "write the interface identifier of the contract, like ::feed";
const URL_HINT: &str = "write an http or https URL, as the papers of the contract have it";
/// Stands in a URL for the CE address. The first form is the user's; a URL can hold the second.
const CE_PLACE: [&str; 2] = ["{ce}", "@ce@"];

/// The numbers of such a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedIpv4Contract {
    ipv4: Ipv4Net,
    br: Ipv6Addr,
    contract: Contract,
    /// The provider's update server for the CE address.
    pub update: Option<Update>,
}

/// The provider's service that has to know the CE address.
#[derive(Clone, PartialEq, Eq)]
pub struct Update {
    url: Url,
    /// User and password for HTTP's basic authentication.
    basic: Option<[String; 2]>,
}

/// Carries a password.
impl std::fmt::Debug for Update {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Update({:?})", self.url)
    }
}

impl Update {
    /// Where to: without the CE address, if the URL has a place for it.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The call for this CE address, with user and password: for the wire.
    #[must_use]
    pub fn request(&self, ce: Ipv6Addr) -> UpdateRequest {
        let text = self.url.to_string().replace(CE_PLACE[1], &ce.to_string());
        UpdateRequest {
            url: Url::parse(&text).unwrap_or_else(|| self.url.clone()),
            basic: self.basic.as_ref().map(|basic| basic.join(":")),
            authority: None,
        }
    }
}

impl FixedIpv4Contract {
    /// Reads the same options from a file of plain Linux.
    ///
    /// # Errors
    /// As those of a router's.
    pub fn of(options: &[(&'static str, String)]) -> Result<Option<Self>, Failure> {
        let options = Options::of(options);
        let fixed = Self::read(&options);
        options.checked(fixed)
    }

    /// Reads the options where `provider` is one of these services.
    pub(super) fn read(options: &Options) -> Result<Option<Self>, Failure> {
        let provider = options.text("provider");
        let is_it = |service: &&Service| provider.as_deref() == Some(service.provider);
        let Some(service) = SERVICES.iter().find(is_it) else { return Ok(None) };
        for other in ["rule", "rules_file", "ip6prefix", "ealen", "psid", "psidlen", "offset"] {
            if options.has(other) {
                return Err(OptionError::Contradiction("provider", other).into());
            }
        }
        let hint = "write the tunnel end (BR) of the contract";
        let br = options.read("peeraddr", hint, |text| text.parse().ok());
        let fixed = Self {
            ipv4: addresses(options)?.ok_or(OptionError::Without("provider", "ipaddr"))?,
            br: br.ok_or(OptionError::Without("provider", "peeraddr"))?,
            contract: Contract {
                nat: options.read("nat_address", NAT_HINT, |text| text.parse().ok()),
                interface_id: interface_id(options, service)?,
            },
            update: update(options, service)?,
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
        // The provider finds an address with a stated identifier by the update, in any subnet.
        let longest = if self.contract.interface_id.is_some() { 64 } else { LINE_LEN };
        self.rule_of(Ipv6Net::new(net.addr(), net.prefix_len().min(longest)).ok()?.trunc()).ok()
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
        })?
        .with_contract(self.contract)
    }
}

/// `interface_id`: the lower half of the tunnel's address here.
fn interface_id(options: &Options, service: &Service) -> Result<Option<NonZeroU64>, Failure> {
    let id = options.read("interface_id", ID_HINT, parse_interface_id);
    if id.is_none() && service.states_id {
        return Err(OptionError::Without("provider", "interface_id").into());
    }
    Ok(id)
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
    let stated = options.read("ipaddr", ADDRESS_HINT, read);
    let len = options.number("ip4prefixlen", ADDRESS_HINT, u32::from(LARGEST_BLOCK_LEN)..=32);
    match (stated, len) {
        (Some(net), Some(len)) if net.prefix_len() < 32 && net.prefix_len() != len => {
            Err(OptionError::Contradiction("ipaddr", "ip4prefixlen").into())
        }
        (Some(net), Some(len)) => Ok(Ipv4Net::new(net.addr(), len).ok()),
        (stated, _) => Ok(stated),
    }
}

/// `update_url`, `update_user`, `update_password` and `update_auth`.
///
/// `{user}`, `{password}` and `{ce}` in the URL are replaced. Without `{password}`, user and
/// password go into the query, under the names of the provider, or into a header.
fn update(options: &Options, service: &Service) -> Result<Option<Update>, Failure> {
    let (user, password) = (options.text("update_user"), options.text("update_password"));
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
    let stated = options.text("update_url");
    let text = stated.as_deref().or(service.update_url);
    let text = text.ok_or(OptionError::Without("update_user", "update_url"))?;
    let mut names = service.names;
    match options.text("update_auth").as_deref() {
        None => {}
        Some("basic") => names = None,
        Some("query") => names = names.or(Some(["user", "pass"])),
        Some(other) => {
            return Err(OptionError::bad("update_auth", other, "use query or basic").into());
        }
    }
    let [name, secret] = [escaped(&user), escaped(&password)];
    let filled = text.replace("{user}", &name).replace("{password}", &secret);
    let filled = filled.replace(CE_PLACE[0], CE_PLACE[1]);
    let bad = || OptionError::bad("update_url", text, URL_HINT);
    let url = Url::parse(&filled).ok_or_else(bad)?;
    Ok(Some(match names {
        _ if text.contains("{password}") => Update { url, basic: None },
        Some([of_user, of_password]) => {
            let query = format!("{of_user}={name}&{of_password}={secret}");
            Update { url: url.with_query(&query), basic: None }
        }
        None => Update { url, basic: Some([user, password]) },
    }))
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
