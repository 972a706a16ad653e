//! An update of the program while the line is up: the cache is that of the version before.

use super::*;

/// Makes the cache one of a version that wrote texts in place of a fingerprint.
fn make_cache_old(world: &World) {
    const APPLIED: &str = "wan6 eth1 240b:10:3261:6400::/56 106.72.50.97/32 4 100/8 \
                           240b:10:3261:6400:6a:4832:6100:6400 2404:9200:225:100::64 1460 newest ";
    let file = world.env.run.join("mape.memory");
    let mut cache: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let map = cache.as_object_mut().unwrap();
    for key in ["decided", "applied", "last_published"] {
        map.remove(key).unwrap();
    }
    map.insert("outcome".to_owned(), APPLIED.into());
    map.insert("up".to_owned(), APPLIED.into());
    fs::write(file, cache.to_string()).unwrap();
}

/// A line that is up under this version, with the data that netifd shows of it.
fn line_that_is_up(name: &str, options: &str) -> (World, Netifd) {
    let world = World::new(name);
    let mut bus = Netifd::with(&[wan6(A), mape(false, &json!({}))]);
    assert_eq!(world.setup(&mut bus, options).0, Ok(()));
    let data = bus.notified(0)[0]["data"].clone();
    bus.dump = json!({"interface": [wan6(A), mape(true, &data)]});
    bus.calls.clear();
    (world, bus)
}

/// The first event makes one call, which finds the line's plan in netifd's data: it publishes the
/// rule once more and touches neither the tunnel nor the CE address. The next event starts nothing.
#[test]
fn an_upgrade_cuts_no_line_that_is_up() {
    let (world, mut bus) = line_that_is_up("upgrade", "{}");
    make_cache_old(&world);
    world.event(&mut bus, "ifupdate", "wan6");
    assert_eq!(bus.called("renew").len(), 1);
    assert_eq!(world.renew(&mut bus, "{}"), Ok(()));
    assert!(bus.called("notify_proto").is_empty(), "{:?}", bus.called("notify_proto"));
    assert!(bus.called("add_dynamic").is_empty());
    assert_eq!(bus.called("set_data").len(), 1);
    bus.calls.clear();
    world.event(&mut bus, "ifupdate", "wan6");
    assert_eq!(world.renew(&mut bus, "{}"), Ok(()));
    assert!(bus.calls.iter().all(|call| call.1 == "dump" || call.1 == "status"), "{:?}", bus.calls);
}

/// What an old cache says beside the texts is kept: the options that came up, and the history.
#[test]
fn an_upgrade_keeps_the_options_that_came_up() {
    let (world, mut bus) = line_that_is_up("upgrade-options", r#"{"ttl":"60"}"#);
    make_cache_old(&world);
    assert_eq!(world.setup(&mut bus, r#"{"ttl":"x"}"#).0, Ok(()));
    assert_eq!(bus.notified(0)[0]["tunnel"]["ttl"], 60);
}

/// With an old cache, or none, a target that netifd does not show is applied, once.
#[test]
fn a_line_that_changed_during_an_upgrade_is_applied_once() {
    type Change = fn(&mut Netifd);
    let changes: [(&str, Change); 3] = [
        ("mtu", |bus| bus.mtu = 1454),
        ("end_user_prefix", |bus| {
            bus.dump["interface"][1]["data"]["end_user_prefix"] = json!("2001:db8::/56");
        }),
        ("uplink", |bus| bus.dump["interface"][1]["data"]["uplink"] = json!("wan")),
    ];
    for (what, change) in changes {
        let (world, mut bus) = line_that_is_up(&format!("upgrade-{what}"), "{}");
        make_cache_old(&world);
        change(&mut bus);
        for updates in [2, 0] {
            bus.calls.clear();
            assert_eq!(world.renew(&mut bus, "{}"), Ok(()));
            assert_eq!(bus.notified(0).len(), updates, "{what}");
        }
    }
    // A call that died half-way leaves data behind that proves nothing; so does a lost cache.
    for lost in [false, true] {
        let (world, mut bus) = line_that_is_up("upgrade-died", "{}");
        if lost {
            fs::remove_file(world.env.run.join("mape.memory")).unwrap();
        } else {
            let mut cache = interface_cache::InterfaceCache::read(&world.env.run, &name());
            cache.applied = None;
            cache.settled = false;
            cache.write(&world.env.run, &name()).unwrap();
        }
        assert_eq!(world.renew(&mut bus, "{}"), Ok(()));
        assert_eq!(bus.notified(0).len(), 2, "{lost}");
    }
}
