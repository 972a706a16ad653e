//! The request to procd, and what procd then runs.

use std::collections::BTreeSet;

use super::*;
use crate::executable::executable;

/// The commands that procd was asked to run for the interface.
fn requests(bus: &Netifd) -> Vec<Vec<String>> {
    let messages = bus.called("add").into_iter().filter(|call| call.0 == "service");
    let command = |message: &Value| {
        assert_eq!(message["name"], "mape-rs");
        let words = message["instances"]["mape"]["command"].as_array().unwrap();
        words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    messages.map(|call| command(&call.2)).collect()
}

#[test]
fn procd_opens_what_has_come_up_or_was_changed() {
    let world = World::new("request");
    let mut bus = Netifd::with(&[wan6(A), mape(false, &json!({}))]);
    assert_eq!(world.setup(&mut bus, "{}"), (Ok(()), String::new()));
    assert_eq!(bus.calls.last().unwrap().1, "add", "when the device is there, not before");
    bus.dump = json!({"interface": [wan6(A), mape(true, &json!({}))]});
    assert_eq!(world.renew(&mut bus, "{}"), Ok(()));
    assert_eq!(requests(&bus).len(), 1, "nothing has changed");
    assert_eq!(world.renew(&mut bus, r#"{"mtu":"1400"}"#), Ok(()));
    let requests = requests(&bus);
    assert_eq!(requests.len(), 2);
    for request in &requests {
        assert_eq!(request[..3], ["/usr/sbin/mape-proto", "open", "mape"]);
    }
    // procd takes a request that equals the last one for the process that runs already.
    assert_eq!(requests.iter().collect::<BTreeSet<_>>().len(), 2);
}

#[test]
fn procd_opens_nothing_that_is_not_up() {
    let world = World::new("no-request");
    let mut bus = Netifd::with(&[wan6("2001:db8::"), mape(false, &json!({}))]);
    assert!(world.setup(&mut bus, "{}").0.is_err());
    bus = Netifd::with(&[wan6(A), mape(false, &json!({}))]);
    bus.refuses = |method, message| method == "notify_proto" && message["action"] == 0;
    bus.gone = false;
    let mut attempt = || handler::attempt_once(&mut bus, &world.env, &name(), "{}");
    assert!(attempt().is_err());
    assert_eq!(requests(&bus), [[""; 0]; 0]);
}

/// The tunnel works all the same: the hotplug hook and firewall4's include load the rules.
#[test]
fn without_procd_the_interface_comes_up() {
    let world = World::new("no-procd");
    let mut bus = Netifd::with(&[wan6(A), mape(false, &json!({}))]);
    bus.refuses = |method, _| method == "add";
    let (result, log) = world.setup(&mut bus, "{}");
    assert_eq!(result, Ok(()));
    assert_eq!(log.lines().count(), 1);
    assert!(log.contains("procd does not load the rules"), "{log}");
}

#[test]
fn a_deleted_section_takes_its_instance_along() {
    let world = World::new("forgotten");
    let mut bus = Netifd::with(&[wan6(A)]);
    world.event(&mut bus, "ifdown", "mape");
    let deleted = bus.called("delete").into_iter().map(|call| &call.2).collect::<Vec<_>>();
    assert!(deleted.contains(&&json!({"name": "mape-rs", "instance": "mape"})), "{deleted:?}");
}

/// An interface that is up, with its device, and firewall4 in this state. Returns the log and how
/// often firewall4 was reloaded.
fn opened(world: &World, data: &Value, state: Option<&str>) -> (String, usize) {
    let device = world.root.join("devices/mape-mape");
    fs::create_dir_all(&device).unwrap();
    fs::write(device.join("ifindex"), format!("{TUNNEL}\n")).unwrap();
    let run = world.root.join("var/run");
    fs::create_dir_all(&run).unwrap();
    let _ = fs::remove_file(run.join("fw4.state"));
    if let Some(state) = state {
        fs::write(run.join("fw4.state"), state).unwrap();
    }
    let reloads = world.root.join("reloads");
    let _ = fs::remove_file(&reloads);
    let fw4 = world.root.join("fw4");
    executable(&fw4, &format!("#!/bin/sh\necho \"$*\" >>{}\n", reloads.display()));
    let env = Env { fw4, ..world.env.clone() };
    let mut bus = Netifd::with(&[wan6(A), mape(true, data)]);
    let (result, log) = captured(|| open(&mut bus, &env, &name()));
    assert_eq!(result.map_err(|failure| code(&failure)), Ok(()));
    let reloads = fs::read_to_string(&reloads).unwrap_or_default();
    assert_eq!(reloads, "-q reload\n".repeat(reloads.lines().count()));
    (lines(&log, Level::Info), reloads.lines().count())
}

const WITHOUT: &str = r#"{"zones":[{"name":"wan","match_rules":[{"devices_pos":["eth1"]}]}]}"#;
const WITH: &str = r#"{"zones":[{"name":"wan","match_rules":[{"devices_pos":["mape-mape"]}]}]}"#;

#[test]
fn firewall4_reloads_once_where_its_hook_has_not_come_yet() {
    let world = World::new("open");
    let zone = json!({"zone": "wan"});
    let (log, reloads) = opened(&world, &zone, Some(WITHOUT));
    assert_eq!(reloads, 1);
    assert!(log.contains("firewall4 reloaded: zone wan has mape-mape now"), "{log}");
    for state in [Some(WITH), Some("{}"), Some(r#"{"zones":[{"name":"lan"}]}"#), None] {
        assert_eq!(opened(&world, &zone, state).1, 0, "{state:?}");
    }
    // Listed by the zone, and in no zone at all.
    assert_eq!(opened(&world, &json!({}), Some(WITHOUT)).1, 0);
    let zones = "config zone\n\toption name wan\n\tlist network mape\n";
    fs::write(world.root.join("etc/config/firewall"), zones).unwrap();
    assert_eq!(opened(&world, &json!({}), Some(WITHOUT)).1, 1);
}

/// The device has gone while the hook was waited for.
#[test]
fn a_device_that_is_gone_causes_no_reload() {
    let world = World::new("open-gone");
    let zone = json!({"zone": "wan"});
    assert_eq!(opened(&world, &zone, Some(WITHOUT)).1, 1);
    let env = Env { devices: world.root.join("none"), fw4: "false".into(), ..world.env.clone() };
    let mut bus = Netifd::with(&[wan6(A), mape(true, &zone)]);
    let ((), log) = captured(|| open(&mut bus, &env, &name()).unwrap());
    assert!(!lines(&log, Level::Info).contains("firewall4"), "{log:?}");
}
