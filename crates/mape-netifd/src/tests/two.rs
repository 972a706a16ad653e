//! Two sections on one router, and what else holds what a line needs.

use mape_core::Quoted;

use super::*;

const B: &str = "240b:10:9261:6400::";
const CE: &str = "240b:10:3261:6400:6a:4832:6100:6400";

/// One of ours with this name.
fn ours(name: &str, up: bool) -> Value {
    let data = if up { json!({"uplink": "wan6", "ce": CE}) } else { json!({}) };
    json!({"interface": name, "up": up, "autostart": true, "proto": "mape", "data": data})
}

fn alias(name: &str) -> Value {
    json!({"interface": name, "up": true, "proto": "static", "l3_device": "eth1",
        "ipv6-address": [{"address": CE, "mask": 128}]})
}

fn uplink(name: &str, prefix: &str) -> Value {
    let mut uplink = wan6(prefix);
    uplink["interface"] = name.into();
    uplink["l3_device"] = format!("dev-{name}").into();
    uplink
}

fn attempt(world: &World, bus: &mut Netifd, name: &str, options: &str) -> Result<(), String> {
    let name = name.parse().unwrap();
    handler::attempt_once(bus, &world.env, &name, options).map_err(|failure| failure.line())
}

/// Everything but questions and the report of an error.
fn touched(bus: &Netifd) -> Vec<&(String, String, Value)> {
    let asks = |call: &&(String, String, Value)| {
        matches!(call.1.as_str(), "dump" | "status") || call.2["action"] == 3
    };
    bus.calls.iter().filter(|call| !asks(call)).collect()
}

fn sections(world: &World, text: &str) {
    fs::write(world.root.join("etc/config/network"), text).unwrap();
}

#[test]
fn a_second_section_for_the_line_touches_nothing() {
    let world = World::new("two-late");
    let second = ours("wan4", false);
    let mut bus = Netifd::with(&[wan6(A), ours("mape", true), alias("mape_"), second.clone()]);
    for options in ["{}", r#"{"tunlink":"wan6"}"#] {
        let error = attempt(&world, &mut bus, "wan4", options).unwrap_err();
        let expected = r#"MAPE_LINE_TAKEN: the line of "wan6" is that of the interface "mape"; "#;
        assert!(error.starts_with(expected) && error.contains("remove this section"), "{error}");
        assert!(touched(&bus).is_empty(), "{:?}", touched(&bus));
        assert!(!world.env.run.join("wan4.json").exists());
    }
    // Nothing is new, so nothing is tried; and the first one is as it was.
    world.event(&mut bus, "ifupdate", "wan6");
    assert!(bus.called("renew").iter().all(|call| call.0 == "network.interface.mape"));
    let mut bus = Netifd::with(&[wan6(A), ours("mape", true), alias("mape_"), second.clone()]);
    assert_eq!(world.renew(&mut bus, "{}"), Ok(()));
    // While it is being made again it is not up, and keeps its line all the same.
    bus.dump = json!({"interface": [wan6(A), ours("mape", false), second]});
    bus.calls.clear();
    attempt(&world, &mut bus, "wan4", "{}").unwrap_err();
    assert!(touched(&bus).is_empty());
    // The second one goes: its alias is asked for, and nothing else.
    teardown(&mut bus, &world.env, &"wan4".parse().unwrap());
    let removed: Vec<_> = bus.called("remove").iter().map(|call| call.0.as_str()).collect();
    assert_eq!(removed, ["network.interface.wan4_"]);
}

/// netifd tells of an `ifdown` once only while the hooks run, and of nothing that is removed: the
/// section that waits for the line looks again by itself.
#[test]
fn a_line_that_becomes_free_without_an_event_is_taken() {
    let world = World::new("two-free");
    let own = mape(false, &json!({}));
    let mut bus = Netifd::with(&[wan6(A), ours("wan4", true), alias("wan4_"), own.clone()]);
    bus.later = Some((3, json!({"interface": [wan6(A), own]})));
    let (result, log) = world.setup(&mut bus, "{}");
    assert_eq!(result, Ok(()), "{log}");
    assert_eq!(log.matches("MAPE_LINE_TAKEN").count(), 1, "{log}");
    assert_eq!(bus.notified(0).len(), 1);
}

