//! The arithmetic against a formula on strings of `0` and `1`, which shares no code with the crate
//! and takes its rules from the table file itself; and the same rules cut in other ways.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::net::{Ipv4Addr, Ipv6Addr};

use mape_core::{Plan, PortRange, ReceivedPrefix, Request, Rule, RuleParts, builtin_rules, plan};
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

/// Rule prefix bits `|` EA bits; IPv4 prefix bits `|` suffix; draft: 8 zeros, IPv4, PSID, 8 zeros.
fn formula(
    end_user: Ipv6Addr,
    n: usize,
    o: usize,
    ipv4: Ipv4Addr,
    r: usize,
    draft: bool,
) -> Answer {
    let end_user = bits6(end_user);
    let (suffix, psid) = end_user[n..n + o].split_at(32 - r);
    let ipv4 = format!("{}{suffix}", &format!("{:032b}", ipv4.to_bits())[..r]);
    let psid = format!("{psid:0>16}");
    let (left, right) =
        if draft { ("0".repeat(8), "0".repeat(8)) } else { ("0".repeat(16), String::new()) };
    let ce = format!("{:0<64}{left}{ipv4}{psid}{right}", &end_user[..n + o]);
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
            let expected = formula(received.net().addr(), n.into(), o.into(), ipv4, r.into(), true);
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

/// Any rule whose address is shared, with one of its lines.
fn shared_rule() -> impl Strategy<Value = (Rule, u64)> {
    let lens = (0_u8..=48, 1_u8..=32, 0_u8..=16, 0_u8..=16);
    let fields = (any::<u128>(), any::<u32>(), lens, any::<bool>(), any::<u64>());
    fields.prop_filter_map("a legal rule", |(ipv6, ipv4, (n, r, k, a), draft, ea)| {
        let parts = RuleParts {
            ipv6: ipnet::Ipv6Net::new(Ipv6Addr::from_bits(ipv6), n).ok()?.trunc(),
            ipv4: ipnet::Ipv4Net::new(Ipv4Addr::from_bits(ipv4), r).ok()?.trunc(),
            ea_len: 32 - r + k,
            offset: Some(a),
            psid_len: None,
            psid: None,
            br: "2001:db8:ffff::1".parse().unwrap(),
            layout: if draft { "draft03" } else { "rfc7597" }.parse().unwrap(),
        };
        Some((Rule::new(parts).ok()?, ea))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_rule_follows_the_formula((rule, ea) in shared_rule()) {
        let (n, o, r) = (rule.ipv6().prefix_len(), rule.ea_len(), rule.ipv4().prefix_len());
        let received = line(rule.ipv6().addr(), n, o, ea);
        let plan = with(received, vec![rule]);
        let draft = rule.layout().name() == "draft03";
        let ipv4 = rule.ipv4().addr();
        let expected = formula(received.net().addr(), n.into(), o.into(), ipv4, r.into(), draft);
        prop_assert_eq!(Answer::from(&plan), expected);
        prop_assert!(rule.ipv4().contains(&plan.ipv4().addr()));
        prop_assert!(plan.end_user_prefix().contains(&plan.ce()));
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
