//! Tests of assigning and keeping ports, and of the events.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mape_core::{Explain as _, PortRange, Request, plan};
use mape_uci::Package;

use super::*;
use crate::apply_forwards::apply;
use crate::interface_state::State;

fn line(prefix: &str, reserved: &str) -> Plan {
    let mut request = Request::new(prefix.parse().unwrap());
    if !reserved.is_empty() {
        request.reserved = reserved.parse().unwrap();
    }
    plan(&request).unwrap()
}

/// PSID 100: 5696-5711, 9792-9807 … 63040-63055.
const V6PLUS: &str = "240b:10:3261:6400::/56";
/// PSID 81, so no port in common.
const OTHER: &str = "240b:10:3251:5100::/56";

/// `NAME PORT INSIDE [PROTO]` for each forward.
fn requests(forwards: &str) -> ConfiguredForwards {
    let mut text = String::new();
    for line in forwards.split(", ").filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        let _ = writeln!(
            text,
            "config mape_forward {}\n option src_dport {}\n option dest_port {}\n \
             option dest_ip 192.168.1.10",
            words[0], words[1], words[2]
        );
        text += &words.get(3).map(|proto| format!(" option proto {proto}\n")).unwrap_or_default();
    }
    let package = Package::parse("firewall", &text).unwrap();
    let read = |section| Forward::read(section).unwrap().unwrap();
    let forwards = package.of_kind(KIND).map(read).collect();
    ConfiguredForwards { forwards, ..ConfiguredForwards::default() }
}

fn ports(outcome: &Outcome) -> BTreeMap<&str, u16> {
    outcome.servers.iter().map(|server| (server.forward.as_str(), server.ports.first())).collect()
}

fn find(forwards: &str, plan: &Plan, pool: &[PortRange], stored: &PortStore) -> Outcome {
    outcome(&requests(forwards), "wan", true, plan, pool, stored)
}

#[test]
fn auto_is_the_same_port_or_one_that_stays() {
    let plan = line(V6PLUS, "");
    let first = find("game auto 5700, web auto 443", &plan, &[], &PortStore::default());
    let web = ports(&first)["web"];
    assert!(plan.port_set().contains(web) && ports(&first)["game"] == 5700);
    // Others come before it, behind it, and go; even if they want its port.
    for forwards in [
        "web auto 443".to_owned(),
        "other auto 443, game auto 5700, web auto 443".to_owned(),
        format!("web auto 443, other auto {web}"),
        format!("other auto {web}, web auto 443"),
        format!("other auto {web}, third auto 443, web auto 443"),
    ] {
        let again = find(&forwards, &plan, &[], &first.stored);
        assert_eq!(ports(&again).get("web"), Some(&web), "{forwards}");
    }
    // An explicit request gets the port.
    let named = find(&format!("web auto 443, other {web} 1"), &plan, &[], &first.stored);
    assert!(ports(&named)["web"] != web && ports(&named)["other"] == web);
    assert_eq!(named.changes[0].line(false).split(' ').nth(2), Some("moved"));
    // Without a stored port the choice is the same as the first time.
    assert_eq!(ports(&find("web auto 443", &plan, &[], &PortStore::default()))["web"], web);
}

#[test]
fn what_cannot_arrive_is_refused() {
    let plan = line(V6PLUS, "9800");
    let pool = pool(&plan, 16);
    assert_eq!(pool.iter().map(ToString::to_string).collect::<Vec<_>>(), ["63040-63055"]);
    let forwards = "a 25565 25565, b 63041 1, c 5700 1 tcp, d 5700 1 udp, e 5700 1, f 9800 1";
    let found = find(forwards, &plan, &pool, &PortStore::default());
    let reasons: Vec<(&str, String, String)> = found
        .refused
        .iter()
        .map(|(name, refusal)| {
            (name.as_str(), refusal.to_string(), refusal.params().pop().unwrap().1)
        })
        .collect();
    let expected = [
        (
            "a",
            "port 25565 is not in the port set, so nothing can arrive there",
            "26176 26177 26178",
        ),
        ("b", "port 63041 belongs to the ports set aside for UPnP", "58959 58958 58957"),
        ("e", "port 5700 is that of c", "c"),
    ];
    for (name, reason, last) in expected {
        let found = reasons.iter().find(|it| it.0 == name).unwrap();
        assert_eq!((found.1.as_str(), found.2.as_str()), (reason, last));
    }
    assert_eq!(ports(&found), BTreeMap::from([("c", 5700), ("d", 5700), ("f", 9800)]));
    assert!(found.refused[0].1.hint().ends_with("26176, 26177, 26178"));
}

