//! The host's own firewall: what the BR sends first (outer protocol 4) has to get through it.
//!
//! In nftables a packet must pass every chain on the hook, so no rule in a table of ours can let in
//! what somebody else's chain drops. A chain is extended only where the user has named it
//! (`input_chain`); otherwise the user is told what to add.

use std::fmt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::str::FromStr;

use mape_core::Quoted;
use mape_nft::{InterfaceName, Loaded};
use serde::{Deserialize, Serialize};

use super::LinuxError;
use super::ip::said;
use super::line::Line;

/// Family, table and chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InputChain {
    family: String,
    table: String,
    chain: String,
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

/// The rule that lets the BR's packets in.
pub(crate) fn rule(line: &Line) -> String {
    format!("ip6 saddr {} ip6 daddr {} meta l4proto 4 accept", line.br, line.ce)
}

fn comment(name: &InterfaceName) -> String {
    format!("comment \"mape-rs {name}\"")
}

/// Puts the rule into the chain, before what drops.
fn insertion(chain: &InputChain, line: &Line, name: &InterfaceName) -> String {
    format!("insert rule {chain} {} {}\n", rule(line), comment(name))
}

/// The program nft.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nft<'path>(pub(crate) &'path Path);

impl Nft<'_> {
    /// Sees that the chain has the rule once, and says whether something had to be done.
    pub(crate) fn extend(
        self,
        chain: &InputChain,
        line: &Line,
        name: &InterfaceName,
    ) -> Result<bool, LinuxError> {
        match self.extension(chain, line, name)? {
            Some(text) => self.load(chain, &text).map(|()| true),
            None => Ok(false),
        }
    }

    /// What nft has to do for that.
    pub(crate) fn extension(
        self,
        chain: &InputChain,
        line: &Line,
        name: &InterfaceName,
    ) -> Result<Option<String>, LinuxError> {
        let listed = self.list(chain)?;
        let ours: Vec<&str> = rules_of(&listed, name).collect();
        let (br, ce) = (line.br.to_string(), line.ce.to_string());
        let is_right = |rule: &&str| {
            let words: Vec<&str> = rule.split_whitespace().collect();
            words.contains(&br.as_str()) && words.contains(&ce.as_str())
        };
        if ours.len() == 1 && ours.iter().all(is_right) {
            return Ok(None);
        }
        Ok(Some(deletions(chain, &ours) + &insertion(chain, line, name)))
    }

    /// Takes the rule out of the chain; a chain that is gone has none.
    pub(crate) fn restore(
        self,
        chain: &InputChain,
        name: &InterfaceName,
    ) -> Result<(), LinuxError> {
        self.restoration(chain, name).map_or(Ok(()), |text| self.load(chain, &text))
    }

    /// What nft has to do for that, if anything.
    pub(crate) fn restoration(self, chain: &InputChain, name: &InterfaceName) -> Option<String> {
        let listed = self.list(chain).ok()?;
        let ours: Vec<&str> = rules_of(&listed, name).collect();
        (!ours.is_empty()).then(|| deletions(chain, &ours))
    }

    fn list(self, chain: &InputChain) -> Result<String, LinuxError> {
        let output = self.run(&["--handle", "list", "chain", &chain.to_string()])?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(LinuxError::InputChain { chain: chain.to_string(), reason: said(&output) })
    }

    fn load(self, chain: &InputChain, text: &str) -> Result<(), LinuxError> {
        let output = self.run(&[text])?;
        if output.status.success() {
            return Ok(());
        }
        Err(LinuxError::InputChain { chain: chain.to_string(), reason: said(&output) })
    }

    /// Chains that drop what they do not know, on this hook: each as `inet filter input`.
    pub(crate) fn dropping(self, hook: &str, families: &[&str]) -> Vec<String> {
        let listed = self.run(&["list", "chains"]).map(|output| output.stdout).unwrap_or_default();
        dropping(&String::from_utf8_lossy(&listed), hook, families)
    }

    /// Whether our rules let this device's packets out. Of a device that was made anew the map shows
    /// the old number and not the name.
    pub(crate) fn is_open(self, name: &InterfaceName, device: &str) -> bool {
        let gate = self.run(&["list", "map", "inet", "mape_rs", "gate"]);
        let gate = gate.map(|output| output.stdout).unwrap_or_default();
        let open = format!("\"{device}\" : goto {}", Loaded::of(name).gate_chain());
        String::from_utf8_lossy(&gate).contains(&open)
    }

    fn run(self, words: &[&str]) -> Result<Output, LinuxError> {
        let mut command = Command::new(self.0);
        let output = command.args(words).stdin(Stdio::null()).output();
        output.map_err(|error| LinuxError::InputChain {
            chain: "of the host's firewall".to_owned(),
            reason: Quoted::new(&error.to_string()),
        })
    }
}

/// Our rules in the output of `nft --handle list chain`.
fn rules_of<'text>(
    listed: &'text str,
    name: &InterfaceName,
) -> impl Iterator<Item = &'text str> + use<'text> {
    let mark = comment(name);
    listed.lines().map(str::trim).filter(move |line| line.contains(&mark))
}

fn deletions(chain: &InputChain, rules: &[&str]) -> String {
    let handles = rules.iter().filter_map(|rule| rule.rsplit_once("# handle "));
    let delete = |(_, handle): (&str, &str)| format!("delete rule {chain} handle {handle}\n");
    handles.map(delete).collect()
}

/// Base chains with policy drop in the output of `nft list chains`.
fn dropping(listed: &str, hook: &str, families: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let (mut family, mut table, mut chain) = ("", "", "");
    for line in listed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["table", f, t, ..] => (family, table) = (f, t),
            ["chain", c, ..] => chain = c,
            ["type", "filter", "hook", h, .., "policy", "drop;"]
                if *h == hook && families.contains(&family) && table != "mape_rs" =>
            {
                found.push(format!("{family} {table} {chain}"));
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests;
