//! Contracts with an IPv4 address of their own, and interfaces below that have no such name.
//!
//! CE addresses by hand: draft-03 puts the IPv4 address one octet behind the /64 (203.0.113.81 is
//! cb 00 71 51, so cb:71:5100:0) with PSID 0.

use super::*;

const WAN6: &str = "config interface 'wan6'\n\toption proto 'dhcpv6'\n\toption device 'eth0'\n";

fn validator() -> jsonschema::Validator {
    let schema = home().join("../../vectors/schema/import.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

/// The section `x` of this text after `import x --apply`, and what was said.
fn imported(test: &str, section: &str, arguments: &str) -> (Package, Value) {
    let router = Router::new(&format!("contract-{test}"));
    router.network(&format!("{WAN6}\nconfig interface 'x'\n{section}"));
    let shown = router.import(&format!("x {arguments}"));
    assert_eq!(shown.err, "", "{section}");
    let json = router.import(&format!("x --apply --json {arguments}")).json();
    let errors: Vec<_> = validator().iter_errors(&json).map(|it| it.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    router.commit();
    // What is written is what `import` itself finds nothing to change in.
    let again = router.import(&format!("x {arguments}"));
    assert!(again.out.contains("Nothing has to be changed."), "{}{}", again.out, again.err);
    (router.package(), json)
}

fn options(package: &Package) -> Vec<String> {
    let section = package.section("x").unwrap();
    let names = ["proto", "provider", "ipaddr", "peeraddr", "tunlink"];
    names.iter().map(|name| section.get(name).unwrap_or("-").to_owned()).collect()
}

#[test]
fn a_tunnel_of_a_fixed_contract_becomes_its_provider() {
    let v6plus = ["mape", "v6plus-static", "203.0.113.81", "2404:9200:225:100::65", "wan6"];
    let ce = "240b:12:3456:7800:cb:71:5100:0";
    let ipip6 = "\toption proto 'ipip6'\n\toption peeraddr '2404:9200:225:100::65'\n\toption ip4ifaddr \
                 '203.0.113.81'\n\toption ip6addr '240b:12:3456:7800:cb:71:5100:0'\n\toption encaplimit \
                 'ignore'\n\toption mtu '1460'\n\tlist tunlink 'wan6'\n";
    let map = "\toption proto 'map'\n\toption peeraddr '2404:9200:225:100::65'\n\toption ipaddr \
               '203.0.113.81'\n\toption ip4prefixlen '32'\n\toption ip6prefix '240b:12:3456:7800::'\n\
               \toption ip6prefixlen '56'\n\toption ealen '0'\n\toption legacymap '1'\n\toption tunlink \
               'wan6'\n";
    let dslite = "\toption proto 'dslite'\n\toption peeraddr '2404:9200:225:100::65'\n\toption ip6addr \
                  '240b:12:3456:7800:cb:71:5100:0'\n\toption tunlink 'wan6'\n";
    let by_hand = "\toption proto '6in4'\n\toption peeraddr '2404:9200:225:100::65'\n\toption ipaddr \
                   '203.0.113.81/32'\n\toption tunlink 'wan6'\n";
    let unknown_end = ipip6.replace("2404:9200:225:100::65", "2404:9200:225:100::7");
    for (test, section, end) in [
        ("ipip6", ipip6, v6plus[3]),
        ("map", map, v6plus[3]),
        ("dslite", dslite, v6plus[3]),
        ("6in4", by_hand, v6plus[3]),
        ("unknown-end", &unknown_end, "2404:9200:225:100::7"),
    ] {
        let (package, json) = imported(test, section, "--prefix 240b:12:3456:7800::/56");
        let expected = [v6plus[0], v6plus[1], v6plus[2], end, v6plus[4]];
        assert_eq!(options(&package), expected, "{test}");
        assert_eq!((&json["contract"], &json["plan"]["ce"]), (&"v6plus-static".into(), &ce.into()));
        assert!(json["notes"].to_string().contains("update_password"), "{json}");
        let gone = ["ip4ifaddr", "ip6addr", "ealen", "ip6prefix", "legacymap"];
        assert!(gone.iter().all(|it| package.section("x").unwrap().get(it).is_none()), "{test}");
    }
    // A block: its first address makes the identifier (198.51.100.80 is c6 33 64 50).
    let block = "\toption proto 'map'\n\toption peeraddr '2404:9200:225:100::65'\n\toption ipaddr \
                 '198.51.100.81'\n\toption ip4prefixlen '29'\n\toption ip6prefix '240b:12:3456:7800::'\n\
                 \toption ip6prefixlen '56'\n\toption ealen '0'\n\toption tunlink 'wan6'\n";
    let (package, json) = imported("block", block, "--prefix 240b:12:3456:7800::/56");
    assert_eq!(options(&package)[2], "198.51.100.80/29");
    assert_eq!(json["plan"]["ce"], "240b:12:3456:7800:c6:3364:5000:0");
    // OCN's end is in the papers only: the prefix and the identifier tell. 192.0.2.1 is c0 00 02
    // 01.
    let ocn = "\toption proto 'ipip6'\n\toption peeraddr '2001:380:a182::2'\n\toption ip6addr \
               '2400:4050:1234:5600:c0:2:100:0'\n\toption ipaddr '192.0.2.1'\n\toption tunlink 'wan6'\n";
    let (package, json) = imported("ocn", ocn, "");
    let expected = ["mape", "ocn-static", "192.0.2.1", "2001:380:a182::2", "wan6"];
    assert_eq!(
        (options(&package), &json["contract"]),
        (expected.map(str::to_owned).to_vec(), &"ocn-static".into())
    );
    assert!(!json["notes"].to_string().contains("update_user"), "{json}");
}

#[test]
fn what_is_no_such_contract_stays_as_it_was() {
    let refused = |test: &str, section: &str| {
        let router = Router::new(&format!("no-contract-{test}"));
        router.network(&format!("{WAN6}\nconfig interface 'x'\n{section}"));
        router.import("x --json").out
    };
    // transix' and SoftBank's contracts, and an identifier of another address.
    for (test, peer, ce, ipv4) in [
        ("transix", "2001:db8:ffff::1", "2409:10:1234:5600::feed", "203.0.113.81"),
        ("softbank", "2400:2000:4:0:a000::1999", "2400:2410:1:100:cb:71:5100:0", "203.0.113.81"),
        ("other", "2404:9200:225:100::7", "240b:12:3456:7800:cb:71:5100:0", "203.0.113.82"),
        ("psid", "2404:9200:225:100::7", "240b:12:3456:7800:cb:71:5100:100", "203.0.113.81"),
    ] {
        let section = format!(
            "\toption proto 'ipip6'\n\toption peeraddr '{peer}'\n\toption ip6addr '{ce}'\n\toption ipaddr \
             '{ipv4}'\n"
        );
        assert!(refused(test, &section).contains("nothing in it is a MAP-E line's"), "{test}");
    }
    // The end is known and the address is not.
    let bare = "\toption proto 'dslite'\n\toption peeraddr '2404:9200:225:100::65'\n";
    let error = refused("bare", bare);
    assert!(
        error.contains("states no IPv4 address") && error.contains("ipaddr from the papers"),
        "{error}"
    );
    // A MAP-E line with PSID 0 has the same kind of identifier (240b:10:3261:0::/56 is
    // 106.72.50.97).
    let map_e = "\toption proto 'ipip6'\n\toption peeraddr '2404:9200:225:100::64'\n\toption ip6addr \
                 '240b:10:3261:0:6a:4832:6100:0'\n\toption tunlink 'wan6'\n";
    let (package, json) = imported("psid-0", map_e, "");
    assert_eq!(options(&package)[..2], ["mape", "-"]);
    assert!(json.get("contract").is_none());
    // A section of ours of such a contract is fine.
    let ours = "\toption proto 'mape'\n\toption provider 'v6plus-static'\n\toption ipaddr '203.0.113.81'\n\
                \toption peeraddr '2404:9200:225:100::65'\n\tlist tunlink 'wan6'\n";
    let (package, _) = imported("ours", ours, "--prefix 240b:12:3456:7800::/56");
    assert_eq!(options(&package)[1], "v6plus-static");
}

const MAP: &str = "\toption proto 'map'\n\toption type 'map-e'\n\toption peeraddr '2404:9200:225:100::64'\n\
                   \toption ipaddr '14.8.0.0'\n\toption ip4prefixlen '15'\n\toption ip6prefix '240b:12::'\n\
                   \toption ip6prefixlen '31'\n\toption ealen '25'\n\toption psidlen '8'\n\toption offset \
                   '4'\n\toption legacymap '1'\n";

#[test]
fn a_tunlink_without_an_interface_is_reported_before_it_is_written() {
    let line = "--prefix 240b:12:3456:7800::/56";
    for (test, value) in [
        ("device", "option tunlink 'eth0'"),
        ("alias", "option tunlink '@wan6'"),
        ("case", "option tunlink 'WAN6'"),
        ("two", "option tunlink 'wan6 wan'"),
        ("list", "list tunlink 'eth0'"),
        ("two-in-list", "list tunlink 'wan6'\n\tlist tunlink 'wan'"),
    ] {
        let section = format!(
            "{MAP}\t{value}\n\nconfig interface 'wan'\n\toption proto 'dhcp'\n\toption device 'eth0'\n"
        );
        let router = Router::new(&format!("tunlink-{test}"));
        router.network(&format!("{WAN6}\nconfig interface 'x'\n{section}"));
        let shown = router.import(&format!("x {line}")).out;
        assert!(
            shown.contains("which is no interface of this router; wan6 is set instead"),
            "{shown}"
        );
        assert!(shown.contains("uci set network.x.tunlink='wan6'"), "{shown}");
        let (package, _) = imported(test, &section, line);
        assert_eq!(options(&package)[4], "wan6", "{test}");
    }
    // None can be meant, or only netifd knows it.
    let shown = |test: &str, value: &str| {
        let router = Router::new(&format!("tunlink-{test}"));
        let wan = "config interface 'wan'\n\toption proto 'pppoe'\n\toption device 'eth1'\n";
        router.network(&format!(
            "{WAN6}\n{wan}\nconfig interface 'x'\n{MAP}\toption tunlink '{value}'\n"
        ));
        router.import(&format!("x {line}")).out
    };
    let unknown = shown("unknown", "wan9");
    assert!(unknown.contains("uci delete network.x.tunlink"), "{unknown}");
    let dynamic = shown("dynamic", "wan_6");
    assert!(dynamic.contains("netifd may make it while wan is up"), "{dynamic}");
    assert!(
        !dynamic.contains("delete network.x.tunlink") && !dynamic.contains("set instead"),
        "{dynamic}"
    );
    let fine = shown("fine", "wan6");
    assert!(!fine.contains("the option tunlink names"), "{fine}");
    // A list of one is the same option.
    let (package, json) = imported("list-of-one", &format!("{MAP}\tlist tunlink 'wan6'\n"), line);
    assert_eq!(options(&package)[4], "wan6");
    assert!(!json["notes"].to_string().contains("tunlink"), "{json}");
}
