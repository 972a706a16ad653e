//! A rule in upstream `map`'s numbers: its options, or its `rule` text.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use mape_core::{Layout, Quoted, ReceivedPrefix, Rule, RuleParts, decimal};

use super::error::ImportError;
use crate::uci::Section;

/// The options that state a rule, and their keys in the `rule` text, which `mapcalc` reads.
const KEYS: [(&str, &str); 9] = [
    ("ip6prefix", "ipv6prefix"),
    ("ip6prefixlen", "prefix6len"),
    ("ipaddr", "ipv4prefix"),
    ("ip4prefixlen", "prefix4len"),
    ("ealen", "ealen"),
    ("psidlen", "psidlen"),
    ("psid", "psid"),
    ("offset", "offset"),
    ("peeraddr", "br"),
];

/// What a number means where both programs read it differently.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// Layout, and with it the default of the offset.
    pub(super) layout: Layout,
    /// Upstream takes `psid` as the leftmost bits of a port's 16.
    pub(super) psid_from_the_left: bool,
    /// Without `ealen` the prefix's own length says where the EA bits end.
    pub(super) prefix: Option<ReceivedPrefix>,
}

/// The rules a section states: none, that of its options, or those of its `rule`.
pub(super) fn rules(section: &Section, reading: Reading) -> Result<Vec<Rule>, ImportError> {
    if let Some(text) = section.get("rule") {
        return text.split_whitespace().map(|text| of_text(text, reading)).collect();
    }
    let any = KEYS.iter().any(|(option, _)| section.get(option).is_some());
    if !any {
        return Ok(Vec::new());
    }
    let numbers = Numbers { value: |option| section.get(option), in_rule: false };
    numbers.rule(reading).map(|rule| vec![rule])
}

fn of_text(text: &str, reading: Reading) -> Result<Rule, ImportError> {
    let pairs = || text.split(',').filter_map(|pair| pair.split_once('='));
    if let Some((_, kind)) = pairs().find(|(key, kind)| *key == "type" && *kind != "map-e") {
        return Err(ImportError::BadValue { option: "type", value: Quoted::new(kind) });
    }
    let key = |option| KEYS.iter().find(|(name, _)| *name == option).map(|(_, key)| *key);
    // Of a key given twice `mapcalc` takes the last one.
    let value = |option| pairs().filter(|(name, _)| Some(*name) == key(option)).last();
    let value = |option| value(option).map(|(_, value)| value);
    Numbers { value, in_rule: true }.rule(reading)
}

struct Numbers<F> {
    value: F,
    in_rule: bool,
}

impl<'text, F: Fn(&'static str) -> Option<&'text str>> Numbers<F> {
    fn rule(&self, reading: Reading) -> Result<Rule, ImportError> {
        let ipv6: Ipv6Addr = self.needed("ip6prefix", |text| text.parse().ok())?;
        let ipv6_len = self.needed("ip6prefixlen", |text| small(text, 128))?;
        let ipv4: Ipv4Addr = self.needed("ipaddr", |text| text.parse().ok())?;
        let ipv4_len = self.read("ip4prefixlen", |text| small(text, 32))?.unwrap_or(32);
        let ea_len = self.read("ealen", |text| small(text, 48))?;
        let from_prefix = || Some(reading.prefix?.net().prefix_len().saturating_sub(ipv6_len));
        let ea_len = ea_len.or_else(from_prefix).ok_or_else(|| self.missing("ealen"))?;
        let psid_len = self.read("psidlen", |text| small(text, 16))?.filter(|len| *len > 0);
        let psid = self.read("psid", |text| number(text, 65535))?;
        let psid = psid.and_then(|psid| u16::try_from(psid).ok());
        // Upstream ignores bits behind the lengths.
        let parts = RuleParts {
            ipv6: Ipv6Net::new(ipv6, ipv6_len).map_err(|_| self.bad("ip6prefixlen"))?.trunc(),
            ipv4: Ipv4Net::new(ipv4, ipv4_len).map_err(|_| self.bad("ip4prefixlen"))?.trunc(),
            ea_len,
            offset: self.read("offset", |text| small(text, 16))?,
            psid_len,
            psid: aligned(psid, psid_len, ea_len, ipv4_len, reading.psid_from_the_left),
            br: self.needed("peeraddr", |text| text.parse().ok())?,
            layout: reading.layout,
        };
        Ok(Rule::new(parts)?)
    }

    fn read<T>(
        &self,
        option: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ImportError> {
        let Some(text) = (self.value)(option) else { return Ok(None) };
        read(text).map_or_else(|| Err(self.bad(option)), |value| Ok(Some(value)))
    }

    fn needed<T>(
        &self,
        option: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ImportError> {
        self.read(option, read)?.ok_or_else(|| self.missing(option))
    }

    /// The option's name, or that of the key in `rule`.
    fn name(&self, option: &'static str) -> &'static str {
        let key = KEYS.iter().find(|(name, _)| self.in_rule && *name == option);
        key.map_or(option, |(_, key)| key)
    }

    fn missing(&self, option: &'static str) -> ImportError {
        ImportError::Missing(self.name(option))
    }

    fn bad(&self, option: &'static str) -> ImportError {
        let value = Quoted::new((self.value)(option).unwrap_or_default());
        ImportError::BadValue { option: self.name(option), value }
    }
}

/// The PSID that has to be stated, right-aligned: none where the EA bits contain it.
fn aligned(
    psid: Option<u16>,
    psid_len: Option<u8>,
    ea_len: u8,
    ipv4_len: u8,
    from_the_left: bool,
) -> Option<u16> {
    let in_ea = ea_len > 32 - ipv4_len.min(32);
    let psid = psid.filter(|_| !in_ea)?;
    match (from_the_left, psid_len) {
        (true, Some(len)) => psid.checked_shr(16 - u32::from(len)),
        // Upstream drops a PSID without a length.
        (true, None) => None,
        (false, _) => Some(psid),
    }
}

fn small(text: &str, max: u32) -> Option<u8> {
    number(text, max).and_then(|number| u8::try_from(number).ok())
}

/// Decimal or `0x…`, as `strtoul` reads them.
fn number(text: &str, max: u32) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u32::from_str_radix(digits, 16).ok().filter(|number| *number <= max)
        }
        Some(_) => None,
        None => decimal(text, max),
    }
}
