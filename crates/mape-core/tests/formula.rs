//! The arithmetic against a formula on strings of `0` and `1`, which shares no code with the crate
//! and takes its rules from the table file itself; and the same rules cut in other ways.
#![allow(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::net::{Ipv4Addr, Ipv6Addr};

use mape_core::{
    Layout, Plan, PortRange, ReceivedPrefix, Request, Rule, RuleParts, builtin_rules,
    parse_map_rules, parse_rule, plan,
};
use proptest::prelude::*;

/// What the formula says, as text.
#[derive(Debug, PartialEq)]
struct Answer {
    ipv4: String,
    psid: u16,
    ce: String,
}

impl From<&Plan> for Answer {
    fn from(plan: &Plan) -> Self {
        Self {
            ipv4: plan.ipv4().addr().to_string(),
            psid: plan.port_set().psid(),
            ce: plan.ce().to_string(),
        }
    }
}

fn bits6(address: Ipv6Addr) -> String {
    format!("{:0128b}", address.to_bits())
}

/// A rule as plain numbers: n, o, r, an explicit PSID and the layout.
struct Numbers {
    n: usize,
    o: usize,
    ipv4: Ipv4Addr,
    r: usize,
    psid: Option<u16>,
    draft: bool,
}

/// EA bits = IPv4 suffix `|` PSID; missing suffix bits are zeros (an IPv4 prefix).
/// draft-03: 8 zeros, IPv4, PSID, 8 zeros; RFC: 16 zeros, IPv4, PSID.
fn formula(received: Ipv6Addr, numbers: &Numbers) -> Answer {
    let Numbers { n, o, ipv4, r, psid, draft } = *numbers;
    let received = bits6(received);
    let ea = &received[n..n + o];
    let (suffix, in_ea) = ea.split_at(o.min(32 - r));
    let ipv4 = format!("{:0<32}", format!("{}{suffix}", &format!("{:032b}", ipv4.to_bits())[..r]));
    let psid = psid.map_or_else(|| format!("{in_ea:0>16}"), |psid| format!("{psid:016b}"));
    // A /56 is a whole line: the CE is in its first subnet.
    let line = if n + o == 56 { &received[..56] } else { &received[..64] };
    let ce = if draft {
        format!("{line:0<64}{:08}{ipv4}{psid}{:08}", 0, 0)
    } else {
        format!("{line:0<64}{:016}{ipv4}{psid}", 0)
    };
    assert_eq!(ce.len(), 128);
    Answer {
        ipv4: Ipv4Addr::from_bits(u32::from_str_radix(&ipv4, 2).unwrap()).to_string(),
        psid: u16::from_str_radix(&psid, 2).unwrap(),
        ce: Ipv6Addr::from_bits(u128::from_str_radix(&ce, 2).unwrap()).to_string(),
    }
}

/// A line of the rule: its prefix with these EA bits.
fn line(ipv6: Ipv6Addr, n: u8, o: u8, ea: u64) -> ReceivedPrefix {
    let ea = u128::from(ea) & ((1 << o) - 1);
    let address =
        Ipv6Addr::from_bits(ipv6.to_bits() | ea.checked_shl(128 - u32::from(n + o)).unwrap_or(0));
    ReceivedPrefix::new(address, n + o).unwrap()
}

#[test]
fn the_whole_table_file() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/data/map-rules.tsv"))
        .unwrap();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for row in text.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let (ipv6, n) = columns[1].split_once('/').unwrap();
        let (ipv4, r) = columns[2].split_once('/').unwrap();
        let (ipv6, ipv4): (Ipv6Addr, Ipv4Addr) = (ipv6.parse().unwrap(), ipv4.parse().unwrap());
        let (n, o, r): (u8, u8, u8) =
            (n.parse().unwrap(), columns[3].parse().unwrap(), r.parse().unwrap());
        for ea in [0, u64::MAX, random(), random(), random(), random()] {
            let received = line(ipv6, n, o, ea);
            let plan = plan(&Request::new(received)).unwrap_or_else(|error| panic!("{error}"));
            let numbers =
                Numbers { n: n.into(), o: o.into(), ipv4, r: r.into(), psid: None, draft: true };
            let expected = formula(received.net().addr(), &numbers);
            assert_eq!(Answer::from(&plan), expected, "{row}");
            assert_eq!(plan.provider_name(), columns[0]);
            assert_eq!(plan.br().to_string(), columns[6]);
            assert_eq!(plan.rule().port_parameters().offset().to_string(), columns[4]);
            assert_eq!(plan.rule().port_parameters().psid_len().to_string(), columns[5]);
        }
    }
}

