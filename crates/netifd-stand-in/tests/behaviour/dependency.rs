//! Host dependencies.

use serde_json::json;

use crate::machine::{DEPEND_AND_UP, Handler, Machine, is_real, two};

fn start() -> Machine {
    let machine = Machine::start(&two(), &Handler { setup: DEPEND_AND_UP, ..Handler::default() });
    machine.until_up("x");
    machine
}

fn uplink_down_and_quiet(machine: &Machine) {
    machine.tell("wan6", "down");
    machine.until("unavailable", || machine.status("x")["available"] == false);
    machine.settle();
}

#[test]
fn met_it_goes_on() {
    let machine = start();
    assert_eq!(machine.scripts(), ["setup x", "said 0", "said 0"]);
}

#[test]
fn lost_there_is_one_extra_pair_and_then_silence() {
    let machine = start();
    machine.forget();
    uplink_down_and_quiet(&machine);
    // The extra setup is killed inside its first call: it never says what it was answered.
    assert_eq!(machine.scripts(), ["teardown x", "setup x", "teardown x"]);
    // Busy hooks hear of the failed setup in between, or not.
    let hooks = machine.hooks("x");
    assert_eq!(hooks.first().map(String::as_str), Some("ifdown"));
    assert!(hooks.iter().all(|event| event == "ifdown" || event == "ifup-failed"), "{hooks:?}");
    let status = machine.status("x");
    assert_eq!(
        (&status["available"], &status["pending"], &status["up"]),
        (&json!(false), &json!(false), &json!(false))
    );
    assert_eq!(status["errors"], json!([{"subsystem": "interface", "code": "NO_DEVICE"}]));

    machine.forget();
    machine.tell("wan6", "up");
    machine.until_up("x");
    assert_eq!(machine.scripts(), ["setup x", "said 0", "said 0"]);
}

#[test]
fn unmet_from_the_start_it_waits() {
    let mut config = two();
    config["wan6"]["auto"] = "0".into();
    let machine = Machine::start(&config, &Handler { setup: DEPEND_AND_UP, ..Handler::default() });
    machine.until_logged("teardown x", 1);
    machine.settle();
    assert_eq!(machine.scripts(), ["setup x", "teardown x"]);
    machine.tell("wan6", "up");
    machine.until_up("x");
    assert_eq!(machine.scripts(), ["setup x", "teardown x", "setup x", "said 0", "said 0"]);
}

/// A reload makes the handler available again, so it tries, and waits again.
#[test]
fn a_reload_tries_once_more() {
    let machine = start();
    uplink_down_and_quiet(&machine);
    machine.forget();
    let mut config = two();
    config["wan6"]["auto"] = "0".into();
    machine.reload(&config);
    machine.until_logged("teardown x", 1);
    machine.settle();
    assert_eq!(machine.scripts(), ["setup x", "teardown x"]);
}

#[test]
fn up_is_not_enough_without_a_way() {
    let mut config = two();
    config["wan6"].as_object_mut().unwrap().remove("ip6gw");
    let machine = Machine::start(&config, &Handler { setup: DEPEND_AND_UP, ..Handler::default() });
    machine.until("unavailable", || machine.status("x")["available"] == false);
    assert_eq!(machine.status("wan6")["up"], true);
}

#[test]
fn up_is_enough_for_no_host() {
    let mut config = two();
    config["wan6"].as_object_mut().unwrap().remove("ip6gw");
    let setup = r#"say '{"action":6,"host":"","ifname":"wan6"}'
        say '{"action":0,"link-up":true,"ifname":"dev0"}'"#;
    let machine = Machine::start(&config, &Handler { setup, ..Handler::default() });
    machine.until_up("x");
    assert_eq!(machine.scripts(), ["setup x", "said 0", "said 0"]);
}

#[test]
fn a_host_gets_a_route_of_its_own() {
    let setup = r#"say '{"action":6,"host":"2001:db8:9::1","ifname":"wan6"}'
        say '{"action":6,"host":"2001:db8::9","ifname":"wan6"}'
        say '{"action":0,"link-up":true,"ifname":"dev0"}'"#;
    let machine = Machine::start(&two(), &Handler { setup, ..Handler::default() });
    machine.until_up("x");
    assert_eq!(machine.scripts(), ["setup x", "said 0", "said 0", "said 0"]);
    if !is_real() {
        let routes = machine.executed().into_iter().filter(|line| line.contains("2001:db8:9::1"));
        let expected = "route replace 2001:db8:9::1 via fe80::1 dev up0 proto static";
        assert_eq!(routes.collect::<Vec<_>>(), [expected]);
        assert!(!machine.executed().iter().any(|line| line.contains("route replace 2001:db8::9")));
    }
}

#[test]
fn a_dependency_that_cannot_be_read_is_refused() {
    let machine = start();
    for (host, interface) in [("", ""), ("nonsense", "wan6")] {
        let message = json!({"action": 6, "host": host, "ifname": interface});
        assert_eq!(machine.notify(&message), Err(2));
    }
    assert_eq!(machine.status("x")["up"], true);
}

/// The setup has not come up yet, so losing the uplink means nothing to it: no event reaches the
/// handler, and it stays pending.
#[test]
fn lost_while_pending_nothing_happens() {
    let setup = r#"say '{"action":6,"host":"::","ifname":"wan6"}'"#;
    let machine = Machine::start(&two(), &Handler { setup, ..Handler::default() });
    machine.until_logged("said 0", 1);
    machine.forget();
    machine.tell("wan6", "down");
    machine.until_logged("hook ifdown wan6", 1);
    machine.tell("wan6", "up");
    machine.until_logged("hook ifup wan6 on up0", 1);
    machine.settle();
    assert_eq!(machine.scripts(), [""; 0]);
    assert_eq!(machine.status("x")["pending"], true);
}
