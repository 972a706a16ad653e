use std::collections::HashMap;

use super::*;
use crate::provider::providers;

fn prefix(text: &str) -> ReceivedPrefix {
    text.parse().unwrap()
}

#[test]
fn every_record_is_a_rule() {
    assert_eq!(rules().count(), RULES.len());
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for BuiltinRule { rule, group } in rules() {
        *counts.entry(group.provider.name).or_default() += 1;
        assert_eq!(rule.ipv6().prefix_len() + rule.ea_len(), 56, "{rule:?}");
        assert_eq!(rule.layout(), Layout::Draft03);
        assert!(!group.evidence.is_empty());
    }
    let expected = [("v6plus", 4), ("ocn", 160), ("biglobe", 258), ("nuro", 4)];
    assert_eq!(counts, HashMap::from(expected));
    assert_eq!(providers().len(), expected.len());
}

#[test]
fn no_two_rules_share_an_ipv4_address_and_psid() {
    let mut spans: Vec<_> = rules().map(|it| (it.rule.ipv4().network(), it.rule.ipv4())).collect();
    spans.sort();
    assert!(spans.windows(2).all(|pair| pair[0].1.broadcast() < pair[1].0));
}

/// A rule without its optional keys.
fn parts_of(ipv6: Ipv6Net, ipv4: Ipv4Net, ea_len: u8) -> RuleParts {
    let (br, layout) = ("2001:db8::1".parse().unwrap(), Layout::Rfc7597);
    RuleParts { ipv6, ipv4, ea_len, offset: None, psid_len: None, psid: None, br, layout }
}

#[test]
fn what_a_rule_leaves_out_is_the_tables_for_each_cut_of_each_rule() {
    for BuiltinRule { rule, .. } in rules() {
        let of_table = (rule.layout(), Some(rule.port_parameters().offset()));
        let (ipv6, ipv4) = (rule.ipv6(), rule.ipv4());
        for quarter in 0..4_u8 {
            let bits6 = u128::from(quarter) << (126 - ipv6.prefix_len());
            let bits4 = u32::from(quarter) << (30 - ipv4.prefix_len());
            let ipv6 = Ipv6Addr::from_bits(ipv6.network().to_bits() | bits6);
            let ipv4 = Ipv4Addr::from_bits(ipv4.network().to_bits() | bits4);
            for more in 0..=2 {
                let ipv6 = Ipv6Net::new(ipv6, rule.ipv6().prefix_len() + more).unwrap().trunc();
                let ipv4 = Ipv4Net::new(ipv4, rule.ipv4().prefix_len() + more).unwrap().trunc();
                let parts = parts_of(ipv6, ipv4, 56 - ipv6.prefix_len());
                for layout in [None, Some(rule.layout())] {
                    let filled = fill_from_table(parts, layout);
                    assert_eq!((filled.layout, filled.offset), of_table, "{parts:?}");
                }
                let stated = RuleParts { offset: Some(0), ..parts };
                assert_eq!(fill_from_table(stated, None), stated);
                assert_eq!(fill_from_table(parts, Some(Layout::Rfc7597)), parts);
                let other = RuleParts { psid_len: Some(5), ..parts };
                assert_eq!(fill_from_table(other, None), other);
            }
        }
    }
}

#[test]
fn what_is_not_the_tables_mapping_gets_nothing_of_it() {
    let ocn = ("2400:4050::/34", "153.240.0.0/16");
    for (ipv6, ipv4, ea_len, offset) in [
        (ocn.0, ocn.1, 22, Some(6)),
        // Four of the table's in one.
        ("2404:7a80::/38", "133.200.0.0/22", 18, Some(4)),
        (ocn.0, ocn.1, 21, None),
        (ocn.0, "153.241.0.0/16", 22, None),
        // The second half of one on the first of the other, and one longer than the other.
        ("2400:4050:2000::/35", "153.240.0.0/17", 21, None),
        ("2400:4050::/35", ocn.1, 21, None),
        ("2001:db8::/34", ocn.1, 22, None),
        ("::/0", "0.0.0.0/0", 56, None),
        ("2400:4050::/128", "153.240.0.0/32", 128, None),
    ] {
        let parts = parts_of(ipv6.parse().unwrap(), ipv4.parse().unwrap(), ea_len);
        assert_eq!(fill_from_table(parts, None).offset, offset, "{ipv6} {ipv4}");
    }
}

