//! Which programs a load runs. In a private `PATH`, an `nft` records each call.

use crate::Bench;
use crate::executable::executable;

/// `load` finds the `nft` that records its arguments; `calls` prints and clears the record.
/// `listed` prints the rules. nft lists elements in any order, and the order of rules matters.
const RECORDED: &str = "listed() { nft list ruleset | sort; for guard in forward output; do \
                        nft list chain inet mape_rs ${guard}_guard; done; }; \
                        calls() { cat $CALLS 2>/dev/null || :; rm -f $CALLS; }; \
                        load() { PATH=$BIN:$PATH $MAPE firewall --state-dir $STATE \"$@\"; }";
/// What a complete load calls.
const LOAD: &str = "list chains\n-f -\n";

impl Bench {
    /// Runs the script with the functions of [`RECORDED`]. Its first loads are recorded too.
    fn recorded(&self, script: &str) -> String {
        let bin = self.directory.join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let nft = self.ok("command -v nft");
        let record = format!("#!/bin/sh\necho \"$*\" >>$CALLS\nexec {} \"$@\"\n", nft.trim());
        executable(&bin.join("nft"), &record);
        // The check of the usual rules, which an earlier start of the firewall has made.
        self.sh("load");
        let state = self.directory.display();
        let prelude = format!("export CALLS={state}/calls BIN={}; STATE={state}", bin.display());
        self.ok(&format!("{prelude}; {RECORDED}; {script}"))
    }
}

#[test]
fn a_load_that_changes_nothing_runs_no_program() {
    let Some(bench) = Bench::new("no-program") else { return };
    for edge in ["netdev", "postrouting", "plain"] {
        bench.v6plus("wan", edge);
        let ports = "2400:4050:80ba:2200::/56";
        bench.state("wan2", ports, edge, mape_nft::Options::default());
        let text = bench.recorded("up mape-wan; up mape-wan2; load >&2; calls; load; load; calls");
        let already = |name| format!("{name}: mape-{name}, edge {edge}, is loaded already\n");
        let already = format!("{}{}", already("wan"), already("wan2"));
        assert_eq!(text, format!("{LOAD}{already}{already}"), "{edge}");
        std::fs::remove_file(bench.directory.join("wan2.json")).unwrap();
    }
    // The guard alone, too.
    std::fs::remove_file(bench.directory.join("wan.json")).unwrap();
    let guard = "no interface is open; the guard is loaded already\n";
    assert_eq!(bench.recorded("load >&2; calls; load; calls"), format!("{LOAD}{guard}"));
}

/// Other programs that change their own tables change nothing of ours, and packets are counted.
#[test]
fn other_tables_and_counters_count_for_nothing() {
    let Some(bench) = Bench::new("not-ours") else { return };
    bench.v6plus("wan", "netdev");
    let text = bench.recorded(
        "up mape-wan; load >&2; calls >&2; \
         nft 'add table inet fw4; add table netdev x; \
         add chain inet fw4 forward { type filter hook forward priority 0; policy drop; }'; \
         ip link set mape-wan up; ip link set p-mape-wan up; \
         ip -6 addr add 2001:db8::1/64 dev mape-wan nodad; \
         ip -6 neigh add 2001:db8::2 lladdr 02:00:00:00:00:01 dev mape-wan; \
         bash -c 'echo >/dev/udp/2001:db8::2/9'; \
         nft list ruleset | grep -q 'counter packets [1-9]'; load; calls",
    );
    assert_eq!(text, "wan: mape-wan, edge netdev, is loaded already\n");
}

/// While nft checks a text with our tables, as firewall4 does in each reload, the kernel repeats
/// or leaves out rules at the borders of its datagrams.
#[test]
fn a_check_beside_it_changes_nothing_that_is_read() {
    let Some(bench) = Bench::new("checked") else { return };
    bench.v6plus("wan", "netdev");
    let text = bench.recorded(
        "up mape-wan; load >&2; calls >&2; nft list ruleset >$STATE/text; \
         while [ -e $STATE/text ]; do nft -c -f $STATE/text || :; done 2>/dev/null & \
         for i in $(seq 300); do load; done | sort | uniq -c; rm $STATE/text; wait; calls",
    );
    assert_eq!(text.trim(), "300 wan: mape-wan, edge netdev, is loaded already");
}

