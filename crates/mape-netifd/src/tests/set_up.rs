//! One `setup`: what it tells netifd, and how it fails.

use super::*;

#[test]
fn a_zone_that_does_not_exist_is_reported() {
    let world = World::new("no-zone");
    for (options, expected) in
        [(r#"{"zone":"wann"}"#, 1), (r#"{"zone":"wan"}"#, 0), (r#"{"zone":"-"}"#, 0)]
    {
        let mut bus = Netifd::with(&[wan6("240b:10:3261:6400::"), mape(false, &json!({}))]);
        let (result, log) = world.setup(&mut bus, options);
        assert_eq!(
            (result, log.matches("the firewall has no zone \"wann\"").count()),
            (Ok(()), expected)
        );
    }
}

/// The zone that an uplink has joined without being listed is the tunnel's, and that of the outer
/// rule; also at a renewal, when netifd's dump contains our own earlier update.
#[test]
fn the_zone_of_an_uplink_that_no_zone_lists() {
    let world = World::new("joined");
    fs::write(world.root.join("etc/config/firewall"), "config zone\n\toption name wan\n").unwrap();
    let mut uplink = wan6("240b:10:3261:6400::");
    uplink["data"] = json!({ "zone": "wan" });
    for up in [false, true] {
        let mut bus = Netifd::with(&[uplink.clone(), mape(up, &json!({ "zone": "wan" }))]);
        if up {
            assert_eq!(world.renew(&mut bus, r#"{"mtu":"1400"}"#), Ok(()));
        } else {
            assert_eq!(world.setup(&mut bus, "{}").0, Ok(()));
        }
        let updates = bus.notified(0);
        let data = &updates.last().unwrap()["data"];
        assert_eq!((&data["zone"], &data["firewall"][0]["src"]), (&json!("wan"), &json!("wan")));
    }
}

#[test]
fn with_no_option_at_all() {
    let world = World::new("plain");
    let mut bus = Netifd::with(&[wan6(A), mape(false, &json!({}))]);
    assert_eq!(world.setup(&mut bus, r#"{"proto":"mape"}"#), (Ok(()), String::new()));
    let order: Vec<_> = bus.calls.iter().map(|call| call.1.as_str()).collect();
    assert_eq!(order, ["dump", "status", "notify_proto", "add_dynamic", "notify_proto", "add"]);
    assert_eq!(
        bus.notified(6),
        [&json!({"action": 6, "interface": "mape", "host": "::", "ifname": "wan6"})]
    );
    assert_eq!(
        bus.called("add_dynamic")[0].2,
        json!({"name": "mape_", "ifname": "@wan6", "proto": "static",
            "ip6addr": ["240b:10:3261:6400:6a:4832:6100:6400/128"]})
    );
    let mut update = bus.notified(0)[0].clone();
    update["data"]["since"] = json!("some time");
    let golden = include_str!("update.json");
    assert_eq!(update, serde_json::from_str::<Value>(golden).unwrap(), "{update:#}");
    assert!(world.state().exists());

    let ((), log) = captured(|| teardown(&mut bus, &world.env, &name()));
    assert_eq!(bus.called("remove")[0].0, "network.interface.mape_");
    assert!(!world.state().exists());
    assert!(log.is_empty(), "there is no tunnel to take down");
    fs::create_dir_all(world.root.join("devices/mape-mape")).unwrap();
    fs::write(world.root.join("devices/mape-mape/ifindex"), format!("{TUNNEL}\n")).unwrap();
    let ((), log) = captured(|| teardown(&mut bus, &world.env, &name()));
    assert_eq!(bus.called("remove").len(), 2, "a failure does not end it");
    let failed = "mape-mape could not be taken down: the kernel does not answer";
    assert_eq!(log, [(Level::Warn, failed.to_owned()), (Level::Info, "down".to_owned())]);
}

/// netifd kills a teardown after five seconds; then the rules of the line would stay.
#[test]
fn a_teardown_waits_once_for_a_ubus_that_says_nothing() {
    const GREETING: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4];
    assert!(TEARDOWN_TIMEOUT < Duration::from_secs(4));
    for greets in [false, true] {
        let mut world = World::new(&format!("silent-{greets}"));
        let socket = world.root.join("ubus.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        world.env.ubus = vec![socket];
        std::thread::spawn(move || {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept() {
                if greets {
                    stream.write_all(&GREETING).unwrap();
                }
                open.push(stream);
            }
        });
        let start = Instant::now();
        let mut bus = bus_within(&world.env, Duration::from_secs(9));
        let limit = Duration::from_millis(100);
        bus.call_within(limit, "network", "reload", &json!({})).unwrap_err();
        let took = start.elapsed();
        // Less than the nine seconds, on a machine however busy.
        assert!(took < Duration::from_secs(6), "{took:?}, greets: {greets}");
        let start = Instant::now();
        let mut bus = bus_within(&world.env, Duration::from_secs(1));
        let ((), log) = captured(|| teardown(&mut bus, &world.env, &name()));
        let took = start.elapsed();
        assert!(took < Duration::from_millis(1800), "{took:?}, greets: {greets}");
        let log = lines(&log, Level::Warn);
        assert!(log.starts_with("the CE address could not be removed: "), "{log}");
    }
}

/// netifd tears down and sets up for each changed option. Who listens meanwhile moves nothing.
#[test]
fn a_changed_option_leaves_the_inside_range_where_it_is() {
    let world = World::new("range");
    let mut bus = Netifd::with(&[wan6(A), mape(false, &json!({}))]);
    let listening = || mape_firewall::State::read(&world.state()).unwrap().listening();
    world.setup(&mut bus, r#"{"proto":"mape"}"#).0.unwrap();
    // A resolver's question is under way from port 16400.
    let udp = "0: 00000000:4010 00000000:0000 07\n";
    fs::write(world.root.join("proc/net/udp"), udp).unwrap();
    teardown(&mut bus, &world.env, &name());
    world.setup(&mut bus, r#"{"proto":"mape","reserved_ports":["63055"]}"#).0.unwrap();
    assert_eq!(listening(), mape_core::PortList::default());
    // Another line is another thing.
    teardown(&mut bus, &world.env, &name());
    let ce = CE_IN_HEX.replace("6400", "6500");
    fs::write(world.root.join("proc/net/if_inet6"), format!("{ce} 02 80 00 80 eth1\n")).unwrap();
    bus.dump = json!({"interface": [wan6("240b:10:3261:6500::"), mape(false, &json!({}))]});
    world.setup(&mut bus, r#"{"proto":"mape"}"#).0.unwrap();
    assert_eq!(listening(), "16400".parse().unwrap());
}

#[test]
fn what_ifstatus_shows_keeps_to_its_schema() {
    let schema = include_str!("../../../../tests/vectors/schema/ifstatus-data.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    let world = World::new("schema");
    let rule = "ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,br=2404:9200:225:100::65";
    for options in [
        json!({}),
        json!({"reserved_ports": ["5696", "80-90"], "rule": rule}),
        json!({"ttl": "x", "rule": rule}),
    ] {
        let mut bus = Netifd::with(&[wan6(A), mape(false, &json!({}))]);
        assert_eq!(world.setup(&mut bus, &options.to_string()).0, Ok(()));
        let data = &bus.notified(0)[0]["data"];
        let errors: Vec<_> = schema.iter_errors(data).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in {data:#}");
        assert_eq!(data["table_rule"].is_string(), options != json!({}), "{data:#}");
        assert_eq!(data["warning"]["code"].is_string(), options["ttl"].is_string());
    }
}

#[test]
fn a_failing_interface_says_why_and_waits_for_an_event() {
    let world = World::new("late");
    let down = json!({"interface": "wan6", "up": false, "proto": "dhcpv6"});
    let mut bus = Netifd::with(&[down, mape(false, &json!({}))]);
    let (result, log) = world.setup(&mut bus, "{}");
    assert_eq!(result, Err(Code::NoIpv6Yet));
    assert_eq!(log.lines().count(), 1);
    assert!(log.starts_with("MAPE_NO_IPV6_YET: ") && !world.state().exists());
    let error = &bus.notified(3)[0]["error"];
    assert_eq!(error[0], "MAPE_NO_IPV6_YET");
    assert!(error[1].is_string() && error[2].is_string());

    // Events that change nothing start nothing; the one with the prefix does.
    bus.calls.clear();
    world.event(&mut bus, "ifup", "lan");
    world.event(&mut bus, "ifupdate", "wan6");
    world.event(&mut bus, "ifup", "mape_");
    assert!(bus.called("renew").is_empty());
    bus.dump = json!({"interface": [wan6(A), mape(false, &json!({}))]});
    world.event(&mut bus, "ifdown", "wan6");
    assert!(bus.called("renew").is_empty());
    world.event(&mut bus, "ifup", "wan6");
    assert_eq!(bus.called("renew")[0].0, "network.interface.mape");
    assert_eq!(world.renew(&mut bus, "{}"), Ok(()));
    assert_eq!(bus.notified(0).len(), 1);
}

#[test]
fn a_call_that_was_killed_is_made_again() {
    let world = World::new("killed");
    let mut bus = Netifd::with(&[wan6(A), mape(false, &json!({}))]);
    assert_eq!(world.setup(&mut bus, "{}").0, Ok(()));
    let mut memory = interface_cache::InterfaceCache::read(&world.env.run, &name());
    memory.settled = false;
    memory.write(&world.env.run, &name()).unwrap();
    bus.calls.clear();
    world.event(&mut bus, "ifupdate", "wan6");
    assert_eq!(bus.called("renew").len(), 1);
}
