//! A process that netifd watches for a handler.

use serde_json::json;

use crate::machine::{Handler, Machine, two};

const SETUP: &str = r#"say '{"action":1,"command":["sh","-c","echo started $A >> $LOG; while [ -e $LOG ]; do sleep 0.1; done"],"env":["A=1"]}'
    say '{"action":0,"link-up":true,"ifname":"dev0"}'"#;

fn start(setup: &'static str, teardown: &'static str) -> Machine {
    let handler = Handler { setup, teardown, ..Handler::default() }.with("no-proto-task", false);
    Machine::start(&two(), &handler)
}

#[test]
fn it_keeps_the_interface_pending_or_up() {
    let machine = start(SETUP, ":");
    machine.until_up("x");
    assert_eq!(machine.count("started 1"), 1);
    machine.settle();
    assert_eq!(machine.count("setup x"), 1);
}

/// The next setup follows at once, and the teardown knows the exit status.
#[test]
fn when_it_dies_everything_begins_again() {
    let setup = r#"say '{"action":1,"command":["sh","-c","while [ ! -e $LOG.go ]; do sleep 0.05; done; rm $LOG.go; exit 3"]}'
        say '{"action":0,"link-up":true,"ifname":"dev0"}'"#;
    let machine = start(setup, "log \"error $ERROR\"");
    machine.until_up("x");
    machine.forget();
    std::fs::write(machine.directory.join("log.go"), "").unwrap();
    machine.until_logged("said 0", 2);
    assert_eq!(machine.scripts(), ["teardown x", "error 3", "setup x", "said 0", "said 0"]);
}

#[test]
fn a_teardown_ends_it() {
    let machine = start(SETUP, ":");
    machine.until_up("x");
    machine.forget();
    machine.tell("x", "down");
    machine.until_logged("teardown x", 1);
    // Only once the process has ended, the next setup can begin.
    machine.tell("x", "up");
    machine.until_logged("started 1", 1);
    assert_eq!(machine.scripts()[..2], ["teardown x", "setup x"]);
    machine.notify(&json!({"action": 2, "signal": 15})).unwrap();
}
