//! Whose rule is used.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use mape_core::{Layout, ProviderChoice, Request, Rule, parse_rule};
use mape_provision::{Source, Sources};

const LINE: &str = "240b:10:3261:6400::/56";
const UNKNOWN: &str = "2a00:1:2:300::/56";

/// A rule that says the same as the table, in another cut, with this BR.
fn rule(ipv6: &str, br: &str) -> Rule {
    let (len, ipv4) =
        if ipv6 == "240b:10::/32" { (24, "106.72.0.0/16") } else { (24, "10.1.0.0/16") };
    parse_rule(&format!("ipv6={ipv6},ipv4={ipv4},ea={len},br={br}"), Layout::Draft03).unwrap()
}

/// As the table has it.
fn same() -> Rule {
    rule("240b:10::/32", "2404:9200:225:100::64")
}

fn with_br(last: u16) -> Rule {
    rule("240b:10::/32", &format!("2001:db8::{last}"))
}

fn sources(prefix: &str) -> Sources {
    let request = Request::new(prefix.parse().unwrap());
    Sources { request, provisioned: Vec::new(), dhcpv6: Vec::new() }
}

/// Source, BR and the other sources that disagree.
fn decided(sources: &Sources) -> (Source, String, Vec<Source>) {
    let decision = sources.decide().unwrap();
    let others = decision.conflicts.iter().map(|conflict| {
        assert_eq!(conflict.used, (decision.source, *decision.plan.rule()));
        let text = conflict.to_string();
        assert!(text.contains(&conflict.used.1.to_string()), "{text}");
        assert!(text.contains(&conflict.other.1.to_string()), "{text}");
        conflict.other.0
    });
    (decision.source, decision.plan.br().to_string(), others.collect())
}

#[test]
fn the_order_of_trust() {
    use Source::{Builtin, Dhcpv6, Explicit, File, Provisioned};

    let mut all = sources(LINE);
    all.request.explicit = vec![with_br(1)];
    all.request.file = vec![with_br(2)];
    all.provisioned = vec![with_br(3)];
    all.dhcpv6 = vec![with_br(4)];
    let others = vec![File, Provisioned, Dhcpv6, Builtin];
    assert_eq!(decided(&all), (Explicit, "2001:db8::1".to_owned(), others.clone()));
    all.request.explicit.clear();
    assert_eq!(decided(&all), (File, "2001:db8::2".to_owned(), others[1..].to_vec()));
    all.request.file.clear();
    assert_eq!(decided(&all), (Provisioned, "2001:db8::3".to_owned(), others[2..].to_vec()));
    all.provisioned.clear();
    assert_eq!(decided(&all), (Dhcpv6, "2001:db8::4".to_owned(), others[3..].to_vec()));
    all.dhcpv6.clear();
    assert_eq!(decided(&all), (Builtin, "2404:9200:225:100::64".to_owned(), Vec::new()));
}

#[test]
fn two_cuts_of_one_mapping_are_no_conflict() {
    let sources = Sources { provisioned: vec![same()], dhcpv6: vec![same()], ..sources(LINE) };
    let br = "2404:9200:225:100::64".to_owned();
    assert_eq!(decided(&sources), (Source::Provisioned, br, Vec::new()));
}

#[test]
fn a_layout_that_differs_is_a_conflict() {
    let provisioned = vec![same().with_layout(Layout::Rfc7597)];
    let sources = Sources { provisioned, ..sources(LINE) };
    assert_eq!(decided(&sources).2, [Source::Builtin]);
}

#[test]
fn the_networks_rules_for_others_leave_the_table() {
    let elsewhere = vec![rule("240b:11::/32", "2001:db8::1")];
    let broken = vec![with_br(1), with_br(2)];
    for provisioned in [elsewhere, broken] {
        let sources = Sources { provisioned, ..sources(LINE) };
        assert_eq!(decided(&sources).0, Source::Builtin);
    }
}

#[test]
fn a_stated_rule_is_the_only_one() {
    let mut sources = sources(LINE);
    sources.request.explicit = vec![rule("240b:11::/32", "2001:db8::1")];
    sources.provisioned = vec![same()];
    let error = sources.decide().unwrap_err();
    assert!(error.to_string().contains("240b:11::/32"), "{error}");
}

#[test]
fn the_error_is_of_the_source_that_came_nearest() {
    // Only the table knows the line: its sentence.
    let mut table = sources("2400:4052:f000::/56");
    table.provisioned = vec![same()];
    assert!(table.decide().unwrap_err().to_string().contains("OCN"));
    // The server has a rule for it, and the line is behind a gateway.
    let mut cut = sources("2a00:1:2:310::/60");
    cut.provisioned = vec![rule("2a00:1::/32", "2001:db8::1")];
    assert!(cut.decide().unwrap_err().to_string().contains("first subnet"));
    // No source has a rule.
    assert!(sources(UNKNOWN).decide().unwrap_err().to_string().contains("matches no known rule"));
}

#[test]
fn provider_manual_leaves_the_table_out_and_not_the_network() {
    let mut sources = sources(LINE);
    sources.request.provider = ProviderChoice::Manual;
    assert!(sources.decide().unwrap_err().to_string().contains("manual"));
    sources.provisioned = vec![with_br(3)];
    assert_eq!(decided(&sources), (Source::Provisioned, "2001:db8::3".to_owned(), Vec::new()));
}

#[test]
fn the_layout_option_overrides_every_source() {
    let mut sources = Sources { provisioned: vec![same()], ..sources(LINE) };
    sources.request.layout = Some(Layout::Rfc7597);
    let decision = sources.decide().unwrap();
    assert_eq!(decision.plan.rule().layout(), Layout::Rfc7597);
    assert!(decision.conflicts.is_empty());
}
