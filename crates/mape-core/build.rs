//! Turns `data/*.tsv` into sorted constant tables, so that nothing is parsed on the router.
//!
//! Only the shape is checked here (columns, order, overlap); that every row is a legal rule is a
//! unit test, because the checks live in the crate itself.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a build script's panic is the error message of a bad data file"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::{env, fs};

fn main() {
    let providers = rows("data/providers.tsv");
    let rules = rows("data/map-rules.tsv");
    let lines = rows("data/lines.tsv");

    let mut out = String::new();
    writeln!(out, "pub(crate) static PROVIDERS: [Provider; {}] = [", providers.len()).unwrap();
    for row in &providers {
        let [name, title, isps, source, date] = columns(row);
        writeln!(
            out,
            "Provider {{ name: {name:?}, title: {title:?}, isps: {isps:?}, source: {source:?}, date: {date:?} }},"
        )
        .unwrap();
    }
    out.push_str("];\n");
    write_rules(&mut out, &providers, &rules);
    write_lines(&mut out, &lines);
    let directory = env::var("OUT_DIR").unwrap();
    fs::write(Path::new(&directory).join("tables.rs"), out).unwrap();
}

/// One `RuleGroup` for every distinct (provider, offset, PSID length, BR, layout, evidence), one
/// 16-byte record for every rule, sorted by IPv6 prefix.
fn write_rules(out: &mut String, providers: &[Vec<String>], rules: &[Vec<String>]) {
    let groups: BTreeSet<Vec<String>> = rules.iter().map(|row| group_of(row)).collect();
    let groups: Vec<_> = groups.into_iter().collect();
    writeln!(out, "pub(crate) static GROUPS: [RuleGroup; {}] = [", groups.len()).unwrap();
    for group in &groups {
        let [vne, offset, psid_len, br, layout, evidence] = columns(group);
        let provider = providers.iter().position(|row| row[0] == *vne).expect("an unknown vne");
        let br: Ipv6Addr = br.parse().expect("br");
        let layout = match layout.as_str() {
            "draft03" => "Draft03",
            "rfc7597" => "Rfc7597",
            other => panic!("layout {other}"),
        };
        writeln!(
            out,
            "RuleGroup {{ provider: &PROVIDERS[{provider}], offset: {offset}, psid_len: {psid_len}, \
             br: Ipv6Addr::from_bits({:#x}), layout: Layout::{layout}, evidence: {evidence:?} }},",
            br.to_bits()
        )
        .unwrap();
    }
    out.push_str("];\n");

    let mut records: Vec<(u64, u8, u32, u8, u8, usize)> = rules
        .iter()
        .map(|row| {
            let (bits, len) = prefix6(&row[1]);
            let (ipv4, ipv4_len) = row[2].split_once('/').expect("ipv4_prefix");
            let ipv4: Ipv4Addr = ipv4.parse().expect("ipv4_prefix");
            let group = groups.binary_search(&group_of(row)).unwrap();
            let ipv4_len = ipv4_len.parse().expect("ipv4_prefix");
            (bits, len, ipv4.to_bits(), ipv4_len, row[3].parse().expect("ea_len"), group)
        })
        .collect();
    records.sort_unstable();
    for pair in records.windows(2) {
        let mask = u64::MAX << (64 - pair[0].1);
        assert!(pair[0].0 != pair[1].0 & mask, "two rules overlap at {:#x}", pair[1].0);
    }
    writeln!(out, "pub(crate) static RULES: [Record; {}] = [", records.len()).unwrap();
    for (ipv6, ipv6_len, ipv4, ipv4_len, ea_len, group) in records {
        writeln!(
            out,
            "Record {{ ipv6: {ipv6:#x}, ipv4: {ipv4:#x}, ipv6_len: {ipv6_len}, \
             ipv4_len: {ipv4_len}, ea_len: {ea_len}, group: {group} }},"
        )
        .unwrap();
    }
    out.push_str("];\n");
}

/// The known prefix blocks, longest first: the first match is the most specific.
fn write_lines(out: &mut String, lines: &[Vec<String>]) {
    let mut blocks: Vec<(u8, u64, String)> = lines
        .iter()
        .map(|row| {
            let (bits, len) = prefix6(&row[0]);
            let mut kind = row[1].clone();
            kind[..1].make_ascii_uppercase();
            (len, bits, kind)
        })
        .collect();
    blocks.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let twice = blocks.windows(2).find(|pair| (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1));
    assert!(twice.is_none(), "a block is given twice: {twice:?}");
    writeln!(out, "pub(crate) static BLOCKS: [Block; {}] = [", blocks.len()).unwrap();
    for (len, bits, kind) in blocks {
        writeln!(out, "Block {{ bits: {bits:#x}, len: {len}, kind: LineKind::{kind} }},").unwrap();
    }
    out.push_str("];\n");
}

fn group_of(row: &[String]) -> Vec<String> {
    [0, 4, 5, 6, 7, 8].map(|column| row[column].clone()).to_vec()
}

/// Upper 64 bits and length of a prefix that is at most a /64.
fn prefix6(text: &str) -> (u64, u8) {
    let (address, len) = text.split_once('/').expect("ipv6_prefix");
    let address: Ipv6Addr = address.parse().expect("ipv6_prefix");
    let len: u8 = len.parse().expect("ipv6_prefix");
    assert!((1..=64).contains(&len), "{text}");
    ((address.to_bits() >> 64) as u64, len)
}

fn columns<const N: usize>(row: &[String]) -> &[String; N] {
    row.try_into().unwrap_or_else(|_| panic!("{N} columns wanted: {row:?}"))
}

/// The rows of a tab-separated file, without its header.
fn rows(path: &str) -> Vec<Vec<String>> {
    println!("cargo::rerun-if-changed={path}");
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let rows = text.lines().skip(1).filter(|line| !line.is_empty());
    rows.map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}
