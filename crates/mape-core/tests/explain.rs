//! Every error in full: LuCI translates by code and parameters, people read the rest.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fmt::Write as _;

use mape_core::{
    Explain, ExplanationParts, Layout, PortList, ProviderChoice, ReceivedPrefix, Request,
    parse_rule, parse_rule_file, plan,
};

const V6PLUS: &str = "ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,br=2404:9200:225:100::64";

fn explained(error: &dyn Explain) -> String {
    let ExplanationParts { code, hint, params } = error.explain().into_parts();
    let mut text = format!("{code}\n{error}\n-> {hint}\n");
    for (name, value) in params {
        let _ = writeln!(text, "{name}={value}");
    }
    text
}

fn rule(change: (&str, &str)) -> String {
    let text = V6PLUS.replace(change.0, change.1);
    explained(&parse_rule(&text, Layout::Draft03).unwrap_err())
}

fn request(prefix: &str) -> Request {
    Request::new(prefix.parse().unwrap())
}

fn no_plan(request: &Request) -> String {
    explained(&plan(request).unwrap_err())
}

/// All sentences, one paragraph each.
fn all() -> String {
    let mut paragraphs = vec![
        explained(&"draft".parse::<Layout>().unwrap_err()),
        explained(&"isp".parse::<ProviderChoice>().unwrap_err()),
        explained(&"5,x".parse::<PortList>().unwrap_err()),
        explained(&"9-8".parse::<PortList>().unwrap_err()),
        explained(
            &(1..=4097)
                .map(|n| (2 * n).to_string())
                .collect::<Vec<_>>()
                .join(",")
                .parse::<PortList>()
                .unwrap_err(),
        ),
    ];
    for prefix in ["x", "1.2.3.4", "fe80::1%eth0", "240b::/65", "240b:10:0:1::/56"] {
        paragraphs.push(explained(&prefix.parse::<ReceivedPrefix>().unwrap_err()));
    }
    for text in ["ea", "eb=1", "ea=1,ea=2", "ea=1"] {
        paragraphs.push(explained(&parse_rule(text, Layout::Draft03).unwrap_err()));
    }
    for change in [
        ("240b:10::/31", "240b"),
        ("106.72.0.0/15", "106"),
        ("ea=25", "ea=x"),
        ("ea=25", "ea=25,offset=-"),
        ("ea=25", "ea=25,psidlen="),
        ("ea=25", "ea=25,psid=0x"),
        ("ea=25", "ea=25,layout=rfc"),
        ("2404:9200:225:100::64", "br"),
        ("240b:10::/31", "240b:11::/31"),
        ("106.72.0.0/15", "106.73.0.0/15"),
        ("106.72.0.0/15", "224.0.0.0/15"),
        ("2404:9200:225:100::64", "fe80::1"),
        ("ea=25", "ea=34"),
        ("ea=25", "ea=25,psidlen=7"),
        ("ea=25", "ea=16,psidlen=7"),
        ("ea=25", "ea=17,psidlen=7"),
        ("ea=25", "ea=25,psid=300"),
        ("ea=25", "ea=17,psid=3"),
        ("ea=25", "ea=25,offset=17"),
        ("ea=25", "ea=17,psid=1,psidlen=17"),
        ("ea=25", "ea=25,nat=106.72.50.97"),
        ("106.72.0.0/15,ea=25", "198.51.100.80/29,ea=0,nat=198.51.100.88"),
        ("ea=25", "ea=0,nat=106.72.50"),
        ("ea=25", "ea=0,id=2001:db8::1"),
        ("240b:10::/31,ipv4=106.72.0.0/15,ea=25", "2400::/16,ipv4=106.72.0.0/24,ea=32"),
        ("ea=25", "ea=25,offset=9"),
    ] {
        paragraphs.push(rule(change));
    }
    let conflict = format!("{V6PLUS}\n\n{}", V6PLUS.replace("::64", "::65"));
    for file in ["", "\nea", &V6PLUS.replace("=25", "=34"), &conflict] {
        paragraphs.push(explained(&parse_rule_file(file, Layout::Draft03).unwrap_err()));
    }
    for prefix in [
        "fe80::/64",
        "2408::/56",
        "2400:4052:f000::/56",
        "240d:f:4000::/56",
        "2404:8e00::/56",
        "2001:f60::/56",
        "2405:6580::/56",
        "2400:2000::/56",
        "2a00::/56",
        "240b:10::/32",
        "240b:10:3251:6410::/60",
    ] {
        paragraphs.push(no_plan(&request(prefix)));
    }
    let good = request("240b:10:3261:6400::/56");
    let own = |text: &str| vec![parse_rule(text, Layout::Draft03).unwrap()];
    let choose = |name: &str| name.parse::<ProviderChoice>().unwrap();
    let elsewhere = own("ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,br=2001:db8:ffff::1");
    for request in [
        Request { provider: choose("ocn"), ..good.clone() },
        Request { provider: choose("manual"), ..good.clone() },
        Request { explicit: elsewhere.clone(), ..good.clone() },
        Request { explicit: own(&format!("{V6PLUS},psid=7")), ..good.clone() },
        Request {
            explicit: [own(V6PLUS), own(&V6PLUS.replace("::64", "::65"))].concat(),
            ..good.clone()
        },
        Request {
            explicit: own(
                &V6PLUS.replace("2404:9200:225:100::64", "240b:10:3261:6400:6a:4832:6100:6400")
            ),
            ..good.clone()
        },
        Request { uplink_mtu: 1319, ..good.clone() },
        Request { reserved: "1-65535".parse().unwrap(), ..good },
        // A provider of one's own next to a line of theirs: the file does not help either.
        Request { provider: choose("manual"), file: elsewhere.clone(), ..request("240b:252::/56") },
        Request { provider: choose("manual"), file: elsewhere, ..request("2404:7a80::/56") },
    ] {
        paragraphs.push(no_plan(&request));
    }
    paragraphs.join("\n")
}

/// The golden file is written by `MAPE_BLESS=1 cargo test`; read its diff before it is committed.
#[test]
fn every_error_is_explained_as_agreed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/errors.txt");
    if std::env::var_os("MAPE_BLESS").is_some() {
        std::fs::write(path, all()).unwrap();
    }
    let agreed = std::fs::read_to_string(path).unwrap();
    for (explained, agreed) in all().split("\n\n").zip(agreed.split("\n\n")) {
        assert_eq!(explained, agreed);
    }
    assert_eq!(all().len(), agreed.len());
}