/// Both are set up by the same event, and neither has seen the other.
#[test]
fn of_two_sections_at_boot_the_same_one_comes_up() {
    let world = World::new("two-boot");
    let both = [wan6(A), ours("mape", false), ours("wan4", false)];
    let section =
        |name: &str, more: &str| format!("config interface {name}\n option proto mape\n{more}");
    let tunlink = r#"{"tunlink":"wan6"}"#;
    for (options, winner) in [
        ([("mape", "{}"), ("wan4", "{}")], "mape"),
        ([("wan4", "{}"), ("mape", "{}")], "mape"),
        ([("mape", "{}"), ("wan4", tunlink)], "wan4"),
        ([("wan4", tunlink), ("mape", "{}")], "wan4"),
        ([("wan4", tunlink), ("mape", tunlink)], "mape"),
    ] {
        let _ = fs::remove_dir_all(&world.env.run);
        let text = options.map(|(name, options)| {
            section(name, if options == "{}" { "" } else { " option tunlink wan6\n" })
        });
        sections(&world, &text.concat());
        for (name, options) in options {
            let done = attempt(&world, &mut Netifd::with(&both), name, options);
            assert_eq!(done.is_ok(), name == winner, "{options:?} {name}: {done:?}");
        }
        // It stays the same one where it lost its uplink, whichever is asked first.
        for (name, options) in options {
            let done = attempt(&world, &mut Netifd::with(&both), name, options);
            assert_eq!(done.is_ok(), name == winner, "{name} once more: {done:?}");
        }
    }
}

/// One of them has seen an older state of things: the file of claims decides.
#[test]
fn what_is_claimed_is_not_taken() {
    let world = World::new("two-claims");
    let down = |name: &str| json!({"interface": name, "up": false, "proto": "dhcpv6"});
    let dump = Dump::of(&json!({"interface":
        [down("wan6"), down("wanb"), ours("mape", false), ours("wan4", false)]}));
    let claim = |name: &str, uplink: &str, ce: &str| {
        let config = Config::parse("{}").unwrap();
        let name = name.parse().unwrap();
        fs::create_dir_all(&world.env.run).unwrap();
        rivals::claim(&world.env, &dump, &name, &config, uplink, ce.parse().unwrap())
            .map_err(|failure| code(&failure))
    };
    assert_eq!(claim("wan4", "wan6", CE), Ok(()));
    assert_eq!(claim("mape", "wan6", CE), Err(Code::LineTaken));
    assert_eq!(claim("mape", "wanb", CE), Err(Code::LineTaken));
    assert_eq!(claim("mape", "wanb", "2001:db8::1"), Ok(()));
    assert_eq!(claim("wan4", "wanb", "2001:db8::2"), Err(Code::LineTaken));
    // A refusal costs the claim that was there: it wants another line.
    assert_eq!(claim("mape", "wan6", CE), Ok(()));
    rivals::forget(&world.env.run, &name());
    assert_eq!(claim("wan4", "wan6", CE), Ok(()));
    rivals::forget(&world.env.run, &"wan4".parse().unwrap());
    assert!(!world.env.run.join("lines").exists());
}

