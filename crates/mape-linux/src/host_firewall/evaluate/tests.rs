#![allow(clippy::unwrap_used, clippy::needless_raw_string_hashes, reason = "a test")]

use super::{Fate, Packet, Ruleset};

/// As nft 1.0.6 lists chains.
const CHAINS: &str = r#"{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
    {"chain": {"family": "ip", "table": "filter", "name": "FORWARD", "handle": 1, "type": "filter", "hook": "forward", "prio": 0, "policy": "drop"}},
    {"chain": {"family": "ip", "table": "filter", "name": "DOCKER", "handle": 2}},
    {"chain": {"family": "inet", "table": "filter", "name": "input", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}},
    {"chain": {"family": "inet", "table": "mape_rs", "name": "input", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}},
    {"chain": {"family": "inet", "table": "x", "name": "y", "handle": 1, "type": "nat", "hook": "input", "prio": 100, "policy": "accept"}}]}"#;

#[test]
fn chains_of_other_programs_on_a_hook_are_found() {
    let ruleset: Ruleset = serde_json::from_str(CHAINS).unwrap();
    let found = |hook, families: &[&str]| {
        let chains = ruleset.filters(hook, families);
        chains.map(|it| format!("{} {} {}", it.family, it.table, it.name)).collect::<Vec<_>>()
    };
    assert_eq!(found("input", &["inet", "ip6"]), ["inet filter input"]);
    assert_eq!(found("forward", &["inet", "ip"]), ["ip filter FORWARD"]);
    assert!(found("forward", &["inet"]).is_empty());
}

const BR: &str = "2404:9200:225:100::64";

