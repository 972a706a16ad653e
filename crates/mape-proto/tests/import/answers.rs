//! An upstream `map` section gives the same address and the same CE under `mape`, held against
//! answers that this project has not computed.

use std::collections::HashMap;
use std::net::Ipv6Addr;

use super::*;

fn table(path: &str) -> Vec<HashMap<String, String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    let text = fs::read_to_string(path).unwrap();
    let mut lines =
        text.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    let names = lines.next().unwrap();
    lines.map(|line| names.iter().cloned().zip(line).collect()).collect()
}

/// The row of the rule table that holds the address: read from the file, and matched bit by bit.
fn rule_of(
    rules: &[HashMap<String, String>],
    address: Ipv6Addr,
) -> Option<HashMap<String, String>> {
    let holds = |rule: &&HashMap<String, String>| {
        let (prefix, len) = rule["ipv6_prefix"].split_once('/').unwrap();
        let prefix: Ipv6Addr = prefix.parse().unwrap();
        (prefix.to_bits() ^ address.to_bits()) >> (128 - len.parse::<u32>().unwrap()) == 0
    };
    rules.iter().find(holds).cloned()
}

/// The section that a calculator's page tells people to type.
fn section(rule: &HashMap<String, String>, br: &str) -> String {
    let (ipv6, ipv6_len) = rule["ipv6_prefix"].split_once('/').unwrap();
    let (ipv4, ipv4_len) = rule["ipv4_prefix"].split_once('/').unwrap();
    format!(
        "config interface 'wan6'\n\toption proto 'dhcpv6'\n\nconfig interface 'mape'\n\
         \toption proto 'map'\n\toption maptype 'map-e'\n\toption peeraddr '{br}'\n\
         \toption ipaddr '{ipv4}'\n\toption ip4prefixlen '{ipv4_len}'\n\
         \toption ip6prefix '{ipv6}'\n\toption ip6prefixlen '{ipv6_len}'\n\
         \toption ealen '{}'\n\toption psidlen '{}'\n\toption offset '{}'\n\
         \toption legacymap '1'\n\toption tunlink 'wan6'\n\toption encaplimit 'ignore'\n",
        rule["ea_len"], rule["psid_len"], rule["psid_offset"]
    )
}

#[test]
fn a_section_of_map_keeps_its_address_and_its_ce() {
    let rules = table("crates/mape-core/data/map-rules.tsv");
    let router = Router::new("answers");
    let mut seen: HashMap<String, u32> = HashMap::new();
    for row in table("tests/vectors/known-answers.tsv") {
        let known = ["v6plus", "ocn", "biglobe", "nuro"].contains(&row["vne"].as_str());
        if !known || row["layout"] != "draft03" || row["ipv4"].is_empty() {
            continue;
        }
        let address: Ipv6Addr = row["input"].split('/').next().unwrap().parse().unwrap();
        let prefix = Ipv6Addr::from_bits(address.to_bits() >> 72 << 72);
        let Some(rule) = rule_of(&rules, address) else { continue };
        // With the provider's BR the table takes over; with another one the numbers stay.
        for (br, numbers) in [(rule["br"].as_str(), "none"), ("2001:db8:ffff::1", "kept")] {
            router.network(&section(&rule, br));
            let json = router.import(&format!("mape --json --prefix {prefix}/56")).json();
            assert_eq!(json["numbers"], numbers, "{row:?}: {json}");
            let plan = &json["plan"];
            assert_eq!(plan["ipv4"], row["ipv4"].as_str(), "{row:?}");
            assert_eq!(plan["psid"].to_string(), row["psid"], "{row:?}");
            assert_eq!(plan["br"], br);
            let ce: Ipv6Addr = plan["ce"].as_str().unwrap().parse().unwrap();
            assert_eq!(ce, row["ce"].parse::<Ipv6Addr>().unwrap(), "{row:?}");
        }
        *seen.entry(row["vne"].clone()).or_default() += 1;
    }
    for vne in ["v6plus", "ocn", "biglobe", "nuro"] {
        assert!(seen.get(vne).is_some_and(|rows| *rows >= 8), "{seen:?}");
    }
}