fn parts(rule: &Rule) -> RuleParts {
    RuleParts {
        ipv6: rule.ipv6(),
        ipv4: rule.ipv4(),
        ea_len: rule.ea_len(),
        offset: Some(rule.port_parameters().offset()),
        psid_len: Some(rule.port_parameters().psid_len()),
        psid: rule.psid(),
        br: rule.br(),
        layout: rule.layout(),
    }
}

/// The same rule as pieces whose IPv6 and IPv4 prefixes are `by` bits longer.
fn cut(rule: &Rule, by: u8) -> Vec<Rule> {
    let n = rule.ipv6().prefix_len() + by;
    let r = rule.ipv4().prefix_len() + by;
    let pieces = rule.ipv6().subnets(n).unwrap().zip(rule.ipv4().subnets(r).unwrap());
    let piece = |(ipv6, ipv4)| RuleParts { ipv6, ipv4, ea_len: rule.ea_len() - by, ..parts(rule) };
    pieces.map(|pair| Rule::new(piece(pair)).unwrap()).collect()
}

/// The rule one bit shorter, where the bit given up is the same in both prefixes.
fn aggregate(rule: &Rule) -> Option<Rule> {
    let (ipv6, ipv4) = (rule.ipv6().supernet()?, rule.ipv4().supernet()?);
    let same =
        (ipv6.network() == rule.ipv6().network()) == (ipv4.network() == rule.ipv4().network());
    same.then(|| {
        Rule::new(RuleParts { ipv6, ipv4, ea_len: rule.ea_len() + 1, ..parts(rule) }).unwrap()
    })
}

fn with(received: ReceivedPrefix, rules: Vec<Rule>) -> Plan {
    let request = Request { explicit: rules, ..Request::new(received) };
    plan(&request).unwrap_or_else(|error| panic!("{error}"))
}

fn assert_same(one: &Plan, other: &Plan) {
    assert_eq!(Answer::from(one), Answer::from(other));
    assert_eq!((one.ipv4(), one.port_set()), (other.ipv4(), other.port_set()));
    assert_eq!(one.end_user_prefix(), other.end_user_prefix());
    assert_eq!((one.br(), one.mtu()), (other.br(), other.mtu()));
}

#[test]
fn other_cuts_of_every_rule_give_the_same_plan() {
    let mut aggregates = 0;
    for rule in builtin_rules().map(|builtin| builtin.rule) {
        let (n, o) = (rule.ipv6().prefix_len(), rule.ea_len());
        for ea in [0, u64::MAX, 0x1234_5678_9abc_def0, 0x0fed_cba9_8765_4321] {
            let received = line(rule.ipv6().addr(), n, o, ea);
            let whole = plan(&Request::new(received)).unwrap();
            for by in 1..=3 {
                assert_same(&whole, &with(received, cut(&rule, by)));
            }
            let mut wider = rule;
            while let Some(next) = aggregate(&wider) {
                wider = next;
                aggregates += 1;
                assert_same(&whole, &with(received, vec![wider]));
                // The longer of two that apply is taken: with both at hand nothing changes.
                assert_eq!(with(received, vec![wider, rule]).rule(), &rule);
            }
        }
    }
    assert!(aggregates > 1000, "{aggregates}");
}

/// Any rule in the internet's part of the address space: shared or not, with an explicit PSID or
/// none, complete addresses or prefixes.
fn any_rule() -> impl Strategy<Value = Rule> {
    let lens = (3_u8..=64, 2_u8..=32, 0_u8..=46, 0_u8..=16);
    let psid = proptest::option::weighted(0.3, (any::<u16>(), 0_u8..=16));
    let fields = (any::<u128>(), any::<u32>(), lens, psid, any::<bool>());
    fields.prop_filter_map("a legal rule", |(ipv6, ipv4, (n, r, o, a), psid, draft)| {
        let ipv6 = Ipv6Addr::from_bits(ipv6 >> 3 | 1 << 125);
        let parts = RuleParts {
            ipv6: ipnet::Ipv6Net::new(ipv6, n).ok()?.trunc(),
            ipv4: ipnet::Ipv4Net::new(Ipv4Addr::from_bits(ipv4), r).ok()?.trunc(),
            // Most random numbers contradict each other; these are near what is legal.
            ea_len: o.min(64 - n).min(32 - r + 16 - a),
            offset: Some(a),
            psid_len: psid.map(|(_, k)| k.min(16 - a)),
            psid: psid.map(|(psid, k)| psid & ((1_u32 << k.min(16 - a)) - 1) as u16),
            br: "2001:db8:ffff::1".parse().unwrap(),
            layout: if draft { "draft03" } else { "rfc7597" }.parse().unwrap(),
        };
        Rule::new(parts).ok()
    })
}

