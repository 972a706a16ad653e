//! `doctor` on a router: every check once fine and once not, on a recorded line.

use std::net::TcpListener;

use nix::sched::{CloneFlags, unshare};

use super::recorded::Line;
use super::*;

const PREFIX: &str = "240b:10:3261:6400::";

/// A router on which nothing is wrong.
struct Router {
    line: Line,
    dump: Value,
    duid: &'static str,
    networks: &'static str,
    forwarding: &'static str,
    dhcp: &'static str,
}

/// netfilter's numbers of messages.
const NEW_TABLE: u8 = 0;
const NEW_RULE: u8 = 6;
const NEW_ELEMENTS: u8 = 12;

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len() + 4).unwrap();
    let mut bytes = [len.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn named(kind: u16, name: &str) -> Vec<u8> {
    attribute(kind, &[name.as_bytes(), &[0]].concat())
}

/// The name of a device as the kernel compares it.
fn padded(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(16, 0);
    attribute(1, &bytes)
}

fn expression(name: &str, data: &[u8]) -> Vec<u8> {
    attribute(1, &[named(1, name), attribute(2, data)].concat())
}

fn compares(device: &str) -> Vec<u8> {
    expression("cmp", &attribute(3, &padded(device)))
}

fn jump(chain: &str, expressions: &[u8]) -> (u8, Vec<u8>) {
    let rule = [named(1, "fw4"), named(2, chain), attribute(4, expressions)];
    (NEW_RULE, rule.concat())
}

/// What the kernel says over netlink, in family `inet`.
fn record(line: &Line, question: &str, items: &[(u8, Vec<u8>)]) {
    let message = |(kind, attributes): &(u8, Vec<u8>)| {
        let mut bytes = u32::try_from(attributes.len() + 20).unwrap().to_ne_bytes().to_vec();
        bytes.extend((10 << 8 | u16::from(*kind)).to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend([1, 0, 0, 0]);
        [bytes.as_slice(), attributes].concat()
    };
    let bytes: Vec<u8> = items.iter().flat_map(message).collect();
    std::fs::write(line.0.join("recorded").join(question), bytes).unwrap();
}

fn route(target: &str) -> Value {
    serde_json::json!([{"target": target, "mask": 0}])
}

impl Router {
    fn new(test: &str) -> Self {
        let line = Line::new(&format!("doctor-{test}"));
        let dump = std::fs::read_to_string(line.0.join("recorded/netifd.json")).unwrap();
        let mut dump: Value = serde_json::from_str(&dump).unwrap();
        dump["interface"][1]["route"] = route("0.0.0.0");
        let prefix = serde_json::json!([{"address": PREFIX, "mask": 56, "preferred": 900}]);
        dump["interface"][2]["ipv6-prefix"] = prefix;
        dump["interface"][2]["route"] = route("::");
        std::fs::create_dir_all(line.0.join("sys/eth1")).unwrap();
        for (file, text) in [("ifindex", "2"), ("mtu", "1500"), ("address", "02:00:5e:10:20:30")] {
            line.write(&format!("sys/eth1/{file}"), text);
        }
        for directory in ["proc/net", "proc/sys/kernel"] {
            std::fs::create_dir_all(line.0.join(directory)).unwrap();
        }
        line.write("proc/net/if_inet6", "240b001032616400006a483261006400 02 80 00 80     eth1\n");
        line.write("proc/sys/kernel/osrelease", "6.12.71\n");
        record(&line, "nft-tables", &[(NEW_TABLE, named(1, "fw4"))]);
        let ours = jump("forward", &expression("lookup", &named(1, "mape_rs_published")));
        let zone = jump("forward", &compares("mape-wan"));
        record(&line, "nft-rules-fw4", &[zone, ours]);
        Self {
            line,
            dump,
            duid: "00030001aabbccddeeff",
            networks: "list network wan\n list network wan6",
            forwarding: "config forwarding\n option src lan\n option dest wan\n",
            dhcp: "",
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.dump);
        self
    }

    fn call(&self, words: &str) -> Called {
        let root = self.line.0.join("root");
        std::fs::create_dir_all(root.join("etc/config")).unwrap();
        let network = format!(
            "config globals\n option dhcp_default_duid {}\nconfig interface wan6\n option proto \
             dhcpv6\nconfig interface wan\n option proto mape\n",
            self.duid
        );
        let firewall =
            format!("config zone\n option name wan\n {}\n{}", self.networks, self.forwarding);
        for (package, text) in
            [("network", network.as_str()), ("firewall", firewall.as_str()), ("dhcp", self.dhcp)]
        {
            std::fs::write(root.join("etc/config").join(package), text).unwrap();
        }
        self.line.write("recorded/netifd.json", &self.dump.to_string());
        let called = self.line.call(&format!("doctor --root {} {words}", root.display()));
        // It only looks: peaks are recorded by `status`, `ports` and events.
        assert!(!self.line.0.join("state/wan.peak").exists());
        called
    }

    /// The check of this name, from a valid answer.
    /// The first finding of this name that is wrong, else the first one.
    fn check(&self, name: &str) -> Value {
        let called = self.call("--json");
        let json = called.json();
        assert_valid(&schema("doctor"), &json);
        let status = if json["fine"] == true { ExitStatus::Fine } else { ExitStatus::Failed };
        assert_eq!(called.status, status);
        let checks = json["checks"].as_array().unwrap();
        let own = || checks.iter().filter(|check| check["check"] == name);
        let wrong = own().find(|check| check["fine"] == false);
        wrong.or_else(|| own().next()).unwrap_or(&Value::Null).clone()
    }

    fn is_wrong(&self, name: &str, words: &str) {
        let check = self.check(name);
        assert_eq!(check["fine"], false, "{check}");
        assert!(check.to_string().contains(words), "{check}");
    }
}

#[test]
fn nothing_is_wrong() {
    let router = Router::new("fine");
    let called = router.call("--unmasked");
    assert_eq!((called.status, called.err.as_str()), (ExitStatus::Fine, ""), "{}", called.out);
    for words in [
        "ok    uplink: wan6 has the prefix 240b:10:3261:6400::/56.",
        "ok    contract: a MAP-E line of v6plus.\n      because: prefix: 240b:10:3261:6400::/56",
        "ok    duid: ",
        "ok    mtu: eth1 has an MTU of 1500.",
        "ok    interface: wan is up, device mape-wan.",
        "ok    zone: in zone wan, to which another zone may forward.\n      because: the zone does not masq",
        "ok    default route: that of wan.",
        "ok    leftovers: ",
        "ok    firewall: firewall4 has loaded its rules.",
        "ok    answers: 165 packets sent since the tunnel was made, 144 received.",
    ] {
        assert!(called.out.contains(words), "{words}: {}", called.out);
    }
    for silent in ["target", "kernel", "dns", "WARN"] {
        assert!(!called.out.contains(silent), "{silent}: {}", called.out);
    }
    // Text that is not for a terminal is masked by itself.
    let masked = router.call("").out;
    assert!(masked.contains("240b:10:x/56") && !masked.contains("3261"), "{masked}");
    assert_eq!(router.call("wan --unmasked").out, called.out);
    assert!(router.call("--json --masked").json()["checks"][0].to_string().contains("240b:10:x"));
}

#[test]
fn what_is_wrong_is_found() {
    let mut router = Router::new("duid").with(|dump| {
        dump["interface"][2]["ipv6-prefix"] = Value::Null;
        dump["interface"][2]["up"] = false.into();
    });
    router.duid = "00010001278cffff02005e102030";
    router.is_wrong("uplink", "it is down, of proto dhcpv6");
    router.is_wrong("duid", "network.wan6.clientid=0003000102005e102030");
    let fix = serde_json::json!({"do": "client_id", "interface": "wan6", "clientid": "0003000102005e102030"});
    assert_eq!(router.check("duid")["fix"], fix);
    assert_eq!(router.check("contract"), Value::Null);
    router.is_wrong("duid", "(DUID-LLT)");
    router.duid = "0004e494a05858a94c929460ea3e3f47fab9";
    router.is_wrong("duid", "(DUID-UUID)");
    router.duid = "0004e494\nconfig interface wan6\n option sendclientid hardware";
    assert_eq!(router.check("duid")["fine"], true);
    router.duid = "000300015254001234ab";
    assert_eq!(router.check("duid")["fine"], true);

    let other = |prefix: &'static str| {
        move |dump: &mut Value| {
            dump["interface"][2]["ipv6-prefix"][0]["address"] = prefix.into();
        }
    };
    Router::new("ngn").with(other("2408:240:1:100::")).is_wrong("contract", "(ngn)");
    Router::new("dslite").with(other("2409:10:1:100::")).is_wrong("contract", "gw.transix.jp");
    let gateway = Router::new("gateway").with(|dump| {
        let cut = serde_json::json!({"address": "240b:10:3261:6410::", "mask": 60});
        dump["interface"][2]["ipv6-prefix"][0] = cut;
    });
    gateway.is_wrong("contract", "(home-gateway)");

    let router = Router::new("mtu");
    router.line.write("sys/eth1/mtu", "1454");
    router.is_wrong("mtu", "1454");

    let router = Router::new("down").with(|dump| {
        dump["interface"][1]["up"] = false.into();
        let error = serde_json::json!([{"code": "MAPE_CE_IN_USE", "data": ["another device"]}]);
        dump["interface"][1]["errors"] = error;
    });
    router.is_wrong("interface", "MAPE_CE_IN_USE");
    let fix = serde_json::json!({"do": "retry", "interface": "wan"});
    assert_eq!(router.check("interface")["fix"], fix);

    let told = Router::new("warned").with(|dump| {
        let warning = serde_json::json!({"code": "MAPE_PROVISIONING_UPDATE",
            "message": "the update server a refused the call", "hint": "check update_user"});
        dump["interface"][1]["data"]["warning"] = warning;
    });
    told.is_wrong("interface", "wan is up, but the update server a refused the call");
    told.is_wrong("interface", "check update_user");

    let router = Router::new("shut");
    router.line.write("sys/mape-wan/ifindex", "4711");
    router.is_wrong("interface", "its rules are not loaded");
    assert_eq!(router.check("interface")["fix"], serde_json::json!({"do": "load_rules"}));

    let mut router = Router::new("zone");
    router.forwarding = "option masq 1\nconfig forwarding\n option src lan\n option dest wan\n";
    assert!(router.check("zone").to_string().contains("the zone masquerades, but"));
    router.forwarding = "";
    router.is_wrong("zone", "no zone may forward to wan");
    // What to forward from is the user's decision.
    assert_eq!(router.check("zone")["fix"], Value::Null);
    let mut router = Router::new("no-zone")
        .with(|dump| drop(dump["interface"][1]["data"].as_object_mut().unwrap().remove("zone")));
    router.networks = "list network wan6";
    router.is_wrong("zone", "in no firewall zone");
    let fix = serde_json::json!({"do": "join_zone", "interface": "wan", "zone": "wan"});
    assert_eq!(router.check("zone")["fix"], fix);

    let mut router =
        Router::new("zone-typo").with(|dump| dump["interface"][1]["data"]["zone"] = "wna".into());
    router.networks = "list network wan6";
    router.forwarding = "config forwarding\n option src lan\n option dest wna\n";
    router.is_wrong("zone", "the firewall has no zone wna");

    Router::new("route")
        .with(|dump| dump["interface"][2]["route"] = route("0.0.0.0"))
        .is_wrong("default_route", "network.wan6.metric=100");

    let router = Router::new("answers");
    router.line.write("sys/mape-wan/statistics/rx_packets", "0");
    router.is_wrong("answers", "165 packets sent since the tunnel was made, 0 received");

    let router = Router::new("provisioning");
    router.line.write("state/wan.pause", "{}\n{\"message\":\"no answer\",\"hint\":\"wait\"}\n");
    router.is_wrong("provisioning", "no answer");

    let router = Router::new("leftovers");
    std::fs::create_dir_all(router.line.0.join("root/lib/netifd/proto")).unwrap();
    router.line.write("root/lib/netifd/proto/map.sh", "nft add rule inet mape x\n");
    router.is_wrong("leftovers", "map.sh");

    Router::new("none")
        .with(|dump| dump["interface"][1]["proto"] = "static".into())
        .is_wrong("interface", "there is no interface of proto mape");
}

/// Of several things that a check can find, which one: what a page translates.
#[test]
fn what_is_wrong_has_a_kind() {
    let is = |router: &Router, check: &str, kind: &str| {
        let found = router.check(check);
        assert_eq!(found["kind"], kind, "{found}");
    };
    let fine = Router::new("kind-fine");
    for check in ["uplink", "contract", "interface", "zone", "default_route"] {
        assert_eq!(fine.check(check)["kind"], Value::Null);
    }
    let router =
        Router::new("kind-prefix").with(|dump| dump["interface"][2]["ipv6-prefix"] = Value::Null);
    is(&router, "uplink", "no_prefix");
    let router = Router::new("kind-uplink").with(|dump| {
        dump["interface"][1]["data"]["uplink"] = Value::Null;
        dump["interface"][2]["proto"] = "static".into();
        dump["interface"][2]["route"] = Value::Null;
    });
    is(&router, "uplink", "no_interface");
    let router = Router::new("kind-line").with(|dump| {
        dump["interface"][2]["ipv6-prefix"][0]["address"] = "2409:10:1:100::".into();
    });
    is(&router, "contract", "ds-lite");
    let router = Router::new("kind-none").with(|dump| dump["interface"][1]["proto"] = "x".into());
    is(&router, "interface", "no_mape_interface");
    let router = Router::new("kind-shut");
    router.line.write("sys/mape-wan/ifindex", "4711");
    is(&router, "interface", "shut");

    let mut router = Router::new("kind-zone")
        .with(|dump| drop(dump["interface"][1]["data"].as_object_mut().unwrap().remove("zone")));
    router.networks = "list network wan6";
    is(&router, "zone", "no_zone");
    let router = router.with(|dump| dump["interface"][1]["data"]["zone"] = "wna".into());
    is(&router, "zone", "zone_missing");
    let mut router = Router::new("kind-forwarding");
    router.forwarding = "";
    is(&router, "zone", "not_forwarded");

    let router = Router::new("kind-route").with(|dump| dump["interface"][1]["route"] = Value::Null);
    is(&router, "default_route", "no_route");
    let router =
        Router::new("kind-rival").with(|dump| dump["interface"][2]["route"] = route("0.0.0.0"));
    is(&router, "default_route", "rival");

    let mut router = Router::new("kind-servers");
    router.forwarding = "config redirect\n option src wan\n option src_dport 443\n";
    is(&router, "servers", "redirect");
    router.forwarding =
        "config mape_forward x\n option dest_ip 192.168.1.5\n option src_dport 443\n";
    is(&router, "servers", "forward");
    router.forwarding = "config defaults\n option auto_includes 0\nconfig mape_forward x\n option dest_ip \
                         192.168.1.5\n option src_dport 5700\n option dest_port 80\n option proto tcp\n";
    let mut state: Value = serde_json::from_str(
        &std::fs::read_to_string(router.line.0.join("state/wan.json")).unwrap(),
    )
    .unwrap();
    state["servers"] = serde_json::json!([
        {"section": "x", "proto": ["tcp"], "port": 5700, "host": "192.168.1.5:80"}
    ]);
    router.line.write("state/wan.json", &state.to_string());
    router.line.publish("web");
    is(&router, "servers", "includes");
    // firewall4's rules are those of another set-up than its configuration says.
    router.forwarding =
        router.forwarding.strip_prefix("config defaults\n option auto_includes 0\n").unwrap();
    record(&router.line, "nft-rules-fw4", &[jump("forward", &compares("mape-wan"))]);
    is(&router, "servers", "includes_missing");
    // Without a firewall4 nothing is missing of it.
    record(&router.line, "nft-rules-fw4", &[]);
    assert_eq!(router.check("servers")["message"], "1 forwards are published");
    let router = Router::new("kind-upnp");
    let upnpd = router.line.0.join("root/etc/config/upnpd");
    std::fs::create_dir_all(upnpd.parent().unwrap()).unwrap();
    std::fs::write(upnpd, "config upnpd config\n option enabled 1\n").unwrap();
    is(&router, "servers", "upnp");
}

fn is(router: &Router, check: &str, kind: &str, words: &str) {
    router.is_wrong(check, words);
    assert_eq!(router.check(check)["kind"], kind);
}

/// The state of the router, and not only its configuration.
#[test]
fn states_of_the_router_are_seen() {
    let router = Router::new("state-none");
    record(&router.line, "nft-tables", &[(NEW_TABLE, named(1, "mape_rs"))]);
    is(&router, "firewall", "no_table", "service firewall start");
    // What is not there has no rules that could lack the device.
    assert_eq!(router.check("zone")["fine"], true);
    router.line.remove("recorded/nft-tables");
    assert_eq!(router.check("firewall"), Value::Null);

    let router = Router::new("state-device");
    let rules = |expressions: &[u8]| {
        record(
            &router.line,
            "nft-rules-fw4",
            &[
                jump("forward", &compares("br-lan")),
                jump("forward", expressions),
                jump("srcnat", &compares("mape-wan")),
            ],
        );
    };
    let elements = |names: &[&str]| {
        let names = names.iter().map(|name| attribute(1, &attribute(1, &padded(name))));
        let all = attribute(3, &names.collect::<Vec<_>>().concat());
        record(
            &router.line,
            "nft-fw4-__set1",
            &[(NEW_ELEMENTS, [named(2, "__set1"), all].concat())],
        );
    };
    let lookup = expression("lookup", &named(1, "__set1"));
    rules(&compares("eth1"));
    is(&router, "zone", "rules_without_device", "loaded its rules without mape-wan");
    router.is_wrong("zone", "service firewall reload");
    // A name that begins like it, and a wildcard.
    rules(&compares("mape-wan2"));
    is(&router, "zone", "rules_without_device", "");
    rules(&expression("cmp", &attribute(3, &attribute(1, b"mape-"))));
    assert_eq!(router.check("zone")["fine"], true);
    rules(&lookup);
    elements(&["eth1", "mape-wa"]);
    is(&router, "zone", "rules_without_device", "");
    elements(&["eth1", "mape-wan"]);
    assert_eq!(router.check("zone")["fine"], true);

    let router = Router::new("state-lost");
    router.line.write("proc/net/if_inet6", "00000000000000000000000000000001 01 80 10 80 lo\n");
    is(
        &router,
        "interface",
        "ce_missing",
        "its CE address 240b:10:3261:6400:6a:4832:6100:6400 is lost",
    );
    router.line.remove("proc/net/if_inet6");
    assert_eq!(router.check("interface")["fine"], true);

    let router = Router::new("state-kernel");
    router.line.write("proc/sys/kernel/osrelease", "6.12.68\n");
    is(&router, "kernel", "broken_receive", "the kernel 6.12.68 drops");
    router.is_wrong("kernel", "6.12.71");

    // Before the last event it was answered, and now it is not.
    let router = Router::new("state-counts");
    let index = std::fs::read_to_string(router.line.0.join("sys/mape-wan/ifindex")).unwrap();
    let counts = |index: &str, sent: u64, received: u64| {
        let text = format!(r#"{{"index":{},"sent":{sent},"received":{received}}}"#, index.trim());
        router.line.write("state/wan.counts", &text);
    };
    counts(&index, 145, 144);
    router.is_wrong("answers", "20 packets sent since the last event, 0 received");
    counts(&index, 146, 144);
    assert_eq!(
        router.check("answers")["message"],
        "19 packets sent since the last event, 0 received"
    );
    // Of another device, and of no event at all.
    for (index, sent) in [("4711", 145), (index.as_str(), 999)] {
        counts(index, sent, 144);
        assert_eq!(router.check("answers")["fine"], true);
    }
}

/// Then there are no zones either.
#[test]
fn a_firewall_that_is_switched_off_on_purpose_is_no_fault() {
    let mut router = Router::new("state-off");
    router.networks = "";
    router.forwarding = "";
    record(&router.line, "nft-tables", &[(NEW_TABLE, named(1, "mape_rs"))]);
    let started = router.line.0.join("root/etc/rc.d");
    std::fs::create_dir_all(&started).unwrap();
    assert_eq!(
        router.check("firewall")["message"],
        "firewall4 is switched off: there are no zones"
    );
    assert_eq!(router.check("zone"), Value::Null);
    let called = router.call("");
    assert_eq!(called.status, ExitStatus::Fine, "{}", called.out);
    std::fs::write(started.join("S19firewall"), "").unwrap();
    is(&router, "firewall", "no_table", "service firewall start");
}

#[test]
fn a_second_tunnel_with_the_same_ends_is_left_over() {
    let router = Router::new("state-twin");
    std::fs::create_dir_all(router.line.0.join("sys/old")).unwrap();
    for (file, text) in [
        ("address", "24:0b:00:10:32:61:64:00:00:6a:48:32:61:00:64:00\n"),
        ("broadcast", "24:04:92:00:02:25:01:00:00:00:00:00:00:00:00:64\n"),
    ] {
        router.line.write(&format!("sys/old/{file}"), text);
        router.line.write(&format!("sys/mape-wan/{file}"), text);
    }
    router.is_wrong("leftovers", "the tunnel old has the same two ends as this line");
    router.is_wrong("leftovers", "`ip link del 'old'`");
    let router = router.with(|dump| dump["interface"][0]["l3_device"] = "old".into());
    router.is_wrong("leftovers", "remove the interface");
}

/// That of the tunnel, and all.
#[test]
fn a_zone_may_list_devices_and_no_interfaces() {
    let mut by_device = Router::new("state-by-device")
        .with(|dump| drop(dump["interface"][1]["data"].as_object_mut().unwrap().remove("zone")));
    by_device.networks = "list device 'mape-+'";
    assert_eq!(
        by_device.check("zone")["message"],
        "in zone wan, to which another zone may forward"
    );
    by_device.forwarding = "config forwarding\n option src lan\n option dest wan\nconfig redirect\n \
                            option src wan\n option src_dport 443\n";
    is(&by_device, "servers", "redirect", "443");
    by_device.forwarding = "config forwarding\n option src lan\n option dest wan\n";
    by_device.networks = "list device 'mape-lan+'";
    is(&by_device, "zone", "no_zone", "");
    by_device.networks = "list device +";
    record(&by_device.line, "nft-rules-fw4", &[jump("forward", &[])]);
    assert_eq!(by_device.check("zone")["fine"], true);
}

#[test]
fn an_interface_that_is_down_is_in_no_wrong_zone() {
    let down = |dump: &mut Value| {
        dump["interface"][1]["up"] = false.into();
        dump["interface"][1]["data"] = serde_json::json!({});
    };
    let mut router = Router::new("down-zone").with(down);
    router.networks = "list network wan6";
    let zone = router.check("zone");
    assert_eq!(zone["message"], "in zone wan, to which another zone may forward", "{zone}");
    router.networks = "list device eth9";
    assert_eq!(router.check("zone")["message"], "the zone of the uplink, once the interface is up");
    // What will be wrong is told at once.
    router.networks = "list network wan6";
    router.forwarding = "";
    router.is_wrong("zone", "no zone may forward to wan");
}

/// It works, but eats ports: told as advice, and the end is that of a router that is well.
#[test]
fn resolvers_asked_through_the_line_are_told() {
    let mut router = Router::new("dns").with(|dump| {
        dump["interface"][2]["dns-server"] = serde_json::json!(["2001:db8::53", "192.168.1.5"]);
        let lan = serde_json::json!([{"address": "192.168.1.1", "mask": 24}]);
        dump["interface"].as_array_mut().unwrap().push(serde_json::json!({
            "interface": "lan", "up": true, "proto": "static", "ipv4-address": lan,
            "dns-server": ["1.1.1.1"]
        }));
    });
    let found = router.check("dns");
    assert_eq!(
        (&found["fine"], &found["kind"]),
        (&true.into(), &"ipv4_resolvers".into()),
        "{found}"
    );
    assert_eq!(found["evidence"], serde_json::json!(["1.1.1.1: a resolver of the interface lan"]));
    let called = router.call("--unmasked");
    assert_eq!(called.status, ExitStatus::Fine);
    assert!(
        called.out.contains("WARN  dns: the router queries the resolver 1.1.1.1"),
        "{}",
        called.out
    );
    router.dhcp = "config dnsmasq\n option noresolv 1\n list server 192.168.1.5\n";
    assert_eq!(router.check("dns"), Value::Null);
    // dnsmasq reads another file; a forwarder of the router's own; through another device.
    for dhcp in [
        "config dnsmasq\n option resolvfile /tmp/resolv.conf.own\n",
        "config dnsmasq\n option noresolv 1\n list server 127.0.0.1#5053\n list server /lan/\n",
        "config dnsmasq\n option noresolv 1\n list server 9.9.9.9@eth9\n",
    ] {
        router.dhcp = dhcp;
        assert_eq!(router.check("dns"), Value::Null, "{dhcp}");
    }
    for dhcp in [
        "config dnsmasq\n option resolvfile /tmp/resolv.conf.d/resolv.conf.auto\n",
        "config dnsmasq\n option noresolv 1\n list server 9.9.9.9@mape-wan\n",
        "config dnsmasq\n option noresolv 1\n list server 9.9.9.9@192.168.1.1#53\n",
        "config dnsmasq\n option noresolv 1\n list server 9.9.9.9#53@mape-wan\n",
    ] {
        router.dhcp = dhcp;
        assert_eq!(router.check("dns")["kind"], "ipv4_resolvers", "{dhcp}");
    }
    router.dhcp = "config dnsmasq\n option noresolv 1\n list server /example/9.9.9.9#53\n";
    assert!(
        router.check("dns")["evidence"][0].as_str().unwrap().starts_with("9.9.9.9: list server")
    );
}

/// No next step switches off the one of two sections that has the line.
#[test]
fn the_section_that_works_is_left_alone() {
    let two = |errors: Value| {
        let router = Router::new("two").with(|dump| {
            dump["interface"].as_array_mut().unwrap().push(serde_json::json!({
                "interface": "again", "up": false, "pending": true, "proto": "mape", "data": {},
                "errors": errors
            }));
        });
        let network = "aabbccddeeff\nconfig interface again\n option proto mape\n";
        Router { duid: Box::leak(format!("00030001{network}").into_boxed_str()), ..router }
    };
    let taken =
        serde_json::json!([{"code": "MAPE_LINE_TAKEN", "data": ["that of wan", "remove this"]}]);
    let loser = two(taken.clone()).call("again --unmasked");
    assert!(loser.out.contains("because: MAPE_LINE_TAKEN"), "{}", loser.out);
    assert!(!loser.out.contains("network.wan.disabled"), "{}", loser.out);
    let winner = two(taken).call("wan --unmasked");
    assert!(winner.out.contains("uci set network.again.disabled='1'"), "{}", winner.out);
    // One that waits for a line of its own is none too many.
    let other = two(Value::Null).call("wan --unmasked");
    assert!(!other.out.contains("disabled"), "{}", other.out);
}

#[test]
fn a_single_64_is_relayed_or_not() {
    let ra = |dump: &mut Value| {
        let uplink = &mut dump["interface"][2];
        uplink["ipv6-prefix"] = Value::Null;
        uplink["ipv6-address"] =
            serde_json::json!([{"address": "240b:10:3261:6400::5", "mask": 64, "preferred": 9}]);
    };
    assert_eq!(Router::new("pd").check("lan_ipv6"), Value::Null);
    let mut router = Router::new("relay").with(ra);
    router.is_wrong("lan_ipv6", "no `master`");
    router.dhcp = "config dhcp lan\n option interface lan\n option ra relay\n option ndp relay\n\
                   config dhcp wan6\n option interface wan6\n option master 1\n";
    assert_eq!(router.check("lan_ipv6")["fine"], true);
}

/// What people are told to type is what is asked for. With odhcpd itself it was tried by hand.
#[test]
fn the_recipe_for_a_single_64_is_what_doctor_wants() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/single-64.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut text = vec!["config dhcp lan\n option interface lan\n option ra server\n".to_owned()];
    for line in page.lines().filter_map(|line| line.strip_prefix("uci set dhcp.")) {
        let (name, value) = line.split_once('=').unwrap();
        text.push(match name.split_once('.') {
            Some((section, option)) => {
                format!("config dhcp {section}\n option {option} {value}\n")
            }
            None => format!("config {value} {name}\n"),
        });
    }
    let mut router = Router::new("recipe").with(|dump| {
        let uplink = &mut dump["interface"][2];
        uplink["ipv6-prefix"] = Value::Null;
        uplink["ipv6-address"] =
            serde_json::json!([{"address": "240b:10:3261:6400::5", "mask": 64, "preferred": 9}]);
    });
    router.is_wrong("lan_ipv6", "docs/single-64.md");
    router.dhcp = Box::leak(text.concat().into_boxed_str());
    assert_eq!(router.check("lan_ipv6")["fine"], true);
}

#[test]
fn a_target_is_connected_to_only_when_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new("target");
    let called = router.call(&format!("--target {address} --unmasked"));
    assert!(called.out.contains(&format!("ok    target: {address} accepts")), "{}", called.out);
    drop(listener);
    let called = router.call(&format!("--target {address} --unmasked"));
    assert!(!called.out.contains("packet size"));
    assert!(called.out.contains("FAIL  target: no TCP connection"), "{}", called.out);
    assert_eq!(called.status, ExitStatus::Failed);
    for bad in ["--target x", "--target 1.2.3.4", "a b", "--nosuch"] {
        assert_eq!(router.call(bad).status, ExitStatus::Usage, "{bad}");
    }
    let unknown = router.call("nosuch");
    assert!(unknown.err.contains("MAPE_NO_INTERFACE"), "{}", unknown.err);
}