/// Suggested ports are free, and a question moves no forward.
#[test]
fn what_is_offered_can_be_had() {
    let plan = line(V6PLUS, "");
    let forwards = "game auto 26176, web auto 26177";
    let first = find(forwards, &plan, &[], &PortStore::default());
    let asking = |wanted: &str| {
        let mut requests = requests(&format!("{forwards}, new {wanted} 22"));
        requests.proposed = requests.forwards.pop();
        outcome(&requests, "wan", true, &plan, &[], &first.stored)
    };
    let configured = find(&format!("new 25565 22, {forwards}"), &plan, &[], &first.stored);
    for (found, reason) in [
        (configured, "port 25565 is not in the port set, so nothing can arrive there"),
        (asking("25565"), "port 25565 is not in the port set, so nothing can arrive there"),
        (asking("26176"), "port 26176 is that of game"),
    ] {
        assert_eq!(found.refused[0].1.to_string(), reason);
        let hint = found.refused[0].1.hint();
        assert!(hint.ends_with(": 26178, 26179, 26180"), "{hint}");
        assert_eq!(ports(&found), ports(&first));
    }
    assert_eq!(ports(&asking("26178"))["new"], 26178);
    // Where no further port can be given away, none is offered.
    let blocks: Vec<String> = plan.port_set().ranges().map(|it| it.to_string()).collect();
    let (last, others) = blocks.split_last().unwrap();
    assert_eq!(last, "63040-63055");
    let tight = line(V6PLUS, &format!("{},63040-63053", others.join(",")));
    let found = find("a 63054 1, b 443 1", &tight, &[], &PortStore::default());
    assert_eq!(found.refused[0].1.hint(), "remove a forward, or reserve fewer ports");
}

#[test]
fn another_prefix_moves_ports_and_reports_it() {
    let (before, after) = (line(V6PLUS, ""), line(OTHER, ""));
    let forwards = "named 5700 22, auto auto 5701, tcp auto 443 tcp";
    let first = find(forwards, &before, &[], &PortStore::default());
    assert!(first.changes.iter().all(|change| change.old.is_none()));
    let second = find(forwards, &after, &[], &first.stored);
    assert!(second.refused.is_empty());
    assert_eq!(second.changes.len(), 3);
    for change in &second.changes {
        let (old, new) = (change.old.unwrap(), change.new.unwrap());
        assert_eq!((*old.ip(), *new.ip()), (before.ipv4().addr(), after.ipv4().addr()));
        assert!(before.port_set().contains(old.port()) && after.port_set().contains(new.port()));
    }
    // Again and again the same, nothing more to tell; with the old prefix the named port is back.
    let third = find(forwards, &after, &[], &second.stored);
    assert_eq!((ports(&third), third.changes.len()), (ports(&second), 0));
    let back = find(forwards, &before, &[], &third.stored);
    assert_eq!(ports(&back)["named"], 5700);
    // Another wrong port is a wrong port.
    let wrong = find("named 443 22", &after, &[], &third.stored);
    assert_eq!((wrong.servers.len(), wrong.refused.len()), (0, 1));
    assert_eq!(wrong.changes.iter().filter(|change| change.new.is_none()).count(), 3);
}

#[test]
fn one_port_is_left() {
    let plan = line(V6PLUS, "");
    let many: Vec<String> = (0..300).map(|number| format!("f{number} auto 443")).collect();
    let found = find(&many.join(", "), &plan, &[], &PortStore::default());
    assert_eq!((found.servers.len(), found.refused.len()), (239, 61));
    assert_eq!(pool(&plan, 1000).iter().map(|range| range.ports().len()).sum::<usize>(), 239);
    assert!(pool(&plan, 0).is_empty());
    let different: std::collections::BTreeSet<u16> = ports(&found).into_values().collect();
    assert_eq!(different.len(), 239);
    // Of 16 ports the first is 0, which is none.
    let mut request = Request::new("2001:db8::/64".parse().unwrap());
    let rule = "ipv6=2001:db8::/44,ipv4=192.0.2.0/24,ea=20,offset=0,br=2001:db8:ffff::1";
    request.explicit.push(mape_core::parse_rule(rule, mape_core::Layout::Rfc7597).unwrap());
    let plan = mape_core::plan(&request).unwrap();
    assert_eq!(plan.port_set().ranges().next().unwrap().to_string(), "0-15");
    let found = find(&many[..15].join(", "), &plan, &[], &PortStore::default());
    assert_eq!((found.servers.len(), found.refused.len()), (14, 1));
    let upnp = pool(&plan, 12);
    let found = find(&many[..3].join(", "), &plan, &upnp, &PortStore::default());
    assert_eq!((found.servers.len(), found.refused.len()), (2, 1));
}

