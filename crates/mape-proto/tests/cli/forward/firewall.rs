//! Forwards and the loaded rules: refusals by nft, withdrawals, state, connections.

use nix::sched::{CloneFlags, unshare};

use super::*;

/// What nft refuses is not added, and shuts nothing, whenever it is found out.
#[test]
fn a_refused_forward_leaves_everything_as_it_was() {
    let Some(mut router) = Router::new("refusing", "config defaults\n") else { return };
    assert_eq!(router.call("add nas:443 --name web --port 9801").status, ExitStatus::Fine);
    let before = router.read("etc/config/firewall");
    for when in ["*", "-f"] {
        router.refusing("5700 : 192", when);
        // What nft refuses when it is only asked is never written: no uci is needed.
        let uci = if when == "*" { "false".to_owned() } else { Router::uci() };
        let called = router.call_with(&uci, "add nas:22 --name bad --port 5700");
        assert_eq!(called.status, ExitStatus::Failed, "{when}");
        assert!(called.err.contains("MAPE_FIREWALL_REJECTED"), "{}", called.err);
        assert!(!called.err.contains("plain"), "{}", called.err);
        assert_eq!(router.read("etc/config/firewall"), before, "{when}");
        assert!(
            rules_in_force().contains(WEB) && rules_in_force().contains("goto egress-filter_wan")
        );
        let list = router.list();
        assert_eq!((list.len(), &list[0]["state"]), (1, &"published".into()));
    }
    // The same written by hand: the error names it, and all other forwards stay.
    let bad = "config mape_forward bad\n option dest_ip 192.168.1.5\n option src_dport 5700\n";
    router.write("etc/config/firewall", &format!("{before}{bad}"));
    for boot in [false, true] {
        if boot {
            assert!(Command::new("nft").args(["flush", "ruleset"]).status().unwrap().success());
            fs::remove_file(router.root.join("state/wan.loaded")).unwrap();
        }
        let loaded = router.load();
        assert_eq!(loaded.status, ExitStatus::Failed);
        assert!(loaded.out.contains("wan: the newest rules are not loaded"), "{}", loaded.out);
        assert!(
            rules_in_force().contains(WEB) && rules_in_force().contains("goto egress-filter_wan")
        );
        let states: Vec<Value> = router.list().iter().map(|it| it["state"].clone()).collect();
        assert_eq!(states, ["published", "waiting"]);
    }
    // What is good is refused beside it, and the bad one is named.
    for when in ["-f", "*"] {
        router.refusing("5700 : 192", when);
        let good = router.call("add nas:22 --name good --port 9795");
        assert_eq!(good.status, ExitStatus::Failed, "{when}");
        assert!(good.err.contains("it can be the cause: bad."), "{when}: {}", good.err);
    }
    // What is withdrawn is so, whatever else is refused.
    router.write("etc/config/firewall", bad);
    assert_eq!(router.load().status, ExitStatus::Failed);
    assert!(!rules_in_force().contains(WEB) && rules_in_force().contains("goto egress-filter_wan"));
    assert!(!router.read("events").contains("published wan bad"));
}

/// A full `/tmp` keeps no port open.
#[test]
fn a_withdrawal_needs_no_file() {
    let Some(router) = Router::new("no-room", "config defaults\n") else { return };
    let at = router.root.join("state").display().to_string();
    let sh = |script: &str| {
        assert!(Command::new("sh").args(["-ec", script]).status().unwrap().success(), "{script}");
    };
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    sh(&format!("mount --make-rprivate /; mount -t tmpfs -o size=64k,mode=700 tmpfs {at}"));
    router.write("state/wan.json", STATE);
    assert_eq!(router.call("add nas:443 --name web --port 9801").err, "");
    assert_eq!(router.call("add nas:22 --name other --port 5700").err, "");
    assert!(rules_in_force().contains(WEB));
    let fill = |file: &str| sh(&format!("cat /dev/zero >{at}/{file} 2>/dev/null || :"));
    fill("full");
    // The others, and what could not be done.
    let removed = router.call("remove other --json");
    assert_valid(&schema("forward"), &removed.json());
    assert_eq!(removed.status, ExitStatus::Failed);
    let fault = removed.json()["faults"][0].to_string();
    assert!(fault.contains("wan: its state cannot be written down"), "{fault}");
    assert_eq!(removed.json()["forwards"][0]["section"], "web");
    fill("more");
    let removed = router.call("remove web");
    assert!(!rules_in_force().contains(WEB), "{}", removed.out);
    assert_eq!(removed.status, ExitStatus::Failed);
    assert!(removed.out.contains("wan: its state cannot be written down"), "{}", removed.out);
    assert!(removed.out.starts_with("no forward\n"), "{}", removed.out);
    assert!(rules_in_force().contains("goto egress-filter_wan"));
    sh(&format!("umount -l {at}"));
}