/// What a chain with these rules does with the packets of the BR. A rule is a list of statements,
/// as `nft --json` writes them; `more: ` in front puts it into the chain `more`.
fn fate(policy: &str, rules: &[&str]) -> Fate {
    let packet = Packet::default()
        .with("meta iifname", &["eth0"])
        .with("ip6 saddr", &[BR])
        .with("meta l4proto", &["4", "ipencap"])
        .with("ct state", &["new"])
        .without(&["ip", "tcp", "udp", "icmpv6"]);
    let rules = rules.iter().map(|rule| {
        let more = rule.strip_prefix("more: ");
        let (chain, expr) = more.map_or(("input", *rule), |expr| ("more", expr));
        format!(
            r#"{{"rule": {{"chain": "{chain}", "handle": 7, "comment": "x", "expr": {expr}}}}}"#
        )
    });
    let base = format!(
        r#"{{"chain": {{"family": "inet", "table": "t", "name": "input", "type": "filter", "hook": "input", "policy": "{policy}"}}}}"#
    );
    let all: Vec<String> = std::iter::once(base).chain(rules).collect();
    let text = format!(r#"{{"nftables": [{}]}}"#, all.join(", "));
    let ruleset: Ruleset = serde_json::from_str(&text).unwrap();
    ruleset.fate(ruleset.filters("input", &["inet"]).next().unwrap(), &packet)
}

const PROTOCOL_4: &str =
    r#"{"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "ipencap"}}"#;
const SADDR: &str = r#"{"match": {"op": "==", "left": {"payload": {"protocol": "ip6", "field": "saddr"}}, "right": "2404:9200:225:100::64"}}"#;
const VMAP: &str = r#"{"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["invalid", {"drop": null}], ["established", {"accept": null}]]}}}"#;
const REJECT: &str = r#"[{"reject": {"type": "icmpx", "expr": "admin-prohibited"}}]"#;
const TCP: &str = r#"{"match": {"op": "!=", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"set": [22, {"range": [80, 90]}]}}}"#;

#[test]
fn a_rule_for_the_packet_lets_it_through() {
    assert_eq!(fate("accept", &[]), Fate::Passes);
    assert_eq!(fate("drop", &[]), Fate::Drops);
    for rule in [
        format!(r#"[{SADDR}, {PROTOCOL_4}, {{"accept": null}}]"#),
        format!(r#"[{PROTOCOL_4}, {{"counter": {{"packets": 5, "bytes": 400}}}}, {{"accept": null}}]"#),
        format!("[{}, {{\"accept\": null}}]", PROTOCOL_4.replace("\"ipencap\"", "{\"set\": [6, 4]}")),
        format!(
            "[{}, {{\"accept\": null}}]",
            SADDR.replace(&format!("\"{BR}\""), r#"{"prefix": {"addr": "2404:9200::", "len": 32}}"#)
        ),
        r#"[{"match": {"op": "==", "left": {"meta": {"key": "iif"}}, "right": "et*"}}, {"accept": null}]"#.to_owned(),
        r#"[{"match": {"op": "!=", "left": {"meta": {"key": "iifname"}}, "right": {"set": ["lan", "guest"]}}}, {"accept": null}]"#.to_owned(),
        r#"[{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "new"]}}, {"accept": null}]"#.to_owned(),
        format!("[{}]", VMAP.replace("]]", r#"], ["new", {"jump": {"target": "more"}}]]"#)),
        r#"[{"goto": {"target": "more"}}]"#.to_owned(),
    ] {
        let more = format!(r#"more: [{PROTOCOL_4}, {{"accept": null}}]"#);
        assert_eq!(fate("drop", &[&rule, &more]), Fate::Passes, "{rule}");
        assert_eq!(fate("accept", &[&rule, REJECT, &more]), Fate::Passes, "{rule}");
        let late = [r#"[{"drop": null}]"#, &rule, &more];
        assert_eq!(fate("accept", &late), Fate::Drops, "{rule} comes too late");
    }
}

#[test]
fn a_rule_for_other_packets_does_not() {
    for rule in [
        format!("[{}, {{\"accept\": null}}]", SADDR.replace("::64", "::65")),
        format!("[{}, {{\"accept\": null}}]", PROTOCOL_4.replace("ipencap", "ipv6")),
        format!("[{TCP}, {{\"accept\": null}}]"),
        format!("[{VMAP}]"),
        format!(r#"[{PROTOCOL_4}, {{"jump": {{"target": "more"}}}}]"#),
        r#"[{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "lo"}}, {"accept": null}]"#.to_owned(),
        r#"[{"mangle": {"key": {"meta": {"key": "mark"}}, "value": 1}}]"#.to_owned(),
    ] {
        let more = r#"more: [{"return": null}]"#;
        assert_eq!(fate("drop", &[&rule, more]), Fate::Drops, "{rule}");
        // As firewalld ends its chains.
        assert_eq!(fate("accept", &[&rule, REJECT, more]), Fate::Drops, "{rule}");
        assert_eq!(fate("accept", &[&rule, more]), Fate::Passes, "{rule}");
    }
}

#[test]
fn what_is_not_known_is_never_certain() {
    let unknown = [
        SADDR.replace(BR, "@good"),
        r#"{"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 1}}"#.to_owned(),
        r#"{"match": {"op": "<", "left": {"meta": {"key": "l4proto"}}, "right": 9}}"#.to_owned(),
        r#"{"limit": {"rate": 5, "burst": 5, "per": "second"}}"#.to_owned(),
        r#"{"xt": {"type": "match", "name": "conntrack"}}"#.to_owned(),
    ];
    for condition in unknown {
        let accepts = format!(r#"[{condition}, {{"accept": null}}]"#);
        assert_eq!(fate("drop", &[&accepts]), Fate::MayDrop, "{accepts}");
        let drops = format!(r#"[{condition}, {{"drop": null}}]"#);
        assert_eq!(fate("accept", &[&drops]), Fate::MayDrop, "{drops}");
    }
    for rule in [
        r#"[{"queue": {"num": 0}}]"#.to_owned(),
        r#"[{"jump": {"target": "input"}}]"#.to_owned(),
        VMAP.replace(
            r#"{"set": [["invalid", {"drop": null}], ["established", {"accept": null}]]}"#,
            r#""@map""#,
        ),
    ] {
        let rule = if rule.starts_with('[') { rule } else { format!("[{rule}]") };
        assert_eq!(fate("drop", &[&rule]), Fate::MayDrop, "{rule}");
    }
    // The rule that `up` prints is inserted before all others.
    let ours = format!(r#"[{SADDR}, {PROTOCOL_4}, {{"accept": null}}]"#);
    assert_eq!(fate("drop", &[&ours, r#"[{"queue": {"num": 0}}]"#]), Fate::Passes);
}
