//! Recognises a fixed-IPv4 contract in a manual tunnel or in numbers of `map`.
//!
//! The sign is the provider's tunnel end, or a CE address that contains the IPv4 address as these
//! contracts have it: draft-03 with PSID 0.

use std::net::Ipv6Addr;

use ipnet::Ipv4Net;
use mape_core::{
    Layout, LineKind, Quoted, ReceivedPrefix, Request, decimal, is_unicast4, parse_net4, plan,
};
use mape_provision::{FIXED_PROVIDERS, fixed_provider};
use mape_uci::Section;

use super::error::ImportError;
use super::source::{addresses, words};

/// Length of the largest block that such a contract has, as the options take it.
const LARGEST: u8 = 24;

/// The contract that the section describes.
pub(super) struct Contract {
    /// The value of the option `provider`.
    pub(super) provider: &'static str,
    ipv4: Ipv4Net,
    end: Ipv6Addr,
    /// The lower half of the tunnel's address here, where the papers state it.
    id: Option<Ipv6Addr>,
    /// The prefix that the CE address stands in.
    pub(super) prefix: Option<ReceivedPrefix>,
}

impl Contract {
    /// Returns `None` if it is no contract that `mape` knows.
    ///
    /// # Errors
    /// The tunnel end belongs to such a contract, but the section has no IPv4 address of it.
    pub(super) fn of(section: &Section) -> Result<Option<Self>, ImportError> {
        let ends: Vec<Ipv6Addr> = addresses(section);
        let known = ends.iter().find_map(|end| Some((fixed_provider(*end)?, *end)));
        let stated = stated_ipv4(section);
        let ce = ends.iter().find_map(|ce| Some((*ce, made_of(*ce)?)));
        let ce = ce.filter(|(_, ipv4)| stated.is_none_or(|stated| stated.addr() == ipv4.addr()));
        let prefix = ce.and_then(|(ce, _)| ReceivedPrefix::new(ce, 128).ok());
        let (provider, end) = match (known, ce, prefix) {
            (Some(known), ..) => known,
            (None, Some((ce, _)), Some(prefix)) if section.get("proto") != Some("map") => {
                let Some(provider) = provider_of(prefix, ce) else { return Ok(None) };
                let Some(end) = ends.iter().copied().find(|end| *end != ce) else {
                    return Ok(None);
                };
                (provider, end)
            }
            _ => return Ok(None),
        };
        // With EA bits it is a rule, whatever its BR is.
        if section.get("ealen").is_some_and(|len| len != "0") {
            return Ok(None);
        }
        let ipv4 = stated.or(ce.map(|(_, ipv4)| ipv4)).ok_or_else(|| ImportError::NoAddress {
            interface: Quoted::new(section.name()),
            provider,
            end,
        })?;
        let stated_id = matches!(provider, "transix-static" | "xpass-static");
        let here = ends.iter().find(|address| **address != end).filter(|_| stated_id);
        let id = here.map(|ce| Ipv6Addr::from_bits(ce.to_bits() & u128::from(u64::MAX)));
        Ok(Some(Self { provider, ipv4, end, id, prefix }))
    }

    /// The section with the options of this contract.
    pub(super) fn with_options(&self, mut section: Section) -> Section {
        section.set("provider", self.provider.to_owned());
        let whole = self.ipv4.prefix_len() == 32;
        let ipaddr = if whole { self.ipv4.addr().to_string() } else { self.ipv4.to_string() };
        section.set("ipaddr", ipaddr);
        section.set("peeraddr", self.end.to_string());
        if let Some(id) = self.id {
            section.set("interface_id", id.to_string());
        }
        section
    }

    /// Returns a note about options that only the documents of the contract have.
    pub(super) fn note(&self, section: &Section) -> Option<String> {
        let no_update = self.provider != "ocn-static" && section.get("update_user").is_none();
        no_update.then(|| {
            "add update_user and update_password of the contract, so that the provider receives the \
             tunnel's address whenever it changes"
                .to_owned()
        })
    }
}

/// The line's own contract, where the prefix is of such a provider and the CE address is not the
/// one of MAP-E.
fn provider_of(prefix: ReceivedPrefix, ce: Ipv6Addr) -> Option<&'static str> {
    let owner = match plan(&Request::new(prefix)) {
        Ok(plan) if plan.ce() == ce => return None,
        Ok(plan) => plan.provider_name(),
        Err(error) => error.line().map_or("", LineKind::name),
    };
    FIXED_PROVIDERS.into_iter().find(|it| it.strip_suffix("-static") == Some(owner))
}

/// The IPv4 address in an identifier of such a contract.
fn made_of(ce: Ipv6Addr) -> Option<Ipv4Net> {
    let [.., a, b, c, d] = ce.segments();
    let id = u64::from(a) << 48 | u64::from(b) << 32 | u64::from(c) << 16 | u64::from(d);
    let (ipv4, psid) = Layout::Draft03.ipv4_and_psid(id)?;
    Some(Ipv4Net::from(ipv4)).filter(|net| psid == 0 && is_unicast4(*net))
}

/// The address that the section states, or the block of them; of `map`'s numbers none of a rule
/// that is for more lines than one.
fn stated_ipv4(section: &Section) -> Option<Ipv4Net> {
    let len = section.get("ip4prefixlen").map_or(Some(32), |len| decimal(len, 32));
    let len = u8::try_from(len?).ok().filter(|len| *len >= LARGEST)?;
    words(section).into_iter().find_map(|word| match parse_net4(word) {
        // With bits behind its length it is an address of a network.
        Some(net) if net == net.trunc() && net.prefix_len() >= LARGEST => Some(net),
        Some(net) => Some(Ipv4Net::from(net.addr())),
        None => Some(Ipv4Net::new(word.parse().ok()?, len).ok()?.trunc()),
    })
}
