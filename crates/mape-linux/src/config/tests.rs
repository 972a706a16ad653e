#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::path::Path;

use mape_core::{Code, Quoted};

use super::{Config, RouteOption, split};

fn parse(text: &str) -> Config {
    Config::parse(text, Path::new("f")).unwrap()
}

fn sentence(text: &str) -> String {
    let failure = Config::parse(text, Path::new("f")).unwrap_err();
    assert!(!failure.hint.is_empty() && failure.params.contains(&("file", "f".to_owned())));
    assert!(matches!(failure.code, Code::OptionInvalid | Code::RuleInconsistent), "{failure:?}");
    failure.into_parts().message
}

#[test]
fn nothing_needs_to_be_said() {
    let config = parse("\n# all by itself\n");
    assert_eq!(config.device().as_str(), "mape-wan");
    assert_eq!(config.route, Some(RouteOption { table: None, metric: 512 }));
    assert_eq!((config.ttl, config.uplink, config.mtu), (64, None, None));
    assert!(Config::read(Some(Path::new("/nonexistent/mape"))).is_err());
}

#[test]
fn every_way_to_write_a_line() {
    for line in ["uplink br0", "uplink=br0", "uplink = br0", " uplink\tbr0 # b", "uplink='br0'"] {
        assert_eq!(parse(line).uplink.unwrap().as_str(), "br0", "{line}");
    }
    assert_eq!(parse("\u{feff}uplink \"br0\"\r\n").uplink.unwrap().as_str(), "br0");
    let rule = "ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,br=2001:db8:ffff::1";
    assert_eq!(split(&format!("rule {rule}")), Some(("rule", rule)));
    assert_eq!(split(&format!("rule={rule} # mine")), Some(("rule", rule)));
    assert_eq!(split("a#b"), Some(("a", "#b")));
    assert_eq!(split("  # uplink"), None);
    assert_eq!(split("uplink"), Some(("uplink", "")));
    assert_eq!(split("="), Some(("", "")));
    // A password may have what begins a comment elsewhere.
    for line in ["key 'a #b'", "key=\"a #b\"", "key 'a #b' # it's \"mine\""] {
        assert_eq!(split(line), Some(("key", "a #b")), "{line}");
    }
    assert_eq!(split("key 'a'#b"), Some(("key", "'a'#b")));
    assert_eq!(split("key 'it's'"), Some(("key", "it's")));
    assert_eq!(split("# key 'a'"), None);
}

#[test]
fn options_reach_the_request() {
    let config = parse(
        "provider v6plus\nlayout rfc7597\nreserved_ports 5696,9792-9799\nreserved_ports 13888\n\
         rule ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,br=2001:db8:ffff::1\nmtu 1400\n\
         prefix 2001:db8:12:3400::/56\nfull_cone on\ntime_wait 10\ndscp_reset yes\nttl 30\nlog_level debug\n\
         metric 7\ntable 100\nedge plain\ninput_chain inet filter input\ninterface dsl\n",
    );
    let request = config.request(config.prefix.unwrap(), 9000).unwrap();
    assert_eq!(request.uplink_mtu, 1440);
    assert_eq!(request.reserved.ranges().len(), 3);
    // The layout stands behind the rule and counts all the same: offset 6.
    assert_eq!(request.explicit[0].port_parameters().offset(), 6);
    assert_eq!(config.route, Some(RouteOption { table: Some(100), metric: 7 }));
    assert!(config.nft.full_cone && config.nft.dscp_reset);
    assert_eq!(config.log_level, log::LevelFilter::Debug);
    assert_eq!(parse("").log_level, log::LevelFilter::Info);
    assert_eq!(config.nft.time_wait.unwrap().get(), 10);
    assert_eq!(config.device().as_str(), "mape-dsl");
    assert_eq!(config.input_chain.as_ref().unwrap().to_string(), "inet filter input");
    assert_eq!(parse("").request(config.prefix.unwrap(), 1500).unwrap().uplink_mtu, 1500);
    // The uplink's less 40 is the most there is room for.
    assert_eq!(config.request(config.prefix.unwrap(), 1440).unwrap().uplink_mtu, 1440);
    let refused = config.request(config.prefix.unwrap(), 1439).unwrap_err().text();
    assert!(refused.contains("mtu is 1400, but an uplink MTU of 1439 leaves 1399"), "{refused}");
    // The main table has two names.
    assert_eq!(parse("table 254").route, Some(RouteOption { table: None, metric: 512 }));
    assert_eq!(parse("defaultroute 0").route, None);
    assert!(parse("defaultroute 1").route.is_some());
    assert!(parse("metric 7\ndefaultroute 1").route.is_some_and(|route| route.metric == 7));
}

