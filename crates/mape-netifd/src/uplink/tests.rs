//! Tests of `uplink`.

use std::net::Ipv6Addr;

use mape_core::Explain as _;

use super::*;
use serde_json::{Value, json};

const A: &str = "240b:10:3261:6400::";
const B: &str = "240b:10:9261:6400::";

fn wan(name: &str, prefixes: &Value, addresses: &Value) -> Value {
    json!({"interface": name, "up": true, "proto": "dhcpv6", "l3_device": format!("dev-{name}"),
        "ipv6-prefix": prefixes, "ipv6-address": addresses,
        "route": [{"target": "::", "mask": 0}]})
}

fn item(address: &str, mask: u8, preferred: u32) -> Value {
    json!({"address": address, "mask": mask, "preferred": preferred})
}

fn chosen(options: &str, interfaces: &[Value], current: Option<&str>) -> String {
    let dump = Dump::of(&json!({"interface": interfaces}));
    let current = current.map(|text| text.parse().unwrap());
    match choose(&Config::parse(options).unwrap(), &dump, current, &Taken::default()) {
        Ok(uplink) => format!("{} {}", uplink.interface, uplink.prefix),
        Err(failure) => format!("{}: {}", failure.code, failure.message),
    }
}

#[test]
fn every_way_a_prefix_arrives() {
    for (prefixes, addresses, expected) in [
        (json!([item(A, 56, 9)]), json!([]), "wan6 240b:10:3261:6400::/56"),
        (json!([item(A, 60, 9)]), json!([]), "wan6 240b:10:3261:6400::/60"),
        (json!([]), json!([item(&format!("{A}1"), 64, 9)]), "wan6 240b:10:3261:6400::/64"),
        (json!([]), json!([item(&format!("{A}1"), 128, 9)]), "wan6 240b:10:3261:6400::/64"),
        // NURO: the delegated prefix is the line's, the WAN's own /64 is not.
        (
            json!([item("240d:f:1234:5600::", 56, 9)]),
            json!([item("240d:1a:1::5", 64, 9000)]),
            "wan6 240d:f:1234:5600::/56",
        ),
    ] {
        let lan = json!({"interface": "lan", "up": true, "proto": "static", "l3_device": "br-lan",
            "ipv6-address": [item("fd00:1::1", 64, 9)]});
        assert_eq!(chosen("{}", &[lan, wan("wan6", &prefixes, &addresses)], None), expected);
    }
}

/// A user may state `ip6prefix` on an uplink that has the same /64 by router advertisement.
#[test]
fn neighbours_ask_for_a_ce_address_of_their_subnet() {
    let ce = "240b:10:3261:6400:6a:4832:6100:6400";
    for (prefixes, addresses, expected) in [
        (json!([item(A, 56, 9)]), json!([]), false),
        (json!([item(A, 64, 9)]), json!([item("240d:1a:1::5", 64, 9)]), false),
        // The CE address itself is no subnet.
        (json!([item(A, 56, 9)]), json!([item(ce, 128, 9)]), false),
        (json!([]), json!([item(&format!("{A}1"), 64, 9)]), true),
        (json!([item(A, 64, 9)]), json!([item(&format!("{A}1"), 64, 9)]), true),
        (json!([item(A, 56, 9)]), json!([item(&format!("{A}1"), 64, 0)]), true),
    ] {
        let dump = Dump::of(&json!({"interface": [wan("wan6", &prefixes, &addresses)]}));
        let config = Config::parse("{}").unwrap();
        let uplink = choose(&config, &dump, None, &Taken::default()).unwrap();
        assert_eq!(uplink.is_ce_on_link, expected, "{prefixes} {addresses}");
    }
}

#[test]
fn the_better_of_two() {
    let both = |a: u32, b: u32| [wan("wan6", &json!([item(A, 56, a), item(B, 56, b)]), &json!([]))];
    let (a, b) = ("wan6 240b:10:3261:6400::/56", "wan6 240b:10:9261:6400::/56");
    assert_eq!(chosen("{}", &both(0, 9), None), b);
    assert_eq!(chosen("{}", &both(0, 0), None), a);
    assert_eq!(chosen("{}", &both(100, 9000), None), b);
    assert_eq!(chosen("{}", &both(100, 105), None), a);
    let current_b = Some("240b:10:9261:6400::/56");
    assert_eq!(chosen("{}", &both(105, 100), current_b), b);
    assert_eq!(chosen("{}", &both(9000, 100), current_b), a);
    // An interface without default route could not reach the BR.
    let mut lan = wan("lan", &json!([item(B, 56, 9)]), &json!([]));
    lan["route"] = json!([]);
    assert_eq!(chosen("{}", &[lan, both(0, 0)[0].clone()], None), b.replace("wan6", "lan"));
    let mut lan = wan("lan", &json!([item(B, 56, 900)]), &json!([]));
    lan["route"] = json!([]);
    assert_eq!(chosen("{}", &[lan, both(9, 0)[0].clone()], None), a);
}

