//! What an answer makes of the line, and when a server is asked. Asking itself:
//! `tests/vm/linux-provision.sh`. The machine's files name no resolver, so nothing is sent.

use mape_core::{Code, Layout, parse_rule};
use mape_netifd::provisioning_mode;
use mape_provision::Mode;

use super::*;
use crate::journal::Journal;
use crate::provisioning::Schedule;
use crate::status::status;

/// A prefix that no built-in rule covers.
const FOREIGN: &str = "prefix 2600:10:3261:6400::/56\nprovisioning hb46pp\n";
const RULE: &str = "ipv6=2600:10::/32,ipv4=203.0.0.0/16,ea=24,offset=4,br=2001:db8::64";

fn mode() -> Mode {
    provisioning_mode(&[("provisioning", "hb46pp".to_owned())]).unwrap()
}

/// The answer of an earlier run, as it is kept.
fn answered(machine: &Machine, rule: &str) {
    let rule = parse_rule(rule, Layout::Draft03).unwrap().to_string();
    let cached = json!({"schema": 1, "source": mode().key(), "prefixes": ["2600:10:3261:6400::/56"],
        "token": null, "id": null, "shape": "hb46pp", "ttl": 86400, "mesh": false, "rules": [rule]});
    fs::create_dir_all(machine.directory.join("lasting")).unwrap();
    machine.has("lasting/wan.json", &cached.to_string());
}

/// The next request is due at `until`; `failure` is why the last one gave nothing.
fn paused(machine: &Machine, until: u64, failure: &str) {
    let pause = json!({"schema": 1, "source": mode().key(), "prefixes": ["2600:10:3261:6400::/56"],
        "until": until, "failures": 1});
    machine.has("state/wan.pause", &format!("{pause}\n{failure}\n"));
}

fn failure(code: &str) -> String {
    json!({"code": code, "message": "the server says no", "hint": "ask it", "params": []})
        .to_string()
}

fn schedule(machine: &Machine, text: &str) -> Schedule {
    Schedule::of(&config(text), &machine.system)
}

#[test]
fn a_kept_answer_brings_the_line_up() {
    let machine = Machine::new("kept");
    machine.has("uptime", "100.00 1.00\n");
    answered(&machine, RULE);
    paused(&machine, 200, "");
    let said = machine.up(FOREIGN).unwrap();
    assert!(said.contains("203.0.50.97") && !said.contains("note"), "{said}");
    let journal = Journal::read(&machine.system.env.run, &"wan".parse().unwrap());
    assert_eq!(journal.rule_source.as_deref(), Some("provisioned"));
    let status = status(&config(FOREIGN), &machine.system).unwrap();
    assert_eq!(status.rule_source.as_deref(), Some("provisioned"));
    // Where the table has another rule, the server's counts, and the other one is named.
    answered(&machine, "ipv6=240b:10::/32,ipv4=203.0.0.0/16,ea=24,offset=4,br=2001:db8::64");
    let known = "prefix 240b:10:3261:6400::/56\nprovisioning hb46pp\n";
    let said = machine.up(known).unwrap();
    assert!(said.contains("203.0.50.97"), "{said}");
    assert!(said.contains("note: the provisioned rule ") && said.contains("106.72."), "{said}");
    // And the user's own goes before both.
    let own = "rule ipv6=240b:10::/32,ipv4=198.18.0.0/16,ea=24,br=2001:db8::65\n";
    let said = machine.up(&format!("{known}{own}")).unwrap();
    assert!(said.contains("198.18.50.97"), "{said}");
}

#[test]
fn without_an_answer_the_reason_is_named() {
    let machine = Machine::new("unanswered");
    machine.has("uptime", "100.00 1.00\n");
    paused(&machine, 200, "");
    let failed = machine.up(FOREIGN).unwrap_err();
    assert_eq!(failed.code, Code::PrefixNotInRules);
    assert!(
        failed.message.ends_with("and the answer of provisioning is not there yet"),
        "{failed:?}"
    );
    // Asked now, of no resolver.
    fs::remove_file(machine.directory.join("state/wan.pause")).unwrap();
    let failed = machine.up(FOREIGN).unwrap_err();
    assert!(failed.message.contains("the DNS resolvers of the line did not answer"), "{failed:?}");
    assert!(failed.hint.contains("dns ADDRESS"), "{failed:?}");
    // That attempt is remembered, and shown.
    assert!(matches!(schedule(&machine, FOREIGN), Schedule::In(_)));
    let status = status(&config(FOREIGN), &machine.system).unwrap();
    assert_eq!(status.provisioning.unwrap().code, "MAPE_PROVISIONING_DNS");
}

#[test]
fn a_request_is_due_once_for_each_prefix_and_time() {
    let machine = Machine::new("due");
    machine.has("uptime", "100.00 1.00\n");
    assert!(matches!(schedule(&machine, FOREIGN), Schedule::Due(_)));
    paused(&machine, 130, "");
    assert!(matches!(schedule(&machine, FOREIGN), Schedule::In(wait) if wait.as_secs() == 30));
    let moved = FOREIGN.replace("3261", "3262");
    assert!(matches!(schedule(&machine, &moved), Schedule::Due(_)));
    machine.has("uptime", "130.00 1.00\n");
    assert!(matches!(schedule(&machine, FOREIGN), Schedule::Due(_)));
    // Of an earlier boot, whose clock was far ahead.
    paused(&machine, 9_000_000, "");
    assert!(matches!(schedule(&machine, FOREIGN), Schedule::Due(_)));
    // There is no prefix: what was arranged stays.
    let without = Config::parse("uplink eth0\nprovisioning hb46pp", Path::new("f")).unwrap();
    assert!(matches!(Schedule::of(&without, &machine.system), Schedule::Idle));
    assert!(machine.directory.join("state/wan.pause").exists());
}

#[test]
fn switched_off_it_forgets_and_leaves_the_line() {
    let machine = Machine::new("off");
    machine.has("uptime", "100.00 1.00\n");
    answered(&machine, RULE);
    paused(&machine, 200, "");
    machine.up(FOREIGN).unwrap();
    let off = FOREIGN.replace("hb46pp", "off");
    let failed = machine.up(&off).unwrap_err();
    assert!(!failed.message.contains("provisioning"), "{failed:?}");
    for file in ["lasting/wan.json", "state/wan.pause"] {
        assert!(!machine.directory.join(file).exists(), "{file}");
    }
    assert!(machine.directory.join("state/wan.linux").exists(), "the line was taken down");
}

/// Only the network's own word ends a line; a failed request and a lost answer do not.
#[test]
fn a_withdrawn_rule_ends_the_line() {
    let machine = Machine::new("withdrawn");
    machine.has("uptime", "100.00 1.00\n");
    answered(&machine, RULE);
    paused(&machine, 200, "");
    machine.up(FOREIGN).unwrap();
    let journal = machine.directory.join("state/wan.linux");
    fs::remove_file(machine.directory.join("lasting/wan.json")).unwrap();
    for (said, is_up) in [
        (String::new(), true),
        (failure("MAPE_PROVISIONING_NO_ANSWER"), true),
        (failure("MAPE_PROVISIONING_BAD_ANSWER"), true),
        (failure("MAPE_PROVISIONING_NO_SERVICE"), false),
    ] {
        paused(&machine, 200, &said);
        assert!(machine.up(FOREIGN).is_err());
        assert_eq!(journal.exists(), is_up, "{said}");
    }
}
