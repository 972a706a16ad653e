//! Every row of `tests/vectors/known-answers.tsv`: answers from public calculators, standards and
//! router test benches, none of them computed by this project.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::collections::HashMap;
use std::fs;

use mape_core::{Code, Explain, Layout, PortSet, Request, find_builtin, parse_rule, plan};

/// The input as a router would receive it.
fn prefix(row: &HashMap<&str, &str>) -> String {
    let input = row["input"];
    match row["input_kind"] {
        "pd56" => format!("{input}/56"),
        "pd60" => format!("{input}/60"),
        "ra64" if input.ends_with("::") => format!("{input}/64"),
        "ra64" => input.to_owned(),
        other => panic!("{other}"),
    }
}

#[test]
fn every_row_is_reproduced() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/known-answers.tsv");
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let (mut rows, mut outside, mut stated) = (0, 0, 0);
    for line in lines {
        let row: HashMap<&str, &str> = header.iter().copied().zip(line.split('\t')).collect();
        let layout: Layout = row["layout"].parse().unwrap();
        let mut request = Request::new(prefix(&row).parse().unwrap());
        if row["rule"].is_empty() {
            assert_eq!(find_builtin(request.prefix).unwrap().group.provider.name, row["vne"]);
        } else {
            request.explicit.push(parse_rule(row["rule"], layout).unwrap());
            stated += 1;
        }
        rows += 1;
        if row["note"].contains("CE lies outside") {
            assert_eq!(plan(&request).unwrap_err().code(), Code::NotFirstSubnet, "{line}");
            outside += 1;
            continue;
        }
        let plan = plan(&request).unwrap_or_else(|error| panic!("{line}: {error}"));
        let ranges = |set: PortSet| set.ranges().map(|range| range.to_string()).collect::<Vec<_>>();
        let ports = ranges(plan.port_set());
        let got = HashMap::from([
            ("ipv4", plan.ipv4().addr().to_string()),
            ("psid", plan.port_set().psid().to_string()),
            ("port_ranges", ports.len().to_string()),
            ("first_range", ports[0].clone()),
            ("last_range", ports[ports.len() - 1].clone()),
            ("ports_total", plan.port_set().port_count().to_string()),
            ("ce", plan.ce().to_string()),
            ("br", plan.br().to_string()),
            ("layout", plan.rule().layout().to_string()),
        ]);
        for (column, value) in got {
            assert_eq!(value, row[column], "{column} of {line}");
        }
    }
    assert_eq!((rows, outside, stated), (83, 1, 8));
}

#[test]
fn the_doubtful_rules_are_not_built_in() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/map-rules-doubtful.tsv");
    for line in fs::read_to_string(path).unwrap().lines().skip(1) {
        let prefix = line.split('\t').nth(1).unwrap();
        assert!(find_builtin(prefix.parse().unwrap()).is_none(), "{line}");
    }
}
