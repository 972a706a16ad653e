//! What kind of line it is: every service of the country, from the facts a router has.
//!
//! The lines are in `tests/provision/detect/lines.json`; their facts are from the operators'
//! pages and public lines, none from this program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#![allow(clippy::indexing_slicing, reason = "a test: a key that is missing in a line shall fail")]

use std::fs;
use std::path::{Path, PathBuf};

use mape_core::{Layout, ReceivedPrefix, parse_rule};
use mape_provision::{
    Answer, Endpoint, Failure, Gateway, LineFacts, LineType, NoService, Provisioned, detect,
};
use proptest::prelude::*;
use serde_json::Value;

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests")
}

fn json(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(tests().join(name)).unwrap()).unwrap()
}

fn schema() -> jsonschema::Validator {
    jsonschema::validator_for(&json("vectors/schema/detect.json")).unwrap()
}

fn facts(given: &Value) -> LineFacts {
    let mut facts = LineFacts::default();
    for (key, value) in given.as_object().unwrap() {
        let texts = || value.as_array().unwrap().iter().map(|it| it.as_str().unwrap());
        match key.as_str() {
            "prefixes" => facts.prefixes = texts().map(|it| it.parse().unwrap()).collect(),
            "s46" => {
                facts.s46 = texts().map(|it| parse_rule(it, Layout::Rfc7597).unwrap()).collect();
            }
            "aftr" => facts.aftr = Some(Endpoint::parse(value.as_str().unwrap()).unwrap()),
            "prefers_ds_lite" => facts.prefers_ds_lite = value.as_bool().unwrap(),
            "tunnel_end" => facts.tunnel_end = Some(value.as_str().unwrap().parse().unwrap()),
            "uplink_mtu" => facts.uplink_mtu = value.as_u64().unwrap().try_into().unwrap(),
            "uplink" => value.as_str().unwrap().clone_into(&mut facts.uplink),
            "gateway" => {
                facts.gateway = Some(Gateway::parse(value.to_string().as_bytes()).unwrap());
            }
            "provisioning" => {
                facts.provisioned = match value.as_str() {
                    Some("nothing") => Provisioned::Nothing(NoService::NotAnnounced),
                    Some(_) => {
                        Provisioned::Failed(Failure::NoAnswer { server: "a.example".to_owned() })
                    }
                    None => {
                        let answer = Answer::any(value.to_string().as_bytes()).unwrap();
                        Provisioned::Answer(Box::new(answer))
                    }
                };
            }
            other => panic!("{other}"),
        }
    }
    facts
}

#[test]
fn every_kind_of_line_is_named() {
    let schema = schema();
    let lines = json("provision/detect/lines.json");
    let lines = lines.as_array().unwrap();
    assert!(lines.len() >= 40);
    for line in lines {
        let name = line["name"].as_str().unwrap();
        let facts = facts(&line["facts"]);
        let verdict = detect(&facts);
        let json: Value = serde_json::from_str(&verdict.to_json()).unwrap();
        let errors: Vec<String> = schema.iter_errors(&json).map(|it| it.to_string()).collect();
        assert_eq!(errors, [""; 0], "{name}: {json}");
        for (key, expected) in line["expect"].as_object().unwrap() {
            let got = match key.as_str() {
                "from" => Value::from(
                    verdict.evidence.iter().map(|it| it.from).collect::<Vec<_>>().join(" "),
                ),
                "doubts" => Value::from(
                    verdict.against.iter().map(|it| it.from).collect::<Vec<_>>().join(" "),
                ),
                "text" => verdict.section.as_ref().map(|it| it.text("wan4")).into(),
                key => json.get(key).cloned().unwrap_or(Value::Null),
            };
            assert_eq!(got, *expected, "{name}: {key} of {json}");
        }
    }
}

#[test]
fn the_schema_refuses_what_is_no_verdict() {
    let schema = schema();
    let facts =
        LineFacts { prefixes: vec!["2404:8e00::/56".parse().unwrap()], ..LineFacts::default() };
    let good: Value = serde_json::from_str(&detect(&facts).to_json()).unwrap();
    assert!(schema.is_valid(&good));
    for (key, bad) in [
        ("line", "\"map_e\""),
        ("confidence", "1"),
        ("evidence", "[{}]"),
        ("aftr", "\"a b\""),
        ("section", "{\"proto\":\"dslite\"}"),
        ("new", "1"),
    ] {
        let mut value = good.clone();
        value[key] = serde_json::from_str(bad).unwrap();
        assert!(!schema.is_valid(&value), "{key}");
    }
}

#[test]
fn only_the_gateways_own_check_is_read() {
    let check = |status: &str| {
        format!(r#"{{"name":"jp.ne.enabler.ipv4.setting","version":"1.2.0","status":{status}}}"#)
    };
    assert_eq!(Gateway::parse(check("\"ON\"").as_bytes()), Some(Gateway::Active));
    assert_eq!(Gateway::parse(check("\"OFF\"").as_bytes()), Some(Gateway::Idle));
    for other in [check("1"), check("\"on\""), check("\"ON\"").replace("setting", "x"), "{}".into()]
    {
        assert_eq!(Gateway::parse(other.as_bytes()), None, "{other}");
    }
}

/// Blocks of DS-Lite, as upper 32 bits and length.
const DS_LITE: [(u32, u8); 7] = [
    (0x2404_8e00, 31),
    (0x2409_0010, 28),
    (0x2409_0250, 28),
    (0x2001_0f60, 28),
    (0x2001_0f70, 28),
    (0x2405_6580, 29),
    (0x2001_0c28, 32),
];

proptest! {
    /// Whatever a server, DHCPv6 or a typed tunnel end say.
    #[test]
    fn never_map_e_on_a_ds_lite_prefix(
        block in 0_usize..DS_LITE.len(),
        bits: u64,
        server: bool,
        s46: bool,
        end: bool,
    ) {
        let (upper, len) = DS_LITE[block];
        let kept = u64::MAX << (64 - len);
        let bits = u64::from(upper) << 32 & kept | bits & !kept & !0xff;
        let address = std::net::Ipv6Addr::from_bits(u128::from(bits) << 64);
        let prefix = ReceivedPrefix::new(address, 56).unwrap();
        let rule = "ipv6=2000::/8,ipv4=106.72.0.0/16,ea=16,br=2404:9200:225:100::64";
        let body = br#"{"order":["map_e"],"map_e":{"br":"2001:db8::1","rules":[{"ipv6":"2000::/8",
            "ipv4":"106.72.0.0/16","ea_length":16,"psid_offset":4}]}}"#;
        let facts = LineFacts {
            prefixes: vec![prefix],
            s46: if s46 { vec![parse_rule(rule, Layout::Draft03).unwrap()] } else { Vec::new() },
            provisioned: if server {
                Provisioned::Answer(Box::new(Answer::any(body).unwrap()))
            } else {
                Provisioned::NotAsked
            },
            tunnel_end: end.then(|| "2404:9200:225:100::64".parse().unwrap()),
            ..LineFacts::default()
        };
        let verdict = detect(&facts);
        prop_assert_eq!(verdict.line, LineType::DsLite, "{}", prefix);
        prop_assert_eq!(verdict.section.map(|it| it.proto), Some("dslite"));
    }
}
