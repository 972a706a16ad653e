//! `ports` from recorded answers.

use std::collections::BTreeSet;
use std::fs;

use super::recorded::{Line, vectors};
use super::*;

/// What LuCI asks. One by one the ports of a whole address are more than rpcd takes from a program.
#[test]
fn ports_as_ranges_of_one_use() {
    const MOST: usize = 256 << 10;
    let line = Line::new("ranges");
    let called = line.call("ports --ranges --json");
    assert_valid(&schema("port-ranges"), &called.json());
    golden("luci/port-set.json", &called.out);
    // The same ports with the same use as one by one.
    let ports = line.call("ports --json").json()["interfaces"][0]["ports"].clone();
    let ranges = called.json()["interfaces"][0]["ranges"].clone();
    let one_by_one: Vec<Value> = ranges
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|range| {
            let port = |at: usize| range[at].as_u64().unwrap();
            (port(0)..=port(1)).map(|port| serde_json::json!([port, range[2]])).collect::<Vec<_>>()
        })
        .collect();
    let ports: Vec<Value> = ports
        .as_array()
        .unwrap()
        .iter()
        .map(|it| serde_json::json!([it["port"], it["role"]]))
        .collect();
    assert_eq!(one_by_one, ports);
    assert!(line.call("ports --ranges").out.contains("\n5696-5696\treserved\n5697-5711\n"));

    let file = line.0.join("state/wan.json");
    let mut state: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    state["rule"] = "ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=17,offset=4,psidlen=0,br=2404:9200:225:100::64,layout=draft03".into();
    state["prefix"] = "240b:10:3261::/48".into();
    state["reserved"] = "".into();
    fs::write(file, state.to_string()).unwrap();
    assert!(line.call("ports --json").out.len() > MOST);
    let called = line.call("ports --ranges --json");
    assert_valid(&schema("port-ranges"), &called.json());
    golden("luci/port-set-whole.json", &called.out);
}

/// The port of the shared address in one line of `conntrack -L`: the port that replies are sent to,
/// or the published port of an incoming connection.
fn external_port(line: &str) -> Option<&str> {
    let values = |key: &str| -> Vec<&str> {
        line.split_whitespace().filter_map(|word| word.strip_prefix(key)).collect()
    };
    let (sources, destinations) = (values("src="), values("dst="));
    let ports = [values("dport="), values("id=")].concat();
    match (destinations[0], sources[1], destinations[1]) {
        (_, _, "106.72.50.97") => Some(ports[1]),
        // Without a LAN host, the router itself owns the connection.
        ("106.72.50.97", answering, _) if answering != "106.72.50.97" => Some(ports[0]),
        _ => None,
    }
}

/// The same connections as conntrack's own tool tells them: ports by the RFC's formula, which turns
/// none of them into another.
#[test]
fn ports_are_those_of_the_set() {
    let line = Line::new("ports");
    let called = line.call("ports --json");
    assert_valid(&schema("ports"), &called.json());
    let ports = called.json()["interfaces"][0]["ports"].as_array().unwrap().clone();
    assert_eq!(ports.len(), 240);
    let text = fs::read_to_string(vectors("v6plus/conntrack.txt")).unwrap();
    for protocol in ["tcp", "udp", "icmp"] {
        let mut sum = 0;
        let mut used = 0;
        for port in &ports {
            let number = port["port"].as_u64().unwrap();
            assert!(number >> 4 & 0xff == 100 && number >> 12 != 0, "{number}");
            let reserved = [5696, 9792, 9793].contains(&number);
            assert_eq!(port["role"], if reserved { "reserved" } else { "nat" });
            sum += port[protocol].as_u64().unwrap();
            used += usize::from(port[protocol].as_u64().unwrap() > 0);
        }
        let lines = text.lines().filter(|line| line.starts_with(protocol));
        let listed: Vec<&str> = lines.filter_map(external_port).collect();
        let distinct: BTreeSet<&&str> = listed.iter().collect();
        assert_eq!((sum, used), (listed.len() as u64, distinct.len()), "{protocol}");
    }
    // What is neither free nor used is reserved.
    let count =
        |words: &str| line.call(words).out.lines().filter(|line| !line.starts_with('#')).count();
    let used = count("ports --used");
    assert_eq!(count("ports --free") + used + 2, 240, "two of the reserved ones are idle");
    assert_eq!(count("ports wan"), 240);
}
