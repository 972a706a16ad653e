//! `forward add`, `remove` and `list` on the copy of a router, with the lab's `uci`, and with nft
//! and the kernel in a network namespace of the test's own. Needs root; without it the tests are
//! skipped, except in CI.

use std::fs;
use std::process::Command;

use mape_uci::Package;

use super::*;

mod firewall;
mod interrupted;
#[cfg(feature = "linux")]
mod plain;
mod router;

use router::rules_in_force;
pub(crate) use router::{Router, STATE};

/// The element of the rules for the forward `web`, as nft lists it.
const WEB: &str = "9801 : 192.168.1.5 . 443";

#[test]
fn added_listed_and_removed() {
    let Some(router) = Router::new("life", "config defaults\n") else { return };
    assert_eq!(router.call("list").out, "no forward\n");
    let added = router.call("add nas:443 --name web --port 5700 --proto tcp");
    assert_eq!(added.err, "");
    assert_eq!(added.out, "web (web): tcp 106.72.50.97:5700 -> 192.168.1.5:443, published\n");
    let again = router.call("add [::10]:9801").out;
    assert!(again.ends_with("udp 106.72.50.97:9801 -> 192.168.1.16:9801, published\n"), "{again}");
    let list = router.list();
    assert_eq!((&list[0]["section"], &list[0]["wanted"]), (&"web".into(), &"5700".into()));
    assert_eq!(list[1]["wanted"], "auto");
    assert!(router.read("state/wan.json").contains(r#""host":"192.168.1.5:443","port":5700"#));
    assert!(router.read("state/wan.upnp").starts_with("allow 63052-63055 0.0.0.0/0 1-65535\ndeny"));
    for name in ["9801", "web"] {
        assert_eq!(router.call(&format!("remove {name}")).status, ExitStatus::Fine, "{name}");
    }
    assert_eq!(router.call("list").out, "no forward\n");
    assert!(!router.read("etc/config/firewall").contains("mape_forward"));
    assert!(!router.root.join("etc/mape-rs/wan.ports").exists());
    let events = router.read("events");
    let events: Vec<&str> = events.lines().collect();
    assert_eq!(events[0], "mape published wan web(web) tcp : 106.72.50.97:5700");
    assert_eq!(events[1], "mape upnp wan   : :63052-63055");
    assert_eq!(events[4], "mape withdrawn wan web(web) tcp 106.72.50.97:5700 :");
    assert_eq!(events.len(), 5);
}

/// A range is one forward, in the rules port by port.
#[test]
fn a_range_is_one_forward() {
    let Some(router) = Router::new("range", "config defaults\n") else { return };
    let added = router.call("add nas:100-107 --name game --port 5700-5707 --proto udp");
    let text = "game (game): udp 106.72.50.97:5700-5707 -> 192.168.1.5:100-107, published\n";
    assert_eq!((added.out.as_str(), added.err.as_str()), (text, ""));
    let rules = rules_in_force();
    for at in 0..8 {
        assert!(rules.contains(&format!("{} : 192.168.1.5 . {}", 5700 + at, 100 + at)), "{rules}");
    }
    assert!(!rules.contains("5699 : 192.168") && !rules.contains("5708 : 192.168"));
    let list = router.list();
    let keys = ["port", "last", "dest_port", "dest_last"].map(|key| list[0][key].as_u64());
    assert_eq!(keys, [5700, 5707, 100, 107].map(Some));
    assert_eq!(list[0]["wanted"], "5700-5707");
    // A single port has none of these keys.
    router.call("add nas:22 --name ssh --port 13889");
    assert!(["last", "dest_last", "ranges"].iter().all(|key| router.list()[1].get(key).is_none()));
    assert!(router.read("state/wan.json").contains(r#""last":5707"#));
    for (words, says, nearest) in [
        ("5704-5711", "port 5704 is that of game", "9792-9799 13890-13897 13891-13898"),
        ("25565-25572", "port 25565 is not in the port set", "26176-26183 26177-26184 26178-26185"),
    ] {
        let called = router.call(&format!("add nas:{words} --port {words} --json"));
        let error = called.json()["error"].clone();
        assert_eq!(called.status, ExitStatus::Usage, "{words}");
        assert!(error["message"].as_str().unwrap().contains(says), "{error}");
        assert_eq!(error["params"]["nearest"], nearest);
    }
    let called = router.call("add nas:22 --port 5700-5701");
    assert!(called.err.contains("as many ports in dest_port as in src_dport"), "{}", called.err);
    assert_eq!(router.call("remove 5700-5707").status, ExitStatus::Fine);
    assert!(!rules_in_force().contains("5700 : 192.168"));
    let events = router.read("events");
    assert!(events.contains("mape published wan game(game) udp : 106.72.50.97:5700"), "{events}");
}

/// Nothing is changed, and what would do is named.
#[test]
fn refused() {
    let Some(router) = Router::new("refused", "config defaults\n") else { return };
    router.call("add 192.168.1.5:22 --port 5700 --name ssh");
    let before = (router.read("etc/config/firewall"), router.read("state/wan.json"));
    for (words, text, nearest) in [
        ("192.168.1.5:22 --port 25565", "port 25565 is not in the port set", "26176 26177 26178"),
        ("192.168.1.5:22 --port 63055", "set aside for UPnP", "63051 63050 63049"),
        ("192.168.1.6:22 --port 5700 --proto udp", "port 5700 is that of ssh", "5699 5701 5698"),
    ] {
        let called = router.call(&format!("add {words} --json"));
        let error = called.json()["error"].clone();
        assert_valid(&schema("error"), &called.json());
        assert_eq!(
            (called.status, &error["params"]["nearest"]),
            (ExitStatus::Usage, &nearest.into())
        );
        assert!(error["message"].as_str().unwrap().contains(text), "{error}");
        let refusal = error["params"]["refusal"].as_str().unwrap();
        assert_params("forward", "/$defs/forward/properties/params", refusal, &error);
        assert_eq!(router.call(&format!("add {words} --dry-run --json")).out, called.out);
        let first = nearest.split(' ').next().unwrap();
        assert!(error["hint"].as_str().unwrap().contains(first), "{error}");
    }
    for wrong in [
        "add",
        "add 192.168.1.5",
        "add 192.168.1.300:22",
        "add 192.168.1.5:0",
        "add nas:22 --proto icmp",
        "add nas:22 --port 70000",
        "add nas:22 surplus",
        "add 0.0.0.0:22",
        "add 127.0.0.1:22",
        "add 224.0.0.1:22",
        "add 255.255.255.255:22",
        "remove",
        "remove unknown",
        "publish nas:22",
    ] {
        let called = router.call(wrong);
        assert_eq!(called.status, ExitStatus::Usage, "{wrong}: {}", called.err);
    }
    assert_eq!(before, (router.read("etc/config/firewall"), router.read("state/wan.json")));
    // Two lines would be another file than the one that is meant.
    let root = router.root.to_str().unwrap().to_owned();
    let two_lines = call(&["forward", "add", "nas\nx:22", "--root", &root]);
    assert_eq!(two_lines.status, ExitStatus::Usage);
    assert!(two_lines.err.contains(r#"dest_host cannot be "nas\nx""#), "{}", two_lines.err);
    // Another program has uncommitted changes.
    fs::create_dir_all(router.root.join("tmp/.uci")).unwrap();
    router.write("tmp/.uci/firewall", "firewall.x=rule\n");
    assert!(router.call("add nas:443").err.contains("not committed"));
}

/// What would come of a forward is answered, and nothing is changed.
#[test]
fn tried_only() {
    let Some(router) = Router::new("tried", "config defaults\n") else { return };
    router.call("add 192.168.1.5:22 --port 5700 --name ssh");
    let files = || (router.read("etc/config/firewall"), router.read("state/wan.json"));
    let before = files();
    let dry = |words: &str| router.call(&format!("add {words} --dry-run --json"));
    let port = |called: &Called| {
        assert_valid(&schema("forward"), &called.json());
        let forwards = called.json()["forwards"].as_array().unwrap().clone();
        assert_eq!((called.status, forwards.len()), (ExitStatus::Fine, 1));
        forwards[0]["port"].clone()
    };
    assert_eq!(port(&dry("192.168.1.6:22 --port 5701")), 5701);
    // A port in the set is kept; `auto` finds one for any other.
    assert_eq!(port(&dry("192.168.1.6:5702")), 5702);
    assert!(port(&dry("192.168.1.6:443")).is_u64());
    // The section that is edited does not take its port from itself.
    let again = "192.168.1.7:22 --port 5700";
    assert_eq!(dry(again).json()["error"]["params"]["refusal"], "taken");
    assert_eq!(port(&dry(&format!("{again} --section ssh"))), 5700);
    assert_eq!(before, files());
}

/// A port that a forward without a named one has is not free.
#[test]
fn an_addition_moves_no_other_forward() {
    let Some(router) = Router::new("moved", "config defaults\n") else { return };
    router.call("add nas:26176 --name game");
    let before = router.read("etc/config/firewall");
    for port in ["25565", "26176"] {
        let called = router.call(&format!("add 192.168.1.6:22 --port {port} --json"));
        assert_eq!(called.json()["error"]["params"]["nearest"], "26177 26178 26179", "{port}");
        assert_eq!(called.status, ExitStatus::Usage);
    }
    assert_eq!(router.read("etc/config/firewall"), before);
    assert_eq!(router.call("add 192.168.1.6:22 --port 26177").status, ExitStatus::Fine);
    assert_eq!(router.list()[0]["port"], 26176);
    assert!(!router.read("events").contains("moved"));
}

/// Sections that other programs have written, with and without names.
#[test]
fn remove_finds_the_section_by_name_or_port() {
    let forward = |section: &str, name: &str, options: &str| {
        format!(
            "config mape_forward {section}\n option name {name}\n option dest_ip 192.168.1.5\n option \
             dest_port 443\n{options}"
        )
    };
    let sections = [
        "config defaults\n".to_owned(),
        forward("", "first", ""),
        forward("x", "web", ""),
        forward("web", "other", ""),
        forward("one", "twice", " option src_dport 5700\n option proto tcp\n"),
        forward("two", "twice", " option src_dport 5700\n option proto udp\n"),
        forward("", "asleep", " option enabled 0\n"),
        forward("", "last", ""),
    ];
    let Some(router) = Router::new("meant", &sections.concat()) else { return };
    let left = || -> Vec<String> {
        let package = Package::parse("firewall", &router.read("etc/config/firewall")).unwrap();
        package.sections().iter().filter_map(|it| it.get("name")).map(str::to_owned).collect()
    };
    let unnamed = router.list()[0]["section"].as_str().unwrap().to_owned();
    assert_eq!(unnamed, "cfg02f0bc");
    let removed = |name: &str, gone: &str| {
        let before = left();
        let called = router.call(&format!("remove {name}"));
        assert_eq!((called.status, called.err.as_str()), (ExitStatus::Fine, ""), "{name}");
        let expected: Vec<String> = before.into_iter().filter(|it| it != gone).collect();
        assert_eq!(left(), expected, "{name}");
    };
    // A section goes before what another is called.
    removed("web", "other");
    removed("web", "web");
    removed(&unnamed, "first");
    removed("asleep", "asleep");
    removed("last", "last");
    for name in ["twice", "5700"] {
        let called = router.call(&format!("remove {name}"));
        assert_eq!(called.status, ExitStatus::Usage);
        let text = format!(
            "several forwards are called \"{name}\".\n  next step: name the section: one, two."
        );
        assert!(called.err.contains(&text), "{}", called.err);
    }
    assert_eq!(left().len(), 2);
    assert_eq!(router.call("remove one").status, ExitStatus::Fine);
    assert_eq!(left(), ["twice"]);
}

/// The names that uci makes up count all sections before.
#[test]
fn a_section_without_a_name_keeps_its_port() {
    let forward = "config mape_forward\n option dest_ip 192.168.1.5\n option dest_port 443\n";
    let forwards = [forward.to_owned(), forward.replace("443", "80"), forward.to_owned()].concat();
    let Some(router) = Router::new("unnamed", &forwards) else { return };
    router.load();
    let ports = || router.list().iter().map(|it| it["port"].clone()).collect::<Vec<_>>();
    let (before, events) = (ports(), router.read("events"));
    assert_eq!(events.matches("published").count(), 3);
    router.write("etc/config/firewall", &format!("config rule\n option name x\n{forwards}"));
    router.load();
    assert_eq!((ports(), router.read("events")), (before.clone(), events.clone()));
    // One goes, under the name that it has now; those behind it stay.
    router.write("etc/config/firewall", &format!("config rule\n{forward}{forward}"));
    router.load();
    assert_eq!(ports(), [before[0].clone(), before[2].clone()]);
    let events = router.read("events").replace(&events, "");
    assert!(events.starts_with("mape withdrawn wan cfg03f0bc tcp udp 106.72.50.97:"), "{events}");
    assert_eq!(events.lines().count(), 1);
}

/// Before there is a device nothing can arrive.
#[test]
fn a_script_runs_when_the_interface_opens() {
    let forward = "config mape_forward web\n option dest_ip 192.168.1.5\n option dest_port 443\n";
    let Some(router) = Router::new("shut", forward) else { return };
    fs::remove_file(router.root.join("devices/mape-wan/ifindex")).unwrap();
    // An interface with a state is not open.
    assert_eq!(router.load().status, ExitStatus::Failed);
    assert_eq!(router.read("events"), "");
    assert!(
        !router.root.join("etc/mape-rs").exists() && !router.root.join("state/wan.upnp").exists()
    );
    assert_eq!(router.list()[0]["reason"], "wan has no device, so nothing arrives yet");
    assert_eq!(router.list()[0]["state"], "waiting");
    router.write("devices/mape-wan/ifindex", &router.index);
    // The kernel has nothing of it yet.
    assert_eq!(router.list()[0]["reason"], "the rules in force do not have it");
    assert_eq!(router.list()[0]["state"], "waiting");
    for _ in 0..2 {
        assert_eq!(router.load().status, ExitStatus::Fine);
        assert_eq!(router.list()[0]["state"], "published");
        assert_eq!(router.read("events").lines().count(), 2);
        assert!(router.root.join("etc/mape-rs/wan.ports").exists());
    }
}

/// What cannot be published says why; the exit status too.
#[test]
fn what_is_wrong_is_listed() {
    let forward = |name: &str, options: &str| format!("config mape_forward {name}\n{options}");
    let text = [
        forward("outside", " option dest_ip 192.168.1.5\n option src_dport 443\n"),
        forward("asleep", " option dest_host console\n option dest_port 3074\n"),
        forward("broken", " option dest_ip nonsense\n"),
        forward(
            "other",
            " option dest_ip 192.168.1.5\n option dest_port 1\n option interface wan2\n",
        ),
        forward("off", " option enabled 0\n"),
    ];
    let Some(router) = Router::new("wrong", &text.concat()) else { return };
    let list = router.list();
    let states: Vec<(&str, &str)> = list
        .iter()
        .map(|it| (it["section"].as_str().unwrap(), it["state"].as_str().unwrap()))
        .collect();
    let expected = [
        ("outside", "refused"),
        ("asleep", "waiting"),
        ("other", "waiting"),
        ("broken", "refused"),
    ];
    assert_eq!(states, expected);
    let called = router.call("list");
    assert_eq!(called.status, ExitStatus::Failed);
    let broken = "broken: refused\n  because: the option dest_ip cannot be \"nonsense\"\n  \
                  next step: write an address like 192.168.1.10, or a host id like ::10\n";
    assert!(called.out.contains(broken), "{}", called.out);
    // A host whose address is unknown keeps its port until it appears.
    let port = list[1]["port"].as_u64().unwrap();
    // And the loader says nothing else than the list.
    let said = router.load().out;
    let waits = format!("forward asleep: has 106.72.50.97:{port}, and waits for its host\n");
    assert!(said.contains(&waits) && !said.contains("asleep: published"), "{said}");
    // A client's name is in whatever encoding it likes, and hides no other lease.
    let leases = b"1795362139 02:00:00:00:00:02 192.168.1.99 caf\xe9 *\n\
                   1795362139 02:00:00:00:00:01 192.168.1.77 console *\n";
    fs::write(router.root.join("tmp/dhcp.leases"), leases).unwrap();
    router.load();
    assert_eq!(
        (&router.list()[1]["port"], &router.list()[1]["state"]),
        (&port.into(), &"published".into())
    );
    assert_eq!(router.list()[1]["dest_ip"], "192.168.1.77");
    // dnsmasq may have its list elsewhere.
    router.write("tmp/hosts", "1795362139 02:00:00:00:00:01 192.168.1.78 console *\n");
    router.write("etc/config/dhcp", "config dnsmasq\n option leasefile /tmp/hosts\n");
    assert_eq!(router.list()[1]["dest_ip"], "192.168.1.78");
}
