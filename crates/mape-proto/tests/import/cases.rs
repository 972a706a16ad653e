//! Every case word for word, and its JSON against the schema.

use super::*;

/// Case, interface, exit status, and the kinds of what is found.
const CASES: [(&str, &str, u8, &[&str]); 15] = [
    ("guide-v6plus", "wan_mape", 1, &["patched-map", "nft-table", "typed-prefix"]),
    ("ocn", "wan6mape", 0, &[]),
    ("forgotten-legacymap", "mape", 0, &[]),
    ("own-rule", "lab", 1, &["typed-prefix"]),
    ("other-br", "mape", 0, &[]),
    ("rules-as-text", "mape", 0, &[]),
    ("fleth", "wanfleth", 1, &["package", "hotplug", "nft-table"]),
    (
        "another-mape",
        "mape",
        1,
        &["other-mape", "other-mape", "package", "package", "package", "hotplug", "nft-table"],
    ),
    ("jp-ipoe", "mape", 1, &["patched-map", "package", "nft-table", "typed-prefix"]),
    (
        "ipip6",
        "tun",
        1,
        &[
            "start-script",
            "nft-snippet",
            "nft-snippet",
            "nft-snippet",
            "nft-snippet",
            "firewall-nat",
            "firewall-nat",
        ],
    ),
    ("six-in-four", "sixin4", 0, &[]),
    ("fixed-ip", "wan4", 0, &[]),
    ("ours", "wan4", 0, &[]),
    ("twice", "mape", 1, &["second-map", "other-mape", "dynamic-map", "second-ce", "dynamic-map"]),
    ("hb46pp", "mape", 1, &["cron", "hotplug"]),
];

fn validator() -> jsonschema::Validator {
    let schema = home().join("../../vectors/schema/import.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn every_case_says_what_was_agreed() {
    let bless = std::env::var_os("MAPE_BLESS").is_some();
    for (case, interface, status, _) in CASES {
        let router = Router::of_case(&format!("text-{case}"), case);
        let called = router.import(interface);
        let said = format!("{}{}exit status {}\n", called.out, called.err, called.status as u8);
        let said = said.replace(&router.root.display().to_string(), "ROOT");
        let file = home().join(case).join("expected.txt");
        if bless {
            fs::write(&file, &said).unwrap();
        }
        assert_eq!(said, fs::read_to_string(&file).unwrap_or_default(), "{case}");
        assert_eq!(called.status as u8, status, "{case}: {said}");
        assert_eq!(router.log(), "", "nothing is changed unasked");
    }
    assert_eq!(fs::read_dir(home()).unwrap().count(), CASES.len());
}

#[test]
fn every_case_fits_the_schema_and_finds_all_leftovers() {
    let schema = validator();
    for (case, interface, status, kinds) in CASES {
        let router = Router::of_case(&format!("json-{case}"), case);
        let called = router.import(&format!("{interface} --json"));
        let json = called.json();
        if status == 2 {
            assert!(json["error"]["code"].as_str().unwrap().starts_with("MAPE_"));
            continue;
        }
        let errors: Vec<_> = schema.iter_errors(&json).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{case}: {errors:?} in {json}");
        let found: Vec<_> = json["leftovers"].as_array().unwrap().iter().collect();
        let found: Vec<_> = found.iter().map(|it| it["kind"].as_str().unwrap()).collect();
        assert_eq!(found, kinds, "{case}");
        assert!(
            json["leftovers"]
                .as_array()
                .unwrap()
                .iter()
                .all(|it| !it["remove"].as_array().unwrap().is_empty())
        );
    }
}

#[test]
fn the_schema_refuses_what_is_none() {
    let router = Router::of_case("schema", "guide-v6plus");
    let good = router.import("wan_mape --json").json();
    let schema = validator();
    assert!(schema.is_valid(&good));
    for (key, bad) in [("commands", "1"), ("from", "\"x\""), ("numbers", "null"), ("new", "1")] {
        let mut value = good.clone();
        value[key] = serde_json::from_str(bad).unwrap();
        assert!(!schema.is_valid(&value), "{key}");
    }
}

/// `docs/coming-from-map.md` and the program show the same table.
#[test]
fn the_page_about_migration_has_the_table_of_differences() {
    let page = home().join("../../../docs/coming-from-map.md");
    let page = fs::read_to_string(page).unwrap();
    for row in &mape_import::DIFFERENCES {
        let line = format!("| {} | {} | {} |\n", row.about, row.map, row.mape);
        assert!(page.contains(&line), "{line}");
    }
}

/// Tables and files of ours are never found, whatever else they say.
#[test]
fn ours_are_no_leftovers() {
    let router = Router::of_case("ours", "ocn");
    for path in [
        "lib/netifd/proto/mape.sh",
        "etc/hotplug.d/iface/15-mape-rs",
        "etc/config/mape",
        "etc/nftables.d/mape.nft",
        "etc/crontabs/root",
    ] {
        let path = router.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "# mape-rs\nadd_protocol mape\nsnat ip to numgen mape\n").unwrap();
    }
    // Scripts are looked through, configurations are known by their name.
    let json = router.import("wan6mape --json").json();
    let found: Vec<_> =
        json["leftovers"].as_array().unwrap().iter().map(|it| it["what"].clone()).collect();
    assert_eq!(found, ["/etc/config/mape"]);
}

