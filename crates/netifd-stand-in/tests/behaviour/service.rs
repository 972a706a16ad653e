//! procd's object `service`. netifd has no part in it; the real procd is asked if `MAPE_PROCD`
//! names it.

use serde_json::{Value, json};

use crate::machine::{Handler, Machine, has_procd, two};

/// A machine whose `service` object answers.
fn machine() -> Option<Machine> {
    if !has_procd() {
        return None;
    }
    let machine = Machine::start(&two(), &Handler::default());
    machine.until("procd", || machine.call("service", "list", &json!({})).is_ok());
    Some(machine)
}

fn command(machine: &Machine, text: &str) -> Value {
    let log = machine.directory.join("log");
    json!(["sh", "-c", text.replace("$LOG", log.to_str().unwrap())])
}

fn set(machine: &Machine, text: &str, wait: &str) {
    let instance = json!({"command": command(machine, text), "respawn": ["0", wait, "0"]});
    let message = json!({"name": "mine", "instances": {"a": instance}});
    machine.call("service", "set", &message).unwrap();
}

/// `set` or `add` of an instance that is not started again.
fn once(machine: &Machine, method: &str, name: &str, text: &str) {
    let instance = json!({"command": command(machine, text)});
    let message = json!({"name": "mine", "instances": {name: instance}});
    machine.call("service", method, &message).unwrap();
}

fn running(machine: &Machine, name: &str) -> Value {
    let list = machine.call("service", "list", &json!({})).unwrap();
    list["mine"]["instances"][name]["running"].clone()
}

#[test]
fn an_instance_is_kept_and_a_changed_one_begins_at_once() {
    let Some(machine) = machine() else { return };
    set(&machine, "echo a >> $LOG", "1");
    machine.until_logged("a", 2);
    // Not running: it begins at once, and waits another time.
    set(&machine, "echo b >> $LOG; exit 7", "600");
    machine.until_logged("b", 1);
    machine.until("end of b", || running(&machine, "a") == false);
    // Running and the same: nothing. Changed: it is stopped.
    set(&machine, "echo c >> $LOG; exec sleep 600", "600");
    machine.until_logged("c", 1);
    set(&machine, "echo c >> $LOG; exec sleep 600", "600");
    set(&machine, "echo d >> $LOG", "600");
    machine.until_logged("d", 1);
    assert_eq!((machine.count("b"), machine.count("c")), (1, 1));
    machine.call("service", "delete", &json!({"name": "mine"})).unwrap();
    machine.until("it is gone", || {
        machine.call("service", "delete", &json!({"name": "mine"})) == Err(4)
    });
}

/// Without `respawn`, an instance that has ended stays in the list, and each request starts it.
#[test]
fn an_instance_that_has_ended_is_started_by_the_same_request() {
    let Some(machine) = machine() else { return };
    for count in 1..=3 {
        once(&machine, "add", "a", "echo a >> $LOG");
        machine.until_logged("a", count);
        machine.until("its end", || running(&machine, "a") == false);
    }
    machine.silence();
    assert_eq!(machine.count("a"), 3);
}

/// A request that differs ends the process that runs and starts another one; one that does not
/// differ has no effect, however much has changed since the process began.
#[test]
fn a_running_instance_is_replaced_by_another_command_only() {
    let Some(machine) = machine() else { return };
    let text = |word: &str| {
        format!("echo {word} >> $LOG; trap 'echo end >> $LOG; exit' TERM; sleep 600 & wait")
    };
    once(&machine, "add", "a", &text("one"));
    machine.until_logged("one", 1);
    once(&machine, "add", "a", &text("one"));
    machine.silence();
    assert_eq!((machine.count("one"), machine.count("end")), (1, 0));
    once(&machine, "add", "a", &text("two"));
    machine.until_logged("two", 1);
    assert_eq!((machine.count("one"), machine.count("end")), (1, 1));
    machine.call("service", "delete", &json!({"name": "mine", "instance": "a"})).unwrap();
    machine.until_logged("end", 2);
}

#[test]
fn add_keeps_the_other_instances_and_set_ends_them() {
    let Some(machine) = machine() else { return };
    let text = |word: &str| format!("echo {word} >> $LOG; exec sleep 600");
    for name in ["a", "b"] {
        once(&machine, "add", name, &text(name));
        machine.until_logged(name, 1);
    }
    assert_eq!((running(&machine, "a"), running(&machine, "b")), (true.into(), true.into()));
    once(&machine, "set", "b", &text("b"));
    machine.until("a is gone", || running(&machine, "a").is_null());
    assert_eq!(running(&machine, "b"), true);
    assert_eq!(machine.count("b"), 1);
    let delete = json!({"name": "mine", "instance": "a"});
    assert_eq!(machine.call("service", "delete", &delete), Err(4));
}
