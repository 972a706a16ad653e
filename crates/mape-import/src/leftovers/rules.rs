//! NAT rules of others: loaded tables, snippets, and the firewall's own configuration.

use mape_core::ShellWord;
use mape_uci::Section;

use super::finding::{Leftover, Subject};
use super::words::{code, excerpt, words};
use crate::router::Router;

/// Tables that other scripts for MAP-E load: these names, alone or before a `_`.
const TABLES: [&str; 4] = ["mape", "nathack", "fleth_mape", "jpipoe"];

pub(super) fn find(router: &Router, subject: &Subject) -> Vec<Leftover> {
    let mut found = Vec::new();
    for table in router.tables.iter().flatten().filter(|table| is_rivals(table)) {
        let why = "NAT rules of another script are loaded; they come before or behind ours and use \
                   ports that ours use too";
        found.push(
            Leftover::new("nft-table", format!("table {table}"), why).remove(nft_delete(table)),
        );
    }
    for script in router.scripts.iter().filter(|script| !script.is_ours()) {
        let path = &script.path;
        let elsewhere =
            ["/lib/netifd/", "/etc/hotplug.d/", "/etc/init.d/", "/etc/crontabs/", "/www/", "/tmp/"];
        if elsewhere.iter().any(|other| path.starts_with(other)) || path == "/etc/rc.local" {
            continue;
        }
        if let Some(line) = code(&script.text).find(|line| is_snat(line, subject)) {
            let why = format!("a NAT rule for the line: {}", excerpt(line));
            found.push(
                Leftover::new("nft-snippet", path, why)
                    .remove(format!(
                        "vi {}   # delete its NAT rules for the line",
                        ShellWord::new(path)
                    ))
                    .remove("fw4 check && fw4 reload"),
            );
        }
    }
    let mut nat = Vec::new();
    if let Some(firewall) = &router.firewall {
        for section in firewall.of_kind("nat").filter(|section| is_nat_of_line(section, subject)) {
            nat.push(firewall.path(section));
        }
    }
    // From the last on, as each one removed changes the numbers behind it.
    for path in nat.iter().rev() {
        found.push(
            Leftover::new("firewall-nat", path, "a NAT rule of the firewall for the line")
                .remove(format!("uci delete {}", ShellWord::new(path)))
                .remove("uci commit firewall && fw4 reload"),
        );
    }
    found
}

fn nft_delete(table: &str) -> String {
    let (family, name) = table.split_once(' ').unwrap_or_default();
    format!("nft delete table {family} {}", ShellWord::new(name))
}

/// `FAMILY NAME` of a table that a rival loads.
fn is_rivals(table: &str) -> bool {
    let (family, name) = table.split_once(' ').unwrap_or_default();
    matches!(family, "inet" | "ip") && is_rivals_name(name)
}

/// Ours are called `mape_rs…`.
fn is_rivals_name(name: &str) -> bool {
    let known = |stem: &str| {
        name.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    !known("mape_rs") && TABLES.into_iter().any(known)
}

/// Whether a line of a shell script gives nft or iptables something of a line: NAT, the table of a
/// rival, or a file that is called after it (`nft -f /etc/map.nft`). Other packages call both too,
/// and name neither.
pub(super) fn is_of_line(line: &str, subject: &Subject) -> bool {
    let stem = |word: &str| word.starts_with("map.") || word.starts_with("map-");
    let tool = |word: &str| matches!(word, "nft" | "iptables");
    is_snat(line, subject)
        || words(line).any(tool) && words(line).any(|word| is_rivals_name(word) || stem(word))
}

/// Whether a file that nft is to load has NAT rules of the line.
pub(super) fn loads_snat(line: &str, router: &Router, subject: &Subject) -> bool {
    let named = |path: &str| {
        line.split_whitespace().any(|word| word.trim_matches(['"', '\'', ';']) == path)
    };
    let mut loaded =
        router.scripts.iter().filter(|script| !script.is_ours() && named(&script.path));
    words(line).any(|word| word == "nft")
        && loaded.any(|script| code(&script.text).any(|line| is_snat(line, subject)))
}

/// Whether a line of nft text or of a shell script changes source addresses of the line's traffic.
fn is_snat(line: &str, subject: &Subject) -> bool {
    let changes =
        |word: &str| matches!(word, "snat" | "SNAT" | "--to-source" | "masquerade" | "MASQUERADE");
    // An address may have its port behind a dash or a colon.
    let address = |word: &str| subject.has(word.split('-').next().unwrap_or_default());
    let of_line = |word: &str| {
        word == "numgen" || address(word) || subject.devices.iter().any(|device| device == word)
    };
    words(line).any(changes) && words(line).any(of_line)
}

fn is_nat_of_line(section: &Section, subject: &Subject) -> bool {
    let addressed = ["snat_ip", "src_dip"]
        .iter()
        .any(|option| section.get(option).is_some_and(|it| subject.has(it)));
    let device =
        section.get("device").is_some_and(|it| subject.devices.iter().any(|device| device == it));
    (addressed || device) && section.get("enabled") != Some("0")
}
