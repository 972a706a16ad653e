//! A line that is up while its prefix, its options, the rules or its section change.

use std::thread;

use super::*;

#[test]
fn renumbering_changes_the_tunnel_and_nothing_else_does() {
    let world = World::new("renumber");
    let b = "240b:10:9261:6400::";
    let ce_b = "240b001092616400006a489261006400 02 80 00 80 eth1\n";
    fs::write(
        world.root.join("proc/net/if_inet6"),
        format!("{CE_IN_HEX} 02 80 00 80 eth1\n{ce_b}"),
    )
    .unwrap();
    let mut bus = Netifd::with(&[wan6(A), mape(true, &json!({}))]);
    assert_eq!(world.setup(&mut bus, "{}").0, Ok(()));
    bus.calls.clear();
    assert_eq!(world.renew(&mut bus, "{}"), Ok(()));
    assert!(bus.calls.iter().all(|call| call.1 == "dump" || call.1 == "status"), "{:?}", bus.calls);

    bus.dump = json!({"interface": [wan6(b), mape(true, &json!({}))]});
    bus.calls.clear();
    world.event(&mut bus, "ifupdate", "wan6");
    assert_eq!(bus.called("renew").len(), 1);
    assert_eq!(world.renew(&mut bus, "{}"), Ok(()));
    assert_eq!(bus.notified(0)[0]["link-up"], false);
    let update = bus.notified(0)[1];
    assert_eq!(update["data"]["end_user_prefix"], "240b:10:9261:6400::/56");
    assert_eq!(update["data"]["before"]["end_user_prefix"], "240b:10:3261:6400::/56");
    bus.calls.clear();
    // The connections of the former address go once, with the first load.
    let log = world.event(&mut bus, "ifup", "mape");
    assert!(log.contains("106.72.50.97: 7 connections forgotten"), "{log}");
    assert!(!world.event(&mut bus, "ifupdate", "mape").contains("forgotten"));
    bus.calls.clear();
    bus.mtu = 1454;
    assert_eq!(world.renew(&mut bus, "{}"), Ok(()));
    assert_eq!(bus.notified(0)[1]["tunnel"]["mtu"], 1414);
}

