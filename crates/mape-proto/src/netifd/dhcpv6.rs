//! What DHCPv6 says about IPv4: MAP-E rules (RFC 7598, option 94) and an AFTR (RFC 6334, option 64).
//! netifd's dump does not show them; a file of ours that odhcp6c's script reads
//! (`/etc/odhcp6c.user.d/mape-rs`) keeps them.

use std::fs;

use mape_core::{Rule, parse_map_rules};
use mape_provision::Endpoint;

use super::{Facts, Places};

/// The rules. One that cannot be read counts for nothing, and the others stay.
pub(super) fn rules(places: &Places, facts: &Facts) -> Vec<Rule> {
    let texts = kept(places, facts);
    let rules = texts.split_ascii_whitespace().map(|rule| parse_map_rules(rule, None));
    rules.filter_map(Result::ok).flatten().collect()
}

/// The AFTR of a DS-Lite line.
pub(super) fn aftr(places: &Places, facts: &Facts) -> Option<Endpoint> {
    let texts = kept(places, facts);
    let mut words = texts.split_ascii_whitespace();
    Endpoint::parse(words.find_map(|word| word.strip_prefix("aftr="))?)
}

/// Of the interfaces that are up.
fn kept(places: &Places, facts: &Facts) -> String {
    let up = facts.interfaces().filter(|interface| interface.up);
    let file = |name: &str| places.firewall.state.join(format!("{name}.s46"));
    up.map(|it| fs::read_to_string(file(&it.name)).unwrap_or_default() + " ").collect()
}
