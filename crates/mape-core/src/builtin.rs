//! The rules that are compiled in, and the prefix blocks whose owner is known.
//!
//! `build.rs` writes the tables from `data/*.tsv`: sorted, without overlap, 16 bytes for a rule.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::layout::Layout;
use crate::line::{Block, LineKind};
use crate::prefix::ReceivedPrefix;
use crate::provider::Provider;
use crate::rule::{Rule, RuleParts};

#[allow(clippy::unreadable_literal, reason = "generated from data/*.tsv")]
mod tables {
    use super::{Block, Ipv6Addr, Layout, LineKind, Provider, Record, RuleGroup};

    include!(concat!(env!("OUT_DIR"), "/tables.rs"));
}

pub(crate) use tables::PROVIDERS;
use tables::{BLOCKS, GROUPS, RULES};

/// What many rules of one provider have in common.
#[derive(Debug)]
pub struct RuleGroup {
    /// The provider.
    pub provider: &'static Provider,
    /// Where these rules were seen.
    pub evidence: &'static str,
    offset: u8,
    psid_len: u8,
    br: Ipv6Addr,
    layout: Layout,
}

/// One rule of the table.
pub(crate) struct Record {
    /// Upper 64 bits of the rule's IPv6 prefix.
    ipv6: u64,
    ipv4: u32,
    ipv6_len: u8,
    ipv4_len: u8,
    ea_len: u8,
    /// Index into `GROUPS`.
    group: u8,
}

/// A built-in rule and where it comes from.
#[derive(Clone, Debug)]
pub struct BuiltinRule {
    /// The rule.
    pub rule: Rule,
    /// Provider and evidence.
    pub group: &'static RuleGroup,
}

impl Record {
    /// `None` never happens: a unit test builds every rule of the table.
    fn rule(&self) -> Option<BuiltinRule> {
        let group = GROUPS.get(usize::from(self.group))?;
        let ipv6 = Ipv6Addr::from_bits(u128::from(self.ipv6) << 64);
        let rule = Rule::new(RuleParts {
            ipv6: Ipv6Net::new(ipv6, self.ipv6_len).ok()?,
            ipv4: Ipv4Net::new(Ipv4Addr::from_bits(self.ipv4), self.ipv4_len).ok()?,
            ea_len: self.ea_len,
            offset: Some(group.offset),
            psid_len: Some(group.psid_len),
            psid: None,
            br: group.br,
            layout: group.layout,
        });
        Some(BuiltinRule { rule: rule.ok()?, group })
    }
}

/// All built-in rules, ascending by IPv6 prefix.
#[must_use = "an iterator does nothing by itself"]
pub fn rules() -> impl Iterator<Item = BuiltinRule> {
    RULES.iter().filter_map(Record::rule)
}

/// The built-in rule that contains the prefix. There is at most one, because rules do not overlap.
#[must_use]
pub fn find(prefix: ReceivedPrefix) -> Option<BuiltinRule> {
    let bits = prefix.upper();
    let behind = RULES.partition_point(|record| record.ipv6 <= bits);
    let record = RULES.get(behind.checked_sub(1)?)?;
    let inside = record.ipv6_len <= prefix.net().prefix_len()
        && same_prefix(record.ipv6, bits, record.ipv6_len);
    inside.then(|| record.rule()).flatten()
}

/// The layout of a rule that does not state its own: that of the built-in rule with the same
/// prefixes and lengths, else RFC 7597's. Rules in the form of OpenWrt's `map` and of `DHCPv6` are
/// such; stated in it, a Japanese provider's rule keeps the draft's layout.
#[must_use]
pub fn unstated_layout(parts: &RuleParts) -> Layout {
    let same = |builtin: &BuiltinRule| {
        let rule = &builtin.rule;
        let psid_len = rule.port_parameters().psid_len();
        (rule.ipv6(), rule.ipv4(), rule.ea_len()) == (parts.ipv6, parts.ipv4, parts.ea_len)
            && parts.offset.is_none_or(|offset| offset == rule.port_parameters().offset())
            && parts.psid_len.is_none_or(|len| len == psid_len)
    };
    rules().find(same).map_or(Layout::Rfc7597, |builtin| builtin.rule.layout())
}

/// A built-in rule that lies inside the prefix: then the prefix is too short to be one line's.
pub(crate) fn first_inside(prefix: ReceivedPrefix) -> Option<BuiltinRule> {
    let start = RULES.partition_point(|record| record.ipv6 < prefix.upper());
    let rule = RULES.get(start)?.rule()?;
    prefix.net().contains(&rule.rule.ipv6()).then_some(rule)
}

/// Whether the first `len` bits of both are equal; `len` is at most 64.
fn same_prefix(one: u64, other: u64, len: u8) -> bool {
    (one ^ other).checked_shr(64 - u32::from(len)).unwrap_or(0) == 0
}

/// Whose prefix block this is.
pub(crate) fn line_kind(prefix: ReceivedPrefix) -> Option<LineKind> {
    let (bits, len) = (prefix.upper(), prefix.net().prefix_len());
    let holds = |block: &&Block| block.len <= len && same_prefix(block.bits, bits, block.len);
    BLOCKS.iter().find(holds).map(|block| block.kind)
}

#[cfg(test)]
mod tests;
