//! Tests of forwards with more than one port.

use std::net::SocketAddrV4;

use mape_core::{Explain as _, PortRange, Request, plan};
use mape_nft::Published;
use mape_uci::Package;

use super::*;
use crate::forwards::section::Forward;

/// PSID 100: 5696-5711, 9792-9807 … 63040-63055.
const V6PLUS: &str = "240b:10:3261:6400::/56";
/// PSID 81, so no port in common.
const OTHER: &str = "240b:10:3251:5100::/56";

fn line(prefix: &str, reserved: &str) -> Plan {
    let mut request = Request::new(prefix.parse().unwrap());
    if !reserved.is_empty() {
        request.reserved = reserved.parse().unwrap();
    }
    plan(&request).unwrap()
}

fn range(text: &str) -> PortRange {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    PortRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap()
}

fn read(name: &str, options: &str) -> Result<Forward, ForwardError> {
    let text = format!("config mape_forward {name}\n option dest_ip 192.168.1.10\n{options}");
    let package = Package::parse("firewall", &text).unwrap();
    let read = Forward::read(package.of_kind(KIND).next().unwrap());
    read.map(Option::unwrap).map_err(|(_, error)| error)
}

/// `NAME PORTS INSIDE` for each forward; UDP.
fn requests(forwards: &[(&str, &str, &str)]) -> ConfiguredForwards {
    let forward = |(name, outside, inside): &(&str, &str, &str)| {
        let options =
            format!(" option src_dport {outside}\n option dest_port {inside}\n option proto udp\n");
        read(name, &options).unwrap()
    };
    let forwards = forwards.iter().map(forward).collect();
    ConfiguredForwards { forwards, ..ConfiguredForwards::default() }
}

fn assigned(
    forwards: &[(&str, &str, &str)],
    plan: &Plan,
    pool: &[PortRange],
    stored: &PortStore,
) -> Outcome {
    outcome(&requests(forwards), "wan", true, plan, pool, stored)
}

fn ports(outcome: &Outcome) -> Vec<(String, String)> {
    outcome.servers.iter().map(|it| (it.forward.clone(), it.ports.to_string())).collect()
}

#[test]
fn a_range_is_read_in_both_forms_and_has_one_length() {
    for (options, requested, inside) in [
        (" option src_dport 9792-9799\n", "9792-9799", "9792-9799"),
        (" option src_dport 9792:9799\n option dest_port 100-107\n", "9792-9799", "100-107"),
        (" option dest_port '100 - 107'\n", "auto", "100-107"),
        (" option src_dport 5696-5696\n option dest_port 22\n", "5696", "22"),
        (" option src_dport 1-1024\n", "1-1024", "1-1024"),
    ] {
        let forward = read("x", options).unwrap();
        assert_eq!(forward.requested.text(), requested, "{options}");
        assert_eq!(forward.dest_ports.to_string(), inside, "{options}");
    }
    for (options, option, hint) in [
        (" option src_dport 9799-9792\n", "src_dport", "the lower port first"),
        (" option src_dport 1-1025\n", "src_dport", "at most 1024 ports"),
        (" option src_dport 0-9\n", "src_dport", "range"),
        (" option src_dport 9792-\n", "src_dport", "range"),
        (" option src_dport 65530-65536\n", "src_dport", "range"),
        (" option dest_port http\n", "dest_port", "a port from 1 to 65535, or a range"),
        (" option src_dport 9792-9799\n option dest_port 22\n", "dest_port", "as many ports"),
        (" option src_dport 9792\n option dest_port 22-23\n", "dest_port", "as many ports"),
    ] {
        let error = read("x", options).unwrap_err();
        assert!(error.to_string().contains(option), "{options}: {error}");
        assert!(error.hint().contains(hint), "{options}: {}", error.hint());
    }
}

