//! What comes back by itself.

use std::io::Read as _;
use std::os::unix::net::UnixListener;
use std::sync::mpsc::channel;
use std::thread;

use mape_ubus::{Kind, Message, Writer};

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

#[test]
fn options_of_another_line_cut_none_that_works() {
    let world = World::new("contradict");
    let wan = json!({"interface": "wan", "up": true, "autostart": true, "proto": "none",
        "l3_device": "eth1"});
    let with = |more: &[Value]| {
        let all = [&[wan6(A), wan.clone(), mape(true, &json!({}))], more].concat();
        json!({ "interface": all })
    };
    let mut bus = Netifd::with(&[]);
    bus.dump = with(&[]);
    assert_eq!(world.setup(&mut bus, r#"{"ttl":"60"}"#).0, Ok(()));
    let ocn = json!({"ttl": "70", "provider": "ocn"});
    let rule = json!({"rule": "ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,br=2001:db8:ffff::1"});
    let tunlink = json!({"tunlink": "wan"});
    for (options, code) in [
        (tunlink, "MAPE_NO_IPV6_YET"),
        (rule, "MAPE_PREFIX_NOT_IN_RULES"),
        (ocn.clone(), "MAPE_PREFIX_NOT_IN_RULES"),
    ] {
        bus.calls.clear();
        assert_eq!(world.setup(&mut bus, &options.to_string()).0, Ok(()), "{options}");
        assert_eq!(bus.notified(0)[0]["tunnel"]["ttl"], 60, "{options}");
        assert_eq!(bus.notified(0)[0]["data"]["warning"]["code"], code);
        assert_eq!(bus.notified(3)[0]["error"][0], code);
    }
    // The reason is another one, and the tunnel is not touched.
    let vpn = json!({"interface": "vpn", "up": true, "proto": "none", "l3_device": "tun0",
        "ipv6-address": [{"address": "2408:240:1::1", "mask": 64}]});
    bus.dump = with(&[vpn]);
    bus.calls.clear();
    world.event(&mut bus, "ifup", "vpn");
    assert_eq!(bus.called("renew").len(), 1);
    assert_eq!(world.renew(&mut bus, &ocn.to_string()), Ok(()));
    assert!(bus.notified(0).is_empty());
    assert_eq!(bus.called("set_data")[0].2["warning"]["code"], "MAPE_PREFIX_NOT_IN_RULES");
    bus.calls.clear();
    world.event(&mut bus, "ifupdate", "vpn");
    assert!(bus.called("renew").is_empty());
    // Without a line there is nothing to keep, and the newest options say why.
    bus.dump = json!({"interface": [mape(false, &json!({}))]});
    assert_eq!(world.setup(&mut bus, &ocn.to_string()).0, Err(Code::NoIpv6Yet));
}

#[test]
fn a_netifd_that_does_not_answer_is_asked_again() {
    let world = World::new("silent");
    let mut bus = Netifd::with(&[wan6(A), mape(false, &json!({}))]);
    // The attempt, its error, and each look of a wait.
    bus.silent = 5;
    let (result, log) = world.setup(&mut bus, "{}");
    assert_eq!((result, log.lines().count()), (Ok(()), 1), "{log}");
    assert_eq!(bus.notified(0).len(), 1);
    bus.dump = json!({"interface": [wan6("240b:10:9261:6400::"), mape(true, &json!({}))]});
    let ce = "240b001092616400006a489261006400 02 80 00 80 eth1\n";
    fs::write(world.root.join("proc/net/if_inet6"), ce).unwrap();
    bus.calls.clear();
    bus.silent = 4;
    assert_eq!(world.renew(&mut bus, "{}"), Ok(()));
    assert_eq!(bus.notified(0).len(), 2);
    // One that has ended is not waited for.
    bus.gone = true;
    assert_eq!(world.setup(&mut bus, "{}").0, Err(Code::Ubus));
    assert_eq!(
        interface_cache::InterfaceCache::read(&world.env.run, &name()).outcome,
        fingerprint::Outcome::default()
    );
}

#[test]
fn a_connection_that_broke_is_made_again() {
    let mut world = World::new("broke");
    let socket = world.root.join("ubus.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    world.env.ubus = vec![socket];
    // An ubusd that greets, and ends with the first call.
    let (tell, connections) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            tell.send(()).unwrap();
            let hello = Message::new(Kind::Hello, 0, 1, Writer::default()).unwrap();
            stream.write_all(&hello.to_bytes()).unwrap();
            assert!(stream.read(&mut [0; 64]).unwrap() > 0);
        }
    });
    let mut bus = bus(&world.env, TIMEOUT);
    for _ in 0..2 {
        let error = read_dump(&mut bus).unwrap_err();
        assert!(matches!(error, UbusError::Lost(_)), "{error}");
    }
    assert_eq!(connections.try_iter().count(), 2);
}
