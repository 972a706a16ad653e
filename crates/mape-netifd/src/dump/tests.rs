//! Tests of `dump`.

use super::*;
use serde_json::json;

#[test]
fn a_dump_is_reduced() {
    let dump = Dump::of(&json!({"interface": [
        {"interface": "loopback", "up": true, "proto": "static", "l3_device": "lo"},
        {"interface": "wan6", "up": true, "autostart": true, "proto": "dhcpv6",
         "l3_device": "eth1", "device": "eth1", "data": {"zone": "wan"},
         "ipv6-address": [
            {"address": "240b:10:3261:6400:1::2", "mask": 64, "preferred": 14390, "valid": 14390},
            {"address": "fe80::1", "mask": 64},
            {"address": "nonsense", "mask": 64}],
         "ipv6-prefix": [
            {"address": "240b:10:3261:6400::", "mask": 56, "preferred": 0, "valid": 60},
            {"address": "2001:db8::", "mask": 80}],
         "dns-server": ["192.0.2.1", "2001:db8::53", "fe80::1"],
         "inactive": {"dns-server": ["240b:10::53"]},
         "route": [{"target": "::", "mask": 0, "nexthop": "fe80::1"}]},
        {"up": true},
    ]}));
    let wan6 = dump.interface("wan6").unwrap();
    assert_eq!(dump.interfaces().count(), 2);
    assert!(wan6.has_ipv6_default_route() && wan6.up && wan6.autostart);
    assert_eq!(wan6.device.as_deref(), Some("eth1"));
    let shown: Vec<_> = wan6
        .prefixes()
        .iter()
        .map(|item| (item.prefix.to_string(), item.delegated, item.preferred))
        .collect();
    assert_eq!(
        shown,
        [
            ("240b:10:3261:6400::/56".to_owned(), true, 0),
            ("240b:10:3261:6400::/64".to_owned(), false, 14390),
            ("fe80::/64".to_owned(), false, u32::MAX),
        ]
    );
    let texts = |list: &[Ipv6Addr]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(&wan6.addresses()), ["240b:10:3261:6400:1::2"]);
    let networks: Vec<String> = wan6.networks().iter().map(ToString::to_string).collect();
    assert_eq!(
        networks,
        ["240b:10:3261:6400::/64", "fe80::/64", "240b:10:3261:6400::/56", "2001:db8::/80"]
    );
    let lan = Dump::of(&json!({"interface": [{"interface": "lan", "ipv6-prefix-assignment":
        [{"address": "240b:10:3261:6401::", "mask": 64}]}]}));
    let networks = lan.interface("lan").unwrap().networks();
    assert_eq!(networks, ["240b:10:3261:6401::/64".parse().unwrap()]);
    assert_eq!(texts(&wan6.resolvers()), ["240b:10::53", "2001:db8::53", "fe80::1"]);
    assert!(!dump.interface("loopback").unwrap().has_ipv6_default_route());
}

#[test]
fn nonsense_is_no_interface() {
    for dump in [json!(null), json!([]), json!({"interface": 7}), json!({"interface": [7]})] {
        assert_eq!(Dump::of(&dump), Dump::default());
    }
}

#[test]
fn what_does_not_fit_leaves_the_rest() {
    let wan6 = json!({"interface": "wan6", "up": true, "proto": "dhcpv6", "device": "eth1",
        "ipv6-prefix": [{"address": "240b:10:3261:6400::", "mask": 56}]});
    let damaged = |key: &str, value: Value| {
        let mut wan6 = wan6.clone();
        wan6[key] = value;
        Dump::of(&json!({"interface": [7, {"interface": "a b"}, {"interface": 7}, wan6]}))
    };
    for key in [
        "up",
        "autostart",
        "pending",
        "uptime",
        "metric",
        "device",
        "l3_device",
        "proto",
        "route",
        "ipv4-address",
        "ipv6-address",
        "ipv6-prefix-assignment",
        "dns-server",
        "inactive",
        "errors",
        "data",
    ] {
        for value in [json!([7]), json!({"a": 7}), json!(-1), json!("x"), json!(null)] {
            let dump = damaged(key, value.clone());
            let names: Vec<&str> = dump.interfaces().map(|it| it.name.as_str()).collect();
            assert_eq!(names, ["wan6"], "{key}: {value}");
            assert_eq!(dump.interface("wan6").unwrap().prefixes().len(), 1, "{key}: {value}");
        }
    }
    let dump = damaged("autostart", json!("x"));
    assert!(dump.interface("wan6").unwrap().autostart);
    let item = json!([{"address": "240b::", "mask": "x"}, {"address": "240b::1", "mask": 56,
        "preferred": "x"}, {"mask": 56}, {"address": "240b:1::", "mask": 256}, 7]);
    let shown = damaged("ipv6-prefix", item);
    let prefixes = shown.interface("wan6").unwrap().prefixes();
    let shown: Vec<_> = prefixes.iter().map(|it| (it.prefix.to_string(), it.preferred)).collect();
    assert_eq!(shown, [("240b::/56".to_owned(), u32::MAX)]);
}