#[test]
fn of_two_uplinks_the_one_in_use_stays() {
    let two = |a: u32, b: u32| {
        [
            wan("wan6", &json!([item(A, 56, a)]), &json!([])),
            wan("wanb", &json!([item(B, 56, b)]), &json!([])),
        ]
    };
    let (a, b) = ("wan6 240b:10:3261:6400::/56", "wanb 240b:10:9261:6400::/56");
    assert_eq!(chosen("{}", &two(14200, 14390), None), b);
    for (first, second) in [(14200, 14390), (14395, 14300), (100, 14390), (14390, 1)] {
        let in_use = |of: &str| of.split_once(' ').map(|(_, prefix)| prefix.to_owned());
        assert_eq!(chosen("{}", &two(first, second), in_use(a).as_deref()), a);
        assert_eq!(chosen("{}", &two(first, second), in_use(b).as_deref()), b);
    }
    let current_b = Some("240b:10:9261:6400::/56");
    assert_eq!(chosen("{}", &two(9, 0), current_b), a);
    let mut lost = two(9, 9);
    lost[1]["route"] = json!([]);
    assert_eq!(chosen("{}", &lost, current_b), a);
    // On the uplink itself the new prefix follows the old one.
    let new = json!([item(B, 56, 9), item("240b:10:3251:6400::", 56, 900)]);
    let renumbered = [two(14000, 9)[0].clone(), wan("wanb", &new, &json!([]))];
    assert_eq!(chosen("{}", &renumbered, current_b), "wanb 240b:10:3251:6400::/56");
}

#[test]
fn our_own_ce_address_is_no_prefix_of_the_line() {
    let ours = json!({"interface": "mape", "up": true, "proto": "mape"});
    let mut alias =
        wan("mape_", &json!([]), &json!([item("240b:10:3261:6400:6a:4832:6100:6400", 128, 9)]));
    let none = wan("wan6", &json!([]), &json!([]));
    let late = chosen("{}", &[none.clone(), ours.clone(), alias.clone()], None);
    assert!(late.starts_with("MAPE_NO_IPV6_YET"), "{late}");
    // An interface of another protocol may have such a name.
    alias["interface"] = json!("guest_");
    assert_eq!(chosen("{}", &[none, ours, alias], None), "guest_ 240b:10:3261:6400::/64");
}

#[test]
fn a_fixed_contract_takes_no_local_prefix_for_the_lines() {
    let options = r#"{"provider":"v6plus-static","ipaddr":"203.0.113.10",
        "peeraddr":"2404:9200:225:100::65"}"#;
    let lan = json!({"interface": "lan", "up": true, "proto": "static", "l3_device": "br-lan",
        "ipv6-address": [item("fd00:1::1", 64, 9)]});
    let late = chosen(options, std::slice::from_ref(&lan), None);
    assert!(late.starts_with("MAPE_NO_IPV6_YET"), "{late}");
    let both = [lan, wan("wan6", &json!([item(A, 56, 9)]), &json!([]))];
    assert_eq!(chosen(options, &both, None), "wan6 240b:10:3261:6400::/56");
}

#[test]
fn the_stated_uplink_and_no_other() {
    let wans = [
        wan("wan6", &json!([item(A, 56, 9)]), &json!([])),
        wan("wanb", &json!([item(B, 56, 9)]), &json!([])),
    ];
    assert_eq!(chosen(r#"{"tunlink":"wanb"}"#, &wans, None), "wanb 240b:10:9261:6400::/56");
    let unknown = chosen(r#"{"tunlink":"wna6"}"#, &wans, None);
    assert!(unknown.starts_with("MAPE_TUNLINK_UNKNOWN") && unknown.contains("wna6"));
    let mut down = wans[0].clone();
    down["up"] = json!(false);
    let late = chosen(r#"{"tunlink":"wan6"}"#, &[down, wans[1].clone()], None);
    assert!(late.starts_with("MAPE_NO_IPV6_YET") && late.contains("wan6"), "{late}");
}

#[test]
fn the_most_telling_reason() {
    let lan = json!({"interface": "lan", "up": true, "proto": "static", "l3_device": "br-lan",
        "ipv6-address": [item("fd00:1::1", 64, 9)]});
    let none = chosen("{}", std::slice::from_ref(&lan), None);
    assert!(none.starts_with("MAPE_NO_IPV6_YET"), "{none}");
    let vpn = wan("vpn", &json!([]), &json!([item("2600::1", 64, 9)]));
    let other = chosen("{}", &[lan.clone(), vpn.clone()], None);
    assert!(other.starts_with("MAPE_PREFIX_NOT_IN_RULES") && other.contains("2600::"));
    let ngn = wan("wan6", &json!([]), &json!([item("2408:240:1::1", 64, 9)]));
    let closed = chosen("{}", &[vpn.clone(), lan.clone(), ngn], None);
    assert!(closed.contains("NGN"), "{closed}");
    let cut = wan("wan6", &json!([item("240b:10:3261:6410::", 60, 9)]), &json!([]));
    let behind = chosen("{}", &[vpn, lan, cut], None);
    assert!(behind.starts_with("MAPE_NOT_FIRST_SUBNET"), "{behind}");
}

#[test]
fn errors_explain_themselves() {
    for error in [
        UplinkError::NoIpv6Yet,
        UplinkError::NotYetOn(Quoted::new("wan6")),
        UplinkError::Unknown(Quoted::new("wna6")),
        UplinkError::Taken { uplink: Quoted::new("wan6"), by: Quoted::new("wan4") },
        UplinkError::AddressHeld { ce: Ipv6Addr::LOCALHOST, by: Quoted::new("wan4") },
    ] {
        assert!(!error.hint().is_empty() && error.code().as_str().starts_with("MAPE_"));
        assert_eq!(error.params().is_empty(), error == UplinkError::NoIpv6Yet);
    }
}