#[test]
fn the_second_section_comes_up_when_the_first_is_gone() {
    let world = World::new("two-gone");
    let second = ours("wan4", false);
    let mut bus = Netifd::with(&[wan6(A), ours("mape", true), alias("mape_"), second.clone()]);
    attempt(&world, &mut bus, "wan4", "{}").unwrap_err();
    let mut off = ours("mape", false);
    off["autostart"] = false.into();
    for (left, event) in [
        (vec![wan6(A), off.clone(), second.clone()], "mape"),
        (vec![wan6(A), off, second.clone()], "mape_"),
        (vec![wan6(A), second.clone()], "mape"),
        (vec![wan6(A), second.clone()], "mape_"),
    ] {
        bus.dump = json!({ "interface": left });
        bus.calls.clear();
        world.event(&mut bus, "ifdown", event);
        let renewed: Vec<_> = bus.called("renew").iter().map(|call| call.0.as_str()).collect();
        assert_eq!(renewed, ["network.interface.wan4"], "{event}");
    }
    // An event of the working interface's own alias changes nothing for that interface.
    bus.dump = json!({"interface": [wan6(A), ours("mape", true), second.clone()]});
    bus.calls.clear();
    world.event(&mut bus, "ifdown", "mape_");
    world.event(&mut bus, "ifup", "mape_");
    assert!(bus.called("renew").is_empty(), "{:?}", bus.called("renew"));
    // Its address goes a moment later, and is not taken as long as it is there.
    bus.dump = json!({"interface": [wan6(A), alias("mape_"), second.clone()]});
    bus.calls.clear();
    let error = attempt(&world, &mut bus, "wan4", "{}").unwrap_err();
    assert!(
        error.contains(&format!(r#"the interface "mape_" has the CE address {CE}"#)),
        "{error}"
    );
    assert!(touched(&bus).is_empty());
    bus.dump = json!({"interface": [wan6(A), second]});
    world.event(&mut bus, "ifdown", "mape_");
    assert_eq!(bus.called("renew").len(), 1);
    assert_eq!(attempt(&world, &mut bus, "wan4", "{}"), Ok(()));
}

#[test]
fn a_ce_address_that_is_lost_is_put_back() {
    let world = World::new("two-lost");
    let up = ours("mape", true);
    let mut bus = Netifd::with(&[wan6(A), mape(false, &json!({}))]);
    assert_eq!(world.setup(&mut bus, "{}").0, Ok(()));
    bus.dump = json!({"interface": [wan6(A), up, alias("mape_")]});
    let there = world.root.join("proc/net/if_inet6");
    let good = fs::read_to_string(&there).unwrap();
    for event in ["lan", "wan6", "mape"] {
        bus.calls.clear();
        world.event(&mut bus, "ifupdate", event);
        assert!(bus.called("renew").is_empty(), "{event}: nothing is wrong");
        fs::write(&there, "").unwrap();
        world.event(&mut bus, "ifupdate", event);
        assert_eq!(bus.called("renew").len(), 1, "{event}");
        fs::write(&there, &good).unwrap();
    }
    // netifd removes the alias after the set-up has found its address.
    bus.dump["interface"].as_array_mut().unwrap().pop();
    for (held, renewed) in [(&good[..], 0), ("", 1)] {
        bus.calls.clear();
        fs::write(&there, held).unwrap();
        world.event(&mut bus, "ifdown", "mape_");
        assert_eq!(bus.called("renew").len(), renewed, "{held}");
    }
    // netifd puts it there a moment after it is asked.
    fs::write(&there, "").unwrap();
    bus.calls.clear();
    let late = {
        let (there, good) = (there.clone(), good.clone());
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            fs::write(there, good).unwrap();
        })
    };
    assert_eq!(world.renew(&mut bus, "{}"), Ok(()));
    late.join().unwrap();
    assert_eq!(bus.called("add_dynamic")[0].2["ip6addr"][0], format!("{CE}/128"));
    // The tunnel is left alone.
    assert!(bus.called("notify_proto").is_empty(), "{:?}", bus.called("notify_proto"));
}

