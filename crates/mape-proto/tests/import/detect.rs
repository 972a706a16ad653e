//! `mape-proto detect` on lines given with `--prefix`, and `--apply` on copies of routers. What is
//! concluded from which facts: `crates/mape-provision/tests/detect.rs`.

use super::*;

/// A socket that does not exist: netifd is not asked.
const NO_BUS: &str = "--ubus-socket /nonexistent/ubus.sock";

impl Router {
    fn detect(&self, arguments: &str) -> Called {
        let (root, uci) = (self.root.display(), self.tools.join("uci"));
        let line =
            format!("detect {arguments} {NO_BUS} --root {root} --uci-program {}", uci.display());
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let status =
            run(line.split_whitespace().map(Into::into), Terminals::default(), &mut out, &mut err);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Called { status, out: text(out), err: text(err) }
    }

    fn with_protocol(name: &str, proto: &str) -> Self {
        let router = Self::new(name);
        router.network("config interface 'wan6'\n\toption proto 'dhcpv6'\n");
        fs::create_dir_all(router.root.join("lib/netifd/proto")).unwrap();
        fs::write(router.root.join(format!("lib/netifd/proto/{proto}.sh")), "").unwrap();
        router
    }
}

fn schema() -> jsonschema::Validator {
    let path = home().join("../../vectors/schema/detect.json");
    let schema = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn a_line_of_every_kind_is_named() {
    let router = Router::new("detect");
    let schema = schema();
    for (arguments, line, status) in [
        ("--prefix 240b:10:3261:6400::/56", "map-e", ExitStatus::Fine),
        ("--prefix 2400:4050:80ba:2200::/64", "map-e", ExitStatus::Fine),
        ("--prefix 2409:10:1:100::/64", "ds-lite", ExitStatus::Fine),
        ("--prefix 2408:240:1:100::/64", "ngn", ExitStatus::Fine),
        ("--prefix 240b:10:3261:6410::/60", "home-gateway", ExitStatus::Fine),
        ("--prefix 2400:2410:1:100::/64", "ipip", ExitStatus::Fine),
        ("--prefix 2600::/56", "unknown", ExitStatus::Failed),
        ("--prefix 2600::/56 --tunnel-end 2404:9200:225:100::65", "ipip", ExitStatus::Fine),
    ] {
        let called = router.detect(&format!("{arguments} --json"));
        let json = called.json();
        let errors: Vec<_> = schema.iter_errors(&json).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!((json["line"].as_str(), called.status), (Some(line), status), "{arguments}");
        let text = router.detect(arguments);
        assert!(text.out.contains("next step: ") && text.err.is_empty(), "{}", text.out);
    }
    for bad in ["x", "--prefix x", "--tunnel-end x --prefix 2600::/56", "--prefix", "--name a/b"] {
        assert_eq!(router.detect(bad).status, ExitStatus::Usage, "{bad}");
    }
    // Neither a prefix nor netifd.
    let alone = router.detect("");
    assert!(alone.err.contains("MAPE_UBUS"), "{}", alone.err);
}

#[test]
fn the_section_is_written_once() {
    for (name, prefix, proto, options) in [
        ("apply-mape", "240b:10:3261:6400::/56", "mape", vec![("tunlink", "wan6")]),
        (
            "apply-dslite",
            "2409:10:1:100::/64",
            "dslite",
            vec![
                ("peeraddr", "gw.transix.jp"),
                ("tunlink", "wan6"),
                ("mtu", "1460"),
                ("encaplimit", "ignore"),
            ],
        ),
    ] {
        let router = Router::with_protocol(name, proto);
        let before = router.package();
        let shown = router.detect(&format!("--prefix {prefix}"));
        assert!(shown.out.contains(&format!("option proto '{proto}'")), "{}", shown.out);
        assert_eq!(router.log(), "", "without --apply nothing is touched");
        let done = router.detect(&format!("--prefix {prefix} --apply"));
        assert!(done.out.contains("written: the interface wan4"), "{}{}", done.out, done.err);
        router.commit();
        let after = router.package();
        let section = after.section("wan4").unwrap();
        assert_eq!((section.kind(), section.get("proto")), ("interface", Some(proto)));
        for (option, value) in &options {
            assert_eq!(section.get(option), Some(*value));
        }
        assert_eq!(section.options().len(), options.len() + 1);
        assert_eq!(after.section("wan6"), before.section("wan6"));
        let files = router.files();
        let again = router.detect(&format!("--prefix {prefix} --apply --name other"));
        assert!(again.err.contains("MAPE_UCI") && again.err.contains("wan4"), "{}", again.err);
        assert_eq!(router.files(), files);
    }
}

/// transix: the papers have an identifier that `detect` cannot know, so it writes no section.
#[test]
fn a_contract_with_a_stated_identifier_is_shown_only() {
    let router = Router::with_protocol("fixed-transix", "mape");
    let asked =
        "--prefix 2409:10:1234:5600::/56 --tunnel-end 2001:db8:ffff::1 --ipaddr 203.0.113.81";
    let shown = router.detect(asked).out;
    for part in [
        "option provider 'transix-static'",
        "option ipaddr '203.0.113.81'",
        "# option interface_id: in the papers of the contract",
        "In /etc/config/network:\n",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let files = router.files();
    let refused = router.detect(&format!("{asked} --apply"));
    assert!(refused.err.contains("the option interface_id"), "{}", refused.err);
    assert!(refused.err.contains("with the identifier from the papers"), "{}", refused.err);
    assert_eq!((refused.status, router.files()), (ExitStatus::Failed, files));
}

/// `docs/fixed-ipv4.md`: the product's own providers, whose ends the papers tell.
#[test]
fn a_contract_with_an_address_of_its_own_is_a_section_of_ours() {
    for (test, line, end, provider) in [
        ("v6plus", "240b:12:3456:7800::/56", "2404:9200:225:100::65", "v6plus-static"),
        ("ocn", "2400:4050:1234:5600::/56", "2001:380:a182::2", "ocn-static"),
        ("elsewhere", "2600::/56", "2404:9200:225:100::65", "v6plus-static"),
        ("v6plus-other", "240b:10:3261:6400::/64", "2404:9200:225:100::7", "v6plus-static"),
        ("ocn-block", "2400:4052:f000::/56", "2001:380:a182::9", "ocn-static"),
    ] {
        let router = Router::with_protocol(&format!("fixed-{test}"), "mape");
        let asked = format!("--prefix {line} --tunnel-end {end}");
        let shown = router.detect(&asked).out;
        for part in [
            &format!("option provider '{provider}'"),
            &format!("option peeraddr '{end}'"),
            "(--ipaddr ADDRESS --apply writes it)",
            "# option ipaddr: in the papers of the contract",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert_eq!(shown.contains("update_password"), provider == "v6plus-static", "{shown}");
        assert!(!shown.contains("ipip6"), "{shown}");
        let json = router.detect(&format!("{asked} --json")).json();
        assert!(schema().is_valid(&json), "{json}");
        let files = router.files();
        let incomplete = router.detect(&format!("{asked} --apply"));
        assert!(incomplete.err.contains("give it with --ipaddr"), "{}", incomplete.err);
        assert_eq!((incomplete.status, router.files()), (ExitStatus::Failed, files));
        let done = router.detect(&format!("{asked} --ipaddr 203.0.113.81 --apply"));
        assert!(done.out.contains("written: the interface wan4"), "{}{}", done.out, done.err);
        router.commit();
        let package = router.package();
        let section = package.section("wan4").unwrap();
        let value = |name: &str| section.get(name).unwrap_or("-");
        assert_eq!(
            ["proto", "provider", "ipaddr", "peeraddr", "tunlink"].map(value),
            ["mape", provider, "203.0.113.81", end, "wan6"]
        );
    }
    let router = Router::new("fixed-bad");
    let bad = router.detect("--prefix 2600::/56 --ipaddr 203.0.113");
    assert!(bad.err.contains("\"203.0.113\" is not an IPv4 address"), "{}", bad.err);
    // Another provider's contract stays one of ipip6.
    let other =
        router.detect("--prefix 2400:2410:1:100::/56 --tunnel-end 2400:2000:4:0:a000::1999").out;
    assert!(other.contains("use proto ipip6") && !other.contains("mape'"), "{other}");
}

#[test]
fn what_cannot_be_written_is_said() {
    let router = Router::with_protocol("apply-not", "mape");
    for (arguments, reason) in [
        ("--prefix 2600::/56", "no section is known"),
        ("--prefix 2409:10:1:100::/64", "dslite is not installed"),
        ("--prefix 240b:10:3261:6400::/56 --name wan6", "the name \"wan6\" is taken"),
    ] {
        let files = router.files();
        let called = router.detect(&format!("{arguments} --apply"));
        assert!(called.err.contains(reason), "{}", called.err);
        assert_eq!((called.status, router.files()), (ExitStatus::Failed, files));
    }
    let missing = router.detect("--prefix 2409:10:1:100::/64 --apply").err;
    assert!(missing.contains("install the package ds-lite"), "{missing}");
}
