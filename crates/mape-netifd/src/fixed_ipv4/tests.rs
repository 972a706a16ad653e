//! Tests of `fixed_ipv4`.

use crate::Config;

const OPTIONS: &str = r#"{"provider":"v6plus-static","ipaddr":"203.0.113.10",
    "peeraddr":"2404:9200:225:100::65","update_user":"u","update_password":"p w"}"#;

fn planned(prefix: &str) -> Result<String, String> {
    let config = Config::parse(OPTIONS).unwrap();
    let decision = config.sources(prefix.parse().unwrap()).decide();
    decision
        .map(|it| format!("{} {} {}", it.plan.ipv4(), it.plan.ce(), it.plan.br()))
        .map_err(|error| error.to_string())
}

/// The interface identifier is the address in two groups (RFC 7597 section 6 with no PSID, in
/// the layout of draft 03): 203.0.113.10 is cb:71:a00:0, as three public set-up guides have it.
#[test]
fn the_address_of_the_contract() {
    let made = "203.0.113.10/32 240b:10:3261:6400:cb:71:a00:0 2404:9200:225:100::65";
    for prefix in ["240b:10:3261:6400::/56", "240b:10:3261:6400::/64", "240b:10:3261:6400::/60"] {
        assert_eq!(planned(prefix).as_deref(), Ok(made));
    }
    assert_eq!(
        planned("2001:db8:1200::/48").as_deref(),
        Ok("203.0.113.10/32 2001:db8:1200:0:cb:71:a00:0 2404:9200:225:100::65")
    );
    assert!(planned("fd00:1::/64").is_err());
    assert!(planned("240b:10:3261:6410::/60").unwrap_err().contains("not the first subnet"));
}

/// A contract with eight addresses: 198.51.100.80 is c6:3364:5000.
#[test]
fn a_block_of_addresses() {
    let planned = |from: &str, to: &str| {
        let ocn = OPTIONS.replace("v6plus-static", "ocn-static").replace("update_", "x_");
        let ocn = ocn.replace("2404:9200:225:100::65", "2001:380:a182::2");
        let options = ocn.replace("203.0.113.10", "198.51.100.80/29").replace(from, to);
        let prefix = "2400:4050:1234:5600::/56".parse().unwrap();
        let decision = Config::parse(&options).map_err(|error| error.line())?;
        let plan = decision.sources(prefix).decide().unwrap().plan;
        let ports = plan.port_set().port_count();
        Ok(format!("{} {} {ports}", plan.ipv4(), plan.ce()))
    };
    let eight: Result<String, String> =
        Ok("198.51.100.80/29 2400:4050:1234:5600:c6:3364:5000:0 65536".to_owned());
    assert_eq!(planned("", ""), eight);
    assert_eq!(planned("80/29", "80/255.255.255.248"), eight);
    let length = r#"80","ip4prefixlen":"29"#;
    assert_eq!(planned("80/29", length), eight);
    for len in [28, 30, 31, 32] {
        let one = planned("/29", &format!("/{len}")).unwrap();
        assert!(one.starts_with(&format!("198.51.100.80/{len} 2400")), "{one}");
    }
    // What is right stands in the sentence or behind it.
    for (to, said) in [
        ("82/29", "did you mean 198.51.100.80/29?"),
        ("80/27", "did you mean 198.51.100.64/27?"),
        ("80/23", "198.51.100.80/29"),
        ("80/33", "198.51.100.80/29"),
        ("80/255.0.255.0", "198.51.100.80/29"),
        ("80-87", "198.51.100.80/29"),
        ("80/28\",\"ip4prefixlen\":\"29", "remove the option ip4prefixlen"),
        ("80\",\"ip4prefixlen\":\"8", "198.51.100.80/29"),
    ] {
        let error = planned("80/29", to).unwrap_err();
        assert!(error.contains(said), "{to}: {error}");
    }
}

#[test]
fn whom_to_tell() {
    let update = |options: &str| {
        let fixed = Config::parse(options).unwrap().fixed.unwrap();
        fixed.update.map(|update| update.url().to_string())
    };
    let v6plus = "http://fcs.enabler.ne.jp/update?user=u&pass=p%20w";
    assert_eq!(update(OPTIONS).as_deref(), Some(v6plus));
    let own = OPTIONS.replace("v6plus-static\"", "ocn-static\",\"update_url\":\"http://a/x?y=1\"");
    assert_eq!(update(&own).as_deref(), Some("http://a/x?y=1&user=u&pass=p%20w"));
    let none = OPTIONS.replace("update_", "x_");
    assert_eq!(update(&none), None);
    assert!(!format!("{:?}", Config::parse(OPTIONS).unwrap()).contains("p%20w"));
}