fn found(router: &Router, arguments: &str) -> Vec<(String, String)> {
    let json = router.import(&format!("{arguments} --json")).json();
    let errors: Vec<_> = validator().iter_errors(&json).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let text = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
    let found = json["leftovers"].as_array().unwrap().iter();
    found.map(|it| (text(it, "kind"), text(it, "what"))).collect()
}

fn put(router: &Router, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = router.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Manual set-ups that exist beside a section of `map`.
#[test]
fn a_tunnel_an_address_and_rules_by_hand_are_found() {
    let router = Router::of_case("by-hand", "ocn");
    let network = fs::read_to_string(router.root.join("etc/config/network")).unwrap();
    let ce = "2400:4050:8000:0:99:f200::";
    let by_hand = format!(
        "\nconfig interface 'tun'\n\toption proto 'ipip6'\n\toption ip6addr '{ce}'\n\toption \
         peeraddr '2001:380:a120::9'\n\toption tunlink 'wan6'\n\nconfig interface 'ce'\n\toption proto \
         'static'\n\toption device '@wan6'\n\tlist ip6addr '{ce}/128'\n"
    );
    router.network(&(network + &by_hand));
    put(
        &router,
        &[
            (
                "etc/init.d/line",
                "#!/bin/sh /etc/rc.common\nstart() {\n\tnft add table inet mape\n}\n",
            ),
            (
                "etc/hotplug.d/iface/90-a",
                "iptables -t nat -A POSTROUTING -o map-wan6mape -j MASQUERADE\n",
            ),
            ("etc/hotplug.d/iface/91-b", "/usr/sbin/nft -f /etc/map.nft\n"),
            ("etc/hotplug.d/iface/92-c", "nft -f '/etc/line'; exit\n"),
            ("etc/line", "oifname \"map-wan6mape\" masquerade\n"),
        ],
    );
    let expected = [
        ("start-script", "/etc/init.d/line"),
        ("hotplug", "/etc/hotplug.d/iface/90-a"),
        ("hotplug", "/etc/hotplug.d/iface/91-b"),
        ("hotplug", "/etc/hotplug.d/iface/92-c"),
        ("nft-snippet", "/etc/line"),
        ("second-ce", "network.tun"),
        ("second-ce", "network.ce"),
    ];
    for prefix in ["", " --prefix 2400:4050:8000::/56"] {
        let mut found = found(&router, &format!("wan6mape{prefix}"));
        let mut expected = expected.map(|(kind, what)| (kind.to_owned(), what.to_owned()));
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }
    // A manual set-up of another line is not reported.
    let found = found(&router, "wan6mape --prefix 2400:4050:8000:100::/56");
    assert!(found.iter().all(|(kind, _)| kind != "second-ce"), "{found:?}");
}

/// Scripts of a usual router say much of the same; none of it is about the line.
#[test]
fn services_of_other_packages_are_left_alone() {
    let router = Router::of_case("others", "ocn");
    put(
        &router,
        &[
            ("etc/init.d/firewall", "start_service() {\n\tfw4 start\n}\n"),
            ("etc/init.d/network", "init_proto \"$@\"\n# map.sh\n"),
            ("etc/init.d/banip", "nft -f /var/run/banip.nft\nnft add table inet banIP\n"),
            ("etc/init.d/miniupnpd", "nft -s -t -n list chain inet fw4 srcnat masquerade\n"),
            ("etc/init.d/uhttpd", "json_add_string map 'x'\n"),
            ("etc/init.d/mape-watch", "mape-proto status; nft list table inet mape_rs\n"),
            ("etc/hotplug.d/iface/15-mwan3", "iptables -t mangle -A mwan3 -j MASQUERADE\n"),
            ("etc/hotplug.d/iface/20-firewall", "fw4 -q reload\nnft list tables\n"),
            ("var/run/banip.nft", "add rule inet banIP x masquerade\n"),
        ],
    );
    assert_eq!(found(&router, "wan6mape"), []);
}

/// Translates a section whose numbers are in no built-in rule, with these options changed or added.
fn translated(change: &[(&str, &str)], prefix: &str) -> (Package, Value) {
    let mut options = vec![
        ("proto", "map"),
        ("peeraddr", "2001:db8:ffff::1"),
        ("ipaddr", "192.0.2.0"),
        ("ip4prefixlen", "24"),
        ("ip6prefix", "2001:db8::"),
        ("ip6prefixlen", "40"),
        ("ealen", "16"),
        ("legacymap", "1"),
    ];
    options.retain(|(name, _)| change.iter().all(|(changed, _)| changed != name));
    options.extend(change.iter().filter(|(_, value)| !value.is_empty()));
    let router = Router::new(&format!("translated-{}", change[0].0));
    let lines = options.iter().map(|(name, value)| format!("option {name} '{value}'"));
    let lines: Vec<String> = lines.collect();
    router.network(&format!("config interface 'x'\n{}\n", lines.join("\n")));
    let json = router.import(&format!("x --apply --json --prefix {prefix}")).json();
    router.commit();
    (router.package(), json)
}

#[test]
fn numbers_mean_what_they_meant() {
    let of =
        |package: &Package, name: &str| package.section("x").unwrap().get(name).map(str::to_owned);
    // A PSID that no EA bit holds: 52 at the left end of 16 bits. What is behind its 8 bits `map`
    // drops.
    for psid in ["13312", "13313", "0x34ff", "52"] {
        let explicit = [("ealen", "8"), ("psidlen", "8"), ("psid", psid)];
        let (package, json) = translated(&explicit, "2001:db8:12::/48");
        assert_eq!(of(&package, "psid").as_deref(), Some("52"), "{psid}");
        assert_eq!((&json["plan"]["psid"], &json["numbers"]), (&52.into(), &"kept".into()));
    }
    // Without a length it counts for nothing.
    let (package, _) = translated(&[("psid", "13312")], "2001:db8:12:3400::/56");
    assert_eq!(of(&package, "psid"), None);
    // EA bits up to the end of the prefix.
    let (package, json) = translated(&[("ealen", "")], "2001:db8:12:3400::/56");
    assert_eq!(of(&package, "ealen").as_deref(), Some("16"));
    assert_eq!(json["plan"]["ipv4"], "192.0.2.18");
    for (legacy, layout) in [("1", "draft03"), ("0", "rfc7597"), ("", "rfc7597")] {
        let (package, json) = translated(&[("legacymap", legacy)], "2001:db8:12:3400::/56");
        assert_eq!(of(&package, "layout").as_deref(), Some(layout));
        assert_eq!(of(&package, "legacymap"), None);
        assert_eq!(json["plan"]["rule"]["layout"], layout);
    }
    // Beside a rule they count for nothing.
    let rule = "type=map-e,ipv6prefix=2001:db8::,prefix6len=40,ipv4prefix=192.0.2.0,prefix4len=24,\
                ealen=16,br=2001:db8:ffff::1";
    let (package, json) = translated(&[("rule", rule)], "2001:db8:12:3400::/56");
    assert_eq!((of(&package, "ealen"), of(&package, "rule").as_deref()), (None, Some(rule)));
    assert_eq!(json["plan"]["ipv4"], "192.0.2.18");
}
