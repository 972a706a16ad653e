//! The host's own firewall, which has to let in packets that the BR sends first (protocol 4).
//!
//! In nftables a packet must pass every chain on the hook, so a rule in our table cannot admit what
//! another chain drops. A chain is extended only if the user names it (`input_chain`); otherwise
//! `up` prints the rule to add.

use std::cmp::Reverse;

use mape_core::Quoted;
use mape_firewall::{FirewallError, Nft};
use mape_nft::InterfaceName;

use crate::desired::DesiredLine;
use crate::error::LinuxError;
use crate::spec::InputChain;

mod evaluate;

use evaluate::{Chain, Rule, Ruleset};
pub use evaluate::{Fate, Packet};

/// Returns the rule that lets the BR's packets in.
#[must_use]
pub fn rule(line: &DesiredLine) -> String {
    format!("ip6 saddr {} ip6 daddr {} meta l4proto 4 accept", line.br, line.ce)
}

/// Returns the header fields of a packet that the BR sends first.
#[must_use]
pub fn from_br(line: &DesiredLine) -> Packet {
    let protocol = ["4", "ipencap", "ipv4"];
    Packet::default()
        .with("meta iifname", &[&line.uplink])
        .with("ip6 saddr", &[line.br])
        .with("ip6 daddr", &[line.ce])
        .with("meta nfproto", &["ipv6"])
        .with("meta protocol", &["ip6"])
        .with("meta l4proto", &protocol)
        .with("ip6 nexthdr", &protocol)
        .with("ct state", &["new"])
        .without(&["ip", "arp", "tcp", "udp", "udplite", "sctp", "dccp", "icmp", "icmpv6", "th"])
}

/// Returns the comment by which our rule is found.
fn comment(name: &InterfaceName) -> String {
    format!("mape-rs {name}")
}

/// Returns the command that puts the rule in front of all others of the chain.
fn insertion(chain: &InputChain, line: &DesiredLine, name: &InterfaceName) -> String {
    format!("insert rule {chain} {} comment \"{}\"\n", rule(line), comment(name))
}

/// The host's own firewall, read and changed with nft.
#[derive(Debug)]
pub struct HostFirewall<'env>(pub Nft<'env>);

impl HostFirewall<'_> {
    /// Adds the rule to the chain if it is missing. Returns whether the chain was changed.
    ///
    /// # Errors
    /// [`LinuxError`]
    pub fn extend(
        &self,
        chain: &InputChain,
        line: &DesiredLine,
        name: &InterfaceName,
    ) -> Result<bool, LinuxError> {
        match self.extension(chain, line, name)? {
            Some(text) => self.load(chain, &text).map(|()| true),
            None => Ok(false),
        }
    }

    /// Returns the commands for that; `None` if the chain has the rule.
    ///
    /// # Errors
    /// [`LinuxError`]
    pub fn extension(
        &self,
        chain: &InputChain,
        line: &DesiredLine,
        name: &InterfaceName,
    ) -> Result<Option<String>, LinuxError> {
        let listed = self.list(chain)?;
        let ours: Vec<&Rule> = listed.rules_with(&comment(name)).collect();
        let is_right = |rule: &&Rule| {
            rule.compares("ip6 saddr", &line.br.to_string())
                && rule.compares("ip6 daddr", &line.ce.to_string())
        };
        if ours.len() == 1 && ours.iter().all(is_right) {
            return Ok(None);
        }
        Ok(Some(deletions(chain, &ours) + &insertion(chain, line, name)))
    }

    /// Deletes the rule from the chain, if the chain exists.
    ///
    /// # Errors
    /// [`LinuxError`]
    pub fn restore(&self, chain: &InputChain, name: &InterfaceName) -> Result<(), LinuxError> {
        self.restoration(chain, name).map_or(Ok(()), |text| self.load(chain, &text))
    }

    /// Returns the commands for that; `None` if the chain does not have the rule.
    #[must_use]
    pub fn restoration(&self, chain: &InputChain, name: &InterfaceName) -> Option<String> {
        let listed = self.list(chain).ok()?;
        let ours: Vec<&Rule> = listed.rules_with(&comment(name)).collect();
        (!ours.is_empty()).then(|| deletions(chain, &ours))
    }

    fn list(&self, chain: &InputChain) -> Result<Ruleset, LinuxError> {
        let name = chain.to_string();
        let words: Vec<&str> = std::iter::once("chain").chain(name.split(' ')).collect();
        self.0.list(&words).map_err(of_chain(chain))
    }

    fn load(&self, chain: &InputChain, text: &str) -> Result<(), LinuxError> {
        self.0.load_text(text).map_err(of_chain(chain))
    }

    /// Returns the chains of other programs on this hook that drop, or may drop, a kind of packet;
    /// those that certainly drop first. Each kind is a list of alternatives, of which one has to
    /// pass.
    ///
    /// # Errors
    /// nft lists no rules as JSON.
    pub fn obstacles(
        &self,
        hook: &str,
        families: &[&str],
        kinds: &[Vec<Packet>],
    ) -> Result<Vec<(InputChain, Fate)>, LinuxError> {
        let mut found = Vec::new();
        for Chain { family, table, name, .. } in self.ruleset(&["chains"])?.filters(hook, families)
        {
            let ruleset = self.ruleset(&["table", family, table])?;
            let chains = ruleset.filters(hook, families).filter(|chain| chain.name == *name);
            let fate = |chain, kind: &Vec<Packet>| {
                kind.iter().map(|packet| ruleset.fate(chain, packet)).min()
            };
            let worst =
                chains.flat_map(|chain| kinds.iter().filter_map(|it| fate(chain, it))).max();
            let chain = InputChain::new(family, table, name);
            found.extend(worst.filter(|fate| *fate != Fate::Passes).map(|fate| (chain, fate)));
        }
        found.sort_by_key(|(_, fate)| Reverse(*fate));
        Ok(found)
    }

    fn ruleset(&self, words: &[&str]) -> Result<Ruleset, LinuxError> {
        self.0
            .list(words)
            .map_err(|error| LinuxError::Stopped { program: "nft", reason: error.to_string() })
    }
}

fn of_chain(chain: &InputChain) -> impl FnOnce(FirewallError) -> LinuxError {
    let chain = chain.to_string();
    |error| match error {
        FirewallError::NoNft(error) => {
            LinuxError::InputChain { chain, reason: Quoted::new(&error.to_string()) }
        }
        FirewallError::Rejected(reason) => LinuxError::InputChain { chain, reason },
        FirewallError::NoVerdict(reason) => LinuxError::Stopped { program: "nft", reason },
        error => LinuxError::Stopped { program: "nft", reason: error.to_string() },
    }
}

/// Returns the commands that delete these rules.
fn deletions(chain: &InputChain, rules: &[&Rule]) -> String {
    let delete = |rule: &&Rule| format!("delete rule {chain} handle {}\n", rule.handle);
    rules.iter().map(delete).collect()
}

#[cfg(test)]
mod tests;
