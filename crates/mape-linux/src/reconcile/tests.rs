#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::path::Path;

use mape_core::{Request, plan};

use super::{DesiredLine, Steps, competing_routes};
use crate::desired::OwnedAddress;
use crate::ip::Snapshot;
use crate::journal::Journal;
use crate::spec::RouteOption;
use crate::{Config, LinuxError};

const CE: &str = "240b:10:3261:6400:6a:4832:6100:6400";

fn line(config: &str) -> DesiredLine {
    let plan = plan(&Request::new("240b:10:3261:6400::/56".parse().unwrap())).unwrap();
    let config = Config::parse(config, Path::new("f")).unwrap();
    DesiredLine::new(&config, "eth0", &plan)
}

/// The machine with everything in place, as iproute2 6.1 tells it; `change` is made to the text.
fn complete(change: impl Fn(&str) -> String) -> Snapshot {
    let devices = format!(
        r#"[{{"ifname":"eth0","flags":["UP"],"mtu":1500,"addr_info":[{{"local":"{CE}","prefixlen":128}}]}},
        {{"ifname":"mape-wan","flags":["POINTOPOINT","NOARP","UP","LOWER_UP"],"mtu":1460,
        "linkinfo":{{"info_kind":"ip6tnl","info_data":{{"proto":"ipip6","remote":"2404:9200:225:100::64",
        "local":"{CE}","link":"eth0","ttl":64,"ip6_tnl_f_ign_encap_limit":true}}}},
        "addr_info":[{{"local":"106.72.50.97","prefixlen":32}},{{"local":"fe80::1","prefixlen":64}}]}}]"#
    );
    let routes4 = r#"[{"dst":"default","dev":"mape-wan","scope":"253","metric":512}]"#;
    Snapshot {
        devices: serde_json::from_str(&change(&devices)).unwrap(),
        routes6: Vec::new(),
        routes4: serde_json::from_str(&change(routes4)).unwrap(),
    }
}

fn steps(config: &str, change: impl Fn(&str) -> String, owned: &[OwnedAddress]) -> Steps {
    super::steps(&line(config), &complete(change), &journal(owned)).unwrap()
}

/// What an `up` with the usual route has left.
fn journal(owned: &[OwnedAddress]) -> Journal {
    let mut journal = Journal::default();
    journal.owned.extend_from_slice(owned);
    journal.routes.push(RouteOption { table: None, metric: 512 });
    journal
}

fn as_it_is(text: &str) -> String {
    text.to_owned()
}

