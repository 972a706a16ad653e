//! Lists of ports as people type them: `5696,9792-9799`.

use std::fmt;
use std::str::FromStr;

use crate::error::{Code, Explain};
use crate::port_set::PortRange;
use crate::text::{Quoted, decimal};

/// Ports and port ranges in the order they were given.
///
/// The order is kept, because the data plane takes reserved ports out in configured order: adding
/// one at the end then moves the mapping of one other port only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortList(Vec<PortRange>);

impl PortList {
    /// The ranges in the order given.
    #[must_use]
    pub fn ranges(&self) -> &[PortRange] {
        &self.0
    }

    /// Whether the list names no port.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same ports as ascending ranges that do not overlap.
    #[must_use]
    pub fn merged(&self) -> Vec<PortRange> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let mut merged: Vec<PortRange> = Vec::new();
        for range in sorted {
            match merged.last_mut().and_then(|last| Some((last.union(range)?, last))) {
                Some((union, last)) => *last = union,
                None => merged.push(range),
            }
        }
        merged
    }

    /// Puts the ports of another list behind those of this one.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// As typed: `5696,9792-9799`.
impl fmt::Display for PortList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator}{range}")?;
        }
        Ok(())
    }
}

/// An entry of the list is neither a port nor a range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortListError {
    /// Not a number from 1 to 65535, or not two of them.
    #[error("{0} is not a port or a range of ports")]
    NotAPort(Quoted),
    /// The range runs backwards.
    #[error("the port range {0} ends before it begins")]
    Backwards(Quoted),
}

impl Explain for PortListError {
    fn code(&self) -> Code {
        Code::OptionInvalid
    }

    fn hint(&self) -> String {
        "write ports from 1 to 65535 like 5696,9792-9799".to_owned()
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        let (Self::NotAPort(value) | Self::Backwards(value)) = self;
        vec![("option", "reserved_ports".to_owned()), ("value", value.text())]
    }
}

impl FromStr for PortList {
    type Err = PortListError;

    fn from_str(text: &str) -> Result<Self, PortListError> {
        text.split(',').map(|entry| range(entry.trim())).collect::<Result<_, _>>().map(Self)
    }
}

fn range(entry: &str) -> Result<PortRange, PortListError> {
    let not_a_port = || PortListError::NotAPort(Quoted::new(entry));
    let (first, last) = entry.split_once('-').unwrap_or((entry, entry));
    let first = port(first).ok_or_else(not_a_port)?;
    let last = port(last).ok_or_else(not_a_port)?;
    PortRange::new(first, last).ok_or_else(|| PortListError::Backwards(Quoted::new(entry)))
}

/// Port 0 exists in a port set but not on the wire, so nobody can reserve it.
fn port(text: &str) -> Option<u16> {
    decimal(text, 65535).and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PortList, PortListError> {
        text.parse()
    }

    #[test]
    fn the_order_is_kept() {
        let list = parse("9792-9799, 5696,1-65535").unwrap_or_default();
        assert_eq!(list.to_string(), "9792-9799,5696,1-65535");
        assert_eq!(list.ranges().len(), 3);
    }

    #[test]
    fn overlaps_are_merged() {
        let merged = |text: &str| {
            let ranges = parse(text).unwrap_or_default().merged();
            ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        };
        assert_eq!(merged("20-30,1-5,25-40,22,5"), "1-5,20-40");
        assert_eq!(merged("3,1,2"), "1-3");
        assert_eq!(merged("1-65535,7"), "1-65535");
        assert_eq!(merged("1,3"), "1,3");
        assert_eq!(merged("65535,65534"), "65534-65535");
    }

    #[test]
    fn a_list_grows_at_its_end() {
        let mut list = parse("9792").unwrap_or_default();
        assert!(!list.is_empty());
        list.extend(parse("5696").unwrap_or_default());
        assert_eq!(list.to_string(), "9792,5696");
        assert!(PortList::default().is_empty());
    }

    #[test]
    fn bad_lists_name_the_entry() {
        for (text, entry) in [
            ("", ""),
            ("5696,", ""),
            ("0", "0"),
            ("65536", "65536"),
            ("http", "http"),
            ("1-2-3", "1-2-3"),
            ("-5", "-5"),
            ("5-", "5-"),
            ("+5", "+5"),
            ("1-0", "1-0"),
        ] {
            assert_eq!(parse(text), Err(PortListError::NotAPort(Quoted::new(entry))), "{text:?}");
        }
        let backwards = parse("1,9-8").map_err(|error| error.to_string());
        assert_eq!(backwards, Err("the port range \"9-8\" ends before it begins".to_owned()));
    }
}
