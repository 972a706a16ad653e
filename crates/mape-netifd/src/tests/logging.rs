//! What the log has: levels, the trace of a decision, and no secret.

use super::*;

const SECRET: &str = "S3cret";

fn at(level: Level, message: &str) -> (Level, String) {
    (level, message.to_owned())
}

#[test]
fn a_line_that_comes_up_moves_and_goes_down_is_a_line_each() {
    let world = World::new("log-life");
    let mut bus = Netifd::with(&[wan6(A), mape(false, &json!({}))]);
    let info = |log: Vec<(Level, String)>| lines(&log, Level::Info);
    let ((), log) = captured(|| setup(&mut bus, &world.env, &name(), "{}").unwrap());
    let (through, ports) = ("through wan6 (eth1) to the BR 2404:9200:225:100::64", "240 ports of");
    let up = format!("up: {ports} 106.72.50.97, {through}, by the builtin rule\n");
    assert_eq!(info(log), up);
    let ce = "240b001092616400006a489261006400 02 80 00 80 eth1\n";
    fs::write(world.root.join("proc/net/if_inet6"), ce).unwrap();
    bus.dump = json!({"interface": [wan6("240b:10:9261:6400::"), mape(true, &json!({}))]});
    let ((), log) = captured(|| renew(&mut bus, &world.env, &name(), "{}").unwrap());
    let moved = format!("renumbered: {ports} 106.72.146.97, {through}, by the builtin rule\n");
    assert_eq!(info(log), moved);
}

