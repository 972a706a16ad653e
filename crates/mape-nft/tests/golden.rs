//! The text itself, for readers and for the other side of each change: `MAPE_BLESS=1` writes it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use mape_nft::{
    Edge, Interface, Offload, Options, Transaction, probe, standalone, static_text, transaction,
};
use support::*;

/// 15 ports in 15 blocks of one: short, and of the same form as a real line.
fn small(reserved: &str) -> mape_core::Plan {
    own_rule("ipv4=192.0.2.0/24,ea=20,offset=4", "2001:db8:12:3400::/60", reserved)
}

fn compare(path: &str, text: &str) {
    let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("MAPE_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let line = golden.lines().zip(text.lines()).position(|(one, other)| one != other);
    assert!(
        golden == text,
        "{path} differs from line {line:?} on; MAPE_BLESS=1 writes the new text"
    );
}

#[test]
fn stand_alone_files() {
    for (name, plan, edge) in [
        ("netdev", small(""), Edge::Netdev),
        ("netdev-reserved", small("9024,62272"), Edge::Netdev),
        ("postrouting", small(""), Edge::Postrouting),
        ("whole-address", whole_address(), Edge::Netdev),
        ("whole-address-reserved", whole_reserved(), Edge::Netdev),
        ("whole-prefix", whole_prefix(), Edge::Postrouting),
    ] {
        compare(&format!("tests/vectors/nft/{name}.nft"), &standalone(&interface(&plan, edge)));
    }
    let publishing =
        Interface { forwards: forwards(), ..interface(&small("9024,62272"), Edge::Netdev) };
    compare("tests/vectors/nft/published.nft", &standalone(&publishing));
    let everything = Interface {
        device: "tun0".parse().unwrap(),
        options: Options {
            full_cone: true,
            time_wait: std::num::NonZeroU16::new(10),
            dscp_reset: true,
        },
        offload: Offload::Own(["lan1", "eth1.7"].map(|port| port.parse().unwrap()).to_vec()),
        ..interface(&small(""), Edge::Netdev)
    };
    compare("tests/vectors/nft/every-option.nft", &standalone(&everything));
    compare("tests/vectors/nft/probe.nft", &probe(&everything));
    for (name, offload) in [("flow-offload", Offload::KeptOut), ("flow-refused", Offload::Refused)]
    {
        let slow = Interface { edge: Edge::Postrouting, offload, ..everything.clone() };
        compare(&format!("tests/vectors/nft/{name}.nft"), &standalone(&slow));
    }
}

/// RFC 6888 REQ-12 and 14, and RFC 4787 REQ-10. The golden files have every kind of rule.
#[test]
fn no_rule_logs_or_assigns_a_helper() {
    let mut rules = 0;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/nft");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let mut words = line.split([' ', '\t']);
            assert!(!words.any(|word| word == "log" || word == "helper"), "{line}");
            rules += 1;
        }
    }
    assert!(rules > 1000, "{rules}");
}

/// A flowtable and the chains of a flow offload leave with the first text that has none.
#[test]
fn an_offload_leaves_with_its_flowtable() {
    let interface = |name: &str, index, offload| Interface {
        name: name.parse().unwrap(),
        index: Some(index),
        offload,
        ..interface(&small(""), Edge::Netdev)
    };
    let own = || Offload::Own(vec!["lan1".parse().unwrap()]);
    let chains = "table inet mape_rs {\n\tchain offload_wan {\n\tchain no-offload-in_wan {\n\
                  \tchain no-offload-out_wan {\n\tchain offload_other {\n}\n";
    let removes =
        |text: &str, chain: &str| text.contains(&format!("\ndelete chain inet mape_rs {chain}\n"));
    let goes = "\ndelete flowtable inet mape_rs lan_and_tunnels\n";
    let with = transaction(&[interface("wan", 7, own())]).text(chains);
    assert!(!removes(&with, "offload_wan") && !with.contains(goes), "{with}");
    for chain in ["no-offload-in_wan", "no-offload-out_wan", "offload_other"] {
        assert!(removes(&with, chain), "{with}");
    }
    let without = transaction(&[interface("wan", 7, Offload::Untouched)]).text(chains);
    assert!(removes(&without, "offload_wan"), "{without}");
    // After the chains, which refer to it.
    let place = |words: &str| without.find(words).unwrap();
    assert!(place(goes) > place("\ndelete chain inet mape_rs offload_other\n"), "{without}");
    let other = transaction(&[interface("other", 8, own())]).text(chains);
    assert!(removes(&other, "offload_wan") && !other.contains(goes), "{other}");
}

/// What firewall4 includes.
#[test]
fn the_static_file() {
    let head = "# mape-rs: shut until `mape-proto firewall` opens it. Depends on no device.\n";
    let text = format!("{head}{}", static_text());
    compare("files/usr/share/nftables.d/ruleset-post/50-mape-rs.nft", &text);
}

#[test]
fn the_router_s_transaction() {
    let one = Interface { index: Some(7), ..interface(&small(""), Edge::Netdev) };
    let two = Interface {
        name: "wan2".parse().unwrap(),
        device: "mape-wan2".parse().unwrap(),
        index: Some(8),
        ..interface(&whole_address(), Edge::Postrouting)
    };
    let both = transaction(&[one.clone(), two]);
    let tables =
        "table inet fw4\ntable netdev mape_rs_wan\ntable netdev mape_rs_wan2\ntable netdev x\n";
    compare("tests/vectors/nft/router.nft", &both.text(tables));
    let none = transaction(&[]);
    compare("tests/vectors/nft/router-none.nft", &none.text(""));
    // The same again, and another marker for another text.
    assert_eq!(transaction(&[]), none);
    assert_ne!(both.marker(), none.marker());
    // Three and two for each interface that shares its address.
    assert_eq!([&both, &none].map(Transaction::count_short_cuts), [[3, 2], [0, 0]]);
    assert!(!transaction(&[one]).text("table netdev mape_rs_wan").contains("delete table"));
}
