#![allow(clippy::unwrap_used, reason = "a test")]

use super::{Packet, bases, drops};

const CHAINS: &str = "\
table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
	}
	chain DOCKER {
	}
}
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
	}
	chain output {
		type filter hook output priority filter; policy accept;
	}
}
table inet mape_rs {
	chain input {
		type filter hook input priority filter; policy drop;
	}
}
table ip nat {
	chain x {
		type nat hook input priority 100; policy drop;
	}
}
";

#[test]
fn chains_of_others_at_a_hook_are_found() {
    let found = |hook, families| {
        let bases = bases(CHAINS, hook, families);
        bases
            .iter()
            .map(|at| format!("{} {} {}", at.family, at.table, at.chain))
            .collect::<Vec<_>>()
    };
    assert_eq!(found("input", &["inet", "ip6"]), ["inet filter input"]);
    assert_eq!(found("forward", &["inet", "ip"]), ["ip filter FORWARD"]);
    assert!(bases("", "input", &["inet"]).is_empty());
}

/// Whether a chain with these rules drops what the BR sends first.
fn dropped(policy: &str, rules: &[&str]) -> bool {
    let packet = Packet::default()
        .with("iifname", &["eth0"])
        .with("ip6 saddr", &["2404:9200:225:100::64"])
        .with("ip6 daddr", &["240b:10:3261:6400:6a:4832:6100:6400"])
        .with("meta l4proto", &["4", "ipencap"])
        .with("ct state", &["new"]);
    let table = format!(
        "table inet filter {{\n\tset x {{\n\t\ttype ipv4_addr\n\t}}\n\n\tchain more {{\n\t\tiifname \"eth0\" return\n\
         \t\tdrop\n\t}}\n\n\tchain br {{\n\t\tip6 nexthdr 41 drop\n\t\tmeta l4proto ipencap accept\n\t}}\n\n\tchain input {{\n\
         \t\ttype filter hook input priority filter; policy {policy};\n\t\t{}\n\t}}\n}}\n",
        rules.join("\n\t\t")
    );
    drops(&table, "input", &packet)
}

const PRINTED: &str = "ip6 saddr 2404:9200:225:100::64 ip6 daddr 240b:10:3261:6400:6a:4832:6100:6400 \
                       meta l4proto ipencap accept";

#[test]
fn a_rule_for_the_packet_lets_it_through() {
    assert!(!dropped("accept", &[]));
    assert!(dropped("drop", &[]));
    for rule in [
        PRINTED,
        &PRINTED.replace("ipencap accept", "4 counter packets 5 bytes 400 accept comment \"mine\""),
        "meta l4proto { tcp, ipencap } accept",
        "ip6 saddr 2404:9200::/32 accept",
        "iifname \"eth*\" accept",
        "iifname != { \"lan\", \"guest\" } meta l4proto 4 accept",
        "ct state established,related,new accept",
        "ct state vmap { established : accept, new : jump br, invalid : drop }",
        "counter packets 0 bytes 0 jump br",
        "accept",
    ] {
        assert!(!dropped("drop", &[rule]), "{rule}");
        assert!(dropped("drop", &["drop", rule]), "{rule} comes too late");
    }
}

#[test]
fn a_rule_for_others_does_not() {
    for rule in [
        &PRINTED.replace("::64", "::65"),
        &PRINTED.replace("ipencap", "ipv6"),
        "ip6 saddr 2404:9300::/32 accept",
        "iifname \"lan\" accept",
        "iifname != \"eth0\" accept",
        "ct state { established, related } accept",
        "ct state vmap { established : accept, related : accept, invalid : drop }",
        "ip6 saddr @x accept",
        "tcp dport 22 accept",
        "limit rate 5/second accept",
        "jump more",
        "jump nowhere",
    ] {
        assert!(dropped("drop", &[rule]), "{rule}");
    }
    // As firewalld does it.
    assert!(dropped(
        "accept",
        &["ct state established accept", "reject with icmpx admin-prohibited"]
    ));
    assert!(!dropped("accept", &[PRINTED, "reject with icmpx admin-prohibited"]));
    assert!(!dropped("accept", &["iifname \"lan\" drop", "jump more"]));
}