#[test]
fn a_failure_is_an_error_where_the_line_is_down_and_a_warning_where_it_works() {
    let world = World::new("log-levels");
    let mut bus = Netifd::with(&[wan6(A), mape(true, &json!({}))]);
    assert_eq!(world.setup(&mut bus, "{}").0, Ok(()));
    let highest = |log: Vec<(Level, String)>| {
        let (level, message) = log.into_iter().min().unwrap();
        (level, message.split(':').next().unwrap().to_owned())
    };
    let (_, log) = captured(|| setup(&mut bus, &world.env, &name(), r#"{"ttl":"x"}"#));
    assert_eq!(highest(log), at(Level::Warn, "MAPE_OPTION_INVALID"));
    bus.dump = json!({"interface": [mape(true, &json!({}))]});
    let (_, log) = captured(|| renew(&mut bus, &world.env, &name(), "{}"));
    assert_eq!(highest(log), at(Level::Warn, "MAPE_NO_IPV6_YET"));
    bus.dump = json!({"interface": [mape(false, &json!({}))]});
    let (_, log) = captured(|| setup(&mut bus, &world.env, &name(), "{}"));
    assert_eq!(highest(log), at(Level::Error, "MAPE_NO_IPV6_YET"));
    // The hook's caller has no other place to show it.
    bus.gone = true;
    let event = Event { action: "ifup".to_owned(), interface: "mape".to_owned() };
    let (_, log) = captured(|| hotplug(&mut bus, &world.env, &event));
    assert_eq!(highest(log), at(Level::Error, "MAPE_UBUS"));
}

/// Each uplink, prefix and source that a set-up considers, and why it is dropped.
#[test]
fn a_set_up_traces_its_decision_at_debug() {
    let world = World::new("log-trace");
    fs::create_dir_all(world.root.join("state")).unwrap();
    let prefix = |address: &str, mask: u8, preferred: u32| json!({"address": address, "mask": mask, "preferred": preferred});
    let mut bus = Netifd::with(&[
        json!({"interface": "loopback", "up": true, "proto": "static", "device": "lo"}),
        json!({"interface": "wan", "up": false, "proto": "dhcp", "device": "eth1"}),
        json!({"interface": "guest", "up": true, "proto": "none"}),
        json!({"interface": "lan", "up": true, "proto": "static", "device": "br-lan",
            "ipv6-address": [prefix("fd00:1:2:3::1", 64, 100)]}),
        json!({"interface": "wan6", "up": true, "proto": "dhcpv6", "device": "eth1",
            "ipv6-prefix": [prefix("240b:10:9261:6400::", 56, 0), prefix(A, 56, 100),
                prefix("2001:db8::", 96, 100)],
            "route": [{"target": "::", "mask": 0}]}),
        mape(false, &json!({})),
    ]);
    let options =
        r#"{"rules_file":"RULES"}"#.replace("RULES", world.root.join("rules").to_str().unwrap());
    let rule = "ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,br=2001:db8:ffff::1\n";
    fs::write(world.root.join("rules"), rule).unwrap();
    let (result, log) = captured(|| setup(&mut bus, &world.env, &name(), &options));
    assert_eq!(result.map_err(|failure| failure.line()), Ok(()));
    let debug: Vec<_> =
        log.iter().filter(|it| it.0 == Level::Debug).map(|it| it.1.as_str()).collect();
    let rule = "ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,offset=4,psidlen=8,br=2404:9200:225:100::64,layout=draft03";
    let considered = [
        "uplink loopback: not considered, it is the loopback device".to_owned(),
        "uplink wan: not considered, it is down".to_owned(),
        "uplink guest: not considered, it has no device".to_owned(),
        "uplink lan: considered, its device is br-lan".to_owned(),
        "prefix fd00:1:2:3::/64 on lan: dropped, no source has a plan".to_owned(),
        "uplink wan6: considered, its device is eth1".to_owned(),
        "prefix on wan6: not considered, the prefix length \"96\" is neither 0 to 64 nor the 128 of a single address".to_owned(),
        "prefix 240b:10:9261:6400::/56 on wan6: deprecated, a default route, rule length 31, 0 s left, delegated".to_owned(),
        format!("rule source builtin: {rule} covers 240b:10:3261:6400::/56"),
        "prefix 240b:10:3261:6400::/56 on wan6: preferred, a default route, rule length 31, 100 s left, delegated".to_owned(),
        "uplink mape: not considered, it is of proto mape".to_owned(),
        "chosen: prefix 240b:10:3261:6400::/56 on wan6 (eth1)".to_owned(),
    ];
    let mut rest = debug.iter();
    for message in &considered {
        assert!(rest.any(|it| it == message), "{message} in {debug:#?}");
    }
    for source in ["file", "builtin"] {
        let dropped = format!("rule source {source}: dropped, ");
        assert!(debug.iter().any(|it| it.starts_with(&dropped)), "{source} in {debug:#?}");
    }
    let (_, log) = captured(|| setup(&mut bus, &world.env, &name(), r#"{"tunlink":"wan6"}"#));
    let other =
        at(Level::Debug, "uplink lan: not considered, the option tunlink names another one");
    assert!(log.contains(&other), "{log:#?}");
}

/// Neither options, nor what is kept of a server's answer, nor its URL shows a secret.
#[test]
fn no_secret_is_logged_at_any_level() {
    let contract = json!({"provider": "v6plus-static", "ipaddr": "203.0.113.10",
        "update_user": SECRET, "update_password": SECRET, "update_url": "http://[2001:db8::1]/",
        "peeraddr": "2404:9200:225:100::65"});
    let named = json!({"provisioning": "hb46pp", "provisioning_user": SECRET,
        "provisioning_password": SECRET, "provisioning_server": "rules.example"});
    let url = format!("https://[2001:db8::1]/{SECRET}?user={SECRET}&pass={SECRET}&token={SECRET}");
    let by_url = json!({"provisioning": "url", "provisioning_url": url});
    let wrong = json!({"provisioning": "url", "provisioning_url": format!("ftp://u:{SECRET}@a/")});
    let twice = json!({"provisioning_password": [SECRET, SECRET], "update_password": SECRET});
    let ce = "240b:10:3261:6400:cb:71:a00:0";
    for (number, options) in [contract, named, by_url, wrong, twice].into_iter().enumerate() {
        let world = World::new(&format!("log-secret-{number}"));
        let both =
            format!("{CE_IN_HEX} 02 80 00 80 e\n240b00103261640000cb00710a000000 02 80 00 80 e\n");
        fs::write(world.root.join("proc/net/if_inet6"), both).unwrap();
        fs::create_dir_all(world.root.join("flash")).unwrap();
        let kept = json!({"schema": 1, "source": "hb46pp-0", "prefixes": [], "token": SECRET,
            "id": SECRET, "shape": "hb46pp", "ttl": 1, "mesh": false, "rules": []});
        fs::write(world.root.join("flash/mape.json"), kept.to_string()).unwrap();
        let mut uplink = wan6(A);
        uplink["ipv6-address"] = json!([{"address": "240b:10:3261:6400::1", "mask": 64}]);
        let mut bus = Netifd::with(&[uplink.clone(), mape(false, &json!({}))]);
        let options = options.to_string();
        let event = Event { action: "ifup".to_owned(), interface: "mape".to_owned() };
        let ((), log) = captured(|| {
            let _ = setup(&mut bus, &world.env, &name(), &options);
            bus.dump = json!({"interface": [uplink, mape(true, &json!({"ce": ce}))]});
            let _ = hotplug(&mut bus, &world.env, &event);
            let _ = provision(&mut bus, &world.env, &name(), 0);
            let _ = renew(&mut bus, &world.env, &name(), &options);
            teardown(&mut bus, &world.env, &name());
        });
        let shown: Vec<_> = log.iter().filter(|it| it.1.contains(SECRET)).collect();
        assert!(!log.is_empty() && shown.is_empty(), "{options}: {shown:#?}");
        let asks = log.iter().any(|it| {
            it.1.starts_with("provisioning: asks ") || it.1.contains("MAPE_PROVISIONING_UPDATE")
        });
        assert_eq!(asks, number < 3, "{options}: {log:#?}");
    }
}
