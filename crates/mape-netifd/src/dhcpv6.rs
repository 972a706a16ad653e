//! What DHCPv6 says about IPv4: MAP-E rules (RFC 7598, option 94), an AFTR (RFC 6334, option 64)
//! and the order of the two (RFC 8026, option 111). netifd's dump does not show them; a file of
//! ours that odhcp6c's script reads (`/etc/odhcp6c.user.d/mape-rs`) keeps them.

use mape_core::{IntoVec as _, Quoted, Rule, RuleTextError, parse_dhcpv6_rule};
use mape_firewall::Env;
use mape_provision::Endpoint;
use mape_system::files;

use super::dump::Dump;

const AFTR: &str = "aftr=";
/// The option codes, as odhcp6c writes an option that it does not know: four digits each.
const PRIORITY: &str = "priority=";

/// The rules. One that cannot be read counts for nothing, and the others stay.
pub(super) fn rules(env: &Env, dump: &Dump) -> Vec<Rule> {
    read(&kept(env, dump)).filter_map(|(_, rule)| rule.ok()).into_vec()
}

/// Tells which of them count for nothing, and why.
pub(super) fn log_unusable(env: &Env, dump: &Dump) {
    for (text, rule) in read(&kept(env, dump)) {
        if let Err(error) = rule {
            let text = Quoted::new(text);
            log::warn!("a rule that came by DHCPv6 is left out: {error}; it is {text}");
        }
    }
}

fn read(texts: &str) -> impl Iterator<Item = (&str, Result<Rule, RuleTextError>)> {
    let is_rule = |word: &&str| !word.starts_with(AFTR) && !word.starts_with(PRIORITY);
    let rules = texts.split_ascii_whitespace().filter(is_rule);
    rules.map(|text| (text, parse_dhcpv6_rule(text)))
}

/// The AFTR of a DS-Lite line.
pub(super) fn aftr(env: &Env, dump: &Dump) -> Option<Endpoint> {
    Endpoint::parse(value(&kept(env, dump), AFTR)?)
}

/// Returns whether the DHCPv6 option 111 lists DS-Lite before MAP-E, or without it. Codes of other
/// mechanisms, and unknown ones, are skipped (RFC 8026 section 1.4).
pub(super) fn prefers_ds_lite(env: &Env, dump: &Dump) -> bool {
    let texts = kept(env, dump);
    let mut codes = value(&texts, PRIORITY).unwrap_or_default().as_bytes().chunks_exact(4);
    codes.find(|code| matches!(*code, b"0040" | b"005e")) == Some(b"0040")
}

/// The rest of the word that begins with `key`.
fn value<'texts>(texts: &'texts str, key: &str) -> Option<&'texts str> {
    texts.split_ascii_whitespace().find_map(|word| word.strip_prefix(key))
}

/// Of the interfaces that are up.
fn kept(env: &Env, dump: &Dump) -> String {
    let up = dump.interfaces().filter(|interface| interface.up);
    let file = |name: &str| env.run.join(format!("{name}.s46"));
    up.map(|it| files::text(file(&it.name)).unwrap_or_default() + " ").collect()
}
