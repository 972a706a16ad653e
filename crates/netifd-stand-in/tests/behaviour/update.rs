//! Updates of an interface that is up.

use serde_json::{Value, json};

use crate::machine::{Handler, Machine, UP, is_real, two};

fn start() -> Machine {
    let machine = Machine::start(&two(), &Handler { setup: UP, ..Handler::default() });
    machine.until_up("x");
    machine.forget();
    machine
}

fn addresses(machine: &Machine) -> Vec<String> {
    let status = machine.status("x");
    let list = status["ipv4-address"].as_array().unwrap();
    let mut all: Vec<_> =
        list.iter().map(|address| address["address"].as_str().unwrap().to_owned()).collect();
    all.sort();
    all
}

fn update(address: &str, keep: bool, data: &Value) -> Value {
    json!({"action": 0, "link-up": true, "ifname": "dev0", "keep": keep, "ipaddr": [{"ipaddr": address}], "data": data})
}

/// With keep, addresses are added and data merged: what was there stays.
#[test]
fn keep_adds_and_merges() {
    let machine = start();
    machine.notify(&update("192.0.2.1", true, &json!({"a": 1, "b": 1}))).unwrap();
    machine.until_logged("hook ifupdate x on dev0 data", 1);
    machine.notify(&update("192.0.2.2", true, &json!({"b": 2}))).unwrap();
    machine.until_logged("hook ifupdate x on dev0 addresses data", 1);
    assert_eq!(addresses(&machine), ["192.0.2.1", "192.0.2.2"]);
    assert_eq!(machine.status("x")["data"], json!({"a": 1, "b": 2}));
    // The same once more says nothing new.
    machine.forget();
    machine.notify(&update("192.0.2.2", true, &json!({"b": 2}))).unwrap();
    machine.settle();
    assert_eq!(machine.log(), [""; 0]);
    assert_eq!(machine.status("x").get("updated"), None);
}

/// Without, addresses and routes are replaced, in place; data is merged all the same.
#[test]
fn without_keep_addresses_are_replaced() {
    let machine = start();
    machine.notify(&update("192.0.2.1", false, &json!({"a": 1}))).unwrap();
    let mut other = update("192.0.2.3", false, &json!({"b": 1}));
    other["routes"] = json!([{"target": "0.0.0.0", "netmask": "0"}]);
    machine.until_logged("hook ifupdate x on dev0 data", 1);
    machine.notify(&other).unwrap();
    machine.until_logged("hook ifupdate x on dev0 addresses routes data", 1);
    assert_eq!(addresses(&machine), ["192.0.2.3"]);
    assert_eq!(machine.status("x")["data"], json!({"a": 1, "b": 1}));
    let route =
        json!([{"target": "0.0.0.0", "mask": 0, "nexthop": "0.0.0.0", "source": "0.0.0.0/0"}]);
    assert_eq!(machine.status("x")["route"], route);
    machine.settle();
    assert_eq!(machine.count("hook ifdown x"), 0);
    assert_eq!(machine.scripts(), [""; 0]);
}

fn with_prefix(words: &str) -> Value {
    json!({"action": 0, "link-up": true, "ifname": "dev0", "keep": true, "ip6prefix": [words]})
}

#[test]
fn other_lifetimes_of_a_prefix_are_an_update() {
    let machine = start();
    machine.notify(&with_prefix("2001:db8:100::/56,100,200")).unwrap();
    machine.until_logged("hook ifupdate x on dev0 prefixes", 1);
    machine.notify(&with_prefix("2001:db8:100::/56,100,300")).unwrap();
    machine.until_logged("hook ifupdate x on dev0 prefixes", 2);
    machine.notify(&with_prefix("2001:db8:100::/56,1000,2000")).unwrap();
    machine.until_logged("hook ifupdate x on dev0 prefixes", 3);
    let prefixes = machine.status("x")["ipv6-prefix"].clone();
    assert_eq!(prefixes.as_array().unwrap().len(), 1, "{prefixes}");
}

/// Neither its end nor the next update is reported.
#[test]
fn a_prefix_whose_time_is_over_goes_in_silence() {
    let machine = start();
    machine.notify(&with_prefix("2001:db8:100::/56,1,1")).unwrap();
    machine.until_logged("hook ifupdate x on dev0 prefixes", 1);
    machine.forget();
    machine.until("no prefix", || machine.status("x")["ipv6-prefix"] == json!([]));
    let same = json!({"action": 0, "link-up": true, "ifname": "dev0", "keep": true});
    machine.notify(&same).unwrap();
    machine.settle();
    assert_eq!(machine.log(), [""; 0]);
}

#[test]
fn another_device_takes_everything_along() {
    let machine = start();
    let mut other = update("192.0.2.1", false, &json!({}));
    other["ifname"] = "dev1".into();
    machine.notify(&other).unwrap();
    assert_eq!(machine.status("x")["l3_device"], "dev1");
    assert_eq!(addresses(&machine), ["192.0.2.1"]);
}