const CONTRACT: &str =
    "provider v6plus-static\nipaddr 203.0.113.81\npeeraddr 2404:9200:225:100::65\n";

/// Address, CE and number of ports on this line.
fn planned(text: &str, prefix: &str) -> (String, String, u32) {
    let request = parse(text).request(prefix.parse().unwrap(), 1500).unwrap();
    let plan = mape_core::plan(&request).unwrap();
    (plan.ipv4().to_string(), plan.ce().to_string(), plan.port_set().port_count())
}

/// 203.0.113.81 is cb:71:5100, 198.51.100.80 is c6:3364:5000; every Japanese line is a /56.
#[test]
fn a_fixed_contract_as_on_a_router() {
    let lines: Vec<&str> = CONTRACT.lines().rev().collect();
    let ce = "240b:12:3456:7800:cb:71:5100:0".to_owned();
    let fixed = ("203.0.113.81/32".to_owned(), ce, 65_536);
    for prefix in ["240b:12:3456:7800::/56", "240b:12:3456:7800::/64", "240b:12:3456:7800:1:2:3:4"]
    {
        assert_eq!(planned(CONTRACT, prefix), fixed, "{prefix}");
    }
    // In any order, and the last of two counts.
    assert_eq!(planned(&lines.join("\n"), "240b:12:3456:7800::/56"), fixed);
    let twice = format!("ipaddr 192.0.2.1\nprovider auto\n{CONTRACT}");
    assert_eq!(planned(&twice, "240b:12:3456:7800::/56"), fixed);
    let ocn = "provider=ocn-static\nipaddr='198.51.100.80/29'\npeeraddr 2001:380:a182::2\n";
    let ce = "2400:4050:1234:5600:c6:3364:5000:0".to_owned();
    let block = ("198.51.100.80/29".to_owned(), ce, 65_536);
    for text in [ocn.to_owned(), ocn.replace("/29'", "'\nip4prefixlen 29")] {
        assert_eq!(planned(&text, "2400:4050:1234:5600::/56"), block, "{text}");
    }
    assert!(parse(CONTRACT).fixed.unwrap().update.is_none());
    let tells = parse(&format!("{CONTRACT}update_user u\nupdate_password p w\n"));
    let update = tells.fixed.as_ref().unwrap().update.as_ref().unwrap();
    assert_eq!(update.url().to_string(), "http://fcs.enabler.ne.jp/update?user=u&pass=p%20w");
    assert!(!format!("{tells:?}").contains("p%20w") && !format!("{tells:?}").contains("p w"));
}

#[test]
fn an_incomplete_contract_names_the_missing_option() {
    for (from, to, said) in [
        ("ipaddr 203.0.113.81", "", "needs the option ipaddr"),
        ("peeraddr 2404:9200:225:100::65", "", "needs the option peeraddr"),
        ("provider v6plus-static", "", "provider names none"),
        ("v6plus-static", "v6plus", "provider names none"),
        ("v6plus-static", "softbank-static", "or xpass-static for a contract"),
        ("v6plus-static", "transix-static", "needs the option interface_id"),
        ("provider v6plus-static", "nat_address 203.0.113.81", "provider names none"),
        ("ipaddr", "nat_address 203.0.113.82\nipaddr", "not in the block 203.0.113.81/32"),
        ("provider v6plus-static", "provider xpass-static\ninterface_id ::1:1", ""),
        ("203.0.113.81", "203.0.113.81/29", "did you mean 203.0.113.80/29?"),
        ("203.0.113.81", "203.0.113", "203.0.113.10"),
        (
            "ipaddr",
            "rule ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,br=2001:db8::1\nipaddr",
            "rule",
        ),
        ("ipaddr", "rules_file /a\nipaddr", "remove the option rules_file"),
        ("ipaddr", "update_user u\nipaddr", "needs the option update_password"),
        ("provider", "update_user u\nupdate_password p\nprovider", ""),
    ] {
        let text = CONTRACT.replacen(from, to, 1);
        match Config::parse(&text, Path::new("f")) {
            Err(error) => {
                let message = format!("{}; {}", error.message, error.hint);
                assert!(!said.is_empty() && message.contains(said), "{text}: {message}");
                assert!(message.starts_with("the configuration \"f\": "), "{message}");
            }
            Ok(_) => assert!(said.is_empty(), "{text}"),
        }
    }
}

