//! Values of the configuration that the state of a line also records.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The default route's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteOption {
    /// The table; `None` for the main one.
    pub table: Option<u32>,
    /// The metric; the lowest wins.
    pub metric: u32,
}

/// Family, table and chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InputChain {
    family: String,
    table: String,
    chain: String,
}

impl InputChain {
    /// Returns the chain of these names.
    pub(crate) fn new(family: &str, table: &str, chain: &str) -> Self {
        let [family, table, chain] = [family, table, chain].map(str::to_owned);
        Self { family, table, chain }
    }
}

impl fmt::Display for InputChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.family, self.table, self.chain)
    }
}

impl FromStr for InputChain {
    type Err = ();

    /// Reads `inet filter input`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split_whitespace();
        let family = words.next().filter(|word| ["inet", "ip6"].contains(word)).ok_or(())?;
        let family = family.to_owned();
        let mut name = || words.next().filter(|word| is_name(word)).map(str::to_owned).ok_or(());
        let (table, chain) = (name()?, name()?);
        if words.next().is_some() {
            return Err(());
        }
        Ok(Self { family, table, chain })
    }
}

impl TryFrom<String> for InputChain {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map_err(|()| "not a chain")
    }
}

impl From<InputChain> for String {
    fn from(chain: InputChain) -> Self {
        chain.to_string()
    }
}

/// What nft takes as an identifier without quotes.
fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.len() <= 64
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::InputChain;

    #[test]
    fn a_chain_cannot_carry_anything_else() {
        assert!("inet filter input".parse::<InputChain>().is_ok());
        for bad in
            ["", "inet", "inet a", "ip a b", "inet a b c", "inet a;b c", "inet a {", "inet 1 b"]
        {
            assert_eq!(bad.parse::<InputChain>(), Err(()), "{bad}");
        }
    }
}
