#![allow(clippy::unwrap_used, reason = "a test")]

use mape_core::{LineKind, Request, plan};
use mape_provision::{LineFacts, detect};

use super::*;

/// Words of a machine with OpenWrt.
const OPENWRT: [&str; 14] = [
    "OpenWrt",
    "uci",
    "ubus",
    "netifd",
    "opkg",
    "apk",
    "LuCI",
    "/etc/config",
    "init.d",
    "use proto",
    "kmod-",
    "ds-lite package",
    "of proto",
    "configure proto",
];

fn suits(hint: &str) {
    assert!(!hint.is_empty());
    for word in OPENWRT {
        assert!(!hint.contains(word), "{word:?} in {hint:?}");
    }
}

fn hint(failure: Failure) -> String {
    failure.into_parts().hint
}

/// A prefix of each kind of line that has no rule.
const LINES: [(&str, &str); 8] = [
    ("fe80::/64", ""),
    ("2408:240:1:100::/64", ""),
    ("2400:4052:f000::/56", ""),
    ("240d:f:4000::/56", ""),
    ("2409:10:1234:5600::/64", "AFTR gw.transix.jp, with 192.0.0.2/29 on it and no NAT"),
    ("2001:f74:1234::/56", "AFTR dgw.xpass.jp, with 192.0.0.2/29 on it and no NAT"),
    ("2405:6583:1234::/56", "AFTR dslite.v6connect.net, with 192.0.0.2/29 on it and no NAT"),
    ("2400:2410:1234:5600::/64", "the tunnel end of your contract"),
];

#[test]
fn a_prefix_without_a_rule() {
    for (prefix, says) in LINES {
        let error = plan(&Request::new(prefix.parse().unwrap())).unwrap_err();
        let original = error.hint();
        let advice = hint(advised(error.clone().into()));
        suits(&advice);
        assert!(advice.contains(says), "{prefix}: {advice}");
        // The core names the same AFTR.
        if let Some((_, aftr)) = says.split_once("AFTR ") {
            let aftr = aftr.split(',').next().unwrap();
            assert!(original.contains(aftr), "{original}");
        }
        // `up` has no option --rule.
        let in_file = hint(advised_in_file(error.into()));
        suits(&in_file);
        assert!(!in_file.contains("--"), "{in_file}");
    }
    for kind in [LineKind::Transix, LineKind::Softbank] {
        assert!(
            OPENWRT.iter().any(|word| kind.next_step().contains(word)),
            "a router keeps its own"
        );
    }
}

#[test]
fn a_verdict_has_no_section() {
    let verdict_with = |prefix: &str, tunnel_end: Option<&str>, ipv4: Option<&str>| {
        let tunnel_end = tunnel_end.map(|end| end.parse().unwrap());
        let prefixes = vec![prefix.parse().unwrap()];
        let ipv4 = ipv4.map(|ipv4| ipv4.parse().unwrap());
        let facts = LineFacts { prefixes, tunnel_end, ipv4, ..LineFacts::default() };
        advised_verdict(detect(&facts), tunnel_end)
    };
    let verdict = |prefix: &str, tunnel_end| verdict_with(prefix, tunnel_end, None);
    for (prefix, says) in LINES {
        let verdict = verdict(prefix, None);
        suits(&verdict.next_step);
        assert!(verdict.next_step.contains(says) && verdict.section.is_none(), "{prefix}");
    }
    let map_e = verdict("240b:12:3456:7800::/56", None);
    assert!(map_e.next_step.starts_with("run mape-proto up;"), "{}", map_e.next_step);
    suits(&map_e.next_step);
    let fixed = verdict("2600::/56", Some("2404:9200:225:100::65")).next_step;
    assert!(
        fixed.contains("provider v6plus-static") && fixed.contains("/etc/mape-rs.conf"),
        "{fixed}"
    );
    assert!(fixed.contains("ipaddr (the contract's address)"), "{fixed}");
    // Without these two the provider sends nothing to an address that it does not know.
    assert!(fixed.contains("update_user and update_password"), "{fixed}");
    // What was given is not asked for again.
    for (end, ipv4, says) in [
        ("2404:9200:225:100::65", "203.0.113.81/32", "ipaddr 203.0.113.81 and peeraddr"),
        ("2001:380:a182::2", "198.51.100.80/29", "ipaddr 198.51.100.80/29 and peeraddr"),
    ] {
        let prefix = "2400:4050:1234:5600::/56";
        let step = verdict_with(prefix, Some(end), Some(ipv4)).next_step;
        suits(&step);
        assert!(step.contains(says) && !step.contains("the contract's address"), "{step}");
        assert_eq!(step.contains("update_user"), end.ends_with("65"), "{step}");
    }
    let other = verdict("2600::/56", Some("2600:1::65")).next_step;
    assert!(other.contains("the tunnel end 2600:1::65"), "{other}");
    suits(&fixed);
    suits(&other);
}

