//! Plain Linux as people have it: contracts with an address of their own, tunnels of an older
//! set-up, and advice that can be followed there.

use std::fs;

use super::linux::{CE, Machine, PREFIX};
use super::{assert_valid, schema};

/// The numbers in the papers of a contract, on its line.
#[test]
fn a_fixed_contract_comes_up() {
    let one = "provider v6plus-static\nipaddr 203.0.113.81\npeeraddr 2404:9200:225:100::65\n";
    let text = format!("uplink lo\nprefix 240b:12:3456:7800::/56\n{one}");
    let machine = Machine::new("contract", &text);
    let (status, out) = machine.call(&["up", "--dry-run"]);
    assert_eq!(status, 0, "{out}");
    for part in [
        "# wan: all ports of 203.0.113.81 through mape-wan on lo\n",
        "address add 240b:12:3456:7800:cb:71:5100:0/128 dev lo nodad preferred_lft 0\n",
        "remote 2404:9200:225:100::65 ",
        "address add 203.0.113.81/32 dev mape-wan\n",
    ] {
        assert!(out.contains(part), "{part:?} is not in {out}");
    }
    assert!(!out.contains("tells"), "{out}");
    fs::write(&machine.file, text.replace("203.0.113.81", "198.51.100.80/29")).unwrap();
    let (status, out) = machine.call(&["up", "--dry-run"]);
    assert_eq!(status, 0, "{out}");
    assert!(out.starts_with("# wan: all ports of 198.51.100.80/29 through mape-wan"), "{out}");
    assert!(out.contains("240b:12:3456:7800:c6:3364:5000:0/128"), "{out}");
    fs::write(&machine.file, format!("{text}update_user u\nupdate_password secret\n")).unwrap();
    let (status, out) = machine.call(&["up", "--dry-run"]);
    assert_eq!(status, 0, "{out}");
    assert!(out.contains("# note: `up` tells fcs.enabler.ne.jp the address"), "{out}");
    assert!(!out.contains("secret"), "{out}");
}

/// A tunnel between the line's two ends, as iproute2 6.1 tells it, with `more` before its ends.
fn twin(name: &str, more: &str) -> String {
    format!(
        r#"{{"ifname":"lo","mtu":1500}},{{"ifname":"{name}","flags":["POINTOPOINT","NOARP","UP"],"mtu":1452,
        "linkinfo":{{"info_kind":"ip6tnl","info_data":{{"proto":"ipip6",{more}"remote":"2404:9200:225:100::64",
        "local":"{CE}","ttl":64,"encap_limit":4}}}},
        "addr_info":[{{"family":"inet","local":"106.72.50.97","prefixlen":32}}]}}"#
    )
}

