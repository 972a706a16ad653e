//! Up, down, reload; interfaces that come and go.

use serde_json::json;

use crate::machine::{DEPEND_AND_UP, Handler, Machine, UP, two, wan6};

fn start() -> Machine {
    let machine = Machine::start(&two(), &Handler { setup: UP, ..Handler::default() });
    machine.until_up("x");
    machine.forget();
    machine
}

/// The hooks hear of it when the teardown begins and when it has ended.
#[test]
fn down_runs_the_teardown_and_is_reported_twice() {
    let machine = Machine::start(
        &two(),
        &Handler {
            setup: UP,
            teardown: "while ! grep -q ifdown \"$LOG\"; do sleep 0.1; done; sleep 1; log done",
            ..Handler::default()
        },
    );
    machine.until_up("x");
    machine.forget();
    machine.tell("x", "down");
    machine.until_logged("hook ifdown x", 2);
    machine.settle();
    assert_eq!(machine.scripts(), ["teardown x", "done"]);
    assert_eq!(machine.hooks("x"), ["ifdown", "ifdown"]);
    let status = machine.status("x");
    assert_eq!(
        (&status["autostart"], &status["up"], &status["data"]),
        (&json!(false), &json!(false), &json!({}))
    );
    machine.tell("x", "up");
    machine.until_up("x");
    assert_eq!(machine.hooks("x")[2], "ifup on dev0");
}

