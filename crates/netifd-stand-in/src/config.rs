//! Reads the configuration: /etc/config/network, or JSON instead.
//!
//! ```json
//! {"wan6": {"proto": "static", "device": "eth1", "ip6addr": ["2001:db8::1/64"],
//!           "ip6gw": "fe80::1"},
//!  "wan4": {"proto": "mape", "tunlink": "wan6", "mtu": "1460"}}
//! ```
//! Values are text or lists of text, as in UCI. Addresses of static interfaces may also be tables
//! with lifetimes, which UCI does not have. Bridges are in UCI only.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use mape_uci::Package;
use serde_json::{Map, Value};

/// The options of one interface.
pub(crate) type Section = Map<String, Value>;

/// The contents of the file.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) interfaces: BTreeMap<String, Section>,
    /// Names and ports.
    pub(crate) bridges: Vec<(String, Vec<String>)>,
}

/// Reads the file.
pub(crate) fn read(path: &Path) -> anyhow::Result<Network> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let read = if text.starts_with('{') { from_json(&text) } else { from_uci(&text) };
    read.with_context(|| path.display().to_string())
}

fn from_json(text: &str) -> anyhow::Result<Network> {
    let all: Value = text.parse()?;
    let all = all.as_object().context("the configuration is not an object")?;
    let section = |(name, section): (&String, &Value)| {
        let section = section.as_object().with_context(|| format!("{name} is not an object"))?;
        Ok((name.clone(), section.clone()))
    };
    let interfaces = all.iter().map(section).collect::<anyhow::Result<_>>()?;
    Ok(Network { interfaces, bridges: Vec::new() })
}

fn from_uci(text: &str) -> anyhow::Result<Network> {
    let package = Package::parse("network", text)?;
    let option = |(name, value): &(String, mape_uci::Value)| {
        let value = match value {
            mape_uci::Value::Text(text) => text.as_str().into(),
            mape_uci::Value::List(items) => items.clone().into(),
        };
        (name.clone(), value)
    };
    let interfaces = package
        .of_kind("interface")
        .map(|section| (section.name().to_owned(), section.options().iter().map(option).collect()));
    let bridges = package.of_kind("device").filter(|device| device.get("type") == Some("bridge"));
    let bridges = bridges.filter_map(|bridge| {
        Some((bridge.get("name")?.to_owned(), bridge.list("ports").map(str::to_owned).collect()))
    });
    Ok(Network { interfaces: interfaces.collect(), bridges: bridges.collect() })
}

/// The type of an option, with blobmsg's numbers, which handlers declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Array,
    Text,
    Number,
    Flag,
}

impl Kind {
    pub(crate) fn new(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Array),
            3 => Some(Self::Text),
            5 => Some(Self::Number),
            7 => Some(Self::Flag),
            _ => None,
        }
    }
}

/// The options that every interface has without a declaration. The handler gets them as well.
pub(crate) const OF_EVERY_INTERFACE: [(&str, Kind); 16] = [
    ("proto", Kind::Text),
    ("device", Kind::Text),
    ("ifname", Kind::Text),
    ("auto", Kind::Flag),
    ("zone", Kind::Text),
    ("defaultroute", Kind::Flag),
    ("peerdns", Kind::Flag),
    ("metric", Kind::Number),
    ("dns", Kind::Array),
    ("dns_search", Kind::Array),
    ("dns_metric", Kind::Number),
    ("renew", Kind::Flag),
    ("ip4table", Kind::Text),
    ("ip6table", Kind::Text),
    ("delegate", Kind::Flag),
    ("force_link", Kind::Flag),
];

/// Reads a number as C's `strtol` does with base 0: `0x` and a leading 0 select the base, leading
/// blanks are skipped, and no text may follow.
fn number(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() {
        return text.is_empty().then_some(0);
    }
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let value = match hexadecimal {
        Some(digits) => i64::from_str_radix(digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8),
        None => digits.parse(),
    };
    value.ok().map(|value| if negative { -value } else { value })
}

/// Converts an option to its declared type. Returns `None` if it does not fit; netifd drops it
/// then.
fn typed(value: &Value, kind: Kind) -> Option<Value> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(u8::from(*flag).to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    if let Kind::Array = kind {
        return Some(match value {
            Value::Array(items) => items.iter().filter_map(text).collect(),
            other => text(other)?.split([' ', '\t']).filter(|word| !word.is_empty()).collect(),
        });
    }
    // A list where one value is expected is dropped.
    let text = text(value)?;
    match (kind, text.as_str()) {
        (Kind::Flag, "1" | "true") => Some(true.into()),
        (Kind::Flag, "0" | "false") => Some(false.into()),
        (Kind::Flag, _) => None,
        (Kind::Number, text) => number(text).map(Value::from),
        (Kind::Text | Kind::Array, _) => Some(text.into()),
    }
}

/// Returns the declared options of a section, with their types.
pub(crate) fn declared<'a>(
    section: &Section,
    options: impl Iterator<Item = (&'a str, Kind)>,
) -> Section {
    let typed = options
        .filter_map(|(name, kind)| Some((name.to_owned(), typed(section.get(name)?, kind)?)));
    typed.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sections_of_uci() {
        let text = "config interface 'wan6'\n\toption device 'wan'\n\tlist dns 'a'\n\tlist dns 'b'\n\
                    config device\n\toption name 'br-lan'\n\toption type 'bridge'\n\tlist ports 'lan1'\n";
        let network = from_uci(text).unwrap();
        let expected = json!({"wan6": {"device": "wan", "dns": ["a", "b"]}});
        assert_eq!(serde_json::to_value(network.interfaces).unwrap(), expected);
        assert_eq!(network.bridges, [("br-lan".to_owned(), vec!["lan1".to_owned()])]);
    }

    /// As seen on the real netifd.
    #[test]
    fn options_are_typed_as_declared() {
        let section = json!({"i": "0x10", "o": "010", "b": "1", "c": "yes", "l": "a  b", "m": ["c"], "t": ["d"], "n": "5x", "u": "1"});
        let options = [
            ("i", Kind::Number),
            ("o", Kind::Number),
            ("b", Kind::Flag),
            ("c", Kind::Flag),
            ("l", Kind::Array),
            ("m", Kind::Array),
            ("t", Kind::Text),
            ("n", Kind::Number),
            ("absent", Kind::Text),
        ];
        let typed = declared(section.as_object().unwrap(), options.into_iter());
        assert_eq!(
            Value::Object(typed),
            json!({"i": 16, "o": 8, "b": true, "l": ["a", "b"], "m": ["c"]})
        );
    }
}
