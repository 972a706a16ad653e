//! Time limits. These tests wait as long as netifd does.

use serde_json::json;

use crate::machine::{Handler, Machine, UP, two};

/// One second after SIGTERM a setup is killed, and the teardown begins.
#[test]
fn a_setup_that_does_not_stop_is_killed() {
    let setup = "trap 'log term' TERM; while [ -e \"$LOG\" ]; do sleep 0.1; log on; done";
    let machine = Machine::start(&two(), &Handler { setup, ..Handler::default() });
    machine.until_logged("on", 1);
    machine.tell("x", "down");
    machine.until_logged("teardown x", 1);
    machine.settle();
    let log = machine.scripts();
    assert_eq!((log[0].as_str(), log.last().unwrap().as_str()), ("setup x", "teardown x"));
    assert_eq!(machine.count("term"), 1);
    let term = log.iter().position(|line| line == "term").unwrap();
    assert!(log[term..].iter().any(|line| line == "on"), "{log:?}");
}

/// What the killed script had called runs on: only the script is killed.
#[test]
fn what_a_killed_setup_called_runs_on() {
    let setup = "(sleep 1; log child); log never";
    let machine = Machine::start(&two(), &Handler { setup, ..Handler::default() });
    machine.until_logged("setup x", 1);
    machine.tell("x", "down");
    machine.until_logged("child", 1);
    assert_eq!(machine.count("never"), 0);
}

#[test]
fn updates_while_it_stops_are_refused() {
    let setup = "trap 'log term' TERM; log ready; while [ -e \"$LOG\" ]; do sleep 0.1; done";
    let machine = Machine::start(&two(), &Handler { setup, ..Handler::default() });
    machine.until_logged("ready", 1);
    machine.tell("x", "down");
    for action in [0, 6, 7] {
        assert_eq!(
            machine.notify(&json!({"action": action, "link-up": true, "host": "::"})),
            Err(6)
        );
    }
    // Errors are taken at any time.
    machine.notify(&json!({"action": 3, "error": ["LATE"]})).unwrap();
    machine.until_logged("teardown x", 1);
}

#[test]
fn updates_during_teardown_are_refused() {
    let teardown = r#"say '{"action":0,"link-up":true,"ifname":"dev0"}'
        say '{"action":6,"host":"::","ifname":"wan6"}'; say '{"action":7}'; say '{"action":3,"error":["LATE"]}'"#;
    let machine = Machine::start(&two(), &Handler { setup: UP, teardown, ..Handler::default() });
    machine.until_up("x");
    machine.forget();
    machine.tell("x", "down");
    machine.until_logged("said 0", 1);
    // 256 - 6: permission denied.
    assert_eq!(machine.scripts(), ["teardown x", "said 250", "said 250", "said 250", "said 0"]);
}

#[test]
fn a_teardown_has_five_seconds() {
    let machine = Machine::start(
        &two(),
        &Handler {
            setup: UP,
            teardown: "while [ -e \"$LOG\" ]; do sleep 0.1; done; log never",
            ..Handler::default()
        },
    );
    machine.until_up("x");
    machine.tell("x", "down");
    machine.until_logged("teardown x", 1);
    assert_eq!(machine.status("x")["available"], true);
    machine.until("the end of the teardown", || machine.count("hook ifdown x") == 2);
    machine.tell("x", "up");
    machine.until_up("x");
    assert_eq!(machine.count("never"), 0);
}

#[test]
fn a_pending_setup_is_repeated_where_the_section_says_so() {
    let handler = Handler { options: json!([["checkup_interval", 5]]), ..Handler::default() };
    let mut config = two();
    config["x"]["checkup_interval"] = "1".into();
    let machine = Machine::start(&config, &handler);
    machine.until_logged("setup x", 3);
    assert_eq!(
        machine.scripts()[..5],
        ["setup x", "teardown x", "setup x", "teardown x", "setup x"]
    );
    // Not repeated if the handler does not declare the option.
    let machine = Machine::start(&config, &Handler::default());
    machine.until_logged("setup x", 1);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(machine.scripts(), ["setup x"]);
}
