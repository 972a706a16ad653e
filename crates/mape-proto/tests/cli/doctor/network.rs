//! What the router gives its LAN, and what is sent on request.

use std::net::TcpListener;

use nix::sched::{CloneFlags, unshare};

use super::*;

/// The line works, but DNS uses its ports: this is advice, and the exit status is 0.
#[test]
fn resolvers_reached_through_the_line_are_reported() {
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

/// The commands of docs/single-64.md satisfy the check. They were tried with odhcpd by hand.
#[test]
fn the_recipe_for_a_single_64_satisfies_doctor() {
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
