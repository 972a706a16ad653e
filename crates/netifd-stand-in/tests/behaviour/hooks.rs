//! The hotplug hooks.

use serde_json::json;

use crate::machine::{Handler, Machine, UP, two};

#[test]
fn they_run_in_the_order_of_names_one_event_after_the_other() {
    let machine = Machine::start(&two(), &Handler { setup: UP, ..Handler::default() });
    machine.until_up("x");
    let hooks = machine.directory.join("hooks");
    std::fs::write(
        hooks.join("10-first"),
        "echo \"first $INTERFACE\" >> $LOG; sleep 0.2; exit 1\n",
    )
    .unwrap();
    std::fs::write(hooks.join("30-last"), "echo \"last $INTERFACE\" >> $LOG\n").unwrap();
    machine.forget();
    for name in ["x", "wan6"] {
        machine.call(&format!("network.interface.{name}"), "set_data", &json!({"a": 1})).unwrap();
    }
    machine.until_logged("last wan6", 1);
    let expected = [
        "first x",
        "hook ifupdate x on dev0 data",
        "last x",
        "first wan6",
        "hook ifupdate wan6 on up0 data",
        "last wan6",
    ];
    assert_eq!(machine.log(), expected);
}

/// Several events while the hooks are busy cause one call.
#[test]
fn only_the_last_event_waits() {
    let machine = Machine::start(&two(), &Handler { setup: UP, ..Handler::default() });
    machine.until_up("x");
    let hold = "while [ -e $LOG.hold ]; do sleep 0.05; done\n";
    std::fs::write(machine.directory.join("hooks/10-hold"), hold).unwrap();
    std::fs::write(machine.directory.join("log.hold"), "").unwrap();
    machine.forget();
    machine.call("network.interface.wan6", "set_data", &json!({"a": 1})).unwrap();
    machine.call("network.interface.x", "set_data", &json!({"a": 1})).unwrap();
    machine.tell("x", "down");
    machine.until_logged("teardown x", 1);
    machine.tell("x", "up");
    machine.until("up", || machine.status("x")["up"] == true);
    std::fs::remove_file(machine.directory.join("log.hold")).unwrap();
    machine.until_logged("hook ifup x on dev0", 1);
    assert_eq!(machine.hooks("x"), ["ifup on dev0"]);
}