/// transix: the identifier is in the papers, and any subnet will do, because the update says where
/// the tunnel is. The form of the call is a router maker's: `URL?username=USER&password=PASSWORD`.
#[test]
fn a_contract_with_a_stated_identifier() {
    let transix = OPTIONS
        .replace("v6plus-static\"", "transix-static\",\"interface_id\":\"::feed\"")
        .replace("203.0.113.10", "203.0.113.8/29\",\"nat_address\":\"203.0.113.9");
    let config = Config::parse(&transix).unwrap();
    for (prefix, ce) in [
        ("2409:10:c2e0:4500::/56", "2409:10:c2e0:4500::feed"),
        ("2409:10:c2e0:4510::/60", "2409:10:c2e0:4510::feed"),
        ("2409:10:c2e0:4512::/64", "2409:10:c2e0:4512::feed"),
    ] {
        let plan = config.sources(prefix.parse().unwrap()).decide().unwrap().plan;
        let made = (plan.ce().to_string(), plan.ipv4().to_string(), plan.address().to_string());
        assert_eq!(made, (ce.to_owned(), "203.0.113.8/29".to_owned(), "203.0.113.9".to_owned()));
    }
    let update = config.fixed.unwrap().update.unwrap();
    let url = "http://update.transix.jp/request?username=u&password=p%20w";
    assert_eq!(update.request("2001:db8::1".parse().unwrap()).url.to_string(), url);
}

/// What the papers say, if it is another form.
#[test]
fn the_form_of_the_call() {
    let ce = "2001:f60:1:2::1:1".parse().unwrap();
    let call = |provider: &str, more: &str| {
        let provider = format!("{provider}\",\"interface_id\":\"::1:1\"{more}");
        let options = OPTIONS.replace("v6plus-static\"", &provider);
        let update = Config::parse(&options).unwrap().fixed.unwrap().update.unwrap();
        let request = update.request(ce);
        // The host is shown, and nothing else.
        assert!(!format!("{update:?}").contains("p w"), "{update:?}");
        (request.url.to_string(), request.basic)
    };
    let url = |text: &str| format!(",\"update_url\":\"{text}\"");
    let xpass = url("https://a.example/renew?d=h.example&p=x&a={ce}&u=y");
    let basic = Some("u:p w".to_owned());
    let filled = "https://a.example/renew?d=h.example&p=x&a=2001:f60:1:2::1:1&u=y".to_owned();
    assert_eq!(call("xpass-static", &xpass), (filled.clone(), basic.clone()));
    let query = format!("{filled}&user=u&pass=p%20w");
    let auth = ",\"update_auth\":\"query\"";
    assert_eq!(call("xpass-static", &format!("{xpass}{auth}")), (query, None));
    let own = url("http://a/x?id={user}&key={password}");
    assert_eq!(call("ocn-static", &own), ("http://a/x?id=u&key=p%20w".to_owned(), None));
    let auth = format!("{},\"update_auth\":\"basic\"", url("http://a/x"));
    assert_eq!(call("ocn-static", &auth), ("http://a/x".to_owned(), basic));
}

#[test]
fn an_address_that_no_contract_has_is_named() {
    for (given, values) in [
        ("203.0.113.10", ["0.0.0.0", "127.0.0.1", "224.0.0.5"]),
        ("2404:9200:225:100::65", ["fe80::1", "::1", "ff02::1"]),
    ] {
        for value in values {
            let error = Config::parse(&OPTIONS.replacen(given, value, 1)).unwrap_err().line();
            assert!(error.starts_with("MAPE_RULE_INCONSISTENT: "), "{error}");
            assert!(error.contains(value), "{error}");
        }
    }
}

#[test]
fn missing_and_contradicting_values_are_named() {
    for (from, to, name) in [
        ("ipaddr", "x", "ipaddr"),
        ("peeraddr", "x", "peeraddr"),
        ("update_user", "x", "update_user"),
        ("v6plus-static", "ocn-static", "update_url"),
        ("203.0.113.10", "203.0.113", "ipaddr"),
        ("{", "{\"ealen\":\"8\",", "ealen"),
        ("{", "{\"update_url\":\"ftp://a/\",", "update_url"),
        ("{", "{\"update_auth\":\"digest\",", "update_auth"),
        ("{", "{\"interface_id\":\"feed\",", "interface_id"),
        ("{", "{\"nat_address\":\"203.0.113\",", "nat_address"),
        ("v6plus-static", "transix-static", "interface_id"),
    ] {
        let error = Config::parse(&OPTIONS.replacen(from, to, 1)).unwrap_err();
        assert!(error.line().contains(name), "{}", error.line());
    }
    // The user has written no rule, so the sentence is about the option.
    let error = Config::parse(&OPTIONS.replacen("203.0.113.10", "203.0.113.10/29", 1)).unwrap_err();
    assert!(error.message.starts_with("the option ipaddr has 203.0.113.10/29"), "{error:?}");
    assert!(error.hint.starts_with("did you mean 203.0.113.8/29? "), "{error:?}");
    assert!(error.hint.ends_with("write 203.0.113.10"), "{error:?}");
    // All that the option can say.
    let error = Config::parse(r#"{"provider":"v6plus-statik"}"#).unwrap_err();
    assert!(error.hint.contains("v6plus,") && error.hint.contains("v6plus-static"), "{error:?}");
}