/// Open is what the kernel lets through, and not what a state or a device says.
#[test]
fn status_says_whether_the_gate_is_open() {
    let Some(router) = Router::new("gate", "config defaults\n") else { return };
    let root = router.root.display().to_string();
    let status = || {
        let called = words(&format!(
            "status --json --state-dir {root}/state --device-dir {root}/devices --proc-dir {root} \
             --ubus-socket {root}/none"
        ));
        assert_valid(&schema("status"), &called.json());
        let interfaces = called.json()["interfaces"].as_array().unwrap().clone();
        let states = interfaces.iter().map(|it| it["state"].as_str().unwrap().to_owned());
        (called.status, states.collect::<Vec<_>>().join(" "))
    };
    let nft = |text: &str| assert!(Command::new("nft").arg(text).status().unwrap().success());
    router.write("devices/mape-wan/flags", "0x1003\n");
    let fine = (ExitStatus::Fine, "up".to_owned());
    let failed = |states: &str| (ExitStatus::Failed, states.to_owned());
    assert_eq!(status(), failed("shut"), "nothing is loaded");
    assert_eq!(router.load().status, ExitStatus::Fine);
    assert_eq!(status(), fine);
    for shut in
        ["flush map inet mape_rs open_interfaces", "delete table inet mape_rs", "flush ruleset"]
    {
        nft(shut);
        assert_eq!(status(), failed("shut"), "{shut}");
        assert_eq!(router.load().status, ExitStatus::Fine);
        assert_eq!(status(), fine);
    }
    // A device of the same name that was made after the rules.
    router.write("devices/mape-wan/ifindex", "4711");
    assert_eq!(status(), failed("shut"));
    router.write("devices/mape-wan/ifindex", &router.index);
    // One of two is left out, as both have the same line.
    fs::create_dir_all(router.root.join("devices/mape-wan6")).unwrap();
    router.write(
        "state/wan6.json",
        &STATE.replace("\"wan\"", "\"wan6\"").replace("mape-wan", "mape-wan6"),
    );
    assert_eq!(status(), failed("up down"), "no device");
    router.write("devices/mape-wan6/flags", "0x1003\n");
    router.write("devices/mape-wan6/ifindex", "1");
    assert_eq!(router.load().status, ExitStatus::Failed);
    assert_eq!(status(), failed("up shut"));
}