#[test]
fn a_range_leads_to_the_ports_of_the_host_one_by_one() {
    let found = assigned(
        &[("game", "9792-9799", "100-107")],
        &line(V6PLUS, ""),
        &[],
        &PortStore::default(),
    );
    let expected: Vec<String> = (0..8).map(|at| format!("{} {}", 9792 + at, 100 + at)).collect();
    let server = found.servers[0].clone();
    let published =
        server.published().into_iter().map(|one| format!("{} {}", one.port, one.host.port()));
    assert_eq!(published.collect::<Vec<_>>(), expected);
    assert_eq!(server.host_text().as_deref(), Some("192.168.1.10:100-107"));
    let first = server.published()[0];
    let beside = |port, inside| {
        let host = SocketAddrV4::new(*first.host.ip(), inside);
        server.publishes(&Published { port, host, ..first })
    };
    assert!(server.published().iter().all(|one| server.publishes(one)));
    assert!(!beside(9792, 101) && !beside(9791, 99) && !beside(9800, 108));
    assert!(!Server { host: None, ..server.clone() }.publishes(&first));
    assert!(!Server { transports: Vec::new(), ..server.clone() }.publishes(&first));
    // In the state file a range has a key more, and a single port has none.
    let json = mape_system::json::write(&server);
    assert!(json.contains(r#""last":9799,"port":9792,"#), "{json}");
    assert_eq!(mape_system::json::read::<Server>(&json).unwrap(), server);
    let single = mape_system::json::write(&Server { ports: PortRange::one(9792), ..server });
    assert!(!single.contains("last"), "{single}");
}

#[test]
fn a_range_that_does_not_fit_names_ranges_that_do() {
    let plan = line(V6PLUS, "");
    let pool = [range("63052-63055")];
    for (wanted, says, next) in [
        (
            "5690-5697",
            "port 5690 is not in the port set",
            "the nearest free ones: 5696-5703, 5697-5704, 5698-5705",
        ),
        (
            "5708-5715",
            "port 5712 is not in the port set",
            "the nearest free ones: 5704-5711, 5703-5710, 5702-5709",
        ),
        ("63048-63055", "port 63052 belongs to the ports set aside for UPnP", "63044-63051"),
        ("9796-9803", "port 9800 is that of one", "9792-9799, 9791"),
        (
            "40000-40019",
            "port 40000 is not in the port set",
            "or fewer ports; the longest free ranges are 38464-38479, 42560-42575, 34368-34383",
        ),
    ] {
        let forwards = [("one", "9800", "22"), ("x", wanted, wanted)];
        let found = assigned(&forwards, &plan, &pool, &PortStore::default());
        assert_eq!(ports(&found), [("one".to_owned(), "9800".to_owned())], "{wanted}");
        let [(_, refusal)] = found.refused.as_slice() else { panic!("{wanted}") };
        assert!(refusal.to_string().starts_with(says), "{wanted}: {refusal}");
        let next = next.split(", 9791").next().unwrap();
        assert!(refusal.hint().contains(next), "{wanted}: {}", refusal.hint());
    }
    // No run of the set has 17 ports.
    let found = assigned(&[("x", "auto", "100-116")], &plan, &[], &PortStore::default());
    let (_, refusal) = &found.refused[0];
    assert_eq!(refusal.to_string(), "the set has no 17 consecutive ports that are free");
    assert!(refusal.hint().starts_with("use fewer ports; the longest free ranges are 5696-5711, "));
    // One of 16 has, and keeps it.
    let found = assigned(&[("x", "auto", "100-115")], &plan, &[], &PortStore::default());
    let first = ports(&found);
    let kept = [("a", "auto", "100-115"), ("x", "auto", "100-115")];
    let again = assigned(&kept, &plan, &[], &found.stored);
    assert!(ports(&again).contains(&first[0]) && ports(&again).len() == 2);
}

#[test]
fn a_range_keeps_its_ports_and_moves_with_the_prefix() {
    let (plan, other) = (line(V6PLUS, ""), line(OTHER, ""));
    let named = [("x", "9792-9799", "100-107")];
    let first = assigned(&named, &plan, &[], &PortStore::default());
    assert_eq!(ports(&first), [("x".to_owned(), "9792-9799".to_owned())]);
    // Granted once, and another prefix has other ports.
    let moved = assigned(&named, &other, &[], &first.stored);
    assert_eq!((moved.servers.len(), moved.refused.len()), (1, 0));
    assert_eq!(moved.servers[0].ports.count(), 8);
    // A longer range was never granted.
    let longer = assigned(&[("x", "9792-9800", "100-108")], &other, &[], &first.stored);
    assert_eq!((longer.servers.len(), longer.refused.len()), (0, 1));
    let back = assigned(&named, &plan, &[], &moved.stored);
    assert_eq!(ports(&back), ports(&first));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

    /// A range is accepted exactly if each of its ports is in the set, is none of UPnP's and
    /// belongs to no other forward.
    #[test]
    fn a_range_is_accepted_exactly_if_each_of_its_ports_is(
        block in 1_u16..16, start in 0_u16..24, len in 1_u16..20, upnp in 0_u16..40,
        others in proptest::collection::vec((1_u16..16, 0_u16..16), 0..6),
    ) {
        let plan = line(V6PLUS, "");
        let pool = pool(&plan, upnp);
        let base = |block: u16| block * 4096 + 100 * 16;
        let first = base(block) - 4 + start;
        let wanted = PortRange::new(first, first.saturating_add(len - 1)).unwrap();
        let taken: Vec<u16> = others.iter().map(|(block, at)| base(*block) + at).collect();
        let mut forwards: Vec<(String, String)> =
            taken.iter().enumerate().map(|(at, port)| (format!("o{at}"), port.to_string())).collect();
        forwards.push(("x".to_owned(), wanted.to_string()));
        let forwards: Vec<(&str, &str, &str)> =
            forwards.iter().map(|(name, ports)| (name.as_str(), ports.as_str(), ports.as_str())).collect();
        let found = assigned(&forwards, &plan, &pool, &PortStore::default());
        let in_pool = |port: u16| pool.iter().any(|range| range.contains(port));
        let held = |port: u16| taken.contains(&port) && !in_pool(port);
        let fits = wanted.ports().all(|port| {
            plan.port_set().contains(port) && port != 0 && !in_pool(port) && !held(port)
        });
        let server = found.servers.iter().find(|it| it.forward == "x");
        proptest::prop_assert_eq!(server.map(|it| it.ports), fits.then_some(wanted));
        // What is suggested instead is accepted.
        let refusal = found.refused.iter().find(|(name, _)| name == "x");
        for suggested in refusal.iter().flat_map(|(_, refusal)| refusal.nearest()) {
            let text = suggested.to_string();
            let mut forwards = forwards.clone();
            forwards.pop();
            forwards.push(("x", &text, &text));
            let found = assigned(&forwards, &plan, &pool, &PortStore::default());
            proptest::prop_assert!(found.servers.iter().any(|it| it.ports == *suggested));
        }
    }
}
