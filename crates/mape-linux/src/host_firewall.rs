//! The host's own firewall: what the BR sends first (outer protocol 4) has to get through it.
//!
//! In nftables a packet must pass every chain on the hook, so no rule in a table of ours can let in
//! what somebody else's chain drops. A chain is extended only where the user has named it
//! (`input_chain`); otherwise the user is told what to add.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mape_core::Quoted;
use mape_nft::{InterfaceName, ObjectNames};
use mape_system::program::{Program, ProgramError};

use crate::desired::DesiredLine;
use crate::error::LinuxError;
use crate::filter::{self, Base, Packet};
use crate::ip::stopped;
use crate::spec::InputChain;

/// As the loader's: a list of another's rules can be long.
const PATIENCE: Duration = Duration::from_secs(30);
/// What nft prints of a table, in bytes. Without the elements of sets, 100,000 rules have 16 MB.
const MAX_TABLE: usize = 1 << 25;

/// The rule that lets the BR's packets in.
#[must_use]
pub fn rule(line: &DesiredLine) -> String {
    format!("ip6 saddr {} ip6 daddr {} meta l4proto 4 accept", line.br, line.ce)
}

/// What the BR sends first, as its rule describes it.
#[must_use]
pub fn from_br(line: &DesiredLine) -> Packet {
    let protocol = ["4", "ipencap", "ipv4"];
    Packet::default()
        .with("iifname", &[&line.uplink])
        .with("ip6 saddr", &[line.br])
        .with("ip6 daddr", &[line.ce])
        .with("meta nfproto", &["ipv6"])
        .with("meta l4proto", &protocol)
        .with("ip6 nexthdr", &protocol)
        .with("ct state", &["new"])
}

fn comment(name: &InterfaceName) -> String {
    format!("comment \"mape-rs {name}\"")
}

/// Puts the rule into the chain, before what drops.
fn insertion(chain: &InputChain, line: &DesiredLine, name: &InterfaceName) -> String {
    format!("insert rule {chain} {} {}\n", rule(line), comment(name))
}

/// The program nft.
#[derive(Clone, Copy, Debug)]
pub struct Nft<'path>(pub &'path Path);

impl Nft<'_> {
    /// Sees that the chain has the rule once, and says whether something had to be done.
    ///
    /// # Errors
    /// [`LinuxError`]
    pub fn extend(
        self,
        chain: &InputChain,
        line: &DesiredLine,
        name: &InterfaceName,
    ) -> Result<bool, LinuxError> {
        match self.extension(chain, line, name)? {
            Some(text) => self.load(chain, &text).map(|()| true),
            None => Ok(false),
        }
    }

    /// What nft has to do for that.
    ///
    /// # Errors
    /// [`LinuxError`]
    pub fn extension(
        self,
        chain: &InputChain,
        line: &DesiredLine,
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
    ///
    /// # Errors
    /// [`LinuxError`]
    pub fn restore(self, chain: &InputChain, name: &InterfaceName) -> Result<(), LinuxError> {
        self.restoration(chain, name).map_or(Ok(()), |text| self.load(chain, &text))
    }

    /// What nft has to do for that, if anything.
    #[must_use]
    pub fn restoration(self, chain: &InputChain, name: &InterfaceName) -> Option<String> {
        let listed = self.list(chain).ok()?;
        let ours: Vec<&str> = rules_of(&listed, name).collect();
        (!ours.is_empty()).then(|| deletions(chain, &ours))
    }

    fn list(self, chain: &InputChain) -> Result<String, LinuxError> {
        self.run(&["--handle", "list", "chain", &chain.to_string()]).map_err(of_chain(chain))
    }

    fn load(self, chain: &InputChain, text: &str) -> Result<(), LinuxError> {
        self.run(&[text]).map(drop).map_err(of_chain(chain))
    }

    /// Chains of others on this hook that drop one of these packets: each as `inet filter input`.
    #[must_use]
    pub fn dropping(self, hook: &str, families: &[&str], packets: &[Packet]) -> Vec<InputChain> {
        let text = |words: &[&str]| self.run(words).unwrap_or_default();
        let listed = text(&["list", "chains"]);
        let mut found = Vec::new();
        for Base { family, table, chain } in filter::bases(&listed, hook, families) {
            let rules = text(&["--terse", "list", "table", family, table]);
            if packets.iter().any(|packet| filter::drops(&rules, chain, packet)) {
                found.push(InputChain::new(family, table, chain));
            }
        }
        found
    }

    /// Whether our rules let this device's packets out. Of a device that was made anew the map
    /// shows the old number and not the name.
    #[must_use]
    pub fn is_open(self, name: &InterfaceName, device: &str) -> bool {
        let gate =
            self.run(&["list", "map", "inet", "mape_rs", "open_interfaces"]).unwrap_or_default();
        let open = format!("\"{device}\" : goto {}", ObjectNames::of(name).egress_filter_chain());
        gate.contains(&open)
    }

    fn run(self, words: &[&str]) -> Result<String, ProgramError> {
        let mut command = Command::new(self.0);
        command.args(words);
        let printed = Program::new(command, PATIENCE).printing(MAX_TABLE).output()?;
        Ok(String::from_utf8_lossy(&printed).into_owned())
    }
}

fn of_chain(chain: &InputChain) -> impl FnOnce(ProgramError) -> LinuxError {
    let chain = chain.to_string();
    |error| match error {
        ProgramError::NotStarted(error) => {
            LinuxError::InputChain { chain, reason: Quoted::new(&error.to_string()) }
        }
        ProgramError::Refused { said, .. } => LinuxError::InputChain { chain, reason: said },
        error @ ProgramError::Stopped(_) => stopped("nft", error),
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

#[cfg(test)]
mod tests;
