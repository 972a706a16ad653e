//! Every error of provisioning in full: LuCI translates by code and parameters, people read the
//! rest.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fmt::Write as _;

use mape_core::Explain;
use mape_provision::{
    Answer, Capability, Credentials, DnsFailure, Failure, Identity, MAX_BODY, NoService,
    RedirectError, UserUrl,
};

fn explained(error: &dyn Explain) -> String {
    let mape_core::ExplanationParts { code, hint, params } = error.explain().into_parts();
    let mut text = format!("{code}\n{error}\n-> {hint}\n");
    for (name, value) in params {
        let _ = writeln!(text, "{name}={value}");
    }
    text
}

fn identity(vendor: &str, product: &str, version: &str, can: &[Capability]) -> String {
    explained(&Identity::new(vendor, product, version, can).unwrap_err())
}

/// What is wrong with an answer, as the machine would say it.
fn answer(body: &str) -> String {
    let line = ["240b:10:3261:6400::/56".parse().unwrap()];
    let error = match Answer::any(body.as_bytes()) {
        Err(error) => error,
        Ok(answer) => match answer.choose(&[Capability::MapE], &line) {
            Err(mape_provision::NoMethod::Unusable(error)) => error,
            other => panic!("{other:?}"),
        },
    };
    explained(&Failure::Answer(error))
}

fn rule(rule: &str) -> String {
    answer(&format!(r#"{{"order":["map_e"],"map_e":{{"br":"2001:db8::1","rules":[{rule}]}}}}"#))
}

fn all() -> String {
    let server = || "vne.example.jp".to_owned();
    let map_e = [Capability::MapE];
    let mut paragraphs = vec![
        identity("acde4", "x", "1", &map_e),
        identity("acde48", "a b", "1", &map_e),
        identity("acde48", "x", "r1", &map_e),
        identity("acde48", "x", "1", &[Capability::HubSpoke]),
        explained(&Credentials::new("a b", "secret", "a.example").unwrap_err()),
        explained(&Credentials::new("user", "sec ret", "a.example").unwrap_err()),
        explained(&Credentials::new("user", "secret", "https://a").unwrap_err()),
        explained(&UserUrl::new("https://192.0.2.1/?code=secret").unwrap_err()),
        explained(&NoService::NotAnnounced),
        explained(&NoService::Malformed),
        explained(&NoService::Nothing { server: server() }),
        explained(&NoService::AuthRequired { server: server() }),
        explained(&NoService::AuthBad { server: server() }),
        explained(&NoService::OtherMethods {
            server: server(),
            methods: vec![Capability::DsLite, Capability::Ipip],
        }),
        explained(&Failure::Dns(DnsFailure::Failed)),
        explained(&Failure::Dns(DnsFailure::Timeout)),
        explained(&Failure::NoAnswer { server: server() }),
        explained(&Failure::Certificate { server: server() }),
        explained(&Failure::ShowsPassword { server: server() }),
        explained(&Failure::Refused { server: server(), status: 403 }),
        explained(&Failure::Status { server: server(), status: 503 }),
    ];
    for error in [RedirectError::Nowhere, RedirectError::Downgrade, RedirectError::TooMany] {
        paragraphs.push(explained(&Failure::Redirect { server: server(), error }));
    }
    paragraphs.push(answer(&" ".repeat(MAX_BODY + 1)));
    for body in [
        "<html>",
        "{}",
        r#"{"order":5}"#,
        r#"{"order":["map_e"]}"#,
        r#"{"order":["map_e"],"map_e":[]}"#,
        r#"{"order":["map_e"],"map_e":{}}"#,
        r#"{"order":["map_e"],"map_e":{"br":"192.0.2.1"}}"#,
        r#"{"order":["map_e"],"map_e":{"br":"2001:db8::1","version":7}}"#,
        r#"{"fmr":[]}"#,
        r#"{"basicMapRules":[{"brIpv6Address":"2001:db8::1"}]}"#,
    ] {
        paragraphs.push(answer(body));
    }
    for text in [
        "",
        "{}",
        "5",
        r#"{"ipv6":"240b:10::","ipv4":"10.0.0.0/16","ea_length":24}"#,
        r#"{"ipv6":"240b:10::/32","ipv4":"10.0.0.0/16","ea_length":40}"#,
        r#"{"ipv6":"2001:db8::/32","ipv4":"10.0.0.0/16","ea_length":24}"#,
    ] {
        paragraphs.push(rule(text));
    }
    paragraphs.join("\n")
}

/// The golden file is written by `MAPE_BLESS=1 cargo test`; read its diff before it is committed.
#[test]
fn every_error_is_explained_as_agreed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/provision/errors.txt");
    if std::env::var_os("MAPE_BLESS").is_some() {
        std::fs::write(path, all()).unwrap();
    }
    let agreed = std::fs::read_to_string(path).unwrap();
    for (explained, agreed) in all().split("\n\n").zip(agreed.split("\n\n")) {
        assert_eq!(explained, agreed);
    }
    assert_eq!(all().len(), agreed.len());
    assert!(!agreed.contains("secret") && !agreed.contains("sec ret"));
}
