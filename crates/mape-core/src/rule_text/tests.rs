use super::*;
use crate::error::{Code, Explain as _};
use ipnet::Ipv4Net;
use proptest::prelude::*;
use std::net::Ipv4Addr;

const V6PLUS: &str = "ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,br=2404:9200:225:100::64";

fn parse(text: &str) -> Result<Rule, RuleTextError> {
    parse_rule(text, Layout::Draft03)
}

fn refused(text: &str) -> (Code, String) {
    let error = parse(text).unwrap_err();
    assert!(!error.hint().is_empty() && !error.params().is_empty(), "{error}");
    (error.code(), error.to_string())
}

#[test]
fn the_hint_names_every_key() {
    let hint = parse("ea").unwrap_err().hint();
    let (required, all) = (REQUIRED.join(", "), KEYS.join(" "));
    assert_eq!(hint, format!("write KEY=VALUE,… with {required}; the keys are {all}"));
}

#[test]
fn defaults_come_from_the_layout() {
    let rule = parse(V6PLUS).unwrap();
    assert_eq!((rule.layout(), rule.port_parameters().offset()), (Layout::Draft03, 4));
    let rule = parse_rule(V6PLUS, Layout::Rfc7597).unwrap();
    assert_eq!((rule.layout(), rule.port_parameters().offset()), (Layout::Rfc7597, 6));
    let rule = parse_rule(&format!("{V6PLUS},layout=draft03"), Layout::Rfc7597).unwrap();
    assert_eq!((rule.layout(), rule.port_parameters().offset()), (Layout::Draft03, 4));
}