#[test]
fn what_is_right_stays() {
    assert_eq!(steps("", as_it_is, &[]), Steps::default());
    let ours = OwnedAddress { device: "eth0".to_owned(), address: CE.parse().unwrap() };
    assert_eq!(steps("", as_it_is, &[ours]), Steps::default());
    // An iproute2 that tells less.
    let silent = |text: &str| text.replace(r#""proto":"ipip6","#, "").replace(r#""ttl":64,"#, "");
    assert_eq!(steps("", silent, &[]), Steps::default());
}

#[test]
fn from_nothing() {
    let line = line("");
    let steps = super::steps(&line, &Snapshot::default(), &journal(&[])).unwrap();
    let expected = Steps {
        remove: Vec::new(),
        build: vec![
            format!("address add {CE}/128 dev eth0 nodad preferred_lft 0"),
            format!(
                "link add mape-wan mtu 1460 type ip6tnl mode ipip6 local {CE} remote \
                 2404:9200:225:100::64 encaplimit none hoplimit 64 tclass 0x00 dev eth0"
            ),
        ],
        open: vec![
            "address add 106.72.50.97/32 dev mape-wan".to_owned(),
            "link set mape-wan up".to_owned(),
            "route add default dev mape-wan metric 512".to_owned(),
        ],
    };
    assert_eq!(steps, expected);
}

#[test]
fn any_difference_creates_the_tunnel_again() {
    for (is, was) in [
        (CE, "240b:10:3261:6400::9"),
        ("2404:9200:225:100::64", "2404:9200:225:100::65"),
        (r#""link":"eth0""#, r#""link":"eth1""#),
        (r#""proto":"ipip6""#, r#""proto":"any""#),
        (r#""ttl":64"#, r#""ttl":63"#),
        (r#""ip6_tnl_f_ign_encap_limit":true"#, r#""encap_limit":4"#),
        (r#""mtu":1460"#, r#""mtu":1452"#),
    ] {
        let steps = steps("", |text| text.replace(is, was), &[]);
        assert_eq!(steps.remove, ["link delete mape-wan"], "{was}");
        assert_eq!(steps.open.len(), 3, "{was}");
    }
}

#[test]
fn only_missing_objects_are_added() {
    let no_ce = |text: &str| text.replace(&format!(r#"{{"local":"{CE}","prefixlen":128}}"#), "");
    let without = steps("", no_ce, &[]);
    assert!(without.remove.is_empty() && without.open.is_empty());
    assert!(matches!(without.build.as_slice(), [line] if line.starts_with("address add 240b:")));
    let down = steps("", |text| text.replace(r#""NOARP","UP""#, r#""NOARP""#), &[]);
    assert_eq!(down.open, ["link set mape-wan up"]);
    let renumbered = steps("", |text| text.replace("106.72.50.97", "106.72.50.98"), &[]);
    assert_eq!(
        renumbered.open,
        ["address add 106.72.50.97/32 dev mape-wan", "address delete 106.72.50.98/32 dev mape-wan"]
    );
}

#[test]
fn the_old_address_goes_behind_the_tunnel() {
    let old = OwnedAddress { device: "eth0".to_owned(), address: "240b:10::9".parse().unwrap() };
    let gone = OwnedAddress { device: "eth1".to_owned(), address: "240b:10::8".parse().unwrap() };
    let change = |text: &str| text.replace(CE, "240b:10::9");
    let steps = steps("", change, &[old, gone]);
    assert_eq!(steps.remove, ["link delete mape-wan", "address delete 240b:10::9/128 dev eth0"]);
}

#[test]
fn the_route_has_its_place() {
    assert_eq!(
        steps("metric 7\ntable 100", as_it_is, &[]).open,
        [
            "route delete default dev mape-wan metric 512",
            "route add default dev mape-wan metric 7 table 100"
        ]
    );
    let none = steps("defaultroute 0", as_it_is, &[]);
    assert_eq!(none.open, ["route delete default dev mape-wan metric 512"]);
}

#[test]
fn a_route_of_ones_own_through_the_tunnel_stays() {
    let theirs = r#"[{"dst":"default","dev":"mape-wan","table":"200"},"#;
    let more = |text: &str| {
        text.replacen(r#"[{"dst":"default""#, &format!(r#"{theirs}{{"dst":"default""#), 1)
    };
    assert_ne!(more(r#"[{"dst":"default""#), r#"[{"dst":"default""#);
    assert_eq!(steps("", more, &[]), Steps::default());
    assert_eq!(
        steps("metric 7", more, &[]).open,
        ["route delete default dev mape-wan metric 512", "route add default dev mape-wan metric 7"]
    );
}

#[test]
fn foreign_objects_are_refused_and_named() {
    let foreign = super::steps(
        &line(""),
        &complete(|text| text.replace(r#""info_kind":"ip6tnl""#, r#""info_kind":"veth""#)),
        &journal(&[]),
    );
    assert!(matches!(foreign, Err(LinuxError::ForeignDevice { .. })));
    let theirs = |text: &str| {
        text.replace(
            r#""dst":"default","dev":"mape-wan""#,
            r#""dst":"default","gateway":"192.0.2.1","dev":"eth1""#,
        )
    };
    let Err(LinuxError::RouteTaken { metric: 512, route }) =
        super::steps(&line(""), &complete(theirs), &journal(&[]))
    else {
        panic!("not refused")
    };
    assert_eq!(route, "default via 192.0.2.1 dev eth1 metric 512");
    let behind = competing_routes(&line("metric 9"), &complete(theirs));
    assert!(matches!(behind.as_slice(), [text] if text.contains("stays, behind")), "{behind:?}");
    let before = competing_routes(&line("metric 900"), &complete(theirs));
    assert!(matches!(before.as_slice(), [text] if text.contains("goes before")), "{before:?}");
    // Nothing is below 0.
    let first = |text: &str| theirs(text).replace(r#""metric":512"#, r#""metric":0"#);
    let before = competing_routes(&line(""), &complete(first));
    assert!(
        matches!(before.as_slice(), [text] if text.ends_with("or give it one above 512")),
        "{before:?}"
    );
    assert!(competing_routes(&line("table 5"), &complete(theirs)).is_empty());
}