/// firewall4 with its rules and without our includes: what comes from outside ends there, and each
/// view says so.
#[test]
fn a_firewall_without_our_includes_is_reported() {
    let Some(router) = Router::new("includes", "config defaults\n") else { return };
    let root = router.root.display().to_string();
    let nft = |text: &str| assert!(Command::new("nft").arg(text).status().unwrap().success());
    let static_files = concat!(env!("CARGO_MANIFEST_DIR"), "/../../files/usr/share/nftables.d");
    let fw4 = |includes: bool| {
        let [set, line] = ["nft", "rules"].map(|kind| {
            let text = format!("include \"{static_files}/table-pre/50-mape-rs.{kind}\"");
            if includes { text } else { String::new() }
        });
        router.write("fw4.nft", &format!(
            "table inet fw4\ndelete table inet fw4\ntable inet fw4 {{\n{set}\nchain forward {{\n\
             type filter hook forward priority filter; policy drop;\n\
             ct state established,related accept\n{line}\n}}\n}}\n"
        ));
        nft(&format!("include \"{root}/fw4.nft\""));
    };
    let places = format!(
        "--state-dir {root}/state --device-dir {root}/devices --proc-dir {root} --ubus-socket {root}/none"
    );
    // A lone line of status, and what the list has of the forward.
    let reported = || {
        let status = words(&format!("status --json {places}")).json();
        let list = router.call("list --json");
        let listed = list.json()["forwards"][0].clone();
        assert_valid(&schema("forward"), &list.json());
        (status["interfaces"][0]["unknown"].to_string(), list.status, listed)
    };
    let is_silent = || !reported().0.contains("firewall4");
    fw4(false);
    assert_eq!(router.load().status, ExitStatus::Fine);
    assert!(is_silent(), "nothing is published");
    assert_eq!(router.call("add nas:443 --name web --port 9801").err, "");
    let (status, exit, listed) = reported();
    let reason = "firewall4 stops it: its rules do not have the includes of the package mape-rs";
    assert!(status.contains(&format!("forward web: {reason}")), "{status}");
    assert_eq!((exit, &listed["state"]), (ExitStatus::Failed, &"waiting".into()));
    assert_eq!(listed["reason"], reason);
    assert!(listed["hint"].as_str().unwrap().contains("service firewall reload"), "{listed}");
    // The set alone lets nothing through.
    nft(
        "add set inet fw4 mape_rs_published { type ipv4_addr . inet_proto . inet_service . ipv4_addr; flags interval; }",
    );
    assert_eq!(reported().2["state"], "waiting");
    for others in ["fw4", "none"] {
        match others {
            "fw4" => fw4(true),
            _ => nft("delete table inet fw4"),
        }
        assert_eq!(router.load().status, ExitStatus::Fine);
        let (_, exit, listed) = reported();
        assert_eq!((exit, &listed["state"]), (ExitStatus::Fine, &"published".into()), "{others}");
        assert!(is_silent(), "{others}");
    }
}

/// Who talks to a host that is not published any more is cut off, and no one else.
#[test]
fn flows_end_with_their_forward() {
    let line = std::net::Ipv4Addr::new(106, 72, 50, 97);
    let fixed = r#""rule":"ipv6=240b:10:3261:6400::/56,ipv4=106.72.50.97/32,ea=0,br=2404:9200:225:100::64""#;
    let (start, rest) = STATE.split_once("\"rule\"").unwrap();
    let (_, end) = rest.split_once("layout=draft03\"").unwrap();
    for (name, state) in [
        ("netdev", STATE.replace("auto", "netdev")),
        ("postrouting", STATE.replace("auto", "postrouting")),
        ("plain", STATE.replace("auto", "plain")),
        ("fixed", format!("{start}{fixed}{end}")),
    ] {
        let Some(router) = Router::new(&format!("flows-{name}"), "config defaults\n") else {
            return;
        };
        router.write("state/wan.json", &state);
        let net = "ip addr add 192.168.1.1/24 dev lo; ip addr add 106.72.50.97/32 dev mape-wan";
        assert!(Command::new("sh").args(["-ec", net]).status().unwrap().success());
        for words in ["nas:443 --name web --port 9801", "nas:22 --name other --port 5700"] {
            assert_eq!(router.call(&format!("add {words}")).err, "", "{name}");
        }
        let socket = std::net::UdpSocket::bind("192.168.1.1:0").unwrap();
        let ports = || -> Vec<u16> {
            let entries = mape_kernel::conntrack::list(&mape_kernel::netlink::Kernel::Live, line);
            let of_ours =
                |it: &mape_kernel::conntrack::Entry| it.status.is_destination_translated();
            let entries = entries.unwrap().into_iter().filter(of_ours);
            let mut ports: Vec<u16> =
                entries.filter_map(|it| it.original.destination_port).collect();
            ports.sort_unstable();
            ports
        };
        let talk = || [5700, 9801].map(|port| socket.send_to(b"x", (line, port)).unwrap());
        talk();
        assert_eq!(ports(), [5700, 9801], "{name}");
        // Another host: the port stays.
        let config = router.read("etc/config/firewall");
        router.write("etc/config/firewall", &config.replacen("nas", "192.168.1.7", 1));
        let config = router.read("etc/config/firewall");
        router.write("etc/config/firewall", &config.replacen("dest_host", "dest_ip", 1));
        let loaded = router.load();
        assert!(loaded.out.contains("wan: 1 connections to hosts ended"), "{name}: {}", loaded.out);
        assert_eq!(ports(), [5700], "{name}");
        talk();
        assert_eq!(ports(), [5700, 9801], "{name}");
        assert_eq!(router.call("remove web").status, ExitStatus::Fine, "{name}");
        assert_eq!(ports(), [5700], "{name}");
    }
}
