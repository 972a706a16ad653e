//! What DHCPv6 says about IPv4: MAP-E rules (RFC 7598, option 94) and an AFTR (RFC 6334, option
//! 64). netifd's dump does not show them; a file of ours that odhcp6c's script reads
//! (`/etc/odhcp6c.user.d/mape-rs`) keeps them.

use std::io::Write;

use mape_core::{Quoted, Rule, RuleTextError, parse_dhcpv6_rule};
use mape_firewall::Env;
use mape_provision::Endpoint;
use mape_system::files;

use super::dump::Dump;

const AFTR: &str = "aftr=";

/// The rules. One that cannot be read counts for nothing, and the others stay.
pub(super) fn rules(env: &Env, dump: &Dump) -> Vec<Rule> {
    read(&kept(env, dump)).filter_map(|(_, rule)| rule.ok()).collect()
}

/// Tells which of them count for nothing, and why.
pub(super) fn log_unusable(env: &Env, dump: &Dump, log: &mut dyn Write) {
    for (text, rule) in read(&kept(env, dump)) {
        if let Err(error) = rule {
            let text = Quoted::new(text);
            let _ = writeln!(log, "a rule that came by DHCPv6 is left out: {error}; it is {text}");
        }
    }
}

fn read(texts: &str) -> impl Iterator<Item = (&str, Result<Rule, RuleTextError>)> {
    let rules = texts.split_ascii_whitespace().filter(|word| !word.starts_with(AFTR));
    rules.map(|text| (text, parse_dhcpv6_rule(text)))
}

/// The AFTR of a DS-Lite line.
pub(super) fn aftr(env: &Env, dump: &Dump) -> Option<Endpoint> {
    let texts = kept(env, dump);
    let mut words = texts.split_ascii_whitespace();
    Endpoint::parse(words.find_map(|word| word.strip_prefix(AFTR))?)
}

/// Of the interfaces that are up.
fn kept(env: &Env, dump: &Dump) -> String {
    let up = dump.interfaces().filter(|interface| interface.up);
    let file = |name: &str| env.run.join(format!("{name}.s46"));
    up.map(|it| files::text(file(&it.name)).unwrap_or_default() + " ").collect()
}
