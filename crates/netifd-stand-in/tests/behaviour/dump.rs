//! The answers others read.

use serde_json::json;

use crate::machine::{Handler, Machine, UP, is_real, two};

fn keys(value: &serde_json::Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn interfaces_have_the_keys_of_netifd() {
    let mut config = two();
    config["x"]["zone"] = "wan".into();
    config["x"]["metric"] = "7".into();
    config["x"]["defaultroute"] = "0".into();
    let machine = Machine::start(&config, &Handler { setup: UP, ..Handler::default() });
    machine.until_up("x");
    let dump = machine.call("network.interface", "dump", &json!({})).unwrap();
    let named = |name: &str| {
        dump["interface"].as_array().unwrap().iter().find(|one| one["interface"] == name).unwrap()
    };
    let up = [
        "autostart",
        "available",
        "data",
        "delegation",
        "dns-search",
        "dns-server",
        "dns_metric",
        "dynamic",
        "inactive",
        "interface",
        "ipv4-address",
        "ipv6-address",
        "ipv6-prefix",
        "ipv6-prefix-assignment",
        "l3_device",
        "metric",
        "neighbors",
        "pending",
        "proto",
        "route",
        "up",
        "updated",
        "uptime",
    ];
    assert_eq!(keys(named("x")), up);
    let mut with_device = up.to_vec();
    with_device.insert(4, "device");
    assert_eq!(keys(named("wan6")), with_device);
    let inactive =
        ["dns-search", "dns-server", "ipv4-address", "ipv6-address", "neighbors", "route"];
    assert_eq!(keys(&named("x")["inactive"]), inactive);
    assert_eq!(named("x")["data"], json!({"zone": "wan"}));
    assert_eq!((&named("x")["metric"], &named("x")["proto"]), (&json!(7), &json!("t")));
    let route = json!([{"target": "::", "mask": 0, "nexthop": "fe80::1", "source": "::/0"}]);
    assert_eq!(named("wan6")["route"], route);

    machine.tell("x", "down");
    machine.until_logged("teardown x", 1);
    machine.settle();
    let down = ["autostart", "available", "data", "dynamic", "pending", "proto", "up"];
    assert_eq!(keys(&machine.status("x")), down);
}

#[test]
fn a_default_route_that_is_not_wanted_is_inactive() {
    let mut config = two();
    config["x"]["defaultroute"] = "0".into();
    let setup = r#"say '{"action":0,"link-up":true,"ifname":"dev0","ipaddr":[{"ipaddr":"192.0.2.1"}],
        "routes":[{"target":"0.0.0.0","netmask":"0"},{"target":"198.51.100.0","netmask":"24"}]}'"#;
    let machine = Machine::start(&config, &Handler { setup, ..Handler::default() });
    machine.until_up("x");
    let status = machine.status("x");
    assert_eq!(status["route"][0]["target"], "198.51.100.0");
    assert_eq!(status["inactive"]["route"][0]["target"], "0.0.0.0");
    if !is_real() {
        assert!(!machine.executed().iter().any(|line| line.contains("0.0.0.0/0")));
    }
}

#[test]
fn delegated_prefixes() {
    let mut config = two();
    config["wan6"]["ip6prefix"] = json!(["2001:db8:100::/56"]);
    let machine = Machine::start(&config, &Handler::default());
    machine.until_up("wan6");
    let prefix =
        json!([{"address": "2001:db8:100::", "mask": 56, "class": "wan6", "assigned": {}}]);
    assert_eq!(machine.status("wan6")["ipv6-prefix"], prefix);
}

#[test]
fn devices() {
    let machine = Machine::start(&two(), &Handler::default());
    machine.until_up("wan6");
    let status = machine.call("network.device", "status", &json!({"name": "up0"})).unwrap();
    assert_eq!(
        (&status["mtu"], &status["present"], &status["up"]),
        (&json!(1500), &json!(true), &json!(true))
    );
    let all = machine.call("network.device", "status", &json!({})).unwrap();
    assert_eq!(all["up0"]["mtu"], 1500);
    if is_real() {
        assert_eq!(machine.call("network.device", "status", &json!({"name": "nope"})), Err(2));
    }
}
