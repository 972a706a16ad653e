//! Rules as people write them: `ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,br=2001:db8:ffff::1`.

use std::net::Ipv6Addr;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::builtin::completed;
use crate::error::{Code, Explain};
use crate::layout::Layout;
use crate::rule::{Rule, RuleError, RuleParts};
use crate::table::Table;
use crate::text::{Quoted, decimal};

mod map;

pub use map::{is_map_form, parse_dhcpv6_rule, parse_map_rules};

/// The keys of a rule; the first four of [`REQUIRED`] cannot be left out.
const KEYS: [&str; 8] = ["ipv6", "ipv4", "ea", "offset", "psid", "psidlen", "br", "layout"];
const REQUIRED: [&str; 4] = ["ipv6", "ipv4", "ea", "br"];

/// Reads one rule: `KEY=VALUE` pairs separated by commas.
///
/// Keys: `ipv6` and `ipv4` (the rule's prefixes), `ea` (EA bits), `br`, and optionally `offset` (a;
/// as [`completed`] has it), `psidlen` (k; absent or 0: what the EA bits leave), `psid` (decimal or
/// `0x…`; right-aligned, or left-aligned in 16 bits where it can only be meant so), `layout`
/// (`draft03` or `rfc7597`; `unstated` where the rule does not say).
///
/// # Errors
/// [`RuleTextError`] where the text cannot be read or its numbers contradict each other.
pub fn parse_rule(text: &str, unstated: Layout) -> Result<Rule, RuleTextError> {
    let mut values: Table<&'static str, &str> = Table::default();
    for pair in text.split(',').map(str::trim) {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| RuleTextError::NotAPair(Quoted::new(pair)))?;
        let known = KEYS.into_iter().find(|known| *known == key.trim());
        let key = known.ok_or_else(|| RuleTextError::UnknownKey(Quoted::new(key)))?;
        if values.insert(key, value.trim()).is_some() {
            return Err(RuleTextError::Twice(key));
        }
    }
    if let Some(missing) = REQUIRED.into_iter().find(|key| values.get(key).is_none()) {
        return Err(RuleTextError::Missing(missing));
    }
    let values = Values(values);
    let layout = values.read("layout", |text| text.parse().ok())?.unwrap_or(unstated);
    let parts = RuleParts {
        ipv6: values.required("ipv6", net6)?,
        ipv4: values.required("ipv4", net4)?,
        ea_len: values.required("ea", small)?,
        offset: values.read("offset", small)?,
        psid_len: values.read("psidlen", small)?.filter(|len| *len > 0),
        psid: values.read("psid", read_psid)?,
        br: values.required("br", |text| text.parse::<Ipv6Addr>().ok())?,
        layout,
    };
    Ok(Rule::new(completed(parts, Some(layout)))?)
}

/// Reads a rule file: one rule in a line, in the form of [`parse_rule`]; empty lines and what
/// follows a `#` are left out.
///
/// # Errors
/// [`RuleFileError`] names the line. Two different rules for the same IPv6 prefix are refused,
/// since nothing could choose between them.
pub fn parse_rule_file(text: &str, unstated: Layout) -> Result<Vec<Rule>, RuleFileError> {
    let mut rules: Table<Ipv6Net, (usize, Rule)> = Table::default();
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split_once('#').map_or(line, |(rule, _comment)| rule).trim();
        if line.is_empty() {
            continue;
        }
        let rule = parse_rule(line, unstated)
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
    Ok(rules.into_values().map(|(_, rule)| rule).collect())
}

struct Values<'text>(Table<&'static str, &'text str>);

impl Values<'_> {
    fn read<T>(
        &self,
        key: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, RuleTextError> {
        let Some(text) = self.0.get(key) else {
            return Ok(None);
        };
        let bad = || RuleTextError::BadValue { key, value: Quoted::new(text) };
        read(text).ok_or_else(bad).map(Some)
    }

    fn required<T>(
        &self,
        key: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, RuleTextError> {
        self.read(key, read)?.ok_or(RuleTextError::Missing(key))
    }
}

/// Reads an IPv6 prefix with its length. Bits behind the length stay.
///
/// The standard library reads the address, because `ipnet`'s own parser takes `061.72.0.0`, which
/// others read as octal.
#[must_use]
pub fn net6(text: &str) -> Option<Ipv6Net> {
    let (address, len) = text.split_once('/')?;
    Ipv6Net::new(address.parse().ok()?, small(len)?).ok()
}

/// Reads an IPv4 prefix with its length, as [`net6`].
#[must_use]
pub fn net4(text: &str) -> Option<Ipv4Net> {
    let (address, len) = text.split_once('/')?;
    Ipv4Net::new(address.parse().ok()?, small(len)?).ok()
}

/// Lengths: whether they fit the rule is the rule's own check.
fn small(text: &str) -> Option<u8> {
    decimal(text, 128).and_then(|number| u8::try_from(number).ok())
}

/// Reads a PSID of at most 16 bits: specifications write it in hexadecimal (`0x34`), calculators in
/// decimal.
#[must_use]
pub fn read_psid(text: &str) -> Option<u16> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u16::from_str_radix(digits, 16).ok()
        }
        Some(_) => None,
        None => decimal(text, 65535).and_then(|number| u16::try_from(number).ok()),
    }
}

