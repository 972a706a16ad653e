//! Rules as text: `ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,br=2001:db8:ffff::1`.

use crate::into_vec::IntoVec as _;
use std::net::Ipv6Addr;

use ipnet::Ipv6Net;

use crate::builtin::fill_from_table;
use crate::layout::Layout;
use crate::rule::{Contract, Rule, RuleParts};
use crate::table::Table;
use crate::text::Quoted;

mod error;
mod map;
mod values;

use values::{Read, Values, bit_length};

pub use error::{RuleFileError, RuleTextError};
pub use map::{is_lw4o6, is_map_form, parse_dhcpv6_rule, parse_map_rules};
pub use values::{parse_interface_id, parse_net4, parse_net6, parse_psid};

/// The keys of a rule, in the order of the error's next step.
const KEYS: [&str; 10] =
    ["ipv6", "ipv4", "ea", "offset", "psid", "psidlen", "br", "layout", "nat", "id"];
/// The keys that every rule has.
const REQUIRED: [&str; 4] = ["ipv6", "ipv4", "ea", "br"];

/// Reads one rule: `KEY=VALUE` pairs separated by commas.
///
/// - `ipv6` and `ipv4`: the rule's prefixes.
/// - `ea`: the number of EA bits.
/// - `br`: the address of the BR.
/// - `offset` (optional): the PSID offset a. Its default comes from [`fill_from_table`].
/// - `psidlen` (optional): the PSID length k. Without it, or with 0, k is the rest of the EA bits.
/// - `psid` (optional): decimal or `0x…`. It is right-aligned, or left-aligned in 16 bits where
///   only that reading is possible.
/// - `layout` (optional): `draft03` or `rfc7597`; `default_layout` where the rule has none.
/// - `nat` (optional): of a fixed-IPv4 contract with a block, the address that NAT uses.
/// - `id` (optional): of a fixed-IPv4 contract, the interface identifier, like `::feed`.
///
/// ```
/// use mape_core::{Layout, parse_rule};
///
/// let text = "ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,br=2404:9200:225:100::64";
/// let rule = parse_rule(text, Layout::Draft03)?;
/// assert_eq!(rule.to_string(), "ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,offset=4,psidlen=8,\
///     br=2404:9200:225:100::64,layout=draft03");
/// let error = parse_rule("ipv6=240b:10::/31", Layout::Draft03).unwrap_err();
/// assert_eq!(error.to_string(), "the rule lacks ipv4");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`RuleTextError`] where the text cannot be read or its numbers contradict each other.
pub fn parse_rule(text: &str, default_layout: Layout) -> Result<Rule, RuleTextError> {
    read_rule(text, default_layout).map_err(|error| *error)
}

fn read_rule(text: &str, default_layout: Layout) -> Read<Rule> {
    let mut values: Table<&'static str, &str> = Table::default();
    for pair in text.split(',').map(str::trim) {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| RuleTextError::NotAPair(Quoted::new(pair)))?;
        let known = KEYS.into_iter().find(|known| *known == key.trim());
        let key = known.ok_or_else(|| RuleTextError::UnknownKey(Quoted::new(key)))?;
        if values.insert(key, value.trim()).is_some() {
            return Err(RuleTextError::Twice(key).into());
        }
    }
    if let Some(missing) = REQUIRED.into_iter().find(|key| values.get(key).is_none()) {
        return Err(RuleTextError::Missing(missing).into());
    }
    let values = Values(values);
    let layout = values.read("layout", |text| text.parse().ok())?.unwrap_or(default_layout);
    let parts = RuleParts {
        ipv6: values.required("ipv6", parse_net6)?,
        ipv4: values.required("ipv4", parse_net4)?,
        ea_len: values.required("ea", bit_length)?,
        offset: values.read("offset", bit_length)?,
        psid_len: values.read("psidlen", bit_length)?.filter(|len| *len > 0),
        psid: values.read("psid", parse_psid)?,
        br: values.required("br", |text| text.parse::<Ipv6Addr>().ok())?,
        layout,
    };
    let contract = Contract {
        nat: values.read("nat", |text| text.parse().ok())?,
        interface_id: values.read("id", parse_interface_id)?,
    };
    let rule = Rule::new(fill_from_table(parts, Some(layout)));
    let rule = rule.and_then(|rule| rule.with_contract(contract));
    rule.map_err(|error| RuleTextError::Rule(error).into())
}

/// Reads a rule file: one rule per line in the form of [`parse_rule`]. Empty lines and text after a
/// `#` are ignored.
///
/// # Errors
/// [`RuleFileError`] names the line. Two different rules for the same IPv6 prefix are refused,
/// because neither takes precedence.
pub fn parse_rule_file(text: &str, default_layout: Layout) -> Result<Vec<Rule>, RuleFileError> {
    let mut rules: Table<Ipv6Net, (usize, Rule)> = Table::default();
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split_once('#').map_or(line, |(rule, _comment)| rule).trim();
        if line.is_empty() {
            continue;
        }
        let rule = parse_rule(line, default_layout)
            .map_err(|error| RuleFileError::Line { line: number, error: error.unquoted() })?;
        match rules.insert(rule.ipv6(), (number, rule)) {
            Some((first, other)) if other != rule => {
                let (ipv6, second) = (rule.ipv6(), number);
                return Err(RuleFileError::Conflict { first, second, ipv6 });
            }
            _ => {}
        }
    }
    if rules.is_empty() {
        return Err(RuleFileError::Empty);
    }
    Ok(rules.into_values().map(|(_, rule)| rule).into_vec())
}

#[cfg(test)]
mod tests;