/// One whose address is shared by means of the EA bits.
fn shared_rule() -> impl Strategy<Value = (Rule, u64)> {
    let shared = any_rule().prop_filter("shared", |rule| {
        rule.psid().is_none() && rule.ea_len() > 32 - rule.ipv4().prefix_len()
    });
    (shared, any::<u64>())
}

/// What the line of a rule received: as long as the rule says, or a longer cut.
fn received(rule: &Rule, ea: u64, cut: u64, longer: u8) -> ReceivedPrefix {
    let (n, o) = (rule.ipv6().prefix_len(), rule.ea_len());
    let whole = line(rule.ipv6().addr(), n, o, ea);
    let len = (n + o + longer).min(64);
    // The BR knows no subnets of a /56: only its first cut is usable.
    let cut = if n + o == 56 { 0 } else { cut };
    let below = u64::MAX.checked_shr((n + o).into()).unwrap_or(0);
    let kept = u64::MAX.checked_shl(64 - u32::from(len)).unwrap_or(0);
    let bits = whole.net().addr().to_bits() | u128::from(cut & below & kept) << 64;
    ReceivedPrefix::new(Ipv6Addr::from_bits(bits), len).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_rule_follows_the_formula(
        rule in any_rule(), ea: u64, cut: u64, longer in 0_u8..=64,
    ) {
        let received = received(&rule, ea, cut, longer);
        let request = Request { explicit: vec![rule], ..Request::new(received) };
        // Two ways to state a PSID that disagree are refused; the rule's own tests have them.
        let Ok(plan) = plan(&request) else {
            prop_assert!(rule.psid().is_some());
            return Ok(());
        };
        let numbers = Numbers {
            n: rule.ipv6().prefix_len().into(),
            o: rule.ea_len().into(),
            ipv4: rule.ipv4().addr(),
            r: rule.ipv4().prefix_len().into(),
            psid: rule.psid(),
            draft: rule.layout().name() == "draft03",
        };
        prop_assert_eq!(Answer::from(&plan), formula(received.net().addr(), &numbers));
        prop_assert!(rule.ipv4().contains(&plan.ipv4()));
        prop_assert_eq!(plan.ipv4().prefix_len(), (rule.ipv4().prefix_len() + rule.ea_len()).min(32));
        prop_assert!(plan.end_user_prefix().contains(&plan.ce()));
        prop_assert!(rule.ipv6().contains(&plan.end_user_prefix()));
    }

    /// However a rule spells the PSID that the EA bits hold, the plan is the same.
    #[test]
    fn every_spelling_of_a_psid_gives_the_same_plan((rule, ea) in shared_rule()) {
        let received = line(rule.ipv6().addr(), rule.ipv6().prefix_len(), rule.ea_len(), ea);
        let request = |rule| Request { explicit: vec![rule], ..Request::new(received) };
        let Ok(without) = plan(&request(rule)) else { return Ok(()) };
        let (psid, k) = (without.port_set().psid(), rule.port_parameters().psid_len());
        let left = psid << (16 - k);
        let (six, four, layout) = (rule.ipv6(), rule.ipv4(), rule.layout());
        let map = format!(
            "type=map-e,ipv6prefix={},prefix6len={},ipv4prefix={},prefix4len={},ealen={},offset={},psidlen={k},br={}",
            six.addr(), six.prefix_len(), four.addr(), four.prefix_len(), rule.ea_len(),
            rule.port_parameters().offset(), rule.br(),
        );
        for psid in [psid.to_string(), format!("{psid:#x}"), left.to_string(), format!("{left:#x}"), "0".to_owned()] {
            let ours = parse_rule(&format!("{rule},psid={psid}"), Layout::Draft03).unwrap();
            let map = parse_map_rules(&format!("{map},psid={psid}"), Some(layout)).unwrap()[0];
            for rule in [ours, map] {
                let plan = plan(&request(rule)).unwrap_or_else(|error| panic!("{psid}: {error}"));
                prop_assert_eq!(Answer::from(&plan), Answer::from(&without));
            }
        }
    }

    #[test]
    fn two_lines_of_one_rule_never_share_a_port((rule, ea) in shared_rule(), other: u64) {
        let (n, o) = (rule.ipv6().prefix_len(), rule.ea_len());
        let (one, two) = (line(rule.ipv6().addr(), n, o, ea), line(rule.ipv6().addr(), n, o, other));
        let (one, two) = (with(one, vec![rule]), with(two, vec![rule]));
        let same = one.ipv4() == two.ipv4() && one.port_set() == two.port_set();
        prop_assert_eq!(same, one.ce() == two.ce());
        if one.ipv4() == two.ipv4() && !same {
            let mut both = one.port_set().ranges().flat_map(PortRange::ports);
            prop_assert!(!both.any(|port| two.port_set().contains(port)));
        }
    }
}