/// Forwards beyond what a state file holds are refused by name. The line keeps the others, and a
/// state that can be read.
#[test]
fn what_a_state_has_no_room_for_is_refused() {
    const COUNT: usize = 1500;
    let directory = std::env::temp_dir().join(format!("mape-room-{}", std::process::id()));
    let mut request = Request::new(V6PLUS.parse().unwrap());
    let rule = "ipv6=240b:10:3261:6400::/56,ipv4=192.0.2.1/32,ea=0,br=2404:9200:225:100::64";
    request.explicit.push(mape_core::parse_rule(rule, mape_core::Layout::Draft03).unwrap());
    let plan = plan(&request).unwrap();
    let (name, edge) = ("wan".parse().unwrap(), mape_nft::EdgeChoice::Auto);
    let (listening, options) = (mape_core::PortList::default(), mape_nft::Options::default());
    let state = State::new(&name, &plan, &listening, edge, options);
    let section = |number: usize| format!("f{number}_{}", "x".repeat(600));
    let forwards: Vec<String> =
        (0..COUNT).map(|number| format!("{} {} 443", section(number), 10_000 + number)).collect();
    let env = Env::default().with_root(&directory);
    let (new, outcome, _) =
        apply(&state, &requests(&forwards.join(", ")), "wan", true, &env).unwrap();
    let room = outcome.servers.len();
    assert!((300..COUNT).contains(&room), "{room}");
    let refused: Vec<&str> = outcome.refused.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(refused, (room..COUNT).map(section).collect::<Vec<_>>());
    let (_, first) = &outcome.refused[0];
    assert_eq!(first.to_string(), format!("an interface has room for {room} of these forwards"));
    new.write(&directory).unwrap();
    let read = State::read(&directory.join("wan.json")).unwrap();
    assert_eq!((read.servers().len(), read), (room, new));
    std::fs::remove_dir_all(directory).unwrap();
}

/// A section that is not meant to be published, or cannot be.
#[test]
fn sections() {
    let read = |options: &str| {
        let text = format!("config mape_forward x\n{options}");
        let package = Package::parse("firewall", &text).unwrap();
        Forward::read(package.sections().first().unwrap()).map_err(|(_, error)| error.to_string())
    };
    let good = " option dest_ip 192.168.1.10\n option dest_port 22\n";
    let forward = read(good).unwrap().unwrap();
    assert_eq!(
        (forward.protocols().as_str(), forward.requested.text().as_str()),
        ("tcp udp", "auto")
    );
    assert_eq!(read(&format!("{good} option enabled 0\n")), Ok(None));
    assert_eq!(read(&format!("{good} list proto udp\n")).unwrap().unwrap().protocols(), "udp");
    let only = read(" option dest_host NAS\n option src_dport 5700\n").unwrap().unwrap();
    assert_eq!((only.dest_ports, only.host.text().as_str()), (PortRange::one(5700), "nas"));
    for (options, word) in [
        ("", "dest_ip"),
        (" option dest_ip 192.168.1.10\n", "dest_port"),
        (" option dest_ip 192.168.1.300\n option dest_port 1\n", "dest_ip"),
        (" option dest_ip 192.168.1.10\n option dest_port 0\n", "dest_port"),
        (" option dest_ip 192.168.1.10\n option dest_port 9-1\n", "dest_port"),
        (" option dest_ip 192.168.1.10\n option src_dport 70000\n", "src_dport"),
        (" option dest_ip 192.168.1.10\n option dest_host nas\n option dest_port 1\n", "dest_host"),
        (" option dest_ip 192.168.1.10\n option dest_port 1\n option proto icmp\n", "proto"),
        (" option dest_ip 192.168.1.10\n option dest_port 1\n option enabled maybe\n", "enabled"),
    ] {
        assert!(read(options).unwrap_err().contains(word), "{options}");
    }
}

/// UCI's lists of one are options, here too.
#[test]
fn a_list_of_one_is_the_option_of_a_forward() {
    let read = |text: &str| {
        let package = Package::parse("firewall", text).unwrap();
        Forward::read(package.sections().first().unwrap()).map_err(|(_, error)| error.to_string())
    };
    let options = "config mape_forward x\n option dest_ip 192.168.1.10\n option dest_port 22\n \
                   option src_dport 5700\n option name ssh\n option interface wan4\n option enabled 1\n";
    assert!(read(options).unwrap().is_some());
    assert_eq!(read(&options.replace(" option ", " list ")), read(options));
}

