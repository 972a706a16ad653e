//! What a handler is given, and what becomes of one that does not bring its interface up.

use serde_json::{Value, json};

use crate::machine::{DEPEND_AND_UP, Handler, Machine, UP, is_real, two};

fn alone(handler: &Handler) -> Machine {
    Machine::start(&json!({"x": {"proto": "t"}}), handler)
}

/// Without `no_proto_task`: each try ends in a teardown, and the next begins at once.
fn loops(setup: &'static str) {
    let handler = Handler { setup, ..Handler::default() }.with("no-proto-task", false);
    let machine = alone(&handler);
    machine.until_logged("setup x", 5);
    machine.until_logged("teardown x", 5);
    machine.until_logged("hook ifup-failed x", 2);
    assert_eq!(machine.status("x")["up"], false);
}

#[test]
fn a_handler_that_only_reports_an_error_is_run_again_at_once() {
    loops(r#"say '{"action":3,"error":["BROKEN"]}'"#);
}

#[test]
fn a_handler_that_says_nothing_is_run_again_at_once() {
    loops(":");
}

#[test]
fn a_handler_whose_update_fails_is_run_again_at_once() {
    loops(r#"say '{"action":0,"link-up":true}'"#);
}

#[test]
fn a_handler_that_says_it_failed_is_run_again_at_once() {
    loops(r#"say '{"action":7}'"#);
}

/// `setup_failed` is stronger than `no_proto_task`.
#[test]
fn setup_failed_loops_without_a_task_too() {
    let handler = Handler { setup: r#"say '{"action":7}'"#, ..Handler::default() };
    alone(&handler).until_logged("setup x", 5);
}

#[test]
fn without_a_task_it_stays_pending_with_its_error() {
    let setup = r#"say '{"action":3,"error":["BROKEN","by","hand"]}'"#;
    let machine = alone(&Handler { setup, ..Handler::default() });
    machine.until_logged("said 0", 1);
    machine.settle();
    assert_eq!(machine.log(), ["setup x", "said 0"]);
    let status = machine.status("x");
    assert_eq!(
        (&status["pending"], &status["up"], &status["available"]),
        (&json!(true), &json!(false), &json!(true))
    );
    let error = json!([{"subsystem": "t", "code": "BROKEN", "data": ["by", "hand"]}]);
    assert_eq!(status["errors"], error);
    // The next setup begins without it, and coming up removes it as well.
    machine.tell("x", "down");
    machine.until_logged("teardown x", 1);
    machine.settle();
    assert_eq!(machine.status("x")["errors"], error);
}

#[test]
fn an_update_that_fails_leaves_it_pending_without_a_task() {
    let machine =
        alone(&Handler { setup: r#"say '{"action":0,"link-up":true}'"#, ..Handler::default() });
    // 256 - 2: invalid argument, as no device is named.
    machine.until_logged("said 254", 1);
    machine.settle();
    assert_eq!(machine.log(), ["setup x", "said 254"]);
    assert_eq!(machine.status("x")["pending"], true);
}

/// With `lasterror` the last one stays over a setup; whatever is reported next takes its place.
#[test]
fn a_last_error_stays_until_there_is_another() {
    let setup = r#"say '{"action":3,"error":["FIRST"]}'; say '{"action":3,"error":["BROKEN"]}'"#;
    let handler = Handler { setup, renew: UP, ..Handler::default() }.with("lasterror", true);
    let machine = alone(&handler);
    machine.until_logged("said 0", 2);
    let broken = json!([{"subsystem": "t", "code": "BROKEN"}]);
    assert_eq!(machine.status("x")["errors"], broken);
    machine.tell("x", "down");
    machine.until_logged("teardown x", 1);
    std::fs::write(machine.directory.join("proto/t.sh"), "#!/bin/sh\necho quiet >> $LOG\n")
        .unwrap();
    machine.tell("x", "up");
    machine.until_logged("quiet", 1);
    assert_eq!(machine.status("x")["errors"], broken);
    machine.notify(&json!({"action": 5, "available": false})).unwrap();
    machine.settle();
    let no_device = json!([{"subsystem": "interface", "code": "NO_DEVICE"}]);
    assert_eq!(machine.status("x")["errors"], no_device);
}

#[test]
fn coming_up_removes_errors() {
    let machine = alone(&Handler { renew: UP, ..Handler::default() });
    machine.notify(&json!({"action": 3, "error": ["BROKEN"]})).unwrap();
    assert_eq!(machine.status("x")["errors"][0]["code"], "BROKEN");
    machine.tell("x", "renew");
    machine.until_up("x");
    assert_eq!(machine.status("x").get("errors"), None);
}

#[test]
fn options_arrive_as_declared() {
    let handler = Handler {
        options: json!([
            ["s", 3],
            ["i", 5],
            ["b", 7],
            ["l:list(string)", 1],
            ["odd", 5],
            ["one", 3]
        ]),
        setup: r#"log "$COUNT"; log "$JSON""#,
        ..Handler::default()
    };
    let config = json!({"x": {"proto": "t", "s": "a b", "i": "0x10", "b": "1", "l": ["c", "d"], "odd": "5x",
        "one": ["e"], "unknown": "1", "metric": "7", "defaultroute": "0", "zone": "wan"}});
    let machine = Machine::start(&config, &handler);
    machine.until("arguments", || machine.log().len() == 3);
    let log = machine.log();
    // Protocol, action, interface, options: no device.
    assert_eq!(log[1], "4");
    let options: Value = log[2].parse().unwrap();
    let expected = json!({"proto": "t", "metric": 7, "defaultroute": false, "zone": "wan",
        "s": "a b", "i": 16, "b": true, "l": ["c", "d"]});
    assert_eq!(options, expected);
}

/// A handler without `no-device` gets the section's device, and its updates need not name it.
#[test]
fn a_handler_on_a_device_of_its_own() {
    let setup = r#"log "device $DEVICE"; say '{"action":0,"link-up":true,"ip6addr":
        [{"ipaddr":"2001:db8::9","mask":"64","preferred":100,"valid":200,"offlink":true}]}'"#;
    let handler = Handler { setup, ..Handler::default() }.with("no-device", false);
    let config = json!({"x": {"proto": "t", "device": "dev0"}});
    let machine = Machine::start(&config, &handler.with("available", false));
    machine.until_up("x");
    assert_eq!(machine.scripts(), ["setup x", "device dev0", "said 0"]);
    let status = machine.status("x");
    assert_eq!((&status["device"], &status["l3_device"]), (&json!("dev0"), &json!("dev0")));
    assert_eq!(status["ipv6-address"][0]["address"], "2001:db8::9");
    if !is_real() {
        let address =
            "address replace 2001:db8::9/64 dev dev0 valid_lft 200 preferred_lft 100 noprefixroute";
        assert!(machine.executed().contains(&address.to_owned()));
    }
    // The device stays; only the interface goes, and comes back on it.
    machine.tell("x", "down");
    machine.until_logged("teardown x", 1);
    machine.settle();
    machine.tell("x", "up");
    machine.until_up("x");
    assert_eq!(machine.status("x")["l3_device"], "dev0");
}

#[test]
fn an_unavailable_handler_is_not_run() {
    let machine = alone(&Handler::default().with("available", false));
    machine.settle();
    assert_eq!(machine.log(), [""; 0]);
    let status = machine.status("x");
    assert_eq!((&status["available"], &status["pending"]), (&json!(false), &json!(false)));
    assert_eq!(status["errors"], json!([{"subsystem": "interface", "code": "NO_DEVICE"}]));
}

#[test]
fn renew_reaches_only_who_declares_it() {
    let machine = alone(&Handler { renew: UP, ..Handler::default() });
    machine.until_logged("setup x", 1);
    machine.tell("x", "renew");
    machine.until_up("x");
    assert_eq!(machine.scripts(), ["setup x", "renew x", "said 0"]);
    machine.tell("x", "down");
    machine.until_logged("teardown x", 1);
    machine.settle();
    machine.tell("x", "renew");
    machine.settle();
    assert_eq!(machine.count("renew x"), 1);

    let machine = alone(&Handler::default().with("renew-handler", false));
    machine.until_logged("setup x", 1);
    machine.tell("x", "renew");
    machine.settle();
    assert_eq!(machine.scripts(), ["setup x"]);
}

#[test]
fn a_renewal_waits_for_the_script_that_runs() {
    let setup = "while [ ! -e \"$LOG.go\" ]; do sleep 0.05; done; log done";
    let machine = alone(&Handler { setup, ..Handler::default() });
    machine.until_logged("setup x", 1);
    machine.tell("x", "renew");
    machine.tell("x", "renew");
    machine.silence();
    assert_eq!(machine.log(), ["setup x"]);
    std::fs::write(machine.directory.join("log.go"), "").unwrap();
    machine.until_logged("renew x", 1);
    machine.settle();
    assert_eq!(machine.log(), ["setup x", "done", "renew x"]);
}

#[test]
fn blocked_it_stays_down_until_it_is_asked_up() {
    let setup = r#"say '{"action":3,"error":["BROKEN"]}'; say '{"action":4}'"#;
    let handler = Handler { setup, ..Handler::default() }.with("no-proto-task", false);
    let machine = Machine::start(&two(), &handler);
    machine.until_logged("teardown x", 1);
    machine.settle();
    assert_eq!(machine.scripts(), ["setup x", "said 0", "said 0", "teardown x"]);
    let status = machine.status("x");
    assert_eq!((&status["autostart"], &status["pending"]), (&json!(false), &json!(false)));
    assert_eq!(status["errors"][0]["code"], "BROKEN");
    let mut config = two();
    machine.reload(&config);
    config["x"]["i"] = "5".into();
    machine.reload(&config);
    machine.settle();
    assert_eq!(machine.count("setup x"), 1);
    machine.tell("x", "up");
    machine.until_logged("setup x", 2);
}

#[test]
fn a_broken_handler_loses_only_itself() {
    let machine = alone(&Handler { setup: DEPEND_AND_UP, ..Handler::default() });
    machine.until_logged("setup x", 1);
    // No handler has this protocol: the interface never starts.
    machine.reload(&json!({"x": {"proto": "t"}, "y": {"proto": "missing"}}));
    machine.settle();
    assert_eq!(machine.status("y")["up"], false);
    assert_eq!(machine.call("network.interface.y", "notify_proto", &json!({"action": 0})), Err(8));
}
