//! States of the router and of its interfaces.

use super::*;

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

/// firewall4 offloads flows. Which of them, depends on the kernel.
#[test]
fn flow_offload_is_as_the_kernel_has_it() {
    const NEW_FLOWTABLE: u8 = 22;
    let router = Router::new("offload");
    let finding = || router.check("flow_offload");
    assert_eq!(finding(), Value::Null);
    record(&router.line, "nft-flowtables", &[(NEW_FLOWTABLE, named(1, "mape_rs"))]);
    assert_eq!(finding(), Value::Null, "our own");
    record(&router.line, "nft-flowtables", &[(NEW_FLOWTABLE, named(1, "fw4"))]);
    for (release, used) in
        [("6.12.71", true), ("7.0.4", false), ("7.2.12", false), ("7.3.4", false)]
    {
        router.line.write("proc/sys/kernel/osrelease", release);
        let finding = finding();
        assert_eq!(finding["fine"], true, "{finding}");
        let says = finding["message"].as_str().unwrap();
        assert_eq!(says.contains("does not offload IPv4 in IPv6"), !used, "{release}: {says}");
    }
    assert_eq!(router.line.status().1["flow_offload"]["used"], false);
}
