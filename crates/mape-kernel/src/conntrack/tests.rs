//! Reading entries, from a record of a real kernel and from made ones.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mape_core::{Code, Explain as _};
use nix::errno::Errno;

use super::*;
use crate::netlink::{Message, Messages};

#[path = "../../../../tests/support/conntrack_entry.rs"]
mod made;

use made::{attribute, bytes, entry, tuple};

const LINE: Ipv4Addr = Ipv4Addr::new(106, 72, 50, 97);
const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 11);
const SERVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
const SNAT: u32 = 1 << 4;
const DNAT: u32 = 1 << 5;

fn vectors() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/status/v6plus")
}

/// Addresses and ports (of an echo the identifier) of both directions, as conntrack's own tool
/// prints them.
fn classify(line: &str) -> Option<String> {
    let name =
        line.split_whitespace().next().filter(|name| ["tcp", "udp", "icmp"].contains(name))?;
    let keys = ["src=", "dst=", "sport=", "dport=", "id="];
    let words = line.split_whitespace().filter(|word| keys.iter().any(|key| word.starts_with(key)));
    Some(format!("{name} {}", words.collect::<Vec<_>>().join(" ")))
}

fn shown(entry: &Entry) -> String {
    let tuple = |tuple: &Tuple| {
        let Tuple { source, destination, source_port, destination_port, protocol } = tuple;
        let (from, to) = (source_port.unwrap(), destination_port.unwrap());
        match protocol {
            Protocol::Icmp => format!("src={source} dst={destination} id={from}"),
            _ => format!("src={source} dst={destination} sport={from} dport={to}"),
        }
    };
    let name = format!("{:?}", entry.original.protocol).to_lowercase();
    format!("{name} {} {}", tuple(&entry.original), tuple(&entry.reply))
}

#[test]
fn a_record_reads_as_the_tool_shows_it() {
    let record = Kernel::Recorded(vectors().join("recorded"));
    let text = std::fs::read_to_string(vectors().join("conntrack.txt")).unwrap();
    let mut entries: Vec<Entry> = select(&record, |_| true).unwrap();
    entries.retain(|entry| !matches!(entry.original.protocol, Protocol::Other(_)));
    let mut shown: Vec<String> = entries.iter().map(shown).collect();
    let mut classify: Vec<String> = text.lines().filter_map(classify).collect();
    shown.sort();
    classify.sort();
    assert!(shown.len() > 40);
    assert_eq!(shown, classify);
    // States: 3 is established, 7 TIME_WAIT.
    let mut states = BTreeMap::new();
    for entry in &entries {
        *states.entry(entry.tcp_state).or_insert(0) += 1;
        assert!(entry.timeout.is_some() && !entry.status.is_offloaded());
    }
    assert_eq!(states.remove(&Some(3)), Some(text.matches("ESTABLISHED").count()));
    assert_eq!(states.remove(&Some(7)), Some(text.matches("TIME_WAIT").count()));
    assert_eq!(states.into_keys().collect::<Vec<_>>(), [None]);
    assert!(list(&record, OTHER).unwrap().is_empty());
}

/// Whose entry is it? The address is shared, so that it is a neighbour's too.
#[test]
fn whose_it_is() {
    let (host, server, line) = ((HOST, 50000), (SERVER, 443), (LINE, 16400));
    let (other, web) = ((OTHER, 1025), (HOST, 80));
    let neighbour = (LINE, 7777);
    for (text, entry, ours, port) in [
        ("a LAN host's", entry([host, server], [server, line], SNAT, 6), true, Some(16400)),
        (
            "the router's, translated",
            entry([(LINE, 50000), server], [server, line], SNAT, 17),
            true,
            Some(16400),
        ),
        ("the router's as it is", entry([line, server], [server, line], 0, 17), false, Some(16400)),
        (
            "to a published port",
            entry([server, (LINE, 5696)], [web, server], DNAT, 6),
            true,
            Some(5696),
        ),
        (
            "to the router",
            entry([server, (LINE, 5696)], [(LINE, 5696), server], 0, 17),
            false,
            Some(5696),
        ),
        ("an echo", entry([host, server], [server, line], SNAT, 1), true, Some(443)),
        ("an echo from outside", entry([server, line], [line, server], 0, 1), false, None),
        (
            "to a neighbour, elsewhere",
            entry([host, neighbour], [neighbour, other], SNAT, 6),
            false,
            None,
        ),
        (
            "from a neighbour, elsewhere",
            entry([neighbour, other], [web, neighbour], DNAT, 6),
            false,
            None,
        ),
        ("another CPE's", entry([host, server], [server, other], SNAT, 6), false, None),
    ] {
        assert_eq!((entry.is_translated(LINE), entry.port_on(LINE)), (ours, port), "{text}");
    }
}