/// Every word of the program names it and the way out; none says to run another that refuses.
#[test]
fn a_tunnel_in_the_way_is_named_with_the_way_out() {
    let machine = Machine::new("way", &format!("uplink lo\nprefix {PREFIX}\n"));
    machine.has("devices", &twin("tun0", r#""link":"lo","#));
    for words in [&["up"][..], &["up", "--dry-run"], &["status"], &["doctor"]] {
        let (status, said) = machine.call(words);
        assert_eq!(status, 1, "{words:?}: {said}");
        assert!(said.contains("the tunnel tun0 has this line's ends already"), "{words:?}: {said}");
        assert!(said.contains("next step: `ip link delete tun0`"), "{words:?}: {said}");
        assert!(!said.contains("run mape-proto up"), "a circle: {said}");
        assert_eq!(said.matches("tun0 has").count(), 1, "reported twice: {said}");
    }
    assert_eq!(machine.directory.ran(), "");
    let (_, json) = machine.call(&["doctor", "--json"]);
    let json = serde_json::from_str(&json).unwrap();
    assert_valid(&schema("linux-doctor"), &json);
    // Without it the line comes up.
    machine.has("devices", r#"{"ifname":"lo","mtu":1500}"#);
    assert_eq!(machine.call(&["up", "--dry-run"]).0, 0);
}

#[test]
fn a_tunnel_beside_the_line_is_left_over() {
    let machine = Machine::new("beside", &format!("uplink lo\nprefix {PREFIX}\n"));
    machine.has("devices", &twin("old4", ""));
    let (status, said) = machine.call(&["doctor"]);
    assert_eq!(status, 1);
    let finding = "FAIL  tunnels: the tunnel old4 has the two ends of this line";
    assert!(said.contains(finding) && said.contains("next step: `ip link delete old4`"), "{said}");
    assert_eq!(machine.call(&["up", "--dry-run"]).0, 0);
    let (_, json) = machine.call(&["doctor", "--json"]);
    let json = serde_json::from_str(&json).unwrap();
    assert_valid(&schema("linux-doctor"), &json);
    // One to any remote end is none of these.
    let any = twin("old4", r#""link":"lo","#).replace("2404:9200:225:100::64", "any");
    machine.has("devices", &any);
    let (_, said) = machine.call(&["doctor"]);
    assert!(said.contains("ok    tunnels: no other tunnel has the ends of this line"), "{said}");
}

/// Words of a machine with OpenWrt, which have no place in a next step here.
const OPENWRT: [&str; 12] = [
    "OpenWrt's",
    "uci ",
    "ubus",
    "netifd",
    "opkg",
    "apk ",
    "init.d",
    "use proto",
    "of proto",
    "configure proto",
    "kmod-",
    "on the router",
];

/// A machine without ubus, uci and /etc/config, on a DS-Lite line.
#[test]
fn advice_is_for_the_machine_it_runs_on() {
    let machine = Machine::new("advice", "");
    machine.has(
        "devices",
        r#"{"ifname":"eth1","flags":["UP"],"mtu":1500,"addr_info":[{"family":"inet6",
        "local":"2409:10:1234:5600:1:2:3:4","prefixlen":64,"valid_life_time":4294967295,
        "preferred_life_time":4294967295}]}"#,
    );
    machine.has("routes6", r#"{"dst":"default","gateway":"fe80::1","dev":"eth1","metric":1024}"#);
    let aftr = "AFTR gw.transix.jp, with 192.0.0.2/29 on it and no NAT";
    for (line, code, says) in [
        ("plan 2409:10:1234:5600::/64", 3, aftr),
        ("plan --json 2409:10:1234:5600::/64", 3, aftr),
        ("detect", 0, aftr),
        ("detect --json", 0, aftr),
        ("detect --prefix 240b:12:3456:7800::/56", 0, "run mape-proto up"),
        ("detect --apply", 1, "the next step of `mape-proto detect`"),
        ("forward add nas:25565", 2, "write dest_ip and the host's IPv4 address"),
        ("forward remove 25565", 2, "mape-proto forward list shows those there are"),
        ("import wan", 1, "`ip link delete NAME`"),
        ("doctor wan", 1, "run `mape-proto doctor` without them"),
        ("doctor --masked", 1, "run `mape-proto doctor` without them"),
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (status, said) = machine.run(&words);
        assert_eq!(status, code, "{line}: {said}");
        assert!(said.contains(says), "{line}: {said}");
        no_openwrt(line, &said);
    }
    // The files below this root name no resolver, so nothing is sent.
    let root = machine.directory.to_str().unwrap().to_owned();
    fs::create_dir_all(machine.directory.join("etc")).unwrap();
    fs::write(machine.directory.join("etc/mape-rs.conf"), "").unwrap();
    let (status, said) = machine.run(&["detect", "--ask", "--root", &root]);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("although the DNS resolvers of the line did not answer"), "{said}");
    no_openwrt("detect --ask", &said);
    for word in ["up", "status", "doctor"] {
        let (_, said) = machine.call(&[word]);
        assert!(said.contains("is a transix line") && said.contains(aftr), "{word}: {said}");
        no_openwrt(word, &said);
    }
    // Nothing tells the prefix.
    machine.has("routes6", "");
    let (status, said) = machine.run(&["detect"]);
    assert!(status == 1 && said.contains("or pass it with --prefix"), "{said}");
    // A router's files are a router's, wherever they are looked at.
    fs::remove_file(machine.directory.join("etc/mape-rs.conf")).unwrap();
    let (_, said) = machine.run(&["import", "wan", "--root", &root]);
    assert!(said.contains("`uci show network` lists the interfaces"), "{said}");
}

/// Only the next step counts: a sentence may say what this machine is not.
fn no_openwrt(line: &str, said: &str) {
    let steps: Vec<&str> = said.split("next step: ").skip(1).collect();
    let hints = said.split("\"hint\":\"").skip(1).chain(said.split("\"next_step\":\"").skip(1));
    for step in steps.into_iter().chain(hints) {
        let step = step.split("\n  code").next().unwrap().split("note: ").next().unwrap();
        for word in OPENWRT {
            assert!(!step.contains(word), "{word:?} in {line}: {step}");
        }
    }
}

/// What `up` cannot take is not advised.
#[test]
fn advice_of_up_is_in_words_of_its_file() {
    let machine = Machine::new("words", "uplink lo\nprefix 2400:2410:1234:5600::/56\n");
    let (_, said) = machine.call(&["up"]);
    assert!(said.contains("with the option rule of the configuration"), "{said}");
    assert!(!said.contains("--rule"), "{said}");
    fs::write(&machine.file, format!("uplink lo\nprefix {PREFIX}\nprovider manual\n")).unwrap();
    let (_, said) = machine.call(&["doctor"]);
    assert!(said.contains("write a rule or rules_file into the configuration"), "{said}");
}
