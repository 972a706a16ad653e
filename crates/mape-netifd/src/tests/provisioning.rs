//! Who is asked when, and what an answer makes of the line. Asking itself: `tests/vm/provision.sh`.

use mape_core::{Layout, parse_rule};
use mape_provision::{LineType, Mode, UserUrl};

use super::super::provisioning::{ddns_update, store::Store};
use super::*;

const PREFIX: &str = "240b:10:3261:6400::";
const URL: &str = "https://rules.example/";
const OPTIONS: &str = r#"{"provisioning":"url","provisioning_url":"https://rules.example/"}"#;
/// A prefix that no built-in rule covers.
const FOREIGN: &str = "2600:10:3261:6400::";

/// The CE addresses of all lines below are there; waiting for one takes its time.
fn world(name: &str) -> World {
    let world = World::new(name);
    let ends = ["006a483261006400", "00cb003261006400", "00c6123261006400"];
    let all = ["240b001032616400", "2600001032616400"]
        .map(|net| ends.map(|end| format!("{net}{end} 02 80 00 80 eth1\n")).concat());
    fs::write(world.root.join("proc/net/if_inet6"), all.concat()).unwrap();
    world
}

fn source() -> String {
    Mode::Url(UserUrl::new(URL).unwrap()).key()
}

fn rule(ipv6: &str, ipv4: &str, br: &str) -> String {
    let text = format!("ipv6={ipv6},ipv4={ipv4},ea=24,offset=4,br={br}");
    parse_rule(&text, Layout::Draft03).unwrap().to_string()
}

/// The answer of an earlier run, as it is kept.
fn answered(world: &World, rules: &[String]) {
    let rules = json!(rules);
    let cached = json!({"schema": 1, "source": source(), "prefixes": [], "token": null, "id": null,
        "shape": "hb46pp", "ttl": 86400, "mesh": false, "rules": rules});
    fs::create_dir_all(world.root.join("flash")).unwrap();
    fs::write(world.root.join("flash/mape.json"), cached.to_string()).unwrap();
}

fn paused(world: &World, prefix: &str, until: u64, trouble: &str) {
    let pause = json!({"schema": 1, "source": source(), "prefixes": [format!("{prefix}/56")],
        "until": until, "failures": 0});
    fs::create_dir_all(world.root.join("state")).unwrap();
    fs::write(world.root.join("state/mape.pause"), format!("{pause}\n{trouble}")).unwrap();
}

/// What the last update says of the rule.
fn published(bus: &Netifd) -> (Value, Value, Value) {
    let data = &bus.notified(0).last().unwrap()["data"];
    (data["rule_source"].clone(), data["ipv4"].clone(), data["rule_conflicts"].clone())
}

#[test]
fn a_stored_answer_brings_up_a_line_without_a_builtin_rule() {
    let world = world("provisioned");
    answered(&world, &[rule("2600:10::/32", "203.0.0.0/16", "2001:db8::64")]);
    let mut bus = Netifd::with(&[wan6(FOREIGN), mape(false, &json!({}))]);
    assert_eq!(world.setup(&mut bus, OPTIONS).0, Ok(()));
    assert_eq!(published(&bus), (json!("provisioned"), json!("203.0.50.97"), json!([])));
    // The same without the option: no server is asked, so there is no answer.
    let (off, log) = world.setup(&mut bus, "{}");
    assert_eq!(off, Err(Code::PrefixNotInRules), "{log}");
    assert!(!log.contains("provisioning"));
}

/// Its key is one that another compiler may have made: the line goes on with the answer.
#[test]
fn an_update_of_the_program_takes_no_line_down() {
    let world = world("updated");
    answered(&world, &[rule("2600:10::/32", "203.0.0.0/16", "2001:db8::64")]);
    let file = world.root.join("flash/mape.json");
    let older = |mode: &str| {
        let text = fs::read_to_string(&file).unwrap();
        let mut cached: Value = serde_json::from_str(&text).unwrap();
        cached["source"] = json!(format!("{mode}-0123456789abcdef"));
        fs::write(&file, cached.to_string()).unwrap();
    };
    let mut bus = Netifd::with(&[wan6(FOREIGN), mape(false, &json!({}))]);
    older("url");
    assert_eq!(world.setup(&mut bus, OPTIONS).0, Ok(()));
    assert_eq!(published(&bus), (json!("provisioned"), json!("203.0.50.97"), json!([])));
    // That of another way of asking is not this line's.
    older("hb46pp");
    assert_eq!(world.setup(&mut bus, OPTIONS).0, Err(Code::PrefixNotInRules));
}

