//! Lists of ports as a user writes them: `5696,9792-9799`.

use std::fmt;
use std::str::FromStr;

use crate::error::{Explain, Explanation};
use crate::port_set::PortRange;
use crate::text::{Quoted, decimal};

/// Limit on the ranges of a list, which bounds the time that any list can cost.
const MAX_RANGES: usize = 4096;

/// Ports and port ranges in the order given, each port once.
///
/// The order is kept because the data plane removes reserved ports in configured order: appending a
/// port then moves the mapping of one other port only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortList(Vec<PortRange>);

impl PortList {
    /// Returns the ranges in the order given.
    #[must_use]
    pub fn ranges(&self) -> &[PortRange] {
        &self.0
    }

    /// Appends the ports of another list.
    ///
    /// # Errors
    /// [`PortListError::TooMany`] where the list becomes too long.
    pub fn extend(&mut self, other: Self) -> Result<(), PortListError> {
        other.0.into_iter().try_for_each(|range| self.push(range))
    }

    /// Appends the ports of the range that are not in the list yet.
    fn push(&mut self, range: PortRange) -> Result<(), PortListError> {
        let mut new = vec![range];
        for known in &self.0 {
            let mut rest = Vec::new();
            for part in new {
                rest.extend(part.without(*known));
            }
            new = rest;
        }
        self.0.extend(new);
        if self.0.len() > MAX_RANGES { Err(PortListError::TooMany) } else { Ok(()) }
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

/// The text is not a list of ports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortListError {
    /// Not a number from 1 to 65535, or not two of them.
    #[error("{0} is not a port or a range of ports")]
    NotAPort(Quoted),
    /// The range runs backwards.
    #[error("the port range {0} ends before it begins")]
    Backwards(Quoted),
    /// The list has more entries than the limit.
    #[error("the port list has more than {MAX_RANGES} entries")]
    TooMany,
}

impl Explain for PortListError {
    fn explain(&self) -> Explanation {
        let explanation = Explanation::of_option(
            "reserved_ports",
            "write ports from 1 to 65535 like 5696,9792-9799",
        );
        match self {
            Self::NotAPort(value) | Self::Backwards(value) => {
                explanation.text("value", value.as_str())
            }
            Self::TooMany => explanation,
        }
    }
}

impl FromStr for PortList {
    type Err = PortListError;

    fn from_str(text: &str) -> Result<Self, PortListError> {
        let mut list = Self::default();
        for entry in text.split(',') {
            list.push(range(entry.trim())?)?;
        }
        Ok(list)
    }
}

fn range(entry: &str) -> Result<PortRange, PortListError> {
    let not_a_port = || PortListError::NotAPort(Quoted::new(entry));
    let (first, last) = entry.split_once('-').unwrap_or((entry, entry));
    let first = port(first).ok_or_else(not_a_port)?;
    let last = port(last).ok_or_else(not_a_port)?;
    PortRange::new(first, last).ok_or_else(|| PortListError::Backwards(Quoted::new(entry)))
}

/// Reads a port. Port 0 belongs to some port sets but never appears on the wire, so it cannot be
/// reserved.
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
    fn the_order_is_kept_and_each_port_stands_once() {
        for (text, list) in [
            ("9792-9799, 5696", "9792-9799,5696"),
            ("5696,5696,5690-5700", "5696,5690-5695,5697-5700"),
            ("20-30,1-5,25-40,22,5", "20-30,1-5,31-40"),
            ("7,1-65535", "7,1-6,8-65535"),
            ("1-65535,7,65535,1", "1-65535"),
            ("65535,65534", "65535,65534"),
        ] {
            assert_eq!(parse(text).map(|list| list.to_string()).as_deref(), Ok(list), "{text}");
        }
        assert_eq!(parse("9792-9799,5696").unwrap().ranges().len(), 2);
    }

    #[test]
    fn a_list_grows_at_its_end_and_not_for_ever() {
        let mut list = parse("9792").unwrap();
        assert_eq!(list.extend(parse("5696,9792").unwrap()), Ok(()));
        assert_eq!(list.to_string(), "9792,5696");
        let odd =
            |count: u16| (0..count).map(|n| (2 * n + 1).to_string()).collect::<Vec<_>>().join(",");
        assert!(parse(&odd(4096)).is_ok());
        let error = parse(&odd(4097)).unwrap_err();
        assert_eq!((error.clone(), error.params().len()), (PortListError::TooMany, 1));
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