/// One that names nothing would delete everything.
#[test]
fn a_deletion_names_its_entry() {
    let original = [(HOST, 50000), (SERVER, 443)];
    let entry = entry(original, [(SERVER, 443), (LINE, 16400)], SNAT, 6);
    let bytes = entry.deletion().unwrap().bytes(1).unwrap();
    let messages: Vec<_> = Messages::new(&bytes).map(|message| message.unwrap().message).collect();
    let [Message::Item { family: NFPROTO_IPV4, attributes }] = messages[..] else {
        panic!("{messages:?}")
    };
    let expected = [
        attribute(0x8001, &tuple(original[0], original[1], 6)),
        attribute(12, &[9, 8, 7, 6]),
        attribute(18, &[0, 5]),
    ]
    .concat();
    assert_eq!(attributes, expected);
    // Subsystem 1, message 2; a request with an answer.
    assert_eq!(bytes[4..8], [0x102_u16.to_ne_bytes(), 5_u16.to_ne_bytes()].concat());
}

#[test]
fn what_is_needed_must_be_there() {
    let whole = bytes([(HOST, 1), (SERVER, 2)], [(SERVER, 2), (LINE, 1)], SNAT, 6);
    assert!(Entry::read(&whole).is_ok());
    let needed = whole.len() - 16;
    for length in 0..whole.len() {
        let read = Entry::read(&whole[..length]);
        // The name and the zone are allowed to be missing; a value's padding too.
        assert_eq!(
            read.is_ok(),
            [needed, needed + 8].contains(&length) || length >= whole.len() - 2,
            "{length}"
        );
    }
    for position in 0..whole.len() {
        for value in 0..=255 {
            let mut changed = whole.clone();
            changed[position] = value;
            let _ = Entry::read(&changed);
        }
    }
}

#[test]
fn errors_explain_themselves() {
    let refused = |errno| ConntrackError::from(NetlinkError::Refused(errno));
    for (error, words) in [
        (refused(Errno::EINVAL), "kmod-nf-conntrack-netlink"),
        (NetlinkError::Socket(Errno::EPROTONOSUPPORT).into(), "kmod-nf-conntrack-netlink"),
        (refused(Errno::EPERM), "as root"),
        (refused(Errno::ENOMEM), "again"),
        (NetlinkError::Silent.into(), "again"),
    ] {
        assert!(error.hint().contains(words) && error.code() == Code::Conntrack, "{error}");
        assert!(error.params().iter().all(|(_, value)| error.to_string().contains(value)));
    }
}

#[test]
fn counters() {
    let all = |number| Counters {
        insert_failed: Some(number),
        drop: Some(number + 1),
        early_drop: Some(number + 2),
        search_restart: Some(number + 3),
    };
    let now = "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart\n";
    let row = "00000011  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 0000000a 0000000b 0000000c 00000000  00000000 00000000 00000000 0000000d\n";
    assert_eq!(Counters::parse(&format!("{now}{row}")), all(10));
    let two = Counters::parse(&format!("{now}{row}{}", row.replace("0000000", "f000000")));
    assert_eq!(two.insert_failed, Some(10 + 0xf000_000a));
    // As Linux 5.10 had it.
    let before = now.replace("clashres", "searched").replace("chainlength", "delete_list");
    assert_eq!(Counters::parse(&format!("{before}{row}")), all(10));
    let unknown = Counters::default();
    for text in
        ["", now, "entries drop", "entries insert_failed\n1\n", "drop\nxyz\n", "drop\n1\n\n"]
    {
        assert_eq!(Counters::parse(text), unknown, "{text}");
    }
    assert_eq!(Counters::parse("drop\n1\n2\n").drop, Some(3));
    assert_eq!(Counters::read("/nonexistent".as_ref()), unknown);
}