/// After `down`, an interface keeps device and data until its teardown has run. An interface that
/// is no longer available loses both before the teardown.
#[test]
fn unavailable_it_loses_its_device_before_the_teardown() {
    let setup = r#"say '{"action":0,"link-up":true,"ifname":"dev0","data":{"k":1}}'"#;
    let teardown = r#"log "$(ubus -S call network.interface.x status | grep -o '"data":[^}]*}')""#;
    let machine = Machine::start(&two(), &Handler { setup, teardown, ..Handler::default() });
    machine.until_up("x");
    machine.forget();
    machine.tell("x", "down");
    machine.until_logged("teardown x", 1);
    machine.settle();
    assert_eq!(machine.scripts(), ["teardown x", r#""data":{"k":1}"#]);
    machine.tell("x", "up");
    machine.until_up("x");
    machine.forget();
    machine.notify(&json!({"action": 5, "available": false})).unwrap();
    machine.until_logged("teardown x", 1);
    machine.settle();
    assert_eq!(machine.scripts(), ["teardown x", r#""data":{}"#]);
}

#[test]
fn up_while_up_or_pending_does_nothing() {
    let machine = start();
    machine.tell("x", "up");
    machine.tell("wan6", "up");
    machine.settle();
    assert_eq!(machine.log(), [""; 0]);
}

/// What OpenWrt's `ifup` does.
#[test]
fn ifup_is_reload_down_up() {
    let machine = start();
    let status = std::process::Command::new(machine.directory.join("bin/ifup"))
        .arg("x")
        .env("UBUS_SOCKET", machine.directory.join("socket"))
        .status()
        .unwrap();
    assert!(status.success());
    // `up` may come while the teardown still runs; it is remembered.
    machine.until_logged("setup x", 1);
    machine.until_up("x");
    assert_eq!(machine.scripts(), ["teardown x", "setup x", "said 0"]);
}

#[test]
fn a_reload_bounces_what_changed_and_nothing_else() {
    let machine = start();
    let mut config = two();
    config["x"]["undeclared"] = "1".into();
    machine.reload(&config);
    machine.settle();
    assert_eq!(machine.log(), [""; 0]);
    config["x"]["i"] = "7".into();
    machine.reload(&config);
    machine.until_logged("setup x", 1);
    machine.until_up("x");
    assert_eq!(machine.scripts(), ["teardown x", "setup x", "said 0"]);
    assert_eq!(machine.hooks("wan6"), [""; 0]);
}

#[test]
fn a_reload_adds_and_removes_interfaces() {
    let machine = start();
    machine.reload(&json!({"wan6": wan6(), "y": {"proto": "t"}}));
    machine.until_logged("teardown x", 1);
    machine.until_logged("setup y", 1);
    machine.until("gone", || !machine.has("x"));
    machine.until_up("y");
}

#[test]
fn what_does_not_start_by_itself_waits() {
    let config = json!({"wan6": wan6(), "x": {"proto": "t", "auto": "0"}});
    let machine = Machine::start(&config, &Handler { setup: UP, ..Handler::default() });
    machine.settle();
    assert_eq!(machine.scripts(), [""; 0]);
    assert_eq!(machine.status("x")["autostart"], false);
    machine.tell("x", "up");
    machine.until_up("x");
}

fn with_alias() -> Machine {
    let machine = start();
    let alias =
        json!({"name": "x_", "ifname": "@wan6", "proto": "static", "ip6addr": ["2001:db8::5"]});
    machine.call("network", "add_dynamic", &alias).unwrap();
    machine.until_up("x_");
    machine
}

#[test]
fn a_dynamic_alias_puts_its_address_on_the_uplink() {
    let machine = with_alias();
    let status = machine.status("x_");
    assert_eq!((&status["dynamic"], &status["l3_device"]), (&json!(true), &json!("up0")));
    assert_eq!(status["ipv6-address"], json!([{"address": "2001:db8::5", "mask": 128}]));
    assert_eq!(machine.log(), ["hook ifup x_ on up0"]);
    // It has a life of its own.
    machine.tell("x", "down");
    machine.until_logged("teardown x", 1);
    machine.reload(&two());
    machine.settle();
    assert_eq!(machine.status("x_")["up"], true);
}

#[test]
fn a_dynamic_alias_goes_after_down() {
    let machine = with_alias();
    machine.tell("x_", "down");
    machine.until("gone", || !machine.has("x_"));
}

#[test]
fn a_dynamic_alias_goes_with_its_uplink() {
    let machine = with_alias();
    machine.tell("wan6", "down");
    machine.until("gone", || !machine.has("x_"));
    machine.tell("wan6", "up");
    machine.until_up("wan6");
    assert!(!machine.has("x_"));
}

/// Without its uplink it waits for it.
#[test]
fn a_dynamic_alias_waits_for_its_uplink() {
    let machine = start();
    machine.tell("wan6", "down");
    machine.until_logged("hook ifdown wan6", 1);
    let alias =
        json!({"name": "x_", "ifname": "@wan6", "proto": "static", "ip6addr": ["2001:db8::5"]});
    machine.call("network", "add_dynamic", &alias).unwrap();
    machine.settle();
    assert_eq!(machine.status("x_")["up"], false);
    machine.tell("wan6", "up");
    machine.until_up("x_");
}

#[test]
fn a_dynamic_alias_may_be_added_again() {
    let machine = with_alias();
    machine.forget();
    let alias =
        json!({"name": "x_", "ifname": "@wan6", "proto": "static", "ip6addr": ["2001:db8::5"]});
    machine.call("network", "add_dynamic", &alias).unwrap();
    machine.settle();
    assert_eq!(machine.log(), [""; 0]);
    assert_eq!(machine.status("x_")["up"], true);
}

/// A removal takes a moment, and what is added meanwhile goes with it.
#[test]
fn what_is_added_too_early_after_a_removal_goes_too() {
    let machine = with_alias();
    let alias =
        json!({"name": "x_", "ifname": "@wan6", "proto": "static", "ip6addr": ["2001:db8::5"]});
    machine.tell("x_", "remove");
    machine.call("network", "add_dynamic", &alias).unwrap();
    machine.until("gone", || !machine.has("x_"));
    machine.call("network", "add_dynamic", &alias).unwrap();
    machine.until_up("x_");
}

#[test]
fn a_dynamic_alias_with_another_address_goes_and_is_not_created_again() {
    let machine = with_alias();
    let mut other =
        json!({"name": "x_", "ifname": "@wan6", "proto": "static", "ip6addr": ["2001:db8::6"]});
    machine.call("network", "add_dynamic", &other).unwrap();
    machine.until("gone", || !machine.has("x_"));
    other["ip6addr"] = json!(["2001:db8::7"]);
    machine.call("network", "add_dynamic", &other).unwrap();
    machine.until_up("x_");
}

/// An interface that is down still holds what it depended on; when that goes, its teardown runs.
#[test]
fn losing_the_uplink_when_down_runs_one_more_teardown() {
    let machine = Machine::start(&two(), &Handler { setup: DEPEND_AND_UP, ..Handler::default() });
    machine.until_up("x");
    machine.tell("x", "down");
    machine.until_logged("teardown x", 1);
    machine.forget();
    machine.tell("wan6", "down");
    machine.until_logged("hook ifdown wan6", 1);
    machine.settle();
    assert_eq!(machine.scripts(), ["teardown x"]);
}

/// Whatever is up stays as it is.
#[test]
fn terminated_it_runs_no_teardown() {
    if crate::machine::is_real() {
        // There the process we know is the one around the namespace.
        return;
    }
    let mut machine = start();
    machine.terminate();
    machine.silence();
    assert_eq!(machine.log(), [""; 0]);
}
