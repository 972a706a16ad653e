use super::*;
use crate::error::{Code, Explain};
use crate::layout::Layout;
use crate::line::LineKind;
use crate::rule_text::parse_rule;

const RFC: &str =
    "ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,offset=6,br=2001:db8:ffff::1,layout=rfc7597";

fn request(prefix: &str) -> Request {
    Request::new(prefix.parse().unwrap())
}

fn with_rule(prefix: &str, rule: &str) -> Request {
    let rule = parse_rule(rule, Layout::Draft03).unwrap();
    Request { explicit: vec![rule], ..request(prefix) }
}

fn made(request: &Request) -> Plan {
    plan(request).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(request: &Request) -> PlanError {
    let error = plan(request).unwrap_err();
    assert!(!error.hint().is_empty() && !error.params().is_empty(), "{error}");
    error
}

fn ranges(plan: &Plan) -> String {
    plan.port_set().ranges().map(|range| range.to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_v6plus_line() {
    let plan = made(&request("240b:10:3261:6400::/56"));
    assert_eq!((plan.provider_name(), plan.source().name()), ("v6plus", "builtin"));
    assert_eq!(plan.end_user_prefix().to_string(), "240b:10:3261:6400::/56");
    assert_eq!(plan.ipv4().to_string(), "106.72.50.97/32");
    assert_eq!((plan.port_set().psid(), plan.port_set().port_count()), (100, 240));
    assert_eq!(plan.ce().to_string(), "240b:10:3261:6400:6a:4832:6100:6400");
    assert_eq!(plan.br().to_string(), "2404:9200:225:100::64");
    assert_eq!(plan.mtu(), 1460);
    assert_eq!(plan.rule().ipv6().to_string(), "240b:10::/31");
    assert!(plan.reserved_inside().is_empty() && plan.reserved_outside().is_empty());
}

#[test]
fn the_rfc_layout_as_an_override() {
    let request = Request { layout: Some(Layout::Rfc7597), ..request("240b:10:3261:6400::/56") };
    let plan = made(&request);
    assert_eq!(plan.ce().to_string(), "240b:10:3261:6400:0:6a48:3261:64");
    assert_eq!(plan.rule().layout(), Layout::Rfc7597);
    assert_eq!(plan.port_set().parameters().offset(), 4);
}

#[test]
fn any_cut_of_the_line_that_begins_with_it_gives_the_same_plan() {
    let whole = made(&request("240b:10:3251:6400::/56"));
    for cut in [
        "240b:10:3251:6400::/57",
        "240b:10:3251:6400::/60",
        "240b:10:3251:6400::/64",
        "240b:10:3251:6400:4c72:9eff:feeb:18cf",
    ] {
        let plan = made(&request(cut));
        assert_eq!(plan.end_user_prefix(), whole.end_user_prefix());
        assert_eq!((plan.ipv4(), plan.ce()), (whole.ipv4(), whole.ce()));
    }
}

#[test]
fn another_cut_of_the_line_is_refused() {
    for cut in [
        "240b:10:3251:6410::/60",
        "240b:10:3251:6401::/64",
        "240b:10:3251:6480::/57",
        "240b:10:3251:64ff::1",
    ] {
        let error = refused(&request(cut));
        assert_eq!(error.code(), Code::NotFirstSubnet);
        assert!(error.to_string().contains("240b:10:3251:6400:6a:4832:5100:6400"), "{error}");
        assert!(error.hint().contains("240b:10:3251:6400::/56"));
    }
    // The same where the rule has no EA bits but describes the line's /56.
    let rule = "ipv6=2001:db8:12:3400::/56,ipv4=192.0.2.18/32,ea=0,br=2001:db8:ffff::1";
    assert_eq!(refused(&with_rule("2001:db8:12:3410::/60", rule)).code(), Code::NotFirstSubnet);
}

#[test]
fn rfc_7597_appendix_a() {
    // Examples 1 to 3 (one rule), 4 (no sharing) and 5 (explicit PSID), and the draft's layout.
    let plan = made(&with_rule("2001:db8:12:3400::/56", RFC));
    assert_eq!((plan.ipv4().to_string().as_str(), plan.port_set().psid()), ("192.0.2.18/32", 0x34));
    assert!(
        ranges(&plan).starts_with("1232-1235 2256-2259 ")
            && ranges(&plan).ends_with(" 64720-64723")
    );
    assert_eq!(plan.port_set().port_count(), 252);
    assert_eq!(plan.ce().to_string(), "2001:db8:12:3400:0:c000:212:34");
    let draft =
        Request { layout: Some(Layout::Draft03), ..with_rule("2001:db8:12:3400::/56", RFC) };
    assert_eq!(made(&draft).ce().to_string(), "2001:db8:12:3400:c0:2:1200:3400");

    let fixed =
        "ipv6=2001:db8:12:3400::/56,ipv4=192.0.2.18/32,ea=0,br=2001:db8:ffff::1,layout=rfc7597";
    let plan = made(&with_rule("2001:db8:12:3400::/56", fixed));
    assert_eq!((ranges(&plan).as_str(), plan.port_set().psid()), ("0-65535", 0));
    assert_eq!(plan.ce().to_string(), "2001:db8:12:3400:0:c000:212:0");

    let plan = made(&with_rule("2001:db8:12:3400::/56", &format!("{fixed},psid=0x34,psidlen=8")));
    assert_eq!((plan.ipv4().to_string().as_str(), plan.port_set().psid()), ("192.0.2.18/32", 0x34));
    assert_eq!(plan.ce().to_string(), "2001:db8:12:3400:0:c000:212:34");
}

#[test]
fn an_ipv4_prefix_for_each_ce() {
    let rule = "ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=4,br=2001:db8:ffff::1,layout=rfc7597";
    let plan = made(&with_rule("2001:db8:e0::/44", rule));
    assert_eq!(
        (plan.ipv4().to_string().as_str(), ranges(&plan).as_str()),
        ("192.0.2.224/28", "0-65535")
    );
    assert_eq!(plan.ce().to_string(), "2001:db8:e0::c000:2e0:0");
}

#[test]
fn a_whole_address_from_ea_bits_and_a_psid_beside_them() {
    let rule = "ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=8,offset=4,br=2001:db8:ffff::1";
    let plan = made(&with_rule("2001:db8:12::/48", rule));
    assert_eq!(
        (plan.ipv4().to_string().as_str(), plan.port_set().port_count()),
        ("192.0.2.18/32", 65536)
    );
    let plan = made(&with_rule("2001:db8:12::/48", &format!("{rule},psidlen=8,psid=7")));
    assert_eq!((plan.port_set().psid(), plan.port_set().port_count()), (7, 240));
}

#[test]
fn a_received_prefix_longer_than_rule_and_ea_bits_supplies_the_rest() {
    let rule = "ipv6=2400:4050::/32,ipv4=153.240.0.1/32,ea=0,offset=6,psidlen=6,psid=5,br=2001:380:a120::9";
    for (received, ce) in [
        ("2400:4050:1234:5600::/56", "2400:4050:1234:5600:99:f000:100:500"),
        ("2400:4050:1234:5678::/64", "2400:4050:1234:5678:99:f000:100:500"),
        ("2400:4050:1234:5678::1", "2400:4050:1234:5678:99:f000:100:500"),
        ("2400:4050::/32", "2400:4050::99:f000:100:500"),
    ] {
        let plan = made(&with_rule(received, rule));
        assert_eq!(plan.ce().to_string(), ce);
        assert!(plan.end_user_prefix().contains(&plan.ce()));
    }
}

#[test]
fn one_block_and_one_port_blocks() {
    let rule = "ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,br=2001:db8:ffff::1";
    let one_block = made(&with_rule("2001:db8:12:3400::/56", &format!("{rule},offset=0")));
    assert_eq!(ranges(&one_block), "13312-13567");
    let one_port = made(&with_rule("2001:db8:12:3400::/56", &format!("{rule},offset=8")));
    assert_eq!(one_port.port_set().port_count(), 255);
    assert!(ranges(&one_port).starts_with("308 564 820 "));
}

#[test]
fn all_64_bits_can_be_used() {
    let rule = "ipv6=2001:db8::/32,ipv4=192.0.2.0/24,ea=24,offset=0,br=2001:db8:ffff::1";
    let plan = made(&with_rule("2001:db8:1200::/64", rule));
    assert_eq!(plan.ipv4().to_string(), "192.0.2.18/32");
    let rule = "ipv6=2001:db8:1:2::/64,ipv4=192.0.2.18/32,ea=0,br=2001:db8:ffff::1";
    assert_eq!(made(&with_rule("2001:db8:1:2::/64", rule)).ipv4().to_string(), "192.0.2.18/32");
    let rule = "ipv6=::/0,ipv4=192.0.2.18/32,ea=0,br=2001:db8:ffff::1";
    assert_eq!(made(&with_rule("2001:db8:1:2::/64", rule)).ipv4().to_string(), "192.0.2.18/32");
    // 30 suffix bits and 16 PSID bits: the most EA bits there are.
    let rule = "ipv6=2000::/16,ipv4=128.0.0.0/2,ea=46,offset=0,br=2001:db8:ffff::1";
    let plan = made(&with_rule("2000:0123:4567:89ab::/64", rule));
    assert_eq!(
        (plan.ipv4().to_string().as_str(), plan.port_set().psid()),
        ("128.72.209.89/32", 0xe26a)
    );
}

#[test]
fn an_explicit_psid_must_agree_with_the_ea_bits() {
    assert_eq!(
        made(&with_rule("2001:db8:12:3400::/56", &format!("{RFC},psid=52"))).port_set().psid(),
        52
    );
    let error = refused(&with_rule("2001:db8:12:3400::/56", &format!("{RFC},psid=53")));
    assert_eq!(error.code(), Code::RuleInconsistent);
    assert!(error.to_string().contains("53") && error.to_string().contains("52"), "{error}");
}

#[test]
fn the_longest_rule_wins_within_a_source_and_the_source_goes_first() {
    let parse = |text: &str| parse_rule(text, Layout::Draft03).unwrap();
    let short = parse("ipv6=240b:10::/31,ipv4=10.0.0.0/15,ea=25,br=2001:db8::1");
    let long = parse("ipv6=240b:10::/32,ipv4=11.0.0.0/16,ea=24,br=2001:db8::2");
    let elsewhere = parse("ipv6=240b:11::/32,ipv4=12.0.0.0/16,ea=24,br=2001:db8::3");
    let base = request("240b:10:3261:6400::/56");
    for rules in [vec![short, long, elsewhere], vec![elsewhere, long, short]] {
        let plan = made(&Request { explicit: rules.clone(), ..base.clone() });
        assert_eq!((plan.rule(), plan.source().name()), (&long, "explicit"));
        assert_eq!(plan.provider_name(), "manual");
        let plan = made(&Request { file: rules.clone(), ..base.clone() });
        assert_eq!((plan.rule(), plan.source().name()), (&long, "file"));
        let both = Request { explicit: vec![short], file: rules, ..base.clone() };
        assert_eq!(made(&both).rule(), &short);
    }
    // A file that does not cover the prefix leaves it to the table; a stated rule does not.
    let plan = made(&Request { file: vec![elsewhere], ..base.clone() });
    assert_eq!(plan.source().name(), "builtin");
    let error = refused(&Request { explicit: vec![elsewhere], ..base });
    assert_eq!(error.code(), Code::PrefixNotInRules);
    assert!(error.to_string().contains("240b:11::/32"), "{error}");
}

#[test]
fn two_rules_for_one_prefix_are_not_chosen_from() {
    let one =
        parse_rule("ipv6=240b:10::/31,ipv4=10.0.0.0/15,ea=25,br=2001:db8::1", Layout::Draft03);
    let two =
        parse_rule("ipv6=240b:10::/31,ipv4=12.0.0.0/15,ea=25,br=2001:db8::1", Layout::Draft03);
    let (one, two) = (one.unwrap(), two.unwrap());
    let base = request("240b:10:3261:6400::/56");
    for rules in [vec![one, two], vec![two, one], vec![one, one, two]] {
        let error = refused(&Request { explicit: rules.clone(), ..base.clone() });
        assert_eq!(error.code(), Code::RuleInconsistent);
        assert_eq!(refused(&Request { file: rules, ..base.clone() }), error);
    }
    assert_eq!(made(&Request { explicit: vec![one, one], ..base.clone() }).rule(), &one);
    // A conflict elsewhere does not matter for this line.
    let elsewhere = request("2400:4050::/56");
    let mixed = Request { file: vec![one, two], ..elsewhere };
    assert_eq!(made(&mixed).source().name(), "builtin");
}

#[test]
fn a_stated_rule_makes_no_line_of_what_is_none() {
    let any = "ipv6=::/0,ipv4=192.0.2.1/32,ea=0,br=2001:db8::c0:2:100:0";
    for prefix in ["fe80::1", "ff02::1", "::1", "1234::1", "4000::/64", "fbff::/64", "::/0"] {
        let error = refused(&with_rule(prefix, any));
        assert_eq!((error.code(), error.line()), (Code::PrefixNotInRules, Some(LineKind::Local)));
    }
    for lab in ["fd00:1::/64", "2001:db8:1::/64", "3fff::/64"] {
        assert!(plan(&with_rule(lab, any)).is_ok(), "{lab}");
    }
    let error = refused(&with_rule("2001:db8::/64", any));
    assert_eq!(error.code(), Code::RuleInconsistent);
    assert!(error.to_string().contains("2001:db8::c0:2:100:0"), "{error}");
}

#[test]
fn the_provider_option_only_narrows() {
    let choose = |prefix: &str, provider: &str| Request {
        provider: provider.parse().unwrap(),
        ..request(prefix)
    };
    assert_eq!(made(&choose("240b:10:3261:6400::/56", "v6plus")).provider_name(), "v6plus");
    let error = refused(&choose("240b:10:3261:6400::/56", "ocn"));
    assert_eq!(error.code(), Code::PrefixNotInRules);
    assert!(error.to_string().contains("v6 Plus") && error.to_string().contains("ocn"), "{error}");
    assert!(error.hint().contains("v6plus"));
    let error = refused(&choose("240b:10:3261:6400::/56", "manual"));
    assert_eq!((error.code(), error.line()), (Code::OptionInvalid, None));
    let file = vec![parse_rule(RFC, Layout::Draft03).unwrap()];
    let manual = Request { file, ..choose("2001:db8:12:3400::/56", "manual") };
    assert_eq!(made(&manual).source().name(), "file");
    let elsewhere = Request { prefix: "240b:10::/56".parse().unwrap(), ..manual };
    assert_eq!(refused(&elsewhere).code(), Code::PrefixNotInRules);
}

#[test]
fn what_is_no_map_e_line_gets_its_name_and_no_plan() {
    for (prefix, line) in [
        ("2408:210:8000::/56", LineKind::Ngn),
        ("2001:a000:100::/64", LineKind::Ngn),
        ("2409:10:1234:5600::/56", LineKind::Transix),
        ("2001:f70:1234::/64", LineKind::Xpass),
        ("2405:6581::/56", LineKind::V6connect),
        ("2400:2410:1234::/64", LineKind::Softbank),
        ("240d:f:4000::/56", LineKind::Nuro),
        ("240d:10:4:500::/56", LineKind::Nuro),
        ("2400:4052:f000::/56", LineKind::Ocn),
        ("2400:4152:5e00::/64", LineKind::Ocn),
        ("fe80::1", LineKind::Local),
    ] {
        let error = refused(&request(prefix));
        assert_eq!((error.code(), error.line()), (Code::PrefixNotInRules, Some(line)), "{prefix}");
        assert_eq!(
            (error.hint(), line.next_step().is_empty()),
            (line.next_step().to_owned(), false)
        );
        assert!(error.to_string().contains(line.verdict()), "{error}");
        let params = error.params();
        assert!(params.contains(&("line", line.name().to_owned())), "{params:?}");
        assert!(params.contains(&("mechanism", line.mechanism().to_owned())), "{params:?}");
    }
    let error = refused(&request("2a00:1450::/56"));
    assert_eq!((error.code(), error.line()), (Code::PrefixNotInRules, None));
}

#[test]
fn a_prefix_that_is_too_short_says_so() {
    for (prefix, needed) in [
        ("240b:10::/31", 56),
        ("240b:10:3261::/48", 56),
        ("::/0", 56),
        ("2400:4050::/32", 56),
        ("240b:10:3261:6400::/55", 56),
    ] {
        let error = refused(&request(prefix));
        assert_eq!(error.code(), Code::PrefixNotInRules);
        assert!(error.to_string().contains("too short"), "{error}");
        assert!(error.hint().contains(&format!("/{needed}")));
    }
    let sixty = "ipv6=2001:db8::/44,ipv4=192.0.2.0/24,ea=16,br=2001:db8:ffff::1";
    assert!(refused(&with_rule("2001:db8:1:2300::/59", sixty)).to_string().contains("60 bits"));
    assert_eq!(made(&with_rule("2001:db8:1:2340::/60", sixty)).port_set().psid(), 0x34);
    // A rule of one's own that lies inside the prefix.
    assert!(refused(&with_rule("2001:db8::/40", sixty)).to_string().contains("60 bits"));
    let file = vec![parse_rule(sixty, Layout::Draft03).unwrap()];
    let request = Request { file, ..request("2001:db8::/40") };
    assert!(refused(&request).to_string().contains("60 bits"));
}

#[test]
fn the_mtu_follows_the_uplink() {
    let mtu = |uplink_mtu| plan(&Request { uplink_mtu, ..request("240b:10:3261:6400::/56") });
    for (uplink, inner) in [(1500, 1460), (1320, 1280), (1454, 1414), (9000, 8960), (65535, 65495)]
    {
        assert_eq!(mtu(uplink).map(|plan| plan.mtu()), Ok(inner));
    }
    for uplink in [0, 39, 40, 1280, 1319] {
        assert_eq!(mtu(uplink).unwrap_err().code(), Code::MtuTooSmall);
    }
}

#[test]
fn reserved_ports_are_cut_to_the_set() {
    let reserve = |list: &str| {
        plan(&Request { reserved: list.parse().unwrap(), ..request("240b:10:3261:6400::/56") })
    };
    let shown = |ranges: Vec<PortRange>| {
        ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    let plan = reserve("9800-9801,80,5700-9795,22-23").unwrap();
    assert_eq!(shown(plan.reserved_inside()), "9800-9801 5700-5711 9792-9795");
    assert_eq!(shown(plan.reserved_outside()), "80 22-23");
    assert_eq!(plan.port_set().port_count(), 240);
    // All but one port, then all.
    assert!(reserve("1-5695,5697-65535").is_ok());
    let whole = "ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=8,br=2001:db8:ffff::1";
    let reserved = "1-65535".parse().unwrap();
    let only_port_0 = Request { reserved, ..with_rule("2001:db8:12::/48", whole) };
    assert_eq!(refused(&only_port_0).code(), Code::OptionInvalid);
    let error = reserve("30000-65535,1-29999").unwrap_err();
    assert_eq!(error.code(), Code::OptionInvalid);
    assert!(error.to_string().contains("30000-65535,1-29999"), "{error}");
}

#[test]
fn a_published_wrong_pair_stays_wrong() {
    // OpenWrt issue 11972 prints this prefix next to 106.72.50.97.
    let plan = made(&request("240b:10:3251:6400::/64"));
    assert_eq!(plan.ipv4().to_string(), "106.72.50.81/32");
    // A calculator's NURO answer for this prefix is 219.104.145.35.
    let plan = made(&request("240d:f:123:4500::/56"));
    assert_eq!(plan.ipv4().to_string(), "219.104.129.35/32");
}
