//! `doctor` on a router: every check once fine and once not, on a recorded line.

use super::recorded::Line;
use super::*;

mod firewall;
mod network;
mod states;

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
        for found in checks.iter().filter(|it| it["hint"].is_string()) {
            let kind = found["kind"].as_str().or(found["check"].as_str()).unwrap();
            assert_params("doctor", "/properties/checks/items/properties/params", kind, found);
        }
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

    let router = Router::new("warned").with(|dump| {
        let warning = serde_json::json!({"code": "MAPE_PROVISIONING_UPDATE",
            "message": "the update server a refused the call", "hint": "check update_user"});
        dump["interface"][1]["data"]["warning"] = warning;
    });
    router.is_wrong("interface", "wan is up, but the update server a refused the call");
    router.is_wrong("interface", "check update_user");

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
    router.line.write("state/wan.pause", "{}\n{\"code\":\"MAPE_PROVISIONING_NO_ANSWER\",\"message\":\"no answer\",\"hint\":\"wait\"}\n");
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
    is(&router, "servers", "redirect_outside");
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