/// In a network of its own, where large packets get lost.
#[test]
fn a_path_that_is_too_narrow_is_found() {
    let nft = |rule: &str| {
        let chain = "type filter hook input priority 0; policy accept;";
        let text = format!("flush ruleset; table ip t {{ chain c {{ {chain} {rule}; }}; }}");
        std::process::Command::new("nft").arg(text).status().is_ok_and(|status| status.success())
    };
    let able = unshare(CloneFlags::CLONE_NEWNET).is_ok()
        && {
            let up = ["link", "set", "lo", "up"];
            std::process::Command::new("ip").args(up).status().is_ok_and(|status| status.success())
        }
        && nft("");
    if !able {
        assert!(std::env::var_os("MAPE_CI").is_none(), "CI must be able to make namespaces");
        eprintln!("skipped: needs root, ip and nft");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ask = format!("--target {} --unmasked", listener.local_addr().unwrap());
    let router = Router::new("narrow");
    let says = |rule: &str, words: &str| {
        assert!(nft(rule));
        let called = router.call(&ask);
        assert!(called.out.contains(words), "{}", called.out);
    };
    says("", "ok    packet size: 127.0.0.1 answers packets of 1460 bytes.");
    says(
        "ip protocol icmp meta length > 1459 drop",
        "FAIL  packet size: 127.0.0.1 answers small packets, but not packets of 1460 bytes.",
    );
    says(
        "ip protocol icmp drop",
        "ok    packet size: 127.0.0.1 does not answer ping (inconclusive).",
    );
}

/// What a real kernel says of rules as firewall4 writes them.
#[test]
fn the_rules_of_firewall4_are_read() {
    use mape_kernel::netlink::Kernel;
    use mape_kernel::nft_state::{fw4_knows, has_fw4};

    let load = |text: &str| {
        let done = std::process::Command::new("nft").arg(text).status();
        done.is_ok_and(|status| status.success())
    };
    if unshare(CloneFlags::CLONE_NEWNET).is_err() || !load("table inet other") {
        assert!(std::env::var_os("MAPE_CI").is_none(), "CI must be able to make namespaces");
        eprintln!("skipped: needs root and nft");
        return;
    }
    let live = Kernel::Live;
    assert!(!has_fw4(&live).unwrap());
    assert!(!fw4_knows(&live, "forward", "mape-wan").unwrap());
    for (devices, known) in [
        ("\"mape-wan\"", true),
        ("\"eth1\"", false),
        ("{ \"eth1\", \"mape-wan\" }", true),
        ("{ \"eth1\", \"mape-wan2\" }", false),
        ("\"mape-*\"", true),
        ("{ \"eth1\", \"mape-*\" }", true),
        ("{ \"eth1\", \"tun*\" }", false),
        ("!= \"br-lan\"", true),
        ("!= { \"br-lan\", \"br-guest\" }", true),
    ] {
        assert!(load(&format!(
            "flush ruleset; table inet fw4 {{ chain forward_wan {{ }}; chain forward {{ type filter \
             hook forward priority filter; policy drop; ct state established,related accept; \
             iifname \"br-lan\" accept; meta l4proto {{ tcp, udp }} accept; \
             iifname {devices} jump forward_wan; }}; chain srcnat {{ oifname \"mape-wan\" accept; }}; }}"
        )));
        assert!(has_fw4(&live).unwrap());
        assert_eq!(fw4_knows(&live, "forward", "mape-wan").unwrap(), known, "{devices}");
    }
}

/// Redirects and forwards whose port cannot arrive, and a UPnP daemon without ports.
#[test]
fn servers_out_of_reach() {
    const FORWARDING: &str = "config forwarding\n option src lan\n option dest wan\n";
    let redirect = |port: &str| {
        format!(
            "config redirect\n option name web\n option src wan\n option src_dport {port}\n option \
             dest_ip 192.168.1.5\n option dest_port 80\n"
        )
    };
    let with = |sections: &str| {
        let mut router = Router::new("servers");
        router.forwarding = Box::leak(format!("{FORWARDING}{sections}").into_boxed_str());
        router
    };
    // 5696 and 9792-9793 are reserved.
    for fine in [redirect("5696"), redirect("9792-9793")] {
        assert_eq!(with(&fine).check("servers"), Value::Null, "{fine}");
    }
    let off = redirect("443") + " option enabled 0\n";
    assert_eq!(with(&off).check("servers"), Value::Null);
    let not_in_set = "its port 443 is not in the line's port set";
    with(&redirect("443")).is_wrong("servers", not_in_set);
    with(&redirect("443")).is_wrong("servers", "forward add 192.168.1.5:80 --port 5697");
    with(&redirect("5696-5720")).is_wrong("servers", "part of its port 5696-5720 is not");
    with(&redirect("5700")).is_wrong("servers", "its port 5700 is not reserved");
    let forward = "config mape_forward x\n option dest_ip 192.168.1.5\n option src_dport 443\n";
    with(forward).is_wrong("servers", "port 443 is not in the port set");
    let good = forward.replace("443", "5700");
    // The record is of rules without it.
    with(&good).is_wrong("servers", "the forward x is waiting: the rules in force do not have it");
    let router = with("");
    let config = router.line.0.join("root/etc/config");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("upnpd"), "config upnpd config\n option enabled 1\n").unwrap();
    router.is_wrong("servers", "network.wan.upnp_ports=16");
    // Where the address is not shared there is no pool, and every port arrives.
    let state = std::fs::read_to_string(router.line.0.join("state/wan.json")).unwrap();
    let rule = "ipv6=240b:10:3261:6400::/56,ipv4=192.0.2.1/32,ea=0,br=2404:9200:225:100::64";
    let (before, after) = state.split_once("\"rule\":\"").unwrap();
    let (_, after) = after.split_once('"').unwrap();
    let whole = format!("{before}\"upnp_ports\":16,\"rule\":\"{rule}\"{after}");
    router.line.write("state/wan.json", &whole);
    assert_eq!(router.check("servers"), Value::Null);
    // What is ours goes before a redirect, by the same protocol; and UPnP may give its ports to
    // anyone.
    let servers = r#""upnp_ports":16,"servers":[{"section":"game","proto":["tcp"],"port":5700,"host":"192.168.1.5:80"}],"edge""#;
    let forward = "config mape_forward game\n option dest_ip 192.168.1.5\n option src_dport 5700\n \
                   option dest_port 80\n option proto tcp\n";
    let ours = |sections: &str| {
        let router = with(&format!("{sections}{forward}"));
        router.line.write("state/wan.json", &state.replace("\"edge\"", servers));
        router.line.publish("web");
        router
    };
    let hidden = "the redirect web receives nothing on port 5700: the forward game has that port";
    ours(&redirect("5700")).is_wrong("servers", hidden);
    ours(&redirect("5698-5700")).is_wrong("servers", hidden);
    let fine = ours(&(redirect("5700") + " option proto udp\n"));
    assert_eq!(fine.check("servers")["message"], "1 forwards are published");
    ours(&redirect("63050")).is_wrong("servers", "its port 63050, which is reserved for UPnP");
    let fine = ours(&redirect("9792"));
    assert_eq!(fine.check("servers")["message"], "1 forwards are published");
    // What the kernel still has and no forward asks for.
    let mut left = ours("");
    left.forwarding = FORWARDING;
    left.is_wrong("servers", "no forward leads there any more");
}
