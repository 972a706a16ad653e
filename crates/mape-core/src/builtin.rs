//! The built-in rules, and the prefix blocks whose owner is known.
//!
//! `build.rs` writes the tables from `data/*.tsv`: sorted, without overlap, 16 bytes for a rule.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::layout::Layout;
use crate::line::{Block, LineKind};
use crate::prefix::{ReceivedPrefix, upper};
use crate::provider_info::Provider;
use crate::rule::{Rule, RuleParts};

#[allow(clippy::unreadable_literal, reason = "generated from data/*.tsv")]
mod tables {
    use super::{Block, Ipv6Addr, Layout, LineKind, Provider, Record, RuleGroup};

    include!(concat!(env!("OUT_DIR"), "/tables.rs"));
}

pub(crate) use tables::PROVIDERS;
use tables::{BLOCKS, GROUPS, RULES};

/// The values that many rules of one provider share.
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
    /// Builds the rule. `None` never happens: a unit test builds every rule of the table.
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

/// Returns all built-in rules, ascending by IPv6 prefix.
#[must_use = "an iterator does nothing by itself"]
pub fn rules() -> impl Iterator<Item = BuiltinRule> {
    RULES.iter().filter_map(Record::rule)
}

/// Returns the built-in rule that contains the prefix. There is at most one, because the rules do
/// not overlap.
#[must_use]
pub fn find(prefix: ReceivedPrefix) -> Option<BuiltinRule> {
    let bits = prefix.upper();
    let behind = RULES.partition_point(|record| record.ipv6 <= bits);
    let record = RULES.get(behind.checked_sub(1)?)?;
    let inside = record.ipv6_len <= prefix.net().prefix_len()
        && same_prefix(record.ipv6, bits, record.ipv6_len);
    inside.then(|| record.rule()).flatten()
}

/// Fills in the layout and the PSID offset that a rule leaves out.
///
/// Both are taken from the built-in rule that gives every line the same address and PSID. Without
/// such a rule the layout is that of RFC 7597 and the offset is the default of the layout. A value
/// that the rule states is kept: `layout` where it is `Some`, and an offset of 0 as well. A
/// built-in rule whose layout differs from the stated one is not used.
///
/// Rules in the form of OpenWrt's `map` and of DHCPv6 state no layout, and those of a Japanese
/// provider use the draft's. Every form allows the offset to be left out. With a wrong offset a
/// line sends from ports that belong to other lines: OCN's offset is 6, the draft's default is 4.
#[must_use]
pub fn fill_from_table(parts: RuleParts, layout: Option<Layout>) -> RuleParts {
    let bits = upper(parts.ipv6.network());
    let near = |record: &&Record| {
        same_prefix(record.ipv6, bits, record.ipv6_len.min(parts.ipv6.prefix_len()))
    };
    let same = |rule: &Rule| {
        layout.is_none_or(|layout| layout == rule.layout()) && same_for_each_line(rule, &parts)
    };
    let rules = RULES.iter().filter(near).filter_map(Record::rule);
    let known = rules.map(|builtin| builtin.rule).find(same);
    RuleParts {
        layout: layout.or(known.as_ref().map(Rule::layout)).unwrap_or(Layout::Rfc7597),
        offset: parts.offset.or(known.map(|rule| rule.port_parameters().offset())),
        ..parts
    }
}

/// Returns whether both rules give the same address and PSID for the prefixes that they share, and
/// whether they share any. Either the numbers are equal, or one rule is a part of the other:
/// providers' servers cut and join rules.
fn same_for_each_line(known: &Rule, parts: &RuleParts) -> bool {
    let (psid, ipv6, ipv4) = (known.port_parameters(), known.ipv6(), known.ipv4());
    let end = u16::from(parts.ipv6.prefix_len()) + u16::from(parts.ea_len);
    let longer = i16::from(parts.ipv6.prefix_len()) - i16::from(ipv6.prefix_len());
    parts.offset.is_none_or(|offset| offset == psid.offset())
        && parts.psid_len.is_none_or(|len| len == psid.psid_len())
        && end == u16::from(known.end_user_prefix_len())
        && longer == i16::from(parts.ipv4.prefix_len()) - i16::from(ipv4.prefix_len())
        && if longer < 0 {
            inside((ipv6, ipv4), (parts.ipv6, parts.ipv4))
        } else {
            inside((parts.ipv6, parts.ipv4), (ipv6, ipv4))
        }
}

/// Returns whether the first pair of prefixes lies in the second, with the same bits after both of
/// its lengths.
fn inside(part: (Ipv6Net, Ipv4Net), whole: (Ipv6Net, Ipv4Net)) -> bool {
    // The IPv4 address as the upper bits of a number as wide as the IPv6 address.
    let behind = |bits: u128, skipped: u8, end: u8| {
        let bits = bits.checked_shl(skipped.into()).unwrap_or(0);
        bits.checked_shr(128 - u32::from(end.saturating_sub(skipped))).unwrap_or(0)
    };
    let (six, four) = part;
    let ipv4 = u128::from(four.network().to_bits()) << 96;
    whole.0.contains(&six)
        && whole.1.contains(&four)
        && behind(six.network().to_bits(), whole.0.prefix_len(), six.prefix_len())
            == behind(ipv4, whole.1.prefix_len(), four.prefix_len())
}

/// Returns a built-in rule that lies inside the prefix, which is then too short to belong to one
/// line.
pub(crate) fn first_rule_within(prefix: ReceivedPrefix) -> Option<BuiltinRule> {
    let start = RULES.partition_point(|record| record.ipv6 < prefix.upper());
    let rule = RULES.get(start)?.rule()?;
    prefix.net().contains(&rule.rule.ipv6()).then_some(rule)
}

/// Returns whether the first `len` bits of both are equal. `len` is at most 64.
fn same_prefix(one: u64, other: u64, len: u8) -> bool {
    (one ^ other).checked_shr(64 - u32::from(len)).unwrap_or(0) == 0
}

/// Returns the owner of the prefix's block.
pub(crate) fn line_kind(prefix: ReceivedPrefix) -> Option<LineKind> {
    let (bits, len) = (prefix.upper(), prefix.net().prefix_len());
    let holds = |block: &&Block| block.len <= len && same_prefix(block.bits, bits, block.len);
    BLOCKS.iter().find(holds).map(|block| block.kind)
}

#[cfg(test)]
mod tests;