/// A fixed-IPv4 contract: transix's identifier is the lower half of the address, as its papers and
/// three routers' guides have it.
#[test]
fn values_of_a_contract() {
    let block = "ipv6=2409:10::/56,ipv4=198.51.100.80/29,ea=0,br=2001:db8:ffff::1";
    let made = |more: &str| {
        let rule = parse(&format!("{block}{more}")).unwrap();
        assert_eq!(parse(&rule.to_string()), Ok(rule));
        let mut request = crate::Request::new("2409:10:0:0::/64".parse().unwrap());
        request.explicit.push(rule);
        let plan = crate::plan(&request).unwrap();
        format!("{} {} {}", plan.ipv4(), plan.address(), plan.ce())
    };
    assert_eq!(made(""), "198.51.100.80/29 198.51.100.80 2409:10::c6:3364:5000:0");
    assert_eq!(
        made(",nat=198.51.100.87"),
        "198.51.100.80/29 198.51.100.87 2409:10::c6:3364:5000:0"
    );
    assert_eq!(
        made(",nat=198.51.100.81,id=::feed"),
        "198.51.100.80/29 198.51.100.81 2409:10::feed"
    );
    for (more, says) in [
        (",nat=198.51.100.79", "198.51.100.79 for NAT is not in the block 198.51.100.80/29"),
        (",nat=198.51.100.88", "198.51.100.88 for NAT is not in the block"),
        (",psid=1,psidlen=4,id=::1", "belong to a fixed-IPv4 contract"),
        (",id=::", "the rule's id cannot be"),
        (",id=0:0:0:1::1", "the rule's id cannot be"),
        (",id=feed", "the rule's id cannot be"),
    ] {
        let text = format!("{block}{more}")
            .replace("/29", if more.contains("psid") { "/32" } else { "/29" });
        let said = refused(&text).1;
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn an_offset_left_out_is_that_of_the_table_and_a_stated_one_stays() {
    let ocn = "ipv6=2400:4050::/34,ipv4=153.240.0.0/16,ea=22,br=2001:380:a120::9";
    let offset = |more: &str| {
        let rule = parse(&format!("{ocn}{more}")).unwrap();
        (rule.layout(), rule.port_parameters().offset())
    };
    assert_eq!(offset(""), (Layout::Draft03, 6));
    assert_eq!(offset(",layout=draft03"), (Layout::Draft03, 6));
    assert_eq!(offset(",offset=4"), (Layout::Draft03, 4));
    assert_eq!(offset(",offset=0"), (Layout::Draft03, 0));
    let elsewhere = ocn.replace("153.240", "153.241");
    assert_eq!(parse(&elsewhere).unwrap().port_parameters().offset(), 4);
}

#[test]
fn blanks_order_and_hexadecimal_psids() {
    let text = " br = 2001:db8:ffff::1 , layout=rfc7597, psid=0x34,psidlen=8,ea=0,\
                ipv4=192.0.2.18/32,ipv6=2001:db8:12:3400::/56 ";
    let rule = parse(text).unwrap();
    assert_eq!((rule.psid(), rule.port_parameters().psid_len()), (Some(0x34), 8));
    assert_eq!(parse(&text.replace("0x34", "52")), Ok(rule));
}

#[test]
fn a_bad_rule_names_key_and_value() {
    for (text, sentence) in [
        ("", "\"\" in the rule is not KEY=VALUE"),
        ("x", "\"x\" in the rule is not KEY=VALUE"),
        ("ipv6=240b:10::/31,", "\"\" in the rule is not KEY=VALUE"),
        ("ip6=1", "unknown rule key \"ip6\""),
        ("ea=1,ea=1", "the rule gives ea twice"),
        ("ipv6=240b:10::/31,ipv4=1.2.3.0/24,ea=8", "the rule lacks br"),
        ("br=::1", "the rule lacks ipv6"),
    ] {
        assert_eq!(refused(text), (Code::OptionInvalid, sentence.to_owned()), "{text:?}");
    }
    for (key, values) in [
        ("ipv6", &["", "240b:10::", "240b:10::/129", "1.2.3.0/24"][..]),
        (
            "ipv4",
            &["", "106.72.0.0", "106.72.0.0/33", "240b::/16", "061.72.0.0/15", "106.72.0.0/+15"],
        ),
        ("ea", &["", "-1", "+1", "129", "0x19"]),
        ("offset", &["", "a", "4.0"]),
        ("psidlen", &["", "999"]),
        ("psid", &["", "65536", "0x", "0x10000", "0xg", "x34", "-1", "0x+1"]),
        ("br", &["", "gw", "1.2.3.4", "2001:db8::1/128"]),
        ("layout", &["", "draft", "DRAFT03"]),
    ] {
        for value in values {
            let text = V6PLUS
                .split(',')
                .filter(|pair| !pair.starts_with(&format!("{key}=")))
                .map(str::to_owned)
                .chain([format!("{key}={value}")])
                .collect::<Vec<_>>()
                .join(",");
            let sentence = format!("the rule's {key} cannot be {value:?}");
            assert_eq!(refused(&text), (Code::OptionInvalid, sentence), "{text}");
        }
    }
}

#[test]
fn a_contradiction_has_its_own_code() {
    let text = V6PLUS.replace("ea=25", "ea=40");
    assert_eq!(refused(&text).0, Code::RuleInconsistent);
}

#[test]
fn a_file_is_one_rule_in_a_line() {
    let text = format!("\u{feff}# ours\r\n\r\n{V6PLUS} # east\n  {V6PLUS}\n");
    assert_eq!(parse_rule_file(&text, Layout::Draft03), Ok(vec![parse(V6PLUS).unwrap()]));
}

#[test]
fn a_bad_file_names_the_line() {
    let refused = |text: &str| {
        let error = parse_rule_file(text, Layout::Draft03).unwrap_err();
        assert!(!error.hint().is_empty() && !error.params().is_empty(), "{error}");
        (error.code(), error.to_string())
    };
    let other = V6PLUS.replace("ea=25", "ea=24");
    let conflict = "lines 2 and 3 give two different rules for 240b:10::/31";
    assert_eq!(
        refused(&format!("\n{V6PLUS}\n{other}")),
        (Code::RuleInconsistent, conflict.to_owned())
    );
    let (code, sentence) = refused(&format!("{V6PLUS}\nnonsense"));
    assert_eq!(code, Code::OptionInvalid);
    assert_eq!(sentence, "line 2: not a rule");
    // A file that was not meant may hold secrets.
    for secret in ["root:$1$abcdefgh$0123:19000:0:99999:7:::", "option password=S3cret", "S3cret=1"]
    {
        let error = parse_rule_file(secret, Layout::Draft03).unwrap_err();
        let shown = format!("{error} {} {:?}", error.hint(), error.params());
        assert!(!shown.contains("root") && !shown.contains("S3cret"), "{shown}");
    }
    assert_eq!(refused("ea=9").1, "line 1: the rule lacks ipv6");
    for empty in ["", "\n", "# nothing"] {
        assert_eq!(refused(empty).0, Code::OptionInvalid);
    }
    assert_eq!(refused(&V6PLUS.replace("72.0.0", "73.0.0")).0, Code::RuleInconsistent);
}

proptest! {
    #[test]
    fn every_rule_reads_back(
        ipv6: u128, ipv4: u32, lens in (0_u8..=64, 0_u8..=32), ea in 0_u8..=64,
        psid in proptest::option::of(0_u16..=300), offset in 0_u8..=16, k in 0_u8..=16, rfc: bool,
    ) {
        let parts = RuleParts {
            ipv6: Ipv6Net::new(Ipv6Addr::from_bits(ipv6), lens.0).unwrap().trunc(),
            ipv4: Ipv4Net::new(Ipv4Addr::from_bits(ipv4), lens.1).unwrap().trunc(),
            ea_len: ea, offset: Some(offset), psid_len: Some(k), psid,
            br: "2001:db8::1".parse().unwrap(),
            layout: if rfc { Layout::Rfc7597 } else { Layout::Draft03 },
        };
        if let Ok(rule) = Rule::new(parts) {
            prop_assert_eq!(parse(&rule.to_string()), Ok(rule));
        }
    }

    #[test]
    fn no_text_panics(text in "[a-z0-9=,:/. #\n\u{0}-\u{ff}]{0,80}") {
        let _ = parse(&text);
        let _ = parse_rule_file(&text, Layout::Draft03);
    }
}
