//! What comes back by itself.

use super::*;

#[test]
fn a_state_file_that_is_of_no_use_is_made_again() {
    let world = World::new("state");
    let mut bus = Netifd::with(&[wan6(A), mape(true, &json!({}))]);
    assert_eq!(world.setup(&mut bus, "{}").0, Ok(()));
    let whole = fs::read_to_string(world.state()).unwrap();
    let later = whole.replace(r#""schema":1"#, r#""schema":2"#);
    for text in [Some(&whole[..30]), Some(later.as_str()), None] {
        match text {
            Some(text) => fs::write(world.state(), text).unwrap(),
            None => fs::remove_file(world.state()).unwrap(),
        }
        for interface in ["wan6", "mape"] {
            bus.calls.clear();
            world.event(&mut bus, "ifupdate", interface);
            assert_eq!(bus.called("renew").len(), 1, "{text:?} {interface}");
        }
        bus.calls.clear();
        assert_eq!(world.renew(&mut bus, "{}"), Ok(()));
        assert_eq!(bus.notified(0).len(), 2, "{text:?}");
        assert_eq!(fs::read_to_string(world.state()).unwrap(), whole);
        bus.calls.clear();
        world.event(&mut bus, "ifupdate", "wan6");
        world.event(&mut bus, "ifup", "mape");
        assert!(bus.called("renew").is_empty());
    }
    // While it cannot be made, events start nothing; nor where nothing is up.
    fs::remove_file(world.state()).unwrap();
    bus.dump = json!({"interface": [mape(true, &json!({}))]});
    assert_eq!(world.renew(&mut bus, "{}"), Err(Code::NoIpv6Yet));
    bus.calls.clear();
    world.event(&mut bus, "ifupdate", "lan");
    world.event(&mut bus, "ifupdate", "mape");
    bus.dump = json!({"interface": [wan6(A), mape(false, &json!({}))]});
    world.event(&mut bus, "ifup", "mape");
    assert!(bus.called("renew").is_empty());
}