#[test]
fn provisioning_as_on_a_router() {
    use mape_provision::Mode;
    assert_eq!(parse("").provisioning, Mode::Off);
    assert_eq!(parse("provisioning off\nprovisioning_url https://h/").provisioning, Mode::Off);
    let asks =
        parse("provisioning hb46pp\nprovisioning_ca /etc/ca.pem\ndns 2001:db8::1 2001:db8::2\n");
    assert!(matches!(asks.provisioning, Mode::Hb46pp { credentials: None, .. }));
    assert_eq!(asks.authority.as_deref(), Some("/etc/ca.pem"));
    assert_eq!(asks.dns.len(), 2);
    assert!(matches!(
        parse("provisioning url\nprovisioning_url https://h/?{prefix}#x").provisioning,
        Mode::Url(_)
    ));
    let secret = "provisioning hb46pp\nprovisioning_user u\nprovisioning_password hidden-1\n\
                  provisioning_server vne.example.jp\n";
    let asks = parse(secret);
    assert!(matches!(asks.provisioning, Mode::Hb46pp { credentials: Some(_), .. }));
    assert!(!format!("{asks:?}").contains("hidden"));
    for (bad, said) in [
        ("provisioning yes", "use off, hb46pp"),
        ("provisioning url", "needs the option provisioning_url"),
        ("provisioning url\nprovisioning_url ftp://hidden/", "the provisioning URL is not"),
        ("provisioning hb46pp\nprovisioning_password hidden", "needs the option"),
        ("dns 192.0.2.1", "the IPv6 addresses of the line's resolvers"),
    ] {
        let failure = Config::parse(bad, Path::new("f")).unwrap_err();
        let text = format!("{}; {}", failure.message, failure.hint);
        assert!(text.contains(said) && text.contains("the configuration \"f\": "), "{bad}: {text}");
        assert!(!text.contains("hidden"), "{text}");
    }
}

#[test]
fn what_is_wrong_names_file_and_line() {
    assert_eq!(
        sentence("\nuplnk eth0"),
        "the configuration \"f\": line 2: the option \"uplnk\" is not known"
    );
    assert_eq!(sentence("ttl 0"), "the configuration \"f\": line 1: ttl cannot be \"0\"");
    assert!(sentence("[main]").ends_with("the option \"[main]\" is not known"));
    let small = Config::parse("mtu 1279", Path::new("f")).unwrap_err();
    assert_eq!(small.code, Code::MtuTooSmall);
    assert!(small.message.ends_with("line 1: the option mtu is 1279, less than 1280"));
    for bad in [
        "uplink",
        "uplink a b",
        "mtu 1400x",
        "mtu 70000",
        "ttl 256",
        "metric -1",
        "table 0",
        "table main",
        "full_cone maybe",
        "time_wait 0",
        "edge none",
        "provider isp",
        "layout x",
        "prefix 1.2.3.4",
        "reserved_ports 1-",
        "rule ipv6=x",
        "input_chain input",
        "input_chain ip filter input",
        "input_chain inet filter input;",
        "input_chain inet filter input more",
        "defaultroute 0\nmetric 5",
        "interface ../x",
    ] {
        let last = bad.split_whitespace().last().unwrap();
        let text = sentence(bad);
        assert!(text.contains("line "), "{bad}: {text}");
        assert!(!text.contains(&Quoted::new("").to_string()) && !last.is_empty(), "{bad}: {text}");
    }
}

proptest::proptest! {
    #[test]
    fn an_error_is_one_line(text in "([a-z_]{0,15}|interface|prefix|reserved_ports|rule|mtu)[ =]{0,2}\\PC{0,80}\n\\PC{0,20}") {
        if let Err(error) = Config::parse(&text, Path::new("f")) {
            for said in [&error.message, &error.hint] {
                assert!(!said.is_empty() && !said.chars().any(char::is_control), "{said:?}");
                assert!(said.len() < 2000, "{said:?}");
            }
        }
    }
}

#[test]
fn any_text_is_read_or_refused() {
    let pieces = ["uplink", "=", " ", "#", "'", "\"", "rule", "ipv6=", "\n", "é", "0", ",", "\t"];
    for a in pieces {
        for b in pieces {
            for c in pieces {
                let _ = Config::parse(&[a, b, c, a].concat(), Path::new("f"));
            }
        }
    }
}