#[test]
fn typed_and_configured_is_the_same() {
    let request = |host, name| ForwardRequest {
        host,
        dest_port: "443",
        src_dport: "auto",
        proto: Some("tcp,udp"),
        name,
        interface: None,
    };
    let section = |host, name| request(host, name).section(|it| it == "nas");
    assert_eq!(section("192.168.1.5", None), "mape_192_168_1_5_443");
    assert_eq!(section("x", Some("nas")), "nas_2");
    assert_eq!(section("x", Some("ゲーム")), "mape_forward");
    let host = |host| request(host, Some("it's")).forward("x").map(|it| it.host.text());
    for text in ["192.168.1.5", "::10", "nas", "02:00:00:00:00:aa"] {
        assert_eq!(host(text).as_deref(), Ok(text));
    }
    assert_eq!(host("0:0:0:0:0:0:0:10").as_deref(), Ok("::10"));
    for text in ["192.168.1.300", "fe80::1", "2:0:0:0:0:1", "1:2:3:4:5:6:7:8"] {
        assert!(host(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_kept_outlives_nonsense() {
    let directory = std::env::temp_dir().join(format!("mape-ports-{}", std::process::id()));
    let stored = find("web auto 443", &line(V6PLUS, ""), &[], &PortStore::default()).stored;
    stored.write(&directory, "wan").unwrap();
    assert_eq!(PortStore::read(&directory, "wan"), stored);
    let file = directory.join("wan.ports");
    let text = std::fs::read_to_string(&file).unwrap();
    for end in 0..text.trim_end().len() {
        std::fs::write(&file, &text[..end]).unwrap();
        assert_eq!(PortStore::read(&directory, "wan"), PortStore::default());
    }
    PortStore::default().write(&directory, "wan").unwrap();
    assert!(file.exists());
    stored.write(&directory, "wan").unwrap();
    PortStore::default().write(&directory, "wan").unwrap();
    assert!(!file.exists());
    std::fs::remove_dir_all(directory).unwrap();
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// For any requests, any port set, and any stored ports.
    #[test]
    fn every_choice_is_sound(
        (offset, ea, bits) in (0_u8..=8, 4_u8..=8, proptest::prelude::any::<u16>()),
        requested in proptest::collection::vec((0_u8..30, proptest::prelude::any::<u16>(), 1_u16.., 0_u8..3), 0..40),
        (upnp, before) in (0_u16..400, proptest::prelude::any::<u16>()),
    ) {
        let rule = format!(
            "ipv6=2001:db8::/40,ipv4=192.0.2.1/32,ea={ea},offset={offset},br=2001:db8:ffff::1"
        );
        let line = |bits: u16| {
            let prefix = format!("2001:db8:{:x}::/56", bits & 0xff00 >> 8);
            let mut request = Request::new(prefix.parse().unwrap());
            request.explicit.push(mape_core::parse_rule(&rule, mape_core::Layout::Draft03).unwrap());
            plan(&request)
        };
        let (Ok(plan), Ok(former)) = (line(bits), line(before)) else { return Ok(()) };
        let pool = pool(&plan, upnp);
        let texts: Vec<String> = requested
            .iter()
            .map(|(name, outside, inside, proto)| {
                let outside = if *outside < 1000 { "auto".to_owned() } else { outside.to_string() };
                let proto = ["tcp", "udp", "all"][usize::from(*proto)];
                format!("f{name} {outside} {inside} {proto}")
            })
            .collect();
        let requests = requests(&texts.join(", "));
        let stored = outcome(&requests, "wan", true, &former, &[], &PortStore::default()).stored;
        let found = outcome(&requests, "wan", true, &plan, &pool, &stored);
        let count = |ranges: &[PortRange]| ranges.iter().map(|it| it.ports().len()).sum::<usize>();
        let different: std::collections::BTreeSet<u16> =
            found.servers.iter().map(|server| server.ports.first()).collect();
        let owned = plan.port_set().ranges().flat_map(PortRange::ports).filter(|it| *it != 0).count();
        proptest::prop_assert!(different.len() + count(&pool) < owned);
        let mut taken = std::collections::BTreeSet::new();
        for server in &found.servers {
            let port = server.ports.first();
            proptest::prop_assert!(port != 0 && plan.port_set().contains(port));
            proptest::prop_assert!(!pool.iter().any(|range| range.contains(port)));
            for transport in &server.transports {
                proptest::prop_assert!(taken.insert((*transport, port)), "{server:?}");
            }
        }
        // The same again, and nothing more to tell.
        let again = outcome(&requests, "wan", true, &plan, &pool, &found.stored);
        proptest::prop_assert_eq!(&again.servers.len(), &found.servers.len());
        proptest::prop_assert!(again.changes.is_empty(), "{:?}", again.changes);
    }
}