/// The text is not a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleTextError {
    /// A part without `=`.
    #[error("{0} in the rule is not KEY=VALUE")]
    NotAPair(Quoted),
    /// The same of a file, which may be another one than was meant: what stands there is not
    /// repeated.
    #[error("it is no rule")]
    NotARule,
    /// A key that rules do not have.
    #[error("the rule key {0} is not known")]
    UnknownKey(Quoted),
    /// A key given twice.
    #[error("the rule gives {0} twice")]
    Twice(&'static str),
    /// A key that must be there.
    #[error("the rule lacks {0}")]
    Missing(&'static str),
    /// A value that cannot be read.
    #[error("the rule's {key} cannot be {value}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// What stands behind it.
        value: Quoted,
    },
    /// Readable, but contradicting itself.
    #[error(transparent)]
    Rule(#[from] RuleError),
}

impl RuleTextError {
    fn unquoted(self) -> Self {
        match self {
            Self::NotAPair(_) | Self::UnknownKey(_) => Self::NotARule,
            known => known,
        }
    }
}

impl Explain for RuleTextError {
    fn code(&self) -> Code {
        match self {
            Self::Rule(error) => error.code(),
            _ => Code::OptionInvalid,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Rule(error) => error.hint(),
            Self::BadValue { key, .. } => match *key {
                "type" => "only map-e is supported".to_owned(),
                "ipv6prefix" => "write it like 240b:10::".to_owned(),
                "ipv4prefix" => "write it like 106.72.0.0".to_owned(),
                "ipv6" => "write it like 240b:10::/31".to_owned(),
                "ipv4" => "write it like 106.72.0.0/15".to_owned(),
                "br" => "write it like 2404:9200:225:100::64".to_owned(),
                "layout" => "use draft03 or rfc7597".to_owned(),
                "psid" => "write a number from 0 to 65535, decimal or like 0x34".to_owned(),
                _ => "write a number of bits".to_owned(),
            },
            _ => format!(
                "write KEY=VALUE,… with {}; the keys are {}",
                REQUIRED.join(", "),
                KEYS.join(" ")
            ),
        }
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Rule(error) => error.params(),
            Self::NotAPair(text) | Self::UnknownKey(text) => {
                vec![("option", "rule".to_owned()), ("value", text.text())]
            }
            Self::NotARule => vec![("option", "rule".to_owned())],
            Self::Twice(key) | Self::Missing(key) => {
                vec![("option", "rule".to_owned()), ("key", (*key).to_owned())]
            }
            Self::BadValue { key, value } => vec![
                ("option", "rule".to_owned()),
                ("key", (*key).to_owned()),
                ("value", value.text()),
            ],
        }
    }
}

/// The text is not a rule file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFileError {
    /// A line is not a rule.
    #[error("line {line}: {error}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        error: RuleTextError,
    },
    /// Two lines disagree.
    #[error("lines {first} and {second} give two different rules for {ipv6}")]
    Conflict {
        /// Number of the earlier line, from 1.
        first: usize,
        /// Number of the later line.
        second: usize,
        /// The IPv6 prefix of both.
        ipv6: Ipv6Net,
    },
    /// No rule at all.
    #[error("the file holds no rule")]
    Empty,
}

impl Explain for RuleFileError {
    fn code(&self) -> Code {
        match self {
            Self::Line { error, .. } => error.code(),
            Self::Conflict { .. } => Code::RuleInconsistent,
            Self::Empty => Code::OptionInvalid,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Line { error, .. } => error.hint(),
            Self::Conflict { .. } => "keep the one your provider uses".to_owned(),
            Self::Empty => "write one rule in a line, like ipv6=…,ipv4=…,ea=…,br=…".to_owned(),
        }
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Line { line, error } => {
                let mut params = error.params();
                params.push(("line", line.to_string()));
                params
            }
            Self::Conflict { first, second, ipv6 } => vec![
                ("ipv6", ipv6.to_string()),
                ("first_line", first.to_string()),
                ("second_line", second.to_string()),
            ],
            Self::Empty => vec![("option", "rules_file".to_owned())],
        }
    }
}

#[cfg(test)]
mod tests;