/// Whatever was changed is loaded again: as a whole, or, without running a program, the short cuts
/// alone, which a reload of firewall4 removes. After that, the rules are the same as before.
#[test]
fn whatever_another_program_changed_is_loaded_again() {
    let Some(bench) = Bench::new("changed") else { return };
    let rule = |chain: &str, number: u8| {
        format!(
            "nft delete rule {chain} handle $(nft -a list chain {chain} | \
             sed -n 's/^\t\t.*# handle //p' | sed -n {}p)",
            number + 1
        )
    };
    let once = |edge: &str, damage: &str, expected: &str| {
        bench.v6plus("wan", edge);
        let text = bench.recorded(&format!(
            "up mape-wan; load >&2; calls >&2; listed >$STATE/1; {damage}; load; \
             calls; load >&2; calls; listed >$STATE/2; cmp $STATE/1 $STATE/2"
        ));
        let said = if expected == LOAD { "loaded" } else { "is loaded already" };
        let said = format!("wan: mape-wan, edge {edge}, {said}\n");
        assert_eq!(text, format!("{said}{expected}"), "{damage}");
    };
    let table = "nft delete table";
    for damage in [
        "nft flush ruleset",
        &format!("{table} inet mape_rs"),
        &format!("{table} inet mape_rs; nft -f $STATIC"),
        &format!("{table} netdev mape_rs_wan"),
        "nft add table netdev mape_rs_old",
        "nft flush table inet mape_rs; nft -f $STATIC",
        "nft flush table netdev mape_rs_wan",
        "nft flush chain inet mape_rs snat_wan",
        "nft flush chain inet mape_rs leak_guard",
        "nft flush chain inet mape_rs srcnat; nft add rule inet mape_rs srcnat accept",
        "nft flush chain netdev mape_rs_wan edge_in",
        "nft flush chain netdev mape_rs_wan loaded_hash",
        &rule("inet mape_rs leak_guard", 1),
        &rule("inet mape_rs forward_guard", 0),
        &rule("inet mape_rs forward_guard", 2),
        &rule("inet mape_rs egress-filter_wan", 1),
        &rule("netdev mape_rs_wan edge_out", 0),
        &rule("netdev mape_rs_wan out-tcp", 2),
        "nft add rule inet mape_rs forward_guard accept",
        "nft insert rule netdev mape_rs_wan edge_in accept",
        "nft 'add chain inet mape_rs forward_guard { policy drop; }'",
        "nft 'add table inet mape_rs { flags dormant; }'",
        "nft flush map inet mape_rs open_interfaces",
        "nft flush map inet mape_rs snat_by_oif",
        "nft flush map inet mape_rs outer_guard_by_ce",
        "nft flush set inet mape_rs ce_addresses",
        "nft 'add element inet mape_rs open_interfaces { 99 : drop }'",
        "nft 'delete element inet mape_rs outer_guard_by_ce { 240b:10:3261:6400:6a:4832:6100:6400 }; \
         add element inet mape_rs outer_guard_by_ce { 240b:10:3261:6400:6a:4832:6100:6400 : drop }'",
    ] {
        once("netdev", damage, LOAD);
    }
    for edge in ["netdev", "postrouting"] {
        once(edge, "nft -f $STATIC", "");
    }
    for map in ["edge_in_by_iif", "edge_out_by_oif"] {
        once("postrouting", &format!("nft flush map inet mape_rs {map}"), LOAD);
    }
}

/// Without a note that can be read, or with a wrong one, the rules are loaded once more.
#[test]
fn what_is_uncertain_is_loaded_again() {
    let Some(bench) = Bench::new("uncertain") else { return };
    bench.v6plus("wan", "netdev");
    for damage in [
        "rm $STATE/content",
        "echo 1 2 x >$STATE/content",
        ": >$STATE/content",
        "sed -i '1s/ .*/ 1 2/' $STATE/content",
        "sed -i '1s/^[^ ]*/0x0000000000000001/' $STATE/content",
        // The notes of the short cuts.
        "nft -f $STATIC; sed -i 's/^0 /2 /' $STATE/content",
        "nft -f $STATIC; sed -i '2s/.$//' $STATE/content",
        "nft -f $STATIC; sed -i '2,$d' $STATE/content",
        "nft -f $STATIC; sed -i '2s/0800010/0800011/' $STATE/content",
    ] {
        let text = bench.recorded(&format!(
            "up mape-wan; load >&2; calls >&2; listed >$STATE/1; {damage}; load; calls; \
             load >&2; calls; listed >$STATE/2; cmp $STATE/1 $STATE/2"
        ));
        assert_eq!(text, format!("wan: mape-wan, edge netdev, loaded\n{LOAD}"), "{damage}");
    }
    // A user without the capability gets no answer from the kernel, and an error from nft.
    let text = bench.recorded(
        "up mape-wan; load >&2; calls >&2; drop() { setpriv --bounding-set -net_admin \"$@\"; }; \
         PATH=$BIN:$PATH; faulty drop $MAPE firewall --state-dir $STATE 2>&1; calls",
    );
    assert!(text.contains("Operation not permitted") && text.contains("list chains\n"), "{text}");
}

/// What an older version loaded, and forwards that were added since.
#[test]
fn another_text_is_loaded() {
    let Some(bench) = Bench::new("another") else { return };
    bench.v6plus("wan", "netdev");
    let loaded = format!("wan: mape-wan, edge netdev, loaded\n{LOAD}");
    // Its names, its marker without a note, and a note that is not of this text.
    for former in [
        "nft 'add table inet mape_rs; add chain inet mape_rs loaded; \
         add rule inet mape_rs loaded return comment \"0x1\"'",
        "load >&2; calls >&2; rm $STATE/wan.loaded; sed -i s/1460/1414/ $STATE/wan.json",
    ] {
        bench.v6plus("wan", "netdev");
        let text = bench.recorded(&format!("up mape-wan; {former}; load; calls; load >&2; calls"));
        assert_eq!(text, loaded, "{former}");
    }
    bench.v6plus("wan", "netdev");
    std::fs::create_dir_all(bench.directory.join("root/etc/config")).unwrap();
    let forward = "config mape_forward web\n option src_dport 5700\n option dest_ip 192.168.1.10\n";
    std::fs::write(bench.directory.join("firewall"), forward).unwrap();
    let text = bench.recorded(
        "load() { PATH=$BIN:$PATH $MAPE firewall --state-dir $STATE --root $STATE/root; }; \
         up mape-wan; load >&2; calls >&2; cp $STATE/firewall $STATE/root/etc/config/firewall; \
         load; calls; load >&2; calls; rm $STATE/root/etc/config/firewall; load; calls; load >&2; calls",
    );
    let (line, calls) = loaded.split_once('\n').unwrap();
    let published = |what| format!("{line}\nforward web: {what} 106.72.50.97:5700\n{calls}");
    assert_eq!(text, format!("{}{}", published("published at"), published("withdrawn from")));
}