/// Each reason why a server gave nothing.
#[test]
fn the_advice_about_provisioning_fits_the_machine() {
    use mape_provision::Failure::{Certificate, Dns, NoAnswer, Refused, ShowsPassword, Status};
    use mape_provision::{DnsFailure, NoService};
    let server = || "vne.example.jp".to_owned();
    let failures: Vec<Failure> = vec![
        Dns(DnsFailure::Timeout).into(),
        NoAnswer { server: server() }.into(),
        Certificate { server: server() }.into(),
        ShowsPassword { server: server() }.into(),
        Refused { server: server(), status: 403 }.into(),
        Status { server: server(), status: 500 }.into(),
        NoService::NotAnnounced.into(),
        NoService::Nothing { server: server() }.into(),
        NoService::AuthRequired { server: server() }.into(),
    ];
    for failure in failures {
        let code = failure.code;
        let advice = hint(advised_in_file(failure));
        suits(&advice);
        let asks_resolvers = matches!(code, Code::ProvisioningDns) || advice.contains("standard");
        assert_eq!(advice.contains("dns ADDRESS"), asks_resolvers, "{advice}");
    }
}

/// A rule that only the server has needs the option.
#[test]
fn a_rule_of_the_server_alone_needs_the_option() {
    use mape_provision::{Answer, Provisioned};
    let body = br#"{"order":["map_e"],"map_e":{"br":"2001:db8::1","rules":[
        {"ipv6":"2600:10::/32","ipv4":"106.80.0.0/16","ea_length":24}]}}"#;
    let step = |prefix: &str| {
        let provisioned = Provisioned::Answer(Box::new(Answer::any(body).unwrap()));
        let prefixes = vec![prefix.parse().unwrap()];
        let facts = LineFacts { prefixes, provisioned, ..LineFacts::default() };
        advised_verdict(detect(&facts), None).next_step
    };
    assert!(step("2600:10:3261:6400::/56").starts_with("write provisioning hb46pp into"));
}

#[test]
fn modules_have_the_kernels_names() {
    use mape_firewall::FirewallError;
    use mape_kernel::conntrack::ConntrackError;
    let rejected = FirewallError::Rejected(mape_core::Quoted::new("Error: No such file"));
    for failure in [Failure::from(ConntrackError::NoModule), Failure::from(rejected)] {
        assert!(failure.hint.contains("kmod-"), "{}", failure.hint);
        suits(&hint(advised(failure)));
    }
}

#[test]
fn commands_of_a_router_say_what_to_do_instead() {
    let of = |line: &str| {
        let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
        NoRouter::of(&words).map(|error| error.hint())
    };
    for (line, says) in [
        ("import wan", "`ip link delete NAME`"),
        ("detect --apply", "the next step of `mape-proto detect`"),
        ("doctor wan", "run `mape-proto doctor` without them"),
    ] {
        let hint = of(line).unwrap();
        assert!(hint.contains(says), "{line}: {hint}");
        suits(&hint.replace("a router's files", ""));
    }
    for line in ["detect", "plan x", "forward list", "import -h", "up", "ports"] {
        assert_eq!(of(line), None, "{line}");
    }
}
