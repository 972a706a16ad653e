//! `forward add`, `remove` and `list` on the copy of a router, with the lab's `uci`, and with nft
//! and the kernel in a network namespace of the test's own. Needs root; without it the tests are
//! skipped, except in CI.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use mape_uci::Package;
use nix::sched::{CloneFlags, unshare};

use super::*;

pub(crate) struct Router {
    pub(crate) root: PathBuf,
    /// Of the tunnel.
    index: String,
    nft: &'static str,
}

/// The line's state, as set-up leaves it: PSID 100, with 9800 reserved by hand and the last four
/// for UPnP.
pub(crate) const STATE: &str = r#"{"schema":1,"interface":"wan","device":"mape-wan","prefix":"240b:10:3261:6400::/56","rule":"ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,offset=4,psidlen=8,br=2404:9200:225:100::64,layout=draft03","mtu":1460,"reserved":"9800","edge":"auto","upnp_ports":4}"#;

impl Router {
    /// `None` where there is no right to make a namespace.
    pub(crate) fn new(test: &str, firewall: &str) -> Option<Self> {
        let tunnel = "ip link set lo up && ip link add mape-wan type veth peer name p-wan && \
                      ip link set mape-wan up && nft list tables && ip -o link show mape-wan";
        let made = unshare(CloneFlags::CLONE_NEWNET).is_ok();
        let made = made.then(|| Command::new("sh").args(["-c", tunnel]).output().unwrap());
        let Some(made) = made.filter(|made| made.status.success()) else {
            assert!(std::env::var_os("MAPE_CI").is_none(), "CI must be able to make namespaces");
            eprintln!("skipped: needs root, ip and nft");
            return None;
        };
        let index = String::from_utf8(made.stdout).unwrap().split(':').next().unwrap().to_owned();
        let root = std::env::temp_dir().join(format!("mape-forward-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for directory in ["etc/config", "state", "devices/mape-wan", "sbin", "tmp"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        let router = Self { root, index, nft: "nft" };
        router.write("etc/config/firewall", firewall);
        router.write("etc/config/network", "config interface lan\n list ipaddr 192.168.1.1/24\n");
        router.write("etc/config/dhcp", "config host\n option name NAS\n option ip 192.168.1.5\n");
        router.write("state/wan.json", STATE);
        router.write("devices/mape-wan/ifindex", &router.index);
        let events = router.root.join("events");
        let told = "$ACTION $INTERFACE $FORWARD${NAME:+($NAME)} $PROTO $OLD_IPV4:$OLD_PORT $NEW_IPV4:$NEW_PORT$PORTS";
        let script = format!("#!/bin/sh\necho \"$1 {told}\" >>{}\n", events.display());
        fs::create_dir_all(router.root.join("sbin")).unwrap();
        executable(&router.root.join("sbin/hotplug-call"), &script);
        Some(router)
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.root.join(file), text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.root.join(file)).unwrap_or_default()
    }

    pub(crate) fn call(&self, arguments: &str) -> Called {
        self.call_with(&Self::uci(), arguments)
    }

    /// As a process of its own, which can be killed.
    fn start(&self, uci: &str, words: &str) -> Child {
        let root = self.root.display();
        let words = format!(
            "forward {words} --root {root} --uci-program {uci} --state-dir {root}/state \
             --device-dir {root}/devices --nft-program nft"
        );
        let mut command = Command::new(env!("CARGO_BIN_EXE_mape-proto"));
        command.args(words.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// Waits for what a killed call has started: it may still be at work, and has the lock.
    fn settle(&self) {
        let lock = self.root.join("state/.firewall.lock");
        assert!(Command::new("flock").arg(lock).arg("true").status().unwrap().success());
    }

    fn uci() -> String {
        let stand_in = concat!(env!("CARGO_MANIFEST_DIR"), "/../netifd-stand-in/root/sbin/uci");
        // OpenWrt's own, where there is one.
        std::env::var("MAPE_UCI").unwrap_or_else(|_| stand_in.to_owned())
    }

    fn call_with(&self, uci: &str, arguments: &str) -> Called {
        let root = self.root.display();
        words(&format!(
            "forward {arguments} --root {root} --uci-program {uci} --state-dir {root}/state \
             --device-dir {root}/devices --nft-program {}",
            self.nft
        ))
    }

    /// As firewall4's include calls it.
    pub(crate) fn load(&self) -> Called {
        let root = self.root.display();
        let called = words(&format!(
            "firewall --root {root} --state-dir {root}/state --device-dir {root}/devices \
             --nft-program {}",
            self.nft
        ));
        assert_eq!(called.err, "");
        called
    }

    /// An nft that refuses texts with this word: always, or only when they are to be loaded.
    fn refusing(&mut self, word: &str, when: &str) {
        let path = self.root.join("sbin/nft");
        let script = format!(
            "#!/bin/sh\ncase $1$2 in -f-|-c-f) ;; *) exec nft \"$@\";; esac\ntext=$(mktemp)\ncat >$text\n\
             case $1 in {when}) if grep -q '{word}' $text; then rm $text; echo 'Error: no such port' >&2; exit 1; fi;; esac\n\
             if [ $1 = -c ]; then nft -c -f $text; else nft -f $text; fi\nrc=$?\nrm $text\nexit $rc\n"
        );
        executable(&path, &script);
        self.nft = Box::leak(path.display().to_string().into_boxed_str());
    }

    fn list(&self) -> Vec<Value> {
        let called = self.call("list --json");
        assert_valid(&schema("forward"), &called.json());
        called.json()["forwards"].as_array().unwrap().clone()
    }
}

/// The rules in force.
fn rules_in_force() -> String {
    let listed = Command::new("nft").args(["list", "ruleset"]).output().unwrap();
    String::from_utf8(listed.stdout).unwrap()
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

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
    assert!(router.read("state/wan.json").contains(r#""port":5700,"host":"192.168.1.5:443""#));
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
        "remove nobody",
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
    // Somebody else is in the middle of something.
    fs::create_dir_all(router.root.join("tmp/.uci")).unwrap();
    router.write("tmp/.uci/firewall", "firewall.x=rule\n");
    assert!(router.call("add nas:443").err.contains("not committed"));
}

/// A port that a forward without a named one has is not free.
#[test]
fn nobody_is_moved_by_an_addition() {
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

/// Sections that somebody else has written, with and without names.
#[test]
fn the_one_that_is_meant_is_removed() {
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

/// A flash that is full or cannot be written: nothing of it comes back later.
#[test]
fn what_cannot_be_committed_is_taken_back() {
    let Some(router) = Router::new("full", "config defaults\n") else { return };
    router.call("add nas:443 --name web");
    let before = router.read("etc/config/firewall");
    let full = router.root.join("uci");
    let script = format!(
        "#!/bin/sh\ncase $* in *' commit '*) echo 'uci: I/O error' >&2; exit 1 ;; esac\nexec {} \"$@\"\n",
        Router::uci()
    );
    executable(&full, &script);
    for words in ["add nas:22 --name ssh", "remove web"] {
        let called = router.call_with(full.to_str().unwrap(), words);
        assert_eq!(called.status, ExitStatus::Failed);
        assert!(
            called.err.contains("uci: I/O error") && called.err.contains("df /etc"),
            "{}",
            called.err
        );
        assert_eq!(router.read("tmp/.uci/firewall"), "", "{words}");
        assert_eq!(router.list().len(), 1, "{words}");
    }
    assert_eq!(router.read("etc/config/firewall"), before);
    assert_eq!(router.call("add nas:22 --name ssh").status, ExitStatus::Fine);
}

/// Of changes made at the same time none is lost, and none is committed by another.
#[test]
fn many_at_once() {
    let Some(router) = Router::new("many", "config defaults\n") else { return };
    let at_once = |words: &(dyn Fn(usize) -> String + Sync)| {
        std::thread::scope(|scope| {
            let call = |number| {
                let router = &router;
                scope.spawn(move || router.call(&words(number)))
            };
            let calls: Vec<_> = (0..6).map(call).collect();
            for called in calls {
                let called = called.join().unwrap();
                assert_eq!((called.status, called.err.as_str()), (ExitStatus::Fine, ""));
            }
        });
    };
    at_once(&|number| format!("add nas:{} --port {}", 22 + number, 5700 + number));
    assert_eq!(router.list().len(), 6);
    assert!(router.list().iter().all(|it| it["state"] == "published"));
    at_once(&|number| format!("remove {}", 5700 + number));
    assert_eq!(router.call("list").out, "no forward\n");
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
fn it_is_told_when_the_interface_is_open() {
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
    // A host that nobody knows keeps its port until it comes.
    let port = list[1]["port"].as_u64().unwrap();
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

/// A forward is one port. What works for more is told, whichever side the range is on, and nothing
/// is written.
#[test]
fn a_range_is_refused_with_what_works() {
    let Some(router) = Router::new("range", "") else { return };
    for arguments in [
        "192.168.1.10:9792-9799",
        "192.168.1.10:51820 --proto udp --port 5700-5703",
        "192.168.1.10:40000-40499",
        "[::10]:9792-9799",
        "192.168.1.5:25565 --port 9792-9799 --name game",
    ] {
        let called = router.call(&format!("add {arguments}"));
        let range =
            arguments.split([':', ' ']).find(|word| word.contains('-') && !word.starts_with('-'));
        for part in [range.unwrap(), "one for each", "redirect", "src_dport", "reserved_ports"] {
            assert!(called.err.contains(part), "{arguments}: {}", called.err);
        }
        assert_eq!(router.read("etc/config/firewall"), "", "{arguments}");
    }
}
const WEB: &str = "9801 : 192.168.1.5 . 443";

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
    // The same written by hand: it is told by name, and all else stays.
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
fn a_firewall_without_our_includes_is_told() {
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
    let told = || {
        let status = words(&format!("status --json {places}")).json();
        let list = router.call("list --json");
        let listed = list.json()["forwards"][0].clone();
        assert_valid(&schema("forward"), &list.json());
        (status["interfaces"][0]["unknown"].to_string(), list.status, listed)
    };
    let is_silent = || !told().0.contains("firewall4");
    fw4(false);
    assert_eq!(router.load().status, ExitStatus::Fine);
    assert!(is_silent(), "nothing is published");
    assert_eq!(router.call("add nas:443 --name web --port 9801").err, "");
    let (status, exit, listed) = told();
    let reason = "firewall4 stops it: its rules do not have the includes of the package mape-rs";
    assert!(status.contains(&format!("forward web: {reason}")), "{status}");
    assert_eq!((exit, &listed["state"]), (ExitStatus::Failed, &"waiting".into()));
    assert_eq!(listed["reason"], reason);
    assert!(listed["hint"].as_str().unwrap().contains("service firewall reload"), "{listed}");
    // The set alone lets nothing through.
    nft(
        "add set inet fw4 mape_rs_published { type ipv4_addr . inet_proto . inet_service . ipv4_addr; flags interval; }",
    );
    assert_eq!(told().2["state"], "waiting");
    for others in ["fw4", "none"] {
        match others {
            "fw4" => fw4(true),
            _ => nft("delete table inet fw4"),
        }
        assert_eq!(router.load().status, ExitStatus::Fine);
        let (_, exit, listed) = told();
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

/// Killed when its changes are written and not committed, a call leaves nothing for others to
/// commit.
#[test]
fn killed_before_the_commit() {
    let Some(router) = Router::new("uncommitted", "config defaults\n") else { return };
    assert_eq!(router.call("add nas:443 --name web --port 9801").err, "");
    let before = router.read("etc/config/firewall");
    let killer = router.root.join("uci");
    let script = format!(
        "#!/bin/sh\n{} \"$@\" || exit\ncase $* in *' batch') kill -9 $PPID ;; esac\n",
        Router::uci()
    );
    executable(&killer, &script);
    for words in ["add nas:22 --name ssh --port 5700", "remove web"] {
        let status = router.start(killer.to_str().unwrap(), words).wait().unwrap();
        assert_eq!(status.signal(), Some(9), "{words}: it was not killed: {status}");
        router.settle();
        assert_eq!(router.read("tmp/.uci/firewall"), "", "{words}: staged for others");
        assert_eq!(router.load().status, ExitStatus::Fine, "{words}");
        assert_eq!(router.read("etc/config/firewall"), before, "{words}");
        assert!(rules_in_force().contains(WEB) && router.list().len() == 1, "{words}");
    }
    assert_eq!(router.call("remove web").err, "");
}

/// Killed at any moment, `add` and `remove` leave nothing half done. `MAPE_KILLS` says how often.
#[test]
fn killed_at_any_moment() {
    let Some(router) = Router::new("killed", "config defaults\n") else { return };
    let kills = std::env::var("MAPE_KILLS").map_or(10, |text| text.parse().unwrap());
    let start = |words: &str| router.start(&Router::uci(), words);
    let is_configured = || router.read("etc/config/firewall").contains("mape_forward");
    let is_published = || rules_in_force().contains(WEB);
    let mut random = 88_172_645_463_325_252_u64;
    let (mut cut, mut done) = (0, 0);
    // How long a call takes on this machine: some are to end before they are killed.
    let begun = std::time::Instant::now();
    assert!(start("add nas:443 --name web --port 9801").wait().unwrap().success());
    let whole = u64::try_from(begun.elapsed().as_millis()).unwrap() * 3 / 2;
    for number in 0..kills {
        let adds = !is_configured();
        let words = if adds { "add nas:443 --name web --port 9801" } else { "remove web" };
        let mut child = start(words);
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(std::time::Duration::from_millis(random % whole));
        let _ = child.kill();
        let status = child.wait().unwrap();
        router.settle();
        assert_eq!(router.read("tmp/.uci/firewall"), "", "nothing is staged for others");
        let list = router.list();
        assert_eq!(
            list.iter().any(|it| it["state"] == "published"),
            is_published(),
            "{number}: {list:?}"
        );
        if status.success() {
            done += 1;
            assert_eq!((is_configured(), is_published()), (adds, adds), "{number}");
        } else {
            cut += 1;
        }
        let config = router.read("etc/config/firewall");
        assert_eq!(config.contains("mape_forward"), config.contains("9801"), "{config}");
        // The next event, or the next call, brings it in line.
        assert_eq!(router.load().status, ExitStatus::Fine, "{number}");
        assert_eq!(is_configured(), is_published(), "{number}");
        assert_eq!(router.list().len(), usize::from(is_configured()), "{number}");
    }
    eprintln!("{cut} cut off, {done} done");
    assert!(cut > 0);
}
