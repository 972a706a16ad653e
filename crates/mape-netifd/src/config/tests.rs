use mape_core::{Code, FailureParts, plan};
use serde_json::json;

use super::*;
use crate::InterfaceData;

const NUMBERS_OF_V6PLUS: &str = r#""ipaddr":"106.72.0.0","ip4prefixlen":"15",
    "ip6prefix":"240b:10::","ip6prefixlen":"31","peeraddr":"2404:9200:225:100::64",
    "ealen":"25","psidlen":"8","offset":"4""#;

fn ce(json: &str) -> String {
    let config = Config::parse(json).unwrap();
    let prefix = "240b:10:3261:6400::/56".parse().unwrap();
    plan(&config.request(prefix)).unwrap().ce().to_string()
}

fn refused(json: &str) -> (Code, String) {
    match Config::parse(json) {
        Err(failure) => {
            let FailureParts { code, message, hint, params } = failure.into_parts();
            assert!(!hint.is_empty() && (!params.is_empty() || message.contains("JSON")));
            (code, message)
        }
        other => panic!("{json}: {other:?}"),
    }
}

#[test]
fn nothing_is_needed() {
    let config = Config::parse(r#"{"proto":"mape","auto":true}"#).unwrap();
    assert_eq!(config.log_level, LevelFilter::Info);
    assert_eq!((config.ttl, config.mtu, config.encaplimit.as_str()), (64, None, "ignore"));
    assert_eq!((config.edge, config.tunlink, config.zone), (EdgeChoice::Auto, None, None));
    assert_eq!(ce("{}"), "240b:10:3261:6400:6a:4832:6100:6400");
}

#[test]
fn a_section_of_upstream_map_keeps_its_meaning() {
    let draft = "240b:10:3261:6400:6a:4832:6100:6400";
    for more in [
        "",
        r#","legacymap":"1""#,
        r#","legacymap":true"#,
        r#","layout":"draft03","legacymap":"1""#,
        r#","type":"map-e","maptype":"map-e""#,
    ] {
        assert_eq!(ce(&format!("{{{NUMBERS_OF_V6PLUS}{more}}}")), draft, "{more}");
    }
    let rfc = "240b:10:3261:6400:0:6a48:3261:64";
    for more in [r#","legacymap":"0""#, r#","layout":"rfc7597""#] {
        assert_eq!(ce(&format!("{{{NUMBERS_OF_V6PLUS}{more}}}")), rfc, "{more}");
    }
    // Other numbers than the table's, and nothing said of the layout: RFC 7597, as upstream.
    let other = NUMBERS_OF_V6PLUS.replace("\"offset\":\"4\"", "\"offset\":\"6\"");
    assert_eq!(ce(&format!("{{{other}}}")), rfc);
    let zero = NUMBERS_OF_V6PLUS.replace("\"psidlen\":\"8\"", "\"psidlen\":\"0\"");
    assert_eq!(ce(&format!("{{{zero}}}")), draft);
}

#[test]
fn an_offset_left_out_is_that_of_the_table_in_every_form() {
    let numbers = json!({
        "ipaddr": "153.240.0.0", "ip4prefixlen": "16", "ip6prefix": "2400:4050::",
        "ip6prefixlen": "34", "peeraddr": "2001:380:a120::9", "ealen": "22",
    });
    let ours = "ipv6=2400:4050::/34,ipv4=153.240.0.0/16,ea=22,br=2001:380:a120::9";
    let map = "type=map-e,ealen=22,prefix4len=16,prefix6len=34,ipv4prefix=153.240.0.0,\
               ipv6prefix=2400:4050::,br=2001:380:a120::9";
    for options in [numbers, json!({ "rule": ours }), json!({ "rule": map })] {
        for more in [json!({}), json!({"legacymap": "1"}), json!({"layout": "draft03"})] {
            let mut options = options.as_object().unwrap().clone();
            options.extend(more.as_object().unwrap().clone());
            let config = Config::parse(&json!(options).to_string()).unwrap();
            let prefix = "2400:4050:1234:5600::/56".parse().unwrap();
            let plan = plan(&config.request(prefix)).unwrap();
            assert_eq!(plan.port_set().port_count(), 1008, "{options:?}");
            assert_eq!(
                plan.port_set().ranges().next().map(mape_core::PortRange::first),
                Some(1376)
            );
            assert_eq!(plan.rule().layout(), Layout::Draft03);
        }
    }
}

#[test]
fn the_number_of_ea_bits_may_be_left_out() {
    let numbers = format!("{{{}}}", NUMBERS_OF_V6PLUS.replace("\"ealen\":\"25\",", ""));
    let draft = "240b:10:3261:6400:6a:4832:6100:6400";
    assert_eq!(ce(&numbers), draft);
    assert_eq!(ce(&numbers.replace(",\"offset\":\"4\"", ",\"legacymap\":\"1\"")), draft);
    let map = "type=map-e,prefix4len=15,prefix6len=31,ipv4prefix=106.72.0.0,ipv6prefix=240b:10::,\
               br=2404:9200:225:100::64";
    assert_eq!(ce(&json!({ "rule": map }).to_string()), draft);
}

/// By hand: RFC 7597 section 6 for 192.0.2.1 (c000:0201) and PSID 4.
#[test]
fn a_section_of_lw4o6_has_neither_ea_bits_nor_an_offset() {
    let numbers = json!({
        "type": "lw4o6", "ipaddr": "192.0.2.1", "ip6prefix": "2001:db8:1:2::",
        "ip6prefixlen": "64", "peeraddr": "2001:db8::1", "psidlen": "6", "psid": "4",
    });
    let config = Config::parse(&numbers.to_string()).unwrap();
    let plan = plan(&config.request("2001:db8:1:2::/64".parse().unwrap())).unwrap();
    assert_eq!(plan.ce().to_string(), "2001:db8:1:2:0:c000:201:4");
    assert_eq!(plan.port_set().ranges().next().map(|it| it.to_string()), Some("4096-5119".into()));
}

#[test]
fn rules_in_both_forms() {
    let ours = "ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,br=2404:9200:225:100::64";
    assert_eq!(ce(&json!({"rule": ours}).to_string()), "240b:10:3261:6400:6a:4832:6100:6400");
    let map = "fmr,type=map-e,ealen=25,prefix4len=15,prefix6len=31,ipv4prefix=106.72.0.0,\
               ipv6prefix=240b:10::,offset=4,psidlen=0,psid=0,br=2404:9200:225:100::64,";
    for rules in [map.to_owned(), format!("{map} {}", map.replace("240b:10::", "240b:12::"))] {
        let rfc = json!({"rule": rules, "legacymap": "0"}).to_string();
        assert_eq!(ce(&rfc), "240b:10:3261:6400:0:6a48:3261:64");
        assert_eq!(ce(&json!({"rule": rules}).to_string()), "240b:10:3261:6400:6a:4832:6100:6400");
    }
}

#[test]
fn what_the_table_would_say_is_asked_only_beside_a_stated_rule() {
    let prefix = "240b:10:3261:6400::/56".parse().unwrap();
    assert!(Config::parse("{}").unwrap().request_of_table(prefix).is_none());
    let stated = Config::parse(&format!("{{{NUMBERS_OF_V6PLUS}}}")).unwrap();
    assert!(stated.request_of_table(prefix).is_some_and(|request| request.explicit.is_empty()));
}

#[test]
fn lists_and_values() {
    let config = Config::parse(
        r#"{"reserved_ports":["5696","9792-9799"],"edge":"plain","full_cone":"on","time_wait":30,
            "dscp_reset":true,"ttl":"255","mtu":1400,"encaplimit":"4","zone":"-","tunlink":" w ",
            "log_level":"debug"}"#,
    )
    .unwrap();
    assert_eq!(config.reserved.to_string(), "5696,9792-9799");
    assert!(config.nft.full_cone && config.nft.dscp_reset && config.nft.time_wait.is_some());
    assert_eq!(config.log_level, LevelFilter::Debug);
    assert_eq!((config.ttl, config.mtu, config.encaplimit.as_str()), (255, Some(1400), "4"));
    assert_eq!((config.zone.as_deref(), config.tunlink.as_deref()), (Some("-"), Some("w")));
    let words = Config::parse(r#"{"reserved_ports":"5696 9792-9799"}"#).unwrap();
    assert_eq!(words.reserved, config.reserved);
}

/// UCI has `list tunlink 'wan6'` for `option tunlink 'wan6'`: every option of ours, one by one and
/// all together, as the shim lets netifd pass them.
#[test]
fn a_list_of_one_is_the_option() {
    let fixed = json!({"provider": "v6plus-static", "ipaddr": "203.0.113.10", "update_user": "u",
        "update_password": "p", "update_url": "http://a/", "peeraddr": "2404:9200:225:100::65"});
    let served = json!({"provisioning": "hb46pp", "provisioning_user": "u", "provisioning_password": "p",
        "provisioning_server": "a.example", "provisioning_ca": "/etc/ca.pem", "tunlink": "wan6",
        "mtu": "1400", "ttl": "9", "encaplimit": "ignore", "zone": "wan", "edge": "plain",
        "full_cone": "1", "time_wait": "30", "dscp_reset": "1", "upnp_ports": "4", "type": "map-e",
        "maptype": "map-e", "log_level": "warn", "layout": "rfc7597", "legacymap": "0", "reserved_ports": "5696",
        "full_cone_hosts": "192.168.1.20", "rule": "ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,br=2001:db8:ffff::1"});
    let by_url = json!({"provisioning": "url", "provisioning_url": "https://a.example/"});
    let numbers: serde_json::Value =
        serde_json::from_str(&format!("{{{NUMBERS_OF_V6PLUS},\"psid\":\"0x64\"}}")).unwrap();
    for options in [fixed, served, by_url, numbers] {
        let options = options.as_object().unwrap();
        let plain = Config::parse(&json!(options).to_string()).unwrap();
        let mut all = options.clone();
        for (name, value) in options {
            let list = json!([value]);
            let mut one = options.clone();
            one.insert(name.clone(), list.clone());
            all.insert(name.clone(), list);
            assert_eq!(
                Config::parse(&json!(one).to_string()).ok().as_ref(),
                Some(&plain),
                "{name}"
            );
        }
        assert_eq!(Config::parse(&json!(all).to_string()).ok(), Some(plain));
    }
    assert_eq!(
        Config::parse(r#"{"tunlink":[],"mtu":[""],"rule":null}"#).ok(),
        Config::parse("{}").ok()
    );
}

/// UCI's `list` makes two values of one that was typed twice.
#[test]
fn a_password_stands_in_no_error() {
    let fixed = json!({"provider": "v6plus-static", "ipaddr": "203.0.113.10", "update_user": "u",
        "update_password": "S3cret", "peeraddr": "2404:9200:225:100::65"});
    let served = json!({"provisioning": "hb46pp", "provisioning_user": "u",
        "provisioning_password": "S3cret", "provisioning_server": "a.example"});
    let twice = json!(["S3cret", "S3cret2"]);
    for (options, name, value) in [
        (&fixed, "update_password", twice.clone()),
        (&fixed, "update_password", json!({"S3cret": 1})),
        (&fixed, "update_url", json!("ftp://u:S3cret@a/")),
        (&served, "provisioning_password", twice.clone()),
        (&served, "provisioning_url", twice),
    ] {
        let mut options = options.clone();
        options[name] = value;
        if name == "provisioning_url" {
            options = json!({"provisioning": "url", name: options[name]});
        }
        let error = Config::parse(&options.to_string()).unwrap_err();
        let message = format!(
            "{} {} {}",
            error.line(),
            error.text(),
            InterfaceData::of_warning(Some(&error)).to_value()
        );
        assert!(message.contains(name) && !message.contains("S3cret"), "{message}");
    }
}

/// PSID 100 of 8 bits is 0x64, 25600 on the wire; `240b:10:3261:6400::/56` has it in its EA bits.
#[test]
fn a_psid_in_every_spelling() {
    let draft = "240b:10:3261:6400:6a:4832:6100:6400";
    for psid in ["100", "0x64", "0X64", "25600", "0x6400", "0"] {
        let numbers = format!("{{{NUMBERS_OF_V6PLUS},\"psid\":\"{psid}\"}}");
        assert_eq!(ce(&numbers), draft, "{psid}");
        let ours = "ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,br=2404:9200:225:100::64";
        assert_eq!(
            ce(&json!({"rule": format!("{ours},psid={psid}")}).to_string()),
            draft,
            "{psid}"
        );
        assert_eq!(
            ce(&json!({"rule": format!("{ours},psidlen=0,psid={psid}")}).to_string()),
            draft
        );
    }
}

#[test]
fn every_bad_option_is_named() {
    let numbers = format!("{{{NUMBERS_OF_V6PLUS}}}");
    for (json, text) in [
        ("[]".to_owned(), "JSON"),
        (r#"{"provider":"jpne"}"#.to_owned(), "\"jpne\""),
        (r#"{"layout":"draft"}"#.to_owned(), "\"draft\""),
        (r#"{"layout":"rfc7597","legacymap":"1"}"#.to_owned(), "layout and legacymap"),
        (r#"{"legacymap":"2"}"#.to_owned(), "legacymap cannot be \"2\""),
        (r#"{"mtu":"65496"}"#.to_owned(), "mtu"),
        (r#"{"mtu":"1500x"}"#.to_owned(), "mtu cannot be \"1500x\""),
        (r#"{"mtu":["1400","1420"]}"#.to_owned(), "mtu cannot be \"[\\\"1400"),
        (r#"{"tunlink":["wan6","wan"]}"#.to_owned(), "tunlink cannot be"),
        (r#"{"mtu":[["1400"]]}"#.to_owned(), "mtu"),
        (r#"{"ttl":"0"}"#.to_owned(), "ttl"),
        (r#"{"ttl":"256"}"#.to_owned(), "ttl"),
        (r#"{"encaplimit":"none"}"#.to_owned(), "encaplimit"),
        (r#"{"edge":"bridge"}"#.to_owned(), "\"bridge\""),
        (r#"{"full_cone":"maybe"}"#.to_owned(), "full_cone"),
        (r#"{"time_wait":"0"}"#.to_owned(), "time_wait"),
        (r#"{"time_wait":"70000"}"#.to_owned(), "time_wait"),
        (r#"{"dscp_reset":"7"}"#.to_owned(), "dscp_reset"),
        (r#"{"log_level":"trace"}"#.to_owned(), "log_level cannot be \"trace\""),
        (r#"{"reserved_ports":["0"]}"#.to_owned(), "\"0\""),
        (r#"{"reserved_ports":["9-8"]}"#.to_owned(), "9-8"),
        (r#"{"reserved_ports":[{}]}"#.to_owned(), "reserved_ports"),
        (r#"{"type":"map-t"}"#.to_owned(), "type cannot be \"map-t\""),
        (r#"{"maptype":"ds-lite"}"#.to_owned(), "maptype"),
        (r#"{"provisioning":"yes"}"#.to_owned(), "provisioning cannot be \"yes\""),
        (r#"{"provisioning":"url"}"#.to_owned(), "needs the option provisioning_url"),
        (
            r#"{"provisioning":"url","provisioning_url":"https://192.0.2.1/"}"#.to_owned(),
            "the provisioning URL is not",
        ),
        (
            r#"{"provisioning":"hb46pp","provisioning_user":"u","provisioning_password":"p"}"#
                .to_owned(),
            "provisioning_user needs the option provisioning_server",
        ),
        (
            r#"{"provisioning":"hb46pp","provisioning_server":"a.example"}"#.to_owned(),
            "provisioning_server needs the option provisioning_user",
        ),
        (r#"{"upnp_ports":"-8"}"#.to_owned(), "upnp_ports"),
        (r#"{"full_cone_hosts":["192.168.1.300"]}"#.to_owned(), "full_cone_hosts"),
        (r#"{"rules_file":"/nonexistent/rules"}"#.to_owned(), "/nonexistent/rules"),
        (r#"{"rule":"x","ealen":"25"}"#.to_owned(), "rule and ealen"),
        (r#"{"rule":"ipv6=1"}"#.to_owned(), "the rule lacks ipv4"),
        (r#"{"peeraddr":"2404:9200:225:100::64"}"#.to_owned(), "ip6prefix is missing"),
        (numbers.replace("\"ealen\":\"25\",", "").replace("\"31\"", "\"57\""), "ealen is missing"),
        (numbers.replace("240b:10::", "240b:10::/31"), "ip6prefix cannot be \"240b:10::/31\""),
        (numbers.replace("\"31\"", "\"129\""), "ip6prefixlen"),
        (numbers.replace("\"15\"", "\"33\""), "ip4prefixlen"),
        (numbers.replace("\"25\"", "\"-1\""), "ealen"),
        (numbers.replace("2404:9200:225:100::64", "br.example"), "peeraddr"),
        (numbers.replace("\"offset\":\"4\"", "\"psid\":\"65536\""), "psid"),
        (numbers.replace("\"offset\":\"4\"", "\"offset\":\"17\""), "offset cannot be \"17\""),
        (numbers.replace("\"psidlen\":\"8\"", "\"psidlen\":\"17\""), "psidlen cannot be \"17\""),
        (numbers.replace("\"ealen\":\"25\"", "\"ealen\":\"49\""), "ealen cannot be \"49\""),
    ] {
        let (code, message) = refused(&json);
        assert_eq!(code, Code::OptionInvalid, "{json}");
        assert!(message.contains(text), "{json}: {message}");
    }
    assert_eq!(refused(r#"{"mtu":"1279"}"#).0, Code::MtuTooSmall);
    for (from, to) in [
        ("\"25\"", "\"34\""),
        ("\"psidlen\":\"8\"", "\"psidlen\":\"7\""),
        ("240b:10::", "240b:11::"),
        ("\"offset\":\"4\"", "\"offset\":\"9\""),
        ("2404:9200:225:100::64", "fe80::1"),
    ] {
        assert_eq!(refused(&numbers.replace(from, to)).0, Code::RuleInconsistent, "{to}");
    }
}
