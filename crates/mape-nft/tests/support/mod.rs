//! Lines to render, and nft in a network namespace of its own.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::process::{Command, Output, Stdio};

use mape_core::{Layout, Plan, PortList, Request, parse_rule, plan};
use mape_nft::{
    Dataplane, DeviceName, Edge, Forwards, Interface, Offload, Options, Published, Transport,
};

pub(crate) const V6PLUS: &str = "240b:10:3261:6400::/56";
pub(crate) const OCN: &str = "2400:4050:80ba:2200::/56";
pub(crate) const EDGES: [Edge; 3] = [Edge::Netdev, Edge::Postrouting, Edge::Plain];

pub(crate) fn built_in(prefix: &str, reserved: &str) -> Plan {
    let mut request = Request::new(prefix.parse().unwrap());
    if !reserved.is_empty() {
        request.reserved = reserved.parse::<PortList>().unwrap();
    }
    plan(&request).unwrap()
}

/// A line with this rule, after the usual prefixes.
pub(crate) fn own_rule(rule: &str, prefix: &str, reserved: &str) -> Plan {
    let mut request = Request::new(prefix.parse().unwrap());
    let rule = format!("ipv6=2001:db8::/40,br=2001:db8:ffff::1,{rule}");
    request.explicit.push(parse_rule(&rule, Layout::Draft03).unwrap());
    if !reserved.is_empty() {
        request.reserved = reserved.parse::<PortList>().unwrap();
    }
    plan(&request).unwrap()
}

pub(crate) fn whole_address() -> Plan {
    own_rule("ipv4=192.0.2.18/32,ea=0", "2001:db8::/64", "")
}

pub(crate) fn whole_reserved() -> Plan {
    own_rule("ipv4=192.0.2.18/32,ea=0", "2001:db8::/64", "22,51820-51829,62272")
}

pub(crate) fn whole_prefix() -> Plan {
    own_rule("ipv4=192.0.2.0/24,ea=4", "2001:db8:e0::/44", "")
}

pub(crate) fn interface(plan: &Plan, edge: Edge) -> Interface {
    let device: DeviceName = "mape-wan".parse().unwrap();
    Interface {
        name: device.interface(),
        device,
        index: None,
        dataplane: Dataplane::new(plan, &[]).unwrap(),
        edge,
        options: Options::default(),
        offload: Offload::default(),
        forwards: Forwards::default(),
    }
}

/// Two ports published where they are reserved, one that is not, and a host for full cone.
pub(crate) fn forwards() -> Forwards {
    let one =
        |transport, port, host: &str| Published { transport, port, host: host.parse().unwrap() };
    let lan = || vec!["br-lan".parse().unwrap()];
    let published = vec![
        (one(Transport::Tcp, 9024, "192.168.1.10:443"), lan()),
        (one(Transport::Udp, 9024, "192.168.1.10:443"), lan()),
        (one(Transport::Udp, 62272, "192.168.1.20:3074"), Vec::new()),
        (one(Transport::Tcp, 80, "192.168.1.10:80"), lan()),
    ];
    Forwards::with_hairpin(published, vec![[192, 168, 1, 20].into()])
}

/// Whether rules can be loaded here. Without root or nft the test is skipped, except in CI.
pub(crate) fn can_load() -> bool {
    let able = sh("ip link add mape-wan type veth peer name p0 && nft list tables", "");
    let able = able.status.success();
    if !able {
        assert!(std::env::var_os("MAPE_CI").is_none(), "CI must be able to load rules");
        eprintln!("skipped: needs root, ip, unshare and nft");
    }
    able
}

/// Runs a shell script in a network namespace of its own; `$RULES` is a file with the text.
pub(crate) fn sh(script: &str, rules: &str) -> Output {
    use std::io::Write as _;
    let script = format!("RULES=$(mktemp); trap 'rm -f $RULES' EXIT; cat > $RULES; {script}");
    let child = Command::new("unshare")
        .args(["--net", "sh", "-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => panic!("unshare cannot be run: {error}"),
    };
    // A script that fails early reads nothing.
    let _ = child.stdin.take().unwrap().write_all(rules.as_bytes());
    child.wait_with_output().unwrap()
}

/// Runs a script that must succeed; its output.
pub(crate) fn sh_ok(script: &str, rules: &str) -> String {
    let output = sh(script, rules);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {error}");
    String::from_utf8(output.stdout).unwrap()
}