#[test]
fn the_users_rule_goes_before_the_answer_and_the_answer_before_the_table() {
    let world = world("order");
    answered(&world, &[rule("240b:10::/32", "203.0.0.0/16", "2001:db8::64")]);
    let mut bus = Netifd::with(&[wan6(PREFIX), mape(false, &json!({}))]);
    assert_eq!(world.setup(&mut bus, OPTIONS).0, Ok(()));
    let (source, ipv4, conflicts) = published(&bus);
    assert_eq!((source, ipv4), (json!("provisioned"), json!("203.0.50.97")));
    let conflict = conflicts[0].as_str().unwrap();
    assert!(conflict.contains("203.0.0.0/16") && conflict.contains("106.72.0.0/15"), "{conflict}");
    let mine = rule("240b:10::/32", "198.18.0.0/16", "2001:db8::65");
    let options = OPTIONS.replace('{', &format!(r#"{{"rule":"{mine}","#));
    assert_eq!(world.setup(&mut bus, &options).0, Ok(()));
    let (source, ipv4, conflicts) = published(&bus);
    assert_eq!((source, ipv4), (json!("explicit"), json!("198.18.50.97")));
    assert_eq!(conflicts.as_array().unwrap().len(), 2);
}

/// A line has its own rule; what else came is not lost in silence.
#[test]
fn an_invalid_rule_by_dhcpv6_is_reported() {
    let world = world("s46-bad");
    fs::create_dir_all(world.root.join("state")).unwrap();
    let kept = "type=map-t,ealen=1,prefix4len=15, aftr=aftr.example priority=005e0040\n";
    fs::write(world.root.join("state/wan6.s46"), kept).unwrap();
    let mut bus = Netifd::with(&[wan6(PREFIX), mape(false, &json!({}))]);
    let (result, log) = world.setup(&mut bus, "{}");
    assert_eq!(result, Ok(()));
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(
        lines,
        ["a rule that came by DHCPv6 is left out: the rule's type cannot be \"map-t\"; it is \
          \"type=map-t,ealen=1,prefix4len=15,\""]
    );
}

/// Each source against its neighbours: the user's rule, the answer, DHCPv6's, the table's. Who is
/// not used is reported with both rules.
#[test]
fn dhcpv6_goes_before_the_table_and_after_the_answer() {
    let world = world("s46");
    let s46 = "type=map-e,ealen=24,prefix4len=16,prefix6len=32,ipv4prefix=198.19.0.0,\
               ipv6prefix=240b:10::,offset=4,psidlen=0,psid=0,br=2001:db8::66,";
    let kept = |text: &str| fs::write(world.root.join("state/wan6.s46"), text).unwrap();
    fs::create_dir_all(world.root.join("state")).unwrap();
    kept(&format!("type=map-e,nonsense {s46}br=2001:db8::67, aftr=aftr.example\n"));
    let ends = ["00c6133261000064", "0000c61332610064"].map(|end| format!("240b001032616400{end}"));
    let lines = ends.map(|address| format!("{address} 02 80 00 80 eth1\n")).concat();
    let all = fs::read_to_string(world.root.join("proc/net/if_inet6")).unwrap() + &lines;
    fs::write(world.root.join("proc/net/if_inet6"), all).unwrap();
    let mut bus = Netifd::with(&[wan6(PREFIX), mape(false, &json!({}))]);
    let mut said = |options: &str| {
        assert_eq!(world.setup(&mut bus, options).0, Ok(()));
        let (source, ipv4, conflicts) = published(&bus);
        let source = source.as_str().unwrap().to_owned();
        (source, ipv4.as_str().unwrap().to_owned(), conflicts.to_string())
    };
    let (source, ipv4, conflicts) = said("{}");
    assert_eq!((source.as_str(), ipv4.as_str()), ("dhcpv6", "198.19.50.97"));
    assert!(
        conflicts.contains("198.19.0.0/16") && conflicts.contains("106.72.0.0/15"),
        "{conflicts}"
    );
    answered(&world, &[rule("240b:10::/32", "203.0.0.0/16", "2001:db8::64")]);
    let (source, ipv4, conflicts) = said(OPTIONS);
    assert_eq!((source.as_str(), ipv4.as_str()), ("provisioned", "203.0.50.97"));
    for other in ["198.19.0.0/16", "106.72.0.0/15"] {
        assert!(conflicts.contains("203.0.0.0/16") && conflicts.contains(other), "{conflicts}");
    }
    let mine = rule("240b:10::/32", "198.18.0.0/16", "2001:db8::65");
    let (source, ipv4, conflicts) = said(&OPTIONS.replace('{', &format!(r#"{{"rule":"{mine}","#)));
    assert_eq!((source.as_str(), ipv4.as_str()), ("explicit", "198.18.50.97"));
    for other in ["203.0.0.0/16", "198.19.0.0/16", "106.72.0.0/15"] {
        assert!(conflicts.contains("198.18.0.0/16") && conflicts.contains(other), "{conflicts}");
    }
    // A line of the table's, and DHCPv6 says nothing any more.
    kept("aftr=gw.transix.jp\n");
    assert_eq!(said("{}").0, "builtin");
    let options = DetectOptions::default();
    let verdict = detect(Some(&mut bus), &world.env, &options, &mut |_| {}).unwrap();
    assert_eq!(verdict.line, LineType::DsLite);
}

/// RFC 8026 section 1.4. Lightweight 4over6 (96) and unknown codes are skipped.
#[test]
fn detect_follows_the_order_of_the_network() {
    let world = world("s46-order");
    fs::create_dir_all(world.root.join("state")).unwrap();
    let mut bus = Netifd::with(&[wan6("2600:10:3261:6400::"), mape(false, &json!({}))]);
    let rule = "type=map-e,ealen=24,prefix4len=16,prefix6len=32,ipv4prefix=198.19.0.0,\
                ipv6prefix=2600:10::,offset=4,psidlen=0,psid=0,br=2001:db8::66,";
    for (order, line) in [
        ("", LineType::MapE),
        ("priority=005e0040", LineType::MapE),
        ("priority=0040005e", LineType::DsLite),
        ("priority=ffff00600040005e", LineType::DsLite),
        ("priority=0060", LineType::MapE),
        ("priority=40", LineType::MapE),
    ] {
        let kept = format!("{rule} aftr=aftr.example {order}\n");
        fs::write(world.root.join("state/wan6.s46"), kept).unwrap();
        let options = DetectOptions::default();
        let verdict = detect(Some(&mut bus), &world.env, &options, &mut |_| {}).unwrap();
        assert_eq!(verdict.line, line, "{order}");
    }
}

#[test]
fn an_answer_that_says_the_same_disturbs_nothing() {
    let world = world("same");
    let mut bus = Netifd::with(&[wan6(PREFIX), mape(false, &json!({}))]);
    assert_eq!(world.setup(&mut bus, OPTIONS).0, Ok(()));
    let updates = bus.notified(0).len();
    // Half of the table's rule: the same mapping of this line.
    answered(&world, &[rule("240b:10::/32", "106.72.0.0/16", "2404:9200:225:100::64")]);
    bus.dump = json!({"interface": [wan6(PREFIX), mape(true, &json!({}))]});
    assert_eq!(world.renew(&mut bus, OPTIONS), Ok(()));
    assert_eq!(bus.notified(0).len(), updates);
    let said = &bus.called("set_data").last().unwrap().2;
    assert_eq!(said["rule_source"], "provisioned");
    let count = bus.called("set_data").len();
    assert_eq!(world.renew(&mut bus, OPTIONS), Ok(()));
    assert_eq!(bus.called("set_data").len(), count);
    // Another BR does.
    answered(&world, &[rule("240b:10::/32", "106.72.0.0/16", "2001:db8::64")]);
    assert_eq!(world.renew(&mut bus, OPTIONS), Ok(()));
    assert!(bus.notified(0).len() > updates);
}

/// HB46PP 1.1 section 3.6: what the network does not announce any more is switched off. Where the
/// options only failed, the answer is still there, and so is the line.
#[test]
fn a_line_ends_when_the_network_says_so_and_not_before() {
    let world = world("withdrawn");
    answered(&world, &[rule("2600:10::/32", "203.0.0.0/16", "2001:db8::64")]);
    let mut bus = Netifd::with(&[wan6(FOREIGN), mape(false, &json!({}))]);
    assert_eq!(world.setup(&mut bus, OPTIONS).0, Ok(()));
    bus.dump = json!({"interface": [wan6(FOREIGN), mape(true, &json!({}))]});
    let lost =
        |bus: &Netifd| bus.notified(0).iter().filter(|update| update["link-up"] == false).count();
    // Another prefix without a rule is no reason: it may be back in a moment.
    bus.dump["interface"][0] = wan6("2601:10:3261:6400::");
    assert_eq!(world.renew(&mut bus, OPTIONS), Err(Code::PrefixNotInRules));
    bus.dump["interface"][0] = wan6(FOREIGN);
    assert_eq!((lost(&bus), world.renew(&mut bus, OPTIONS)), (0, Ok(())));
    fs::remove_file(world.root.join("flash/mape.json")).unwrap();
    assert_eq!(world.renew(&mut bus, OPTIONS), Err(Code::PrefixNotInRules));
    assert_eq!(lost(&bus), 1);
    assert!(!world.root.join("state/mape.json").exists());
    // It comes back with the next answer.
    answered(&world, &[rule("2600:10::/32", "203.0.0.0/16", "2001:db8::64")]);
    assert_eq!(world.renew(&mut bus, OPTIONS), Ok(()));
    assert!(world.root.join("state/mape.json").exists());
}

#[test]
fn garbage_in_flash_is_nothing() {
    let world = world("garbage");
    fs::create_dir_all(world.root.join("flash")).unwrap();
    let mut bus = Netifd::with(&[wan6(PREFIX), mape(false, &json!({}))]);
    for text in ["", "{", "{\"schema\":1}", "\u{0}\u{ff}"] {
        fs::write(world.root.join("flash/mape.json"), text).unwrap();
        assert_eq!(world.setup(&mut bus, OPTIONS).0, Ok(()), "{text:?}");
        assert_eq!(published(&bus).0, json!("builtin"));
    }
    answered(&world, &[rule("240b:10::/32", "203.0.0.0/16", "2001:db8::64")]);
    let other = OPTIONS.replace("rules.example", "other.example");
    assert_eq!(world.setup(&mut bus, &other).0, Ok(()));
    assert_eq!(published(&bus).0, json!("builtin"), "the answer of another server");
}

#[test]
fn procd_gets_one_request_for_each_line() {
    let world = world("timer");
    let mut bus = Netifd::with(&[wan6(PREFIX), mape(false, &json!({}))]);
    assert_eq!(world.setup(&mut bus, OPTIONS).0, Ok(()));
    let requests = bus.called("set");
    assert_eq!(requests.len(), 1);
    let (object, _, message) = requests[0];
    assert_eq!((object.as_str(), &message["name"]), ("service", &json!("mape-rs-mape")));
    let instance = &message["instances"]["mape"];
    assert_eq!(instance["command"], json!(["/usr/sbin/mape-proto", "provision", "mape", "0"]));
    assert_eq!(instance["respawn"], json!(["0", "60", "0"]));
    // The server was asked and nothing is due: no event starts a process.
    paused(&world, PREFIX, u64::MAX, "");
    assert_eq!(world.setup(&mut bus, OPTIONS).0, Ok(()));
    bus.dump = json!({"interface": [wan6(PREFIX), mape(true, &json!({}))]});
    assert_eq!(world.renew(&mut bus, OPTIONS), Ok(()));
    let event = Event { action: "ifupdate".to_owned(), interface: "wan6".to_owned() };
    hotplug(&mut bus, &world.env, &event).unwrap();
    assert_eq!(bus.called("set").len(), 1);
    // Another prefix, or a try that is over the time.
    bus.dump = json!({"interface": [wan6("240b:10:9261:6400::"), mape(true, &json!({}))]});
    hotplug(&mut bus, &world.env, &event).unwrap();
    assert_eq!(bus.called("set").len(), 2);
    paused(&world, "240b:10:9261:6400::", 1, "");
    hotplug(&mut bus, &world.env, &event).unwrap();
    assert_eq!(bus.called("set").len(), 3);
}

/// Before the first set-up after boot the options are unknown, and after `ifdown` no interface
/// needs them: neither is a reason to erase what the line needs when the server is dead.
#[test]
fn only_the_user_erases_the_answer() {
    let world = world("erase");
    let flash = world.root.join("flash/mape.json");
    answered(&world, &[rule("2600:10::/32", "203.0.0.0/16", "2001:db8::64")]);
    let mut bus = Netifd::with(&[wan6(FOREIGN), mape(false, &json!({}))]);
    let event = |action: &str, interface: &str| Event {
        action: action.to_owned(),
        interface: interface.to_owned(),
    };
    let send = |bus: &mut Netifd, event: &Event| {
        hotplug(bus, &world.env, event).unwrap();
    };
    send(&mut bus, &event("ifup", "wan6"));
    provision(&mut bus, &world.env, &name(), 0).unwrap();
    assert!(flash.exists() && bus.called("set").is_empty());
    assert_eq!(world.setup(&mut bus, OPTIONS).0, Ok(()));
    bus.dump["interface"][1]["autostart"] = json!(false);
    provision(&mut bus, &world.env, &name(), 0).unwrap();
    send(&mut bus, &event("ifup", "wan6"));
    assert!(flash.exists());
    // The section is gone.
    bus.dump = json!({"interface": [wan6(FOREIGN)]});
    send(&mut bus, &event("ifdown", "mape"));
    assert!(!flash.exists());
}

#[test]
fn a_line_that_is_away_for_a_while_keeps_its_time() {
    let world = world("away");
    let mut bus = Netifd::with(&[mape(false, &json!({}))]);
    let _ = world.setup(&mut bus, OPTIONS);
    paused(&world, PREFIX, 1 << 40, "");
    provision(&mut bus, &world.env, &name(), 1 << 40).unwrap();
    assert!(bus.called("set").is_empty() && bus.called("delete").is_empty());
    // It is back as it was, and nothing is due: called early, no request is sent and nothing is
    // published.
    bus.dump = json!({"interface": [wan6(PREFIX), mape(false, &json!({}))]});
    let soon = mape_kernel::uptime::uptime(&world.env.proc).unwrap() + 3600;
    paused(&world, PREFIX, soon, "");
    provision(&mut bus, &world.env, &name(), soon).unwrap();
    assert!(bus.called("set").is_empty());
    provision(&mut bus, &world.env, &name(), 0).unwrap();
    let command = &bus.called("set")[0].2["instances"]["mape"]["command"];
    assert_eq!(command[3], soon.to_string());
}

#[test]
fn off_starts_nothing_and_erases_what_was_answered() {
    let world = world("off");
    let mut bus = Netifd::with(&[wan6(PREFIX), mape(false, &json!({}))]);
    for options in ["{}", r#"{"provisioning":"off"}"#, r#"{"provisioning_url":"https://a/"}"#] {
        assert_eq!(world.setup(&mut bus, options).0, Ok(()));
    }
    assert!(bus.called("set").is_empty() && bus.called("delete").is_empty());
    answered(&world, &[]);
    paused(&world, PREFIX, u64::MAX, "");
    assert_eq!(world.setup(&mut bus, "{}").0, Ok(()));
    assert_eq!(bus.called("delete").len(), 1);
    assert!(!world.root.join("flash/mape.json").exists());
    // Nor does a call that procd still makes.
    provision(&mut bus, &world.env, &name(), 0).unwrap();
    assert_eq!(bus.called("delete").len(), 2);
    assert!(bus.called("set").is_empty());
}

/// The update server of a fixed contract gets the address when the line is up, from the same
/// command that procd repeats.
#[test]
fn a_fixed_contract_is_announced_once_it_is_up() {
    let world = world("announce");
    let options = r#"{"provider":"v6plus-static","ipaddr":"203.0.113.10","update_user":"u",
        "peeraddr":"2404:9200:225:100::65","update_password":"p","update_url":"http://[::1]/"}"#;
    fs::write(
        world.root.join("proc/net/if_inet6"),
        "240b00103261640000cb00710a000000 02 80 00 80 e\n",
    )
    .unwrap();
    let refused = Config::parse(options).unwrap_err();
    assert!(refused.line().contains("update_url"), "nothing of ours is asked of ourselves");
    let options = options.replace("[::1]", "[2001:db8::1]");
    let mut bus = Netifd::with(&[wan6(PREFIX), mape(false, &json!({}))]);
    assert_eq!(world.setup(&mut bus, &options).0, Ok(()));
    let ce = "240b:10:3261:6400:cb:71:a00:0";
    assert_eq!(bus.notified(0).last().unwrap()["data"]["ce"], ce);
    assert!(bus.called("set").is_empty(), "not before it is up");
    bus.dump = json!({"interface": [wan6(PREFIX), mape(true, &json!({"ce": ce}))]});
    let event = Event { action: "ifup".to_owned(), interface: "mape".to_owned() };
    let _ = hotplug(&mut bus, &world.env, &event);
    assert_eq!(bus.called("set").len(), 1);
    // From an address that this machine does not have nothing is sent; it is tried again.
    let (done, log) = captured(|| provision(&mut bus, &world.env, &name(), 0));
    done.unwrap();
    let log = lines(&log, Level::Debug);
    assert!(log.contains(ce) && log.contains("MAPE_PROVISIONING_UPDATE"), "{log}");
    assert!(log.contains("tried again") && !log.contains("pass"), "{log}");
    assert_eq!(bus.called("set_data")[0].2["warning"]["code"], "MAPE_PROVISIONING_UPDATE");
    assert_eq!(bus.called("set").len(), 2);
    // Started before that time, it does nothing: procd starts it whenever the time of the next
    // attempt is changed.
    let arranged = bus.called("set")[1].2["instances"]["mape"]["command"][3].clone();
    let arranged: u64 = arranged.as_str().unwrap().parse().unwrap();
    let (done, log) = captured(|| provision(&mut bus, &world.env, &name(), arranged));
    done.unwrap();
    assert_eq!((bus.called("set").len(), lines(&log, Level::Info).as_str()), (2, ""));
    // An update that was sent to this server with this name is not sent again; one with another
    // name is.
    let update = Config::parse(&options).unwrap().fixed.unwrap().update.unwrap();
    let fingerprint = ddns_update::fingerprint(&update, ce.parse().unwrap());
    assert!(!fingerprint.contains("pass") && !fingerprint.contains("u="), "{fingerprint}");
    fs::write(world.root.join("state/mape.announced"), fingerprint).unwrap();
    provision(&mut bus, &world.env, &name(), 7).unwrap();
    assert_eq!((bus.called("set").len(), bus.called("delete").len()), (2, 1));
    assert_eq!(bus.called("set_data").len(), 1);
    let _ = world.renew(&mut bus, &options.replace("\"u\"", "\"v\""));
    assert_eq!(bus.called("set").len(), 3);
}

#[test]
fn without_a_rule_the_error_says_why_provisioning_has_no_answer() {
    let world = world("trouble");
    let mut bus = Netifd::with(&[wan6(FOREIGN), mape(false, &json!({}))]);
    let (result, log) = world.setup(&mut bus, OPTIONS);
    assert_eq!(result, Err(Code::PrefixNotInRules));
    assert!(log.contains("the answer of provisioning is not there yet; wait"), "{log}");
    let trouble =
        r#"{"code":"MAPE_PROVISIONING_DNS","message":"the resolvers failed","hint":"wait"}"#;
    paused(&world, FOREIGN, u64::MAX, trouble);
    let (_, log) = world.setup(&mut bus, OPTIONS);
    assert!(log.contains(", and the resolvers failed; wait"), "{log}");
    assert_eq!(Store::new(&world.env, &name()).failure_reason().unwrap().1, "wait");
}
