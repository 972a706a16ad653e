//! procd's repeating of a call. netifd has no part in it, so this runs on the stand-in only; what
//! is asserted was seen by hand on a real procd of 2026.

use serde_json::{Value, json};

use crate::machine::{Handler, Machine, is_real, two};

fn set(machine: &Machine, text: &str, wait: &str) {
    let log = machine.directory.join("log");
    let text = text.replace("$LOG", log.to_str().unwrap());
    let instance = json!({"command": ["sh", "-c", text], "respawn": ["0", wait, "0"]});
    let message = json!({"name": "mine", "instances": {"a": instance}});
    machine.call("service", "set", &message).unwrap();
}

fn is_running(machine: &Machine) -> bool {
    let list = machine.call("service", "list", &json!({})).unwrap();
    list["mine"]["instances"]["a"]["running"] == Value::Bool(true)
}

#[test]
fn an_instance_is_kept_and_a_changed_one_begins_at_once() {
    if is_real() {
        return;
    }
    let machine = Machine::start(&two(), &Handler::default());
    set(&machine, "echo a >> $LOG", "1");
    machine.until_logged("a", 2);
    // Not running: it begins at once, and waits another time.
    set(&machine, "echo b >> $LOG; exit 7", "600");
    machine.until_logged("b", 1);
    machine.until("end of b", || !is_running(&machine));
    // Running and the same: nothing. Changed: it is stopped.
    set(&machine, "echo c >> $LOG; exec sleep 600", "600");
    machine.until_logged("c", 1);
    set(&machine, "echo c >> $LOG; exec sleep 600", "600");
    set(&machine, "echo d >> $LOG", "600");
    machine.until_logged("d", 1);
    assert_eq!((machine.count("b"), machine.count("c")), (1, 1));
    machine.call("service", "delete", &json!({"name": "mine"})).unwrap();
    assert_eq!(machine.call("service", "delete", &json!({"name": "mine"})), Err(4));
}
