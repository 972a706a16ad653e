#![allow(clippy::unwrap_used, clippy::needless_raw_string_hashes, reason = "a test")]

use super::{InputChain, Rule, Ruleset, comment, deletions};

/// As nft 1.0.6 lists them.
const CHAIN: &str = r#"{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}},
    {"chain": {"family": "inet", "table": "filter", "name": "input", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}},
    {"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 5, "comment": "mape-rs wan2", "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip6", "field": "saddr"}}, "right": "2001:db8::1"}}, {"accept": null}]}},
    {"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 7, "comment": "mape-rs wan", "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip6", "field": "saddr"}}, "right": "2001:db8::1"}}, {"match": {"op": "==", "left": {"payload": {"protocol": "ip6", "field": "daddr"}}, "right": "2001:db8::2"}}, {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "ipencap"}}, {"accept": null}]}},
    {"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 8, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}, {"accept": null}]}}]}"#;

#[test]
fn only_our_rules_are_deleted() {
    let chain: InputChain = "inet filter input".parse().unwrap();
    let ruleset: Ruleset = serde_json::from_str(CHAIN).unwrap();
    let ours: Vec<&Rule> = ruleset.rules_with(&comment(&"wan".parse().unwrap())).collect();
    assert_eq!(deletions(&chain, &ours), "delete rule inet filter input handle 7\n");
}

#[test]
fn a_rule_for_other_addresses_is_not_ours_of_today() {
    let ruleset: Ruleset = serde_json::from_str(CHAIN).unwrap();
    let rule = ruleset.rules_with("mape-rs wan").next().unwrap();
    assert!(rule.compares("ip6 saddr", "2001:db8::1") && rule.compares("ip6 daddr", "2001:db8::2"));
    assert!(!rule.compares("ip6 saddr", "2001:db8::2") && !rule.compares("ip6 daddr", "2001:db8"));
    assert!(
        !ruleset.rules_with("mape-rs wan2").next().unwrap().compares("ip6 daddr", "2001:db8::2")
    );
}
