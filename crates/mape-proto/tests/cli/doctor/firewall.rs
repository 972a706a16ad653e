//! Zones and the rules of firewall4.

use nix::sched::{CloneFlags, unshare};

use super::*;

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
    is(&by_device, "servers", "redirect_outside", "443");
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
    // A fault that will occur once the interface is up is reported at once.
    router.networks = "list network wan6";
    router.forwarding = "";
    router.is_wrong("zone", "no zone may forward to wan");
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
