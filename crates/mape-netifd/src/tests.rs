//! The life of an interface against a bus that records; the real one is in `tests/openwrt`.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use log::Level;
use mape_core::{Code, Failure};
use mape_firewall::Env;
use mape_kernel::netlink::NetlinkError;
use mape_nft::InterfaceName;
use mape_ubus::{Status, UbusError};
use serde_json::{Value, json};

use super::captured_log::{captured, lines};
use super::*;

mod logging;
mod provisioning;
mod recovery;
mod two;
mod upgrade;

const CE_IN_HEX: &str = "240b001032616400006a483261006400";

/// The tunnel's index, once it is there.
const TUNNEL: u32 = 4711;

/// netifd, as far as these tests go.
struct Netifd {
    dump: Value,
    mtu: u16,
    calls: Vec<(String, String, Value)>,
    refuses: fn(&str, &Value) -> bool,
    /// How many calls it is too busy for.
    silent: u32,
    /// It has ended.
    gone: bool,
    /// After this many answers the interfaces are these.
    later: Option<(u32, Value)>,
}

impl Bus for Netifd {
    fn call(&mut self, object: &str, method: &str, arguments: &Value) -> Result<Value, UbusError> {
        self.calls.push((object.to_owned(), method.to_owned(), arguments.clone()));
        if self.gone {
            return Err(UbusError::ObjectNotFound(object.to_owned()));
        }
        if let Some(fewer) = self.silent.checked_sub(1) {
            self.silent = fewer;
            return Err(UbusError::Timeout(TIMEOUT));
        }
        if (self.refuses)(method, arguments) {
            return Err(UbusError::Status {
                object: object.to_owned(),
                method: method.to_owned(),
                status: Status::UnknownError,
            });
        }
        if let Some((left, dump)) = self.later.as_mut().filter(|_| method == "dump") {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => self.dump = dump.take(),
            }
            self.later.take_if(|(_, dump)| dump.is_null());
        }
        Ok(match method {
            "dump" => self.dump.clone(),
            "status" => json!({ "mtu": self.mtu }),
            _ => json!({}),
        })
    }
}

impl Netifd {
    fn with(interfaces: &[Value]) -> Self {
        Self {
            dump: json!({ "interface": interfaces }),
            mtu: 1500,
            calls: Vec::new(),
            refuses: |_, _| false,
            silent: 0,
            gone: false,
            later: None,
        }
    }

    /// The messages of `notify_proto` with this action.
    fn notified(&self, action: u64) -> Vec<&Value> {
        let updates = self.calls.iter().filter(|call| call.1 == "notify_proto");
        updates.map(|call| &call.2).filter(|message| message["action"] == action).collect()
    }

    fn called(&self, method: &str) -> Vec<&(String, String, Value)> {
        self.calls.iter().filter(|call| call.1 == method).collect()
    }
}

fn wan6(prefix: &str) -> Value {
    json!({"interface": "wan6", "up": true, "autostart": true, "proto": "dhcpv6",
        "l3_device": "eth1", "ipv6-prefix": [{"address": prefix, "mask": 56}],
        "route": [{"target": "::", "mask": 0}]})
}

fn mape(up: bool, data: &Value) -> Value {
    json!({"interface": "mape", "up": up, "autostart": true, "proto": "mape", "data": data})
}

/// Directories, and an nft that gives the configured answers.
struct World {
    root: PathBuf,
    env: Env,
}

impl World {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("mape-netifd-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("etc/config")).unwrap();
        let zones = "config zone\n\toption name wan\n\tlist network wan6\n";
        fs::write(root.join("etc/config/firewall"), zones).unwrap();
        let proc = root.join("proc");
        fs::create_dir_all(proc.join("net")).unwrap();
        fs::write(proc.join("net/if_inet6"), format!("{CE_IN_HEX} 02 80 00 80 eth1\n")).unwrap();
        fs::copy("/proc/uptime", proc.join("uptime")).unwrap();
        let env = Env {
            run: root.join("state"),
            flash: root.join("flash"),
            devices: root.join("devices"),
            proc,
            ubus: Vec::new(),
            nft: "true".into(),
            forget: |_| Ok(7),
            device_down: |index| {
                assert_eq!(index, TUNNEL);
                Err(NetlinkError::Silent)
            },
            retry_delay: Duration::from_millis(1),
            ..Env::default().with_root(&root)
        };
        Self { root, env }
    }

    /// Returns the errors and warnings in the log too.
    fn setup(&self, bus: &mut Netifd, options: &str) -> (Result<(), Code>, String) {
        let (result, log) = captured(|| setup(bus, &self.env, &name(), options));
        (result.map_err(|failure| code(&failure)), lines(&log, Level::Warn))
    }

    fn renew(&self, bus: &mut Netifd, options: &str) -> Result<(), Code> {
        let result = renew(bus, &self.env, &name(), options);
        result.map_err(|failure| code(&failure))
    }

    fn event(&self, bus: &mut Netifd, action: &str, interface: &str) -> String {
        let event = Event { action: action.to_owned(), interface: interface.to_owned() };
        lines(&captured(|| hotplug(bus, &self.env, &event)).1, Level::Info)
    }

    fn state(&self) -> PathBuf {
        self.env.run.join("mape.json")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn name() -> InterfaceName {
    "mape".parse().unwrap()
}

fn code(failure: &Failure) -> Code {
    failure.code
}

const A: &str = "240b:10:3261:6400::";

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
    assert_eq!(order, ["dump", "status", "notify_proto", "add_dynamic", "notify_proto"]);
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
    let golden = include_str!("tests/update.json");
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
    let schema = include_str!("../../../tests/vectors/schema/ifstatus-data.json");
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
    assert_eq!(bus.called("remove").len(), 1);
    assert!(bus.notified(0).is_empty() && !world.state().exists());
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