#[test]
fn both_ends_of_every_rule_are_found_and_their_neighbours_are_not_in_it() {
    let at = |bits: u64| {
        let address = Ipv6Addr::from_bits(u128::from(bits) << 64);
        find(ReceivedPrefix::new(address, 64).unwrap()).map(|it| it.rule.ipv6())
    };
    for BuiltinRule { rule, .. } in rules() {
        let first = upper(rule.ipv6().network());
        let last = upper(rule.ipv6().broadcast());
        assert_eq!(at(first), Some(rule.ipv6()));
        assert_eq!(at(last), Some(rule.ipv6()));
        assert_ne!(at(first - 1), Some(rule.ipv6()));
        assert_ne!(at(last + 1), Some(rule.ipv6()));
    }
    assert_eq!((at(0), at(u64::MAX)), (None, None));
}

#[test]
fn a_prefix_shorter_than_the_rule_is_not_inside_it() {
    assert!(find(prefix("240b:10::/31")).is_some());
    assert!(find(prefix("240b:10::/30")).is_none());
    assert!(first_rule_within(prefix("240b:10::/30")).is_some());
    assert!(first_rule_within(prefix("::/0")).is_some());
    // Inside this one there is a single rule, and it begins where the prefix does.
    assert!(first_rule_within(prefix("2400:4152:5c00::/38")).is_some());
    assert!(first_rule_within(prefix("2408::/22")).is_none());
    assert!(first_rule_within(prefix("ffff::/16")).is_none());
}

#[test]
fn blocks_are_distinguished() {
    for (text, kind) in [
        ("fe80::1", Some(LineKind::Local)),
        ("::1", Some(LineKind::Local)),
        ("fd00:1::/64", Some(LineKind::Local)),
        ("2001:db8:1::/56", Some(LineKind::Local)),
        ("2408:210:8000::/56", Some(LineKind::Ngn)),
        ("2408:3ff:ffff:ff00::/56", Some(LineKind::Ngn)),
        ("2408:400::/56", None),
        ("2001:a007:ffff::/56", Some(LineKind::Ngn)),
        ("2404:8e00::/48", Some(LineKind::Transix)),
        ("2404:8e01:1::/56", Some(LineKind::Transix)),
        ("2409:10:1::/56", Some(LineKind::Transix)),
        ("2409:253:1::/64", Some(LineKind::Transix)),
        ("2001:f6f::/56", Some(LineKind::Xpass)),
        ("2001:f77:1::/64", Some(LineKind::Xpass)),
        ("2405:6587:1::/56", Some(LineKind::V6connect)),
        ("2001:c28:1::/64", Some(LineKind::V6connect)),
        ("2400:2410:1::/64", Some(LineKind::Softbank)),
        ("240d:f:4000::/56", Some(LineKind::Nuro)),
        ("240d:10:1000::/56", Some(LineKind::Nuro)),
        ("2400:4053:ffff::/56", Some(LineKind::Ocn)),
        ("3fff:1::/56", Some(LineKind::Local)),
        ("4000::/64", Some(LineKind::Local)),
        ("1fff::/64", Some(LineKind::Local)),
        ("64:ff9b::1", Some(LineKind::Local)),
        ("fec0::1", Some(LineKind::Local)),
        ("::/2", None),
        ("2001:200::/32", None),
        ("2000::/3", None),
        ("3ffe::/64", None),
    ] {
        assert_eq!(line_kind(prefix(text)), kind, "{text}");
    }
}

#[test]
fn every_kind_has_a_name_a_verdict_and_a_next_step() {
    for block in &BLOCKS {
        let kind = block.kind;
        assert!(!kind.name().is_empty() && !kind.verdict().is_empty());
        assert!(!kind.next_step().is_empty());
        let map_e = providers().iter().any(|provider| provider.name == kind.name());
        assert_eq!(kind.mechanism() == "map-e", map_e, "{kind:?}");
    }
}