#[test]
fn what_works_stays_while_something_is_wrong() {
    let world = World::new("stays");
    let mut bus = Netifd::with(&[wan6(A), mape(true, &json!({}))]);
    assert_eq!(world.setup(&mut bus, r#"{"ttl":"60"}"#).0, Ok(()));
    // Wrong options: the last ones that were right, and a warning.
    bus.calls.clear();
    let (result, log) = world.setup(&mut bus, r#"{"ttl":"x"}"#);
    assert_eq!((result, log.lines().count()), (Ok(()), 1));
    assert_eq!(bus.notified(0)[0]["tunnel"]["ttl"], 60);
    assert_eq!(bus.notified(0)[0]["data"]["warning"]["code"], "MAPE_OPTION_INVALID");
    assert_eq!(bus.notified(3)[0]["error"][0], "MAPE_OPTION_INVALID");
    assert_eq!(world.setup(&mut bus, r#"{"ttl":"60"}"#).0, Ok(()));
    // The prefix is gone for a moment: nothing is taken down, but a warning is reported.
    bus.calls.clear();
    bus.dump = json!({"interface": [mape(true, &json!({}))]});
    assert_eq!(world.renew(&mut bus, r#"{"ttl":"60"}"#), Err(Code::NoIpv6Yet));
    assert!(bus.notified(0).is_empty() && world.state().exists());
    assert_eq!(bus.called("set_data")[0].2["warning"]["code"], "MAPE_NO_IPV6_YET");
    // It is back: the very same plan, so nothing but the warning changes.
    bus.calls.clear();
    let warned = mape(true, &json!({"warning": {"code": "MAPE_NO_IPV6_YET"}}));
    bus.dump = json!({"interface": [wan6(A), warned]});
    assert_eq!(world.renew(&mut bus, r#"{"ttl":"60"}"#), Ok(()));
    assert_eq!(bus.called("set_data")[0].2, json!({"warning": {}}));
    assert!(bus.notified(0).is_empty());
}

#[test]
fn another_device_with_our_address() {
    let world = World::new("duplicate");
    fs::write(world.root.join("proc/net/if_inet6"), format!("{CE_IN_HEX} 02 80 00 c8 eth1\n"))
        .unwrap();
    let mut bus = Netifd::with(&[wan6(A), mape(false, &json!({}))]);
    let failure = handler::attempt_once(&mut bus, &world.env, &name(), "{}").unwrap_err();
    assert_eq!(code(&failure), Code::CeInUse);
    // The tunnel does not wait for duplicate address detection, and goes when it has failed.
    let link_up: Vec<_> = bus.notified(0).iter().map(|it| it["link-up"].clone()).collect();
    assert_eq!(link_up, [json!(true), json!(false)]);
    assert_eq!(bus.called("remove").len(), 1);
    assert!(!world.state().exists());
    // The next attempt waits.
    bus.calls.clear();
    let failure = handler::attempt_once(&mut bus, &world.env, &name(), "{}").unwrap_err();
    assert_eq!(code(&failure), Code::CeInUse);
    assert_eq!(bus.called("remove").len(), 1);
    assert!(bus.notified(0).is_empty() && !world.state().exists());
    // Once the other device has gone, that is forgotten.
    fs::write(world.root.join("proc/net/if_inet6"), format!("{CE_IN_HEX} 02 80 00 80 eth1\n"))
        .unwrap();
    assert_eq!(world.setup(&mut bus, "{}").0, Ok(()));
    assert!(!fs::read_to_string(world.env.run.join("mape.memory")).unwrap().contains("in_use\":t"));
}

/// Neighbours on the link ask for the address, and a tentative one gives no answer: the tunnel
/// waits, and has no address of its own.
#[test]
fn on_a_link_without_delegation_the_tunnel_waits() {
    let world = World::new("on-link");
    let table = world.root.join("proc/net/if_inet6");
    let mut on_link = wan6(A);
    let uplink = on_link.as_object_mut().unwrap();
    uplink.remove("ipv6-prefix");
    uplink.insert("ipv6-address".to_owned(), json!([{"address": format!("{A}8"), "mask": 64}]));
    fs::write(&table, format!("{CE_IN_HEX} 02 80 00 c8 eth1\n")).unwrap();
    let mut bus = Netifd::with(&[on_link, mape(false, &json!({}))]);
    let failure = handler::attempt_once(&mut bus, &world.env, &name(), "{}").unwrap_err();
    assert_eq!(code(&failure), Code::CeInUse);
    assert!(bus.notified(0).is_empty() && !world.state().exists());
    fs::write(&table, format!("{CE_IN_HEX} 02 80 00 80 eth1\n")).unwrap();
    assert_eq!(world.setup(&mut bus, "{}").0, Ok(()));
    assert_eq!(bus.notified(0)[0].get("ip6addr"), None);
}

/// While a call waits for the result, the loader and provisioning write the interface's cache.
#[test]
fn what_others_write_during_the_detection_stays() {
    let world = World::new("meanwhile");
    let table = world.root.join("proc/net/if_inet6");
    fs::write(&table, format!("{CE_IN_HEX} 02 80 00 c0 eth1\n")).unwrap();
    let (state, run) = (world.state(), world.env.run.clone());
    let other = thread::spawn(move || {
        while !state.exists() {
            thread::sleep(Duration::from_millis(10));
        }
        let read = || interface_cache::InterfaceCache::read(&run, &name());
        let end = Instant::now() + Duration::from_secs(5);
        while !read().settled && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
        let mut cache = read();
        "{\"ttl\":\"7\"}".clone_into(&mut cache.good_options);
        cache.write(&run, &name()).unwrap();
        fs::write(&table, format!("{CE_IN_HEX} 02 80 00 80 eth1\n")).unwrap();
    });
    let mut bus = Netifd::with(&[wan6(A), mape(false, &json!({}))]);
    assert_eq!(world.setup(&mut bus, "{}").0, Ok(()));
    other.join().unwrap();
    let cache = interface_cache::InterfaceCache::read(&world.env.run, &name());
    assert_eq!(cache.good_options, "{\"ttl\":\"7\"}");
    assert!(cache.settled && cache.applied.is_some());
}

#[test]
fn rules_that_nft_refuses_never_come_up() {
    let mut world = World::new("refused");
    world.env.nft = "false".into();
    let mut bus = Netifd::with(&[wan6(A), mape(false, &json!({}))]);
    let failure = handler::attempt_once(&mut bus, &world.env, &name(), "{}").unwrap_err();
    assert_eq!(code(&failure), Code::FirewallRejected);
    let methods: Vec<_> = bus.calls.iter().map(|call| call.1.as_str()).collect();
    assert_eq!(methods, ["dump", "status"]);
    assert!(!world.state().exists());
}

#[test]
fn an_update_that_netifd_refuses_leaves_no_state() {
    let world = World::new("update");
    let mut bus = Netifd::with(&[wan6(A), mape(false, &json!({}))]);
    bus.refuses = |_, arguments| arguments["action"] == 0;
    let failure = handler::attempt_once(&mut bus, &world.env, &name(), "{}").unwrap_err();
    assert_eq!(code(&failure), Code::Ubus);
    assert!(!world.state().exists());
}

#[test]
fn a_deleted_section_leaves_nothing() {
    let world = World::new("deleted");
    let mut bus = Netifd::with(&[wan6(A), mape(false, &json!({}))]);
    assert_eq!(world.setup(&mut bus, "{}").0, Ok(()));
    teardown(&mut bus, &world.env, &name());
    bus.dump = json!({"interface": [wan6(A)]});
    world.event(&mut bus, "ifdown", "mape");
    let files = fs::read_dir(&world.env.run).unwrap().map(|file| file.unwrap().file_name());
    let mut left: Vec<_> = files.collect();
    left.sort();
    // The loader's own lock, and what nft accepts of any interface.
    assert_eq!(left, [".firewall.lock", "accepted"]);
    world.event(&mut bus, "ifdown", "other");
}

#[test]
fn our_own_event_loads_the_rules() {
    let mut world = World::new("load");
    let mut bus = Netifd::with(&[wan6(A), mape(true, &json!({}))]);
    world.event(&mut bus, "ifup", "mape");
    assert!(bus.notified(3).is_empty());
    world.env.nft = Path::new("/nonexistent/nft").into();
    world.event(&mut bus, "ifup", "mape");
    assert_eq!(bus.notified(3)[0]["error"][0], "MAPE_FIREWALL_REJECTED");
    assert_eq!(bus.called("set_data")[0].2["warning"]["code"], "MAPE_FIREWALL_REJECTED");
}
