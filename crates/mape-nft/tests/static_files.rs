//! Our files in firewall4's own text: what they hold, and that part of them breaks nothing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod support;

use mape_nft::transaction;
use support::*;

/// firewall4 loads all or nothing, so a package manager that was cut off while it wrote our files
/// in the order of their names must leave what loads. Rules whose set is missing would not.
#[test]
fn half_an_installation_keeps_no_firewall_from_loading() {
    if !can_load() {
        return;
    }
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/../../files/usr/share/nftables.d");
    let places = [
        "chain-post/forward/50-mape-rs.nft",
        "table-pre/50-mape-rs.nft",
        "table-pre/50-mape-rs.rules",
    ];
    assert!(places.is_sorted());
    let loads = |installed: &[&str]| {
        let copies = installed.join(" ");
        // As firewall4 writes it: a line for each file that is there.
        let script = format!(
            "D=$(mktemp -d)\nfor file in {copies}; do mkdir -p $D/${{file%/*}}; cp {files}/$file $D/$file; done\n\
             sed -i \"s,/usr/share/nftables.d,$D,\" $D/chain-post/forward/*\n\
             include() {{ for file in $D/$1/*.nft; do [ ! -f $file ] || echo \"include \\\"$file\\\"\"; done; }}\n\
             {{ echo 'table inet fw4 {{'; include table-pre; echo 'chain forward {{'\n\
             include chain-post/forward; echo '}}'; echo '}}'; }} >$D/fw4\n\
             nft -f $D/fw4 && nft list chain inet fw4 forward; status=$?; rm -r $D; exit $status"
        );
        let output = sh(&script, "");
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    };
    for count in 1..=places.len() {
        let rules = loads(&places[..count]).unwrap();
        let is_whole = count == places.len();
        assert_eq!(rules.contains("@mape_rs_published accept"), is_whole, "{count}: {rules}");
    }
    assert_eq!(loads(&[places[0], places[2]]), None);
}

/// nft converts the byte order of `meta l4proto` in the key of a set of intervals. Kernel 6.12.118
/// refuses that, since it is one byte, and firewall4 would load nothing; kernel 6.18.44 takes it.
#[test]
fn no_key_has_a_protocol_whose_byte_order_is_converted() {
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/../../files/usr/share/nftables.d");
    let rules = std::fs::read_to_string(format!("{files}/table-pre/50-mape-rs.rules")).unwrap();
    let mut texts = vec![rules];
    for edge in EDGES {
        let mut interface = interface(&whole_address(), edge);
        interface.forwards = forwards();
        texts.push(transaction(&[interface]).text(""));
    }
    for text in texts {
        assert!(text.contains("ip protocol . ct original proto-dst"), "{text}");
        assert!(!text.contains("meta l4proto .") && !text.contains(". meta l4proto"), "{text}");
    }
}