#[test]
fn link_down_waits_for_the_handler() {
    let machine = start();
    machine.notify(&json!({"action": 0, "link-up": false})).unwrap();
    machine.until_logged("hook ifdown x", 1);
    machine.settle();
    assert_eq!(machine.log(), ["hook ifdown x"]);
    let status = machine.status("x");
    assert_eq!(
        (&status["pending"], status.get("l3_device"), &status["data"]),
        (&json!(true), None, &json!({}))
    );
}

#[test]
fn fields_of_a_wrong_type_count_as_absent() {
    let machine = start();
    assert_eq!(machine.notify(&json!({"action": "0"})), Err(2));
    assert_eq!(machine.notify(&json!({"action": 0, "link-up": 1})), Err(2));
    assert_eq!(machine.notify(&json!({"action": 99})), Err(2));
    assert_eq!(machine.notify(&json!({"action": 3, "error": []})), Err(2));
    assert_eq!(machine.notify(&json!({"action": 3, "error": [1]})), Err(2));
    assert_eq!(machine.notify(&json!({"action": 5, "available": "1"})), Err(2));
    assert_eq!(machine.call("network.interface", "notify_proto", &json!({"action": 0})), Err(2));
    assert_eq!(
        machine.call("network.interface", "notify_proto", &json!({"interface": "missing"})),
        Err(4)
    );
    assert_eq!(
        machine.call("network.interface.wan6", "notify_proto", &json!({"action": 0})),
        Err(8)
    );
    machine.settle();
    assert_eq!(machine.log(), [""; 0]);
}

/// Changed data of an interface that is up is an `ifupdate`: firewall4 reloads on it.
#[test]
fn set_data_merges_and_tells_what_changed() {
    let machine = start();
    machine.call("network.interface.x", "set_data", &json!({"a": [1], "b": 1})).unwrap();
    machine.until_logged("hook ifupdate x on dev0 data", 1);
    machine.call("network.interface.x", "set_data", &json!({"b": {"c": true}})).unwrap();
    machine.until_logged("hook ifupdate x on dev0 data", 2);
    machine.call("network.interface.x", "set_data", &json!({"b": {"c": true}})).unwrap();
    machine.settle();
    assert_eq!(machine.log().len(), 2);
    assert_eq!(machine.status("x")["data"], json!({"a": [1], "b": {"c": true}}));
    machine.reload(&two());
    machine.settle();
    assert_eq!(machine.status("x")["data"], json!({"a": [1], "b": {"c": true}}));
    assert_eq!(machine.log().len(), 2);
    // By the common object, the argument that names the interface becomes data.
    machine.call("network.interface", "set_data", &json!({"interface": "x"})).unwrap();
    assert_eq!(machine.status("x")["data"]["interface"], "x");
}

#[test]
fn set_data_of_a_pending_interface_is_quiet() {
    let machine = Machine::start(&two(), &Handler::default());
    machine.until_logged("setup x", 1);
    machine.call("network.interface.x", "set_data", &json!({"a": 1})).unwrap();
    machine.settle();
    assert_eq!(machine.hooks("x"), [""; 0]);
    assert_eq!(machine.status("x")["data"], json!({"a": 1}));
}

/// What a test does to an uplink with the stand-in's own object.
#[test]
fn the_uplink_changes() {
    if is_real() {
        return;
    }
    let machine = start();
    let uplink = |change: Value| machine.call("stand-in", "uplink", &change).unwrap();
    uplink(json!({"interface": "wan6", "ip6prefix": ["2001:db8:100::/56,100,200"]}));
    machine.until_logged("hook ifupdate wan6 on up0 prefixes", 1);
    let prefix = &machine.status("wan6")["ipv6-prefix"][0];
    assert_eq!(
        (&prefix["address"], &prefix["mask"], &prefix["valid"]),
        (&json!("2001:db8:100::"), &json!(56), &json!(200))
    );
    uplink(
        json!({"interface": "wan6", "ip6addr": [{"ipaddr": "2001:db8::2", "mask": "64", "preferred": 0, "valid": 50}]}),
    );
    machine.until_logged("hook ifupdate wan6 on up0 addresses", 1);
    assert_eq!(machine.status("wan6")["ipv6-address"][0]["preferred"], 0);
    uplink(json!({"interface": "wan6", "up": false}));
    machine.until_logged("hook ifdown wan6", 1);
    uplink(json!({"interface": "wan6", "up": true, "ip6prefix": null}));
    machine.until_logged("hook ifup wan6 on up0", 1);
    assert_eq!(machine.status("wan6")["ipv6-prefix"], json!([]));
    assert_eq!(machine.call("stand-in", "uplink", &json!({"interface": "x"})), Err(8));
    assert_eq!(machine.call("stand-in", "uplink", &json!({"interface": "y"})), Err(4));
}