#[test]
fn an_uplink_that_another_section_names_is_passed_over() {
    let world = World::new("two-uplinks");
    let named = "config interface wan4\n option proto mape\n option tunlink wanb\n";
    sections(&world, named);
    let down = json!({"interface": "wan6", "up": false, "proto": "dhcpv6"});
    let mut bus = Netifd::with(&[
        down.clone(),
        uplink("wanb", A),
        mape(false, &json!({})),
        ours("wan4", false),
    ]);
    let error = attempt(&world, &mut bus, "mape", "{}").unwrap_err();
    assert!(error.starts_with(r#"MAPE_LINE_TAKEN: the line of "wanb" is that of"#), "{error}");
    assert!(touched(&bus).is_empty());
    // After a failover there is a free one.
    let ce = "240b001092616400006a489261006400 02 80 00 80 eth1\n";
    fs::write(world.root.join("proc/net/if_inet6"), ce).unwrap();
    bus.dump["interface"].as_array_mut().unwrap().push(uplink("wanc", B));
    assert_eq!(attempt(&world, &mut bus, "mape", "{}"), Ok(()));
    assert_eq!(bus.notified(0)[0]["data"]["uplink"], "wanc");
    // So is what another one without the option is using.
    sections(&world, "");
    let mut other = ours("wan4", true);
    other["data"]["uplink"] = "wanb".into();
    bus.dump = json!({"interface": [down, uplink("wanb", A), uplink("wanc", B),
        mape(false, &json!({})), other]});
    bus.calls.clear();
    assert_eq!(attempt(&world, &mut bus, "mape", "{}"), Ok(()));
    assert_eq!(bus.notified(0)[0]["data"]["uplink"], "wanc");
    // One that is switched off has none.
    bus.dump["interface"][4] = json!({"interface": "wan4", "up": false, "autostart": false,
        "proto": "mape"});
    sections(&world, named);
    bus.dump["interface"].as_array_mut().unwrap().remove(2);
    fs::write(world.root.join("proc/net/if_inet6"), format!("{CE_IN_HEX} 02 80 00 80 eth1\n"))
        .unwrap();
    let only = json!([uplink("wanb", A), mape(false, &json!({})), bus.dump["interface"][3]]);
    bus.dump = json!({ "interface": only });
    bus.calls.clear();
    assert_eq!(attempt(&world, &mut bus, "mape", "{}"), Ok(()));
    assert_eq!(bus.notified(0)[0]["data"]["uplink"], "wanb");
}

#[test]
fn a_tunnel_that_exists_is_reported_by_name() {
    let world = World::new("two-tunnels");
    let device = |name: &str| {
        let device = world.env.devices.join(name);
        fs::create_dir_all(&device).unwrap();
        let ce = "24:0b:00:10:32:61:64:00:00:6a:48:32:61:00:64:00\n";
        fs::write(device.join("address"), ce).unwrap();
        let br = "24:04:92:00:02:25:01:00:00:00:00:00:00:00:00:64\n";
        fs::write(device.join("broadcast"), br).unwrap();
        fs::write(device.join("iflink"), "7\n").unwrap();
        let uplink = world.env.devices.join("eth1");
        fs::create_dir_all(&uplink).unwrap();
        fs::write(uplink.join("ifindex"), "7\n").unwrap();
    };
    let map = json!({"interface": "old", "up": true, "proto": "map", "l3_device": "map-old"});
    // Our own is replaced.
    device("mape-mape");
    let mut bus = Netifd::with(&[wan6(A), mape(false, &json!({})), map]);
    assert_eq!(attempt(&world, &mut bus, "mape", "{}"), Ok(()));
    fs::remove_dir_all(world.env.devices.join("mape-mape")).unwrap();
    device("map-old");
    bus.calls.clear();
    let error = attempt(&world, &mut bus, "mape", "{}").unwrap_err();
    assert!(
        error.starts_with(r#"MAPE_TUNNEL_EXISTS: the device "map-old" is a tunnel from"#),
        "{error}"
    );
    assert!(error.ends_with(r#"remove the interface "old": one line has one tunnel"#), "{error}");
    assert!(touched(&bus).is_empty(), "{:?}", touched(&bus));
    bus.dump["interface"].as_array_mut().unwrap().pop();
    let error = attempt(&world, &mut bus, "mape", "{}").unwrap_err();
    assert!(error.contains("`ip link del 'map-old'`"), "{error}");
}

/// Under load the answer comes too late, and never if netifd removes the alias by itself meanwhile.
#[test]
fn an_address_that_is_gone_is_not_complained_of() {
    let world = World::new("two-late-answer");
    let mut bus = Netifd::with(&[wan6(A), mape(true, &json!({}))]);
    bus.refuses = |method, _| method == "remove";
    assert_eq!(captured(|| teardown(&mut bus, &world.env, &name())).1, []);
    // netifd is asked afterwards whether it is there, within the time of the teardown.
    assert!(matches!(bus.limits[..], [limit] if limit < TEARDOWN_TIMEOUT / 4), "{:?}", bus.limits);
    bus.dump["interface"].as_array_mut().unwrap().push(alias("mape_"));
    let ((), log) = captured(|| teardown(&mut bus, &world.env, &name()));
    assert!(lines(&log, Level::Warn).starts_with("the CE address could not be removed"));
}

#[test]
fn the_errors_name_what_is_in_the_way() {
    let (ce, br) = (CE.parse().unwrap(), "2404:9200:225:100::64".parse().unwrap());
    let device = Quoted::new("map-old");
    for owner in [None, Some(Quoted::new("old"))] {
        let error = error::SetupError::TunnelExists { device: device.clone(), owner, ce, br };
        let failure = Failure::from(error);
        assert!(failure.needs_polling() && failure.line().contains("map-old"));
    }
}

/// By the uplink's interface identifier, or by hand: it worked before there was a tunnel of ours.
#[test]
fn an_existing_ce_address_stops_no_interface() {
    let world = World::new("two-there");
    let held = json!([{"address": CE, "mask": 64, "preferred": 900}]);
    let mut own = wan6(A);
    own["ipv6-address"] = held.clone();
    let by_hand = |device: &str| {
        json!({"interface": "hand", "up": true, "proto": "static", "l3_device": device,
            "ipv6-address": held.clone()})
    };
    for (mut interfaces, added) in [
        (vec![own], 0),
        (vec![wan6(A), by_hand("eth1")], 0),
        // Not where the tunnel's packets leave.
        (vec![wan6(A), by_hand("br-lan")], 1),
        (vec![wan6(A)], 1),
    ] {
        interfaces.push(mape(false, &json!({})));
        let mut bus = Netifd::with(&interfaces);
        assert_eq!(attempt(&world, &mut bus, "mape", "{}"), Ok(()), "{interfaces:?}");
        // An alias would take it away when it goes.
        assert_eq!(bus.called("add_dynamic").len(), added, "{interfaces:?}");
    }
}

/// What no rule fits, and no older options fit either, cannot come up: it keeps the line from no
/// other section.
#[test]
fn a_section_that_cannot_come_up_blocks_no_other_one() {
    let world = World::new("two-hopeless");
    let both = [wan6(A), mape(false, &json!({})), ours("wan4", false)];
    let wan4: InterfaceName = "wan4".parse().unwrap();
    let ocn = " option provider ocn\n";
    let nonsense = " option provider nonsense\n";
    let asks = " option provider ocn\n option provisioning hb46pp\n";
    for (more, claimed, older, comes_up) in [
        (" option tunlink wan6\n", false, "", false),
        (" option tunlink wan6\n option provider ocn\n", false, "", true),
        ("", true, "", false),
        (ocn, true, "", true),
        (nonsense, true, "", true),
        (nonsense, true, "{}", false),
        // The answer may be one that fits.
        (asks, true, "", false),
    ] {
        let _ = fs::remove_dir_all(&world.env.run);
        fs::create_dir_all(&world.env.run).unwrap();
        sections(&world, &format!("config interface wan4\n option proto mape\n{more}"));
        let mut memory = interface_cache::InterfaceCache::default();
        older.clone_into(&mut memory.good_options);
        memory.write(&world.env.run, &wan4).unwrap();
        if claimed {
            let dump = Dump::of(&json!({ "interface": both }));
            let config = Config::parse("{}").unwrap();
            let ce = CE.parse().unwrap();
            rivals::claim(&world.env, &dump, &wan4, &config, "wan6", ce).unwrap();
        }
        let done = attempt(&world, &mut Netifd::with(&both), "mape", "{}");
        assert_eq!(done.is_ok(), comes_up, "{more} {claimed} {older}: {done:?}");
    }
    // Its uplink has another name now, and it still asks for the old one.
    let _ = fs::remove_dir_all(&world.env.run);
    sections(&world, "config interface wan4\n option proto mape\n option tunlink wan6\n");
    let config = Config::parse("{}").unwrap();
    for (uplinks, comes_up) in [
        (vec![uplink("wanx", A)], true),
        (vec![uplink("wanx", A), json!({"interface": "wan6", "up": false})], false),
    ] {
        let all = [uplinks, both[1..].to_vec()].concat();
        let _ = fs::remove_dir_all(&world.env.run);
        fs::create_dir_all(&world.env.run).unwrap();
        let before = Dump::of(&json!({ "interface": both }));
        let ce = CE.parse().unwrap();
        rivals::claim(&world.env, &before, &wan4, &config, "wan6", ce).unwrap();
        let done = attempt(&world, &mut Netifd::with(&all), "mape", "{}");
        assert_eq!(done.is_ok(), comes_up, "{all:?}: {done:?}");
    }
    // As soon as that is so, the other interface is renewed.
    let _ = fs::remove_dir_all(&world.env.run);
    sections(&world, "config interface wan4\n option proto mape\n option tunlink wan6\n");
    let mut bus = Netifd::with(&both);
    attempt(&world, &mut bus, "mape", "{}").unwrap_err();
    sections(
        &world,
        "config interface wan4\n option proto mape\n option tunlink wan6\n option provider ocn\n",
    );
    world.event(&mut bus, "ifupdate", "wan6");
    assert!(bus.called("renew").iter().any(|call| call.0 == "network.interface.mape"));
}
