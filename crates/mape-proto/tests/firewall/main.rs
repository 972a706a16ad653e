//! The loader with the real nft, in a network namespace of its own. Needs root; without it the
//! tests are skipped, except in CI.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

#[path = "../../../../tests/support/executable.rs"]
mod executable;
mod orphan;
mod processes;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use executable::executable;
use mape_core::{PortList, Request, plan};
use mape_firewall::State;
use mape_nft::{EdgeChoice, Options};

/// A directory for state files and a namespace's script to run with it.
struct Bench {
    directory: PathBuf,
}

impl Bench {
    /// `None` where rules cannot be loaded here.
    fn new(name: &str) -> Option<Self> {
        let directory =
            std::env::temp_dir().join(format!("mape-load-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        let bench = Self { directory };
        let able = bench.sh("nft list tables").status.success();
        if !able {
            assert!(std::env::var_os("MAPE_CI").is_none(), "CI must be able to load rules");
            eprintln!("skipped: needs root, ip, unshare and nft");
        }
        able.then_some(bench)
    }

    fn state(&self, interface: &str, prefix: &str, edge: &str, options: Options) {
        let plan = plan(&Request::new(prefix.parse().unwrap())).unwrap();
        let edge: EdgeChoice = edge.parse().unwrap();
        let name = interface.parse().unwrap();
        State::new(&name, &plan, &PortList::default(), edge, options)
            .write(&self.directory)
            .unwrap();
    }

    fn v6plus(&self, interface: &str, edge: &str) {
        self.state(interface, "240b:10:3261:6400::/56", edge, Options::default());
    }

    /// An nft that refuses texts with one of these words, as a kernel that lacks something does.
    fn refusing(&self, words: &str) -> String {
        let path = self.directory.join("nft-refusing");
        let script = format!(
            "#!/bin/sh\ncase $1$2 in -f-|-c-f) ;; *) exec nft \"$@\";; esac\n\
             text=$(mktemp)\ncat > $text\n\
             if grep -qE '{words}' $text; then echo 'Error: no such hook' >&2; rc=1\n\
             elif [ $1 = -c ]; then nft -c -f $text; rc=$?\n\
             else echo loaded >>$0.loads; nft -f $text; rc=$?; fi\nrm $text; exit $rc\n"
        );
        executable(&path, &script);
        format!("load --nft-program {}", path.display())
    }

    /// `load` is the loader; `faulty COMMAND` wants exit status 1; `up NAME` makes a device.
    fn sh(&self, script: &str) -> Output {
        let script = format!(
            "set -e; mount -t sysfs sysfs /sys; \
             MAPE={}; STATIC={}/../../files/usr/share/nftables.d/ruleset-post/50-mape-rs.nft; \
             load() {{ $MAPE firewall --state-dir {} \"$@\"; }}; \
             faulty() {{ rc=0; \"$@\" || rc=$?; [ $rc = 1 ]; }}; \
             up() {{ ip link add $1 type veth peer name p-$1; }}; {script}",
            env!("CARGO_BIN_EXE_mape-proto"),
            env!("CARGO_MANIFEST_DIR"),
            self.directory.display()
        );
        Command::new("unshare").args(["--net", "--mount", "sh", "-c", &script]).output().unwrap()
    }

    fn ok(&self, script: &str) -> String {
        let output = self.sh(script);
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn file(directory: &Path, name: &str) -> String {
    std::fs::read_to_string(directory.join(name)).unwrap()
}

#[test]
fn without_state_or_device_only_the_guard() {
    let Some(bench) = Bench::new("guard") else { return };
    let text = bench.ok("load; load; nft list ruleset");
    assert!(text.starts_with("no interface is open; the guard loaded\nno interface is open; the guard is loaded already\n"), "{text}");
    assert!(
        text.contains("oifname \"mape-*\" goto leak_guard") && !text.contains("netdev"),
        "{text}"
    );
    bench.v6plus("wan", "auto");
    let text = bench.ok("faulty load; nft list ruleset");
    assert!(
        text.contains("wan: no device mape-wan yet\n") && !text.contains("goto egress-filter"),
        "{text}"
    );
    // A device that went takes its rules with it.
    let text = bench.ok("up mape-wan; load; ip link del mape-wan; faulty load; nft list ruleset");
    assert!(!text.contains("goto egress-filter") && !text.contains("table netdev"), "{text}");
    // And leaves nothing, whatever its edge was.
    for edge in ["netdev", "postrouting", "plain"] {
        bench.v6plus("wan", edge);
        bench.ok("faulty load; nft list ruleset >$0.1; up mape-wan; load; ip link del mape-wan; faulty load; \
             nft list ruleset >$0.2; cmp $0.1 $0.2; rm $0.?"
            .replace("$0", &bench.directory.join("rules").display().to_string())
            .as_str());
    }
}

#[test]
fn loads_once_and_again_when_something_is_missing() {
    let Some(bench) = Bench::new("again") else { return };
    bench.v6plus("wan", "auto");
    let loaded = "wan: mape-wan, edge netdev, loaded\n";
    let already = "wan: mape-wan, edge netdev, is loaded already\n";
    assert_eq!(bench.ok("up mape-wan; load; load"), format!("{loaded}{already}"));
    for damage in [
        "nft flush ruleset",
        "nft delete table inet mape_rs",
        "nft delete table netdev mape_rs_wan",
        "nft add table netdev mape_rs_old",
        "nft flush table inet mape_rs",
        "nft flush table netdev mape_rs_wan",
        "nft flush table inet mape_rs; nft -f $STATIC",
        "nft flush map inet mape_rs open_interfaces",
        "nft flush map inet mape_rs snat_by_oif",
        "nft flush map inet mape_rs outer_guard_by_ce",
        "$MAPE plan --nft --device mape-wan 240b:10:3261:6500::/56 | nft -f -",
        "$MAPE plan --nft --device mape-wan --reserve 5696 240b:10:3261:6400::/56 | nft -f -",
        "ip link del mape-wan; up mape-wan",
    ] {
        let text =
            bench.ok(&format!("up mape-wan; load; {damage}; load; load; nft list tables | sort"));
        let tables = "table inet mape_rs\ntable netdev mape_rs_wan\n";
        assert_eq!(text, format!("{loaded}{loaded}{already}{tables}"), "{damage}");
    }
    // The same rules after any damage; in another order, because the edge is created again.
    for damage in [
        "nft flush ruleset",
        "nft flush table inet mape_rs; nft flush table netdev mape_rs_wan",
        "$MAPE plan --nft --device mape-wan 240b:10:3261:6500::/56 | nft -f -",
    ] {
        bench.ok(&format!(
            "up mape-wan; load; nft list ruleset | sort > $0.1; {damage}; load; \
             nft list ruleset | sort > $0.2; cmp $0.1 $0.2; rm $0.?"
        )
        .replace("$0", &bench.directory.join("rules").display().to_string()));
    }
}

#[test]
fn states_that_cannot_be_used() {
    let Some(bench) = Bench::new("states") else { return };
    bench.v6plus("wan", "auto");
    bench.state("copy", "2400:4050:80ba:2200::/56", "auto", Options::default());
    let whole = file(&bench.directory, "wan.json");
    for (name, content) in [
        ("cut", &whole[..whole.len() / 2]),
        ("empty", ""),
        ("other", &whole),
        ("twin", &file(&bench.directory, "copy.json").replace("\"copy\"", "\"twin\"")),
    ] {
        std::fs::write(bench.directory.join(format!("{name}.json")), content).unwrap();
    }
    let text = bench.ok("up mape-wan; up mape-copy; faulty load");
    for line in [
        "copy: mape-copy, edge netdev, loaded\n",
        "wan: mape-wan, edge netdev, loaded\n",
        "cut: state ignored, EOF",
        "empty: state ignored, EOF",
        "other: state ignored, it is that of wan\n",
        "twin: state ignored, its device mape-copy is that of copy\n",
    ] {
        assert!(text.contains(line), "{line} {text}");
    }
}

/// Two sections for one line: the other one works, and stays as it is.
#[test]
fn of_two_interfaces_with_one_line_one_is_left_out() {
    let Some(bench) = Bench::new("same-line") else { return };
    bench.v6plus("wan", "auto");
    bench.v6plus("wan6", "auto");
    let text = bench.ok("up mape-wan; up mape-wan6; faulty load; faulty load");
    let left_out = "wan6: left out, its line is that of wan; remove one of the two\n";
    let loaded = "wan: mape-wan, edge netdev, loaded\n";
    let already = "wan: mape-wan, edge netdev, is loaded already\n";
    assert_eq!(text, format!("{loaded}{left_out}{already}{left_out}"));
}

#[test]
fn the_best_edge_that_the_kernel_takes() {
    let Some(bench) = Bench::new("edges") else { return };
    bench.v6plus("wan", "auto");
    for (lacking, edge) in [
        ("nothing", "netdev"),
        ("hook egress", "postrouting"),
        ("hook egress|tcp sport set", "plain"),
    ] {
        let load = bench.refusing(lacking);
        let text = bench.ok(&format!("up mape-wan; {load}; {load}; nft list ruleset"));
        let expected = format!(
            "wan: mape-wan, edge {edge}, loaded\nwan: mape-wan, edge {edge}, is loaded already\n"
        );
        assert!(text.starts_with(&expected), "{text}");
        assert!(text.contains("goto egress-filter_wan"), "{text}");
        // The better one is used as soon as it can be.
        let text = bench.ok(&format!("up mape-wan; {load}; load; nft list tables"));
        assert!(
            text.contains("edge netdev") && text.ends_with("table netdev mape_rs_wan\n"),
            "{text}"
        );
    }
    // A stated edge is not replaced by another; what an option needs is.
    bench.v6plus("wan", "netdev");
    std::fs::remove_file(bench.directory.join("wan.loaded")).unwrap();
    let load = bench.refusing("hook egress");
    let output = bench.sh(&format!("up mape-wan; {load}"));
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        error.contains("nft refuses the rules: Error: no such hook.\n")
            && error.contains("MAPE_FIREWALL_REJECTED"),
        "{error}"
    );
    let options = Options { time_wait: std::num::NonZeroU16::new(10), ..Options::default() };
    bench.state("wan", "240b:10:3261:6400::/56", "auto", options);
    let load = bench.refusing("ct timeout");
    assert!(bench.ok(&format!("up mape-wan; {load}")).contains("edge netdev, loaded"));
    assert!(bench.ok("up mape-wan; load; nft list ruleset").contains("time_wait : 10"));
}

#[test]
fn one_bad_interface_does_not_shut_the_others() {
    let Some(bench) = Bench::new("one-bad") else { return };
    bench.v6plus("bad", "auto");
    bench.state("wan", "2400:4050:80ba:2200::/56", "auto", Options::default());
    let load = bench.refusing("goto snat_bad");
    let text = bench.ok(&format!("up mape-bad; up mape-wan; faulty {load}; nft list ruleset"));
    assert!(
        text.contains("wan: mape-wan, edge netdev, loaded\nbad: left out, its rules are not loaded, nft refuses"),
        "{text}"
    );
    assert!(
        text.contains("goto egress-filter_wan") && !text.contains("egress-filter_bad"),
        "{text}"
    );
    // It is loaded once, and then only asked about.
    bench.state("wan2", "2400:4050:80ba:2300::/56", "netdev", Options::default());
    let text = bench.ok(&format!(
        "up mape-bad; up mape-wan; up mape-wan2; rm -f {0}; faulty {load}; faulty {load}; faulty {load}; wc -l <{0}",
        bench.directory.join("nft-refusing.loads").display()
    ));
    for name in ["wan", "wan2"] {
        let already = format!("{name}: mape-{name}, edge netdev, is loaded already\n");
        assert_eq!(text.matches(&already).count(), 2, "{text}");
    }
    assert!(text.ends_with("\n1\n") && text.matches("bad: left out").count() == 3, "{text}");
    std::fs::remove_file(bench.directory.join("wan2.json")).unwrap();
    // Where nothing is accepted, what opened the line before is shut.
    std::fs::remove_file(bench.directory.join("wan.json")).unwrap();
    let text = bench.ok(&format!("up mape-bad; load; sed -i s/1460/1414/ {}/bad.json; ({load}) 2>&1 && exit 1; nft list ruleset", bench.directory.display()));
    assert!(text.contains("MAPE_FIREWALL_REJECTED"), "{text}");
    assert!(
        text.contains("oifname \"mape-*\" goto leak_guard") && !text.contains("goto egress-filter"),
        "{text}"
    );
}

/// Memory is short, or nft is killed, while the whole text is loaded, and the small one that shuts
/// would fit: what is open stays as it is, the caller hears of it, and the next load does the work.
#[test]
fn what_says_nothing_of_the_rules_shuts_nothing() {
    let Some(bench) = Bench::new("no-verdict") else { return };
    let at = bench.directory.display();
    let nft = bench.directory.join("nft-dying");
    let refused = "echo 'Error: no such hook' >&2; exit 1";
    let said = |words: &str, status: u8| format!("echo '{words}' >&2; exit {status}");
    let no_memory = "utils.c:96: Memory allocation failure";
    // What it does when it is to load the text, and when it is asked about it.
    for (load, check, expected) in [
        ("kill -9 $$".to_owned(), refused.to_owned(), "was killed by signal 9"),
        (said(no_memory, 2), refused.to_owned(), no_memory),
        (said(no_memory, 1), refused.to_owned(), no_memory),
        (said("netlink: No buffer space available", 1), refused.to_owned(), "No buffer space"),
        (refused.to_owned(), "kill -6 $$".to_owned(), "was killed by signal 6"),
        (refused.to_owned(), said("Cannot allocate memory", 1), "Cannot allocate memory"),
    ] {
        // A state makes all that is there root's alone.
        bench.v6plus("wan", "auto");
        executable(
            &nft,
            &format!(
                "#!/bin/sh\ncase $1$2 in -f-|-c-f) ;; *) exec nft \"$@\";; esac\ntext=$(cat)\n\
                 case $1$text in -f*egress-filter_wan*) {load} ;; -c*egress-filter_wan*) {check} ;; esac\n\
                 printf '%s\\n' \"$text\" | nft \"$@\"\n"
            ),
        );
        let text = bench.ok(&format!(
            "up mape-wan; load; nft list ruleset >{at}/1; sed -i s/1460/1414/ {at}/wan.json; \
             faulty load --nft-program {nft} 2>&1; nft list ruleset >{at}/2; cmp {at}/1 {at}/2; \
             load; nft list ruleset",
            nft = nft.display()
        ));
        assert!(text.contains(expected), "{load}, {check}: {text}");
        let healed = "wan: mape-wan, edge netdev, loaded\n";
        assert_eq!(text.matches(healed).count(), 2, "{load}, {check}: {text}");
        assert!(text.contains("goto egress-filter_wan"), "{load}, {check}: {text}");
    }
}

/// The section of a line gets another name: what was published under the old one is so no more.
#[test]
fn published_ports_end_with_their_interface() {
    let Some(bench) = Bench::new("renamed") else { return };
    let root = bench.directory.join("root");
    std::fs::create_dir_all(root.join("etc/config")).unwrap();
    let forward =
        "config mape_forward 'web'\n\toption src_dport '5700'\n\toption dest_ip '192.168.1.10'\n";
    std::fs::write(root.join("etc/config/firewall"), forward).unwrap();
    bench.v6plus("wan", "auto");
    let (directory, root) = (bench.directory.display(), root.display());
    let other = format!(
        "sed 's/\"wan\"/\"wanx\"/; s/mape-wan/mape-wanx/' {directory}/wan.json >{directory}/wanx.json"
    );
    let text = bench.ok(&format!(
        "up mape-wan; load --root {root}; nft list chains | grep -c _wan; \
         {other}; rm {directory}/wan.json {root}/etc/config/firewall; ip link del mape-wan; \
         up mape-wanx; load --root {root}; load --root {root}; nft list ruleset"
    ));
    assert!(text.contains("wanx: mape-wanx, edge netdev, is loaded already\n"), "{text}");
    for left in ["chain hairpin", "chain dnat-local", "chain dnat-in_wan {"] {
        assert!(!text.contains(left), "{left}: {text}");
    }
}

/// firewall4's set has what is published, and nothing else: through its reload and restart, a
/// withdrawal and the end of the interface. Without firewall4, or without its includes, nothing is
/// different.
#[test]
fn published_ports_are_in_the_set_of_firewall4() {
    let Some(bench) = Bench::new("fw4") else { return };
    let root = bench.directory.join("root");
    std::fs::create_dir_all(root.join("etc/config")).unwrap();
    std::fs::create_dir_all(root.join("var/run")).unwrap();
    let forward = "config mape_forward web\n option src_dport 5700\n option dest_ip 192.168.1.10\n \
                   option dest_port 8000\n option proto tcp\n";
    std::fs::write(root.join("etc/config/firewall"), forward).unwrap();
    let zones = r#"{"zones":[{"name":"lan","network":[{"device":"lan"}],
        "match_rules":[{"devices_pos":["br-lan"]}]}]}"#;
    std::fs::write(root.join("var/run/fw4.state"), zones).unwrap();
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/../../files/usr/share/nftables.d");
    let table = |set: &str, line: &str| {
        format!(
            "table inet fw4\nflush table inet fw4\ntable inet fw4 {{\n{set}\nchain forward {{\n\
             type filter hook forward priority filter; policy drop;\n{line}\n}}\n}}\n"
        )
    };
    let whole = table(
        &format!("include \"{files}/table-pre/50-mape-rs.nft\""),
        &format!("include \"{files}/table-pre/50-mape-rs.rules\""),
    );
    let (rules, bare) = (bench.directory.join("fw4.nft"), bench.directory.join("bare.nft"));
    std::fs::write(&rules, whole).unwrap();
    std::fs::write(&bare, table("", "")).unwrap();
    // The first state makes all that is there root's alone.
    bench.v6plus("wan", "auto");
    let nft = bench.directory.join("nft-counting");
    executable(&nft, "#!/bin/sh\ncase $1 in -f) echo x >>$0.loads;; esac\nexec nft \"$@\"\n");
    let prelude = format!(
        "again() {{ load --root {root} --nft-program {nft}; }}; loads() {{ wc -l <{nft}.loads; }}; \
         set_is() {{ nft list set inet fw4 mape_rs_published | sed -n 's/.*elements = //p' | \
         grep -qxF \"$1\" || {{ echo \"not $1\"; nft list ruleset; exit 1; }}; }}; \
         empty() {{ [ \"$(nft list set inet fw4 mape_rs_published | grep -c elements)\" = 0 ]; }}; \
         web='{{ 106.72.50.97 . tcp . 5700 . 192.168.1.10 }}'; up mape-wan",
        root = root.display(),
        nft = nft.display(),
    );
    let run = |script: &str| {
        let script = script.replace("RULES", &rules.display().to_string());
        let script = script.replace("BARE", &bare.display().to_string());
        let script = script.replace("ROOT", &root.display().to_string());
        bench.ok(&format!("{prelude}; {script}"))
    };
    let text =
        run("nft -f RULES; again; set_is \"$web\"; once=$(loads); again; [ $(loads) = $once ]; \
         nft -f RULES; set_is \"$web\"; again; [ $(loads) = $once ]; \
         nft delete table inet fw4; nft -f RULES; empty; again; set_is \"$web\"; \
         nft add element inet fw4 mape_rs_published '{ 1.2.3.4 . tcp . 1 . 192.168.1.1 }'; again; \
         set_is \"$web\"; nft list table inet mape_rs; ip link del mape-wan; again || :; empty");
    let hairpin = "iifname \"br-lan\" ip daddr 106.72.50.97 dnat ip to tcp dport map { 5700 : \
                   192.168.1.10 . 8000 }";
    assert!(text.contains(hairpin), "{text}");
    run("nft -f RULES; again; mv ROOT/etc/config/firewall ROOT/saved; again; empty; \
         mv ROOT/saved ROOT/etc/config/firewall");
    // Each interface is reported as open; a value that cannot be read is no fault.
    for fw4 in ["true", "nft -f BARE"] {
        let text = run(&format!("{fw4}; again"));
        assert_eq!(text.lines().next(), Some("wan: mape-wan, edge netdev, loaded"), "{text}");
        assert!(!text.contains("firewall4"), "{text}");
    }
    // The last interface's rules are removed, and so is its record.
    let state = bench.directory.join("wan.json");
    run(&format!("nft -f RULES; again; rm {}; again; empty", state.display()));
}

#[test]
fn many_loaders_at_once() {
    let Some(bench) = Bench::new("many") else { return };
    bench.v6plus("wan", "auto");
    let text = bench.ok(
        "up mape-wan; for i in 1 2 3 4 5 6; do load & p=\"$p $!\"; done; for i in $p; do wait $i; done",
    );
    assert_eq!(text.matches("netdev, loaded\n").count(), 1, "{text}");
    assert_eq!(text.matches("is loaded already\n").count(), 5, "{text}");
}

#[test]
fn a_former_address_is_forgotten() {
    let Some(bench) = Bench::new("forget") else { return };
    let text = bench.ok("load --forget 106.72.50.97");
    assert!(text.ends_with("106.72.50.97: 0 connections forgotten\n"), "{text}");
}

#[test]
fn usage() {
    let Some(bench) = Bench::new("usage") else { return };
    for (arguments, status) in
        [("--help", 0), ("--nope", 2), ("wan", 2), ("--state-dir", 2), ("--forget 1.2.3", 2)]
    {
        let output = bench.sh(&format!("load {arguments}"));
        assert_eq!(output.status.code(), Some(status), "{arguments}");
    }
}
