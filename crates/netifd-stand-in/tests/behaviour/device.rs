//! Tunnels: only the stand-in shows what it would do to the machine.

use serde_json::{Value, json};

use crate::machine::{Handler, Machine, is_real, two};

const CREATE: &str = "link add name mape-x mtu 1460 type ip6tnl mode ipip6 local 2001:db8::5 remote 2001:db8::9 \
                      dev up0 hoplimit 64 encaplimit none";

fn update() -> Value {
    json!({"action": 0, "link-up": true, "ifname": "mape-x", "keep": false,
        "tunnel": {"mode": "ipip6", "mtu": 1460, "ttl": 64, "local": "2001:db8::5", "remote": "2001:db8::9",
            "link": "wan6", "data": {"encaplimit": "ignore"}},
        "ipaddr": [{"ipaddr": "192.0.2.1"}], "routes": [{"target": "0.0.0.0", "netmask": "0"}]})
}

/// `None` on the real netifd.
fn start() -> Option<Machine> {
    if is_real() {
        return None;
    }
    let machine = Machine::start(&two(), &Handler::default());
    machine.until_logged("setup x", 1);
    machine.notify(&update()).unwrap();
    Some(machine)
}

/// The commands that concern the tunnel, from this one on.
fn since(machine: &Machine, start: usize) -> Vec<String> {
    let all = machine.executed();
    all.into_iter().skip(start).filter(|line| line.contains("mape-x")).collect()
}

#[test]
fn whatever_has_the_name_is_deleted_first() {
    let Some(machine) = start() else { return };
    let expected = [
        "link del mape-x",
        CREATE,
        "link set mape-x up",
        "address replace 192.0.2.1/32 dev mape-x",
        "route replace 0.0.0.0/0 dev mape-x proto static",
    ];
    assert_eq!(since(&machine, 0), expected);
    assert_eq!(machine.status("x")["l3_device"], "mape-x");
    let device = machine.call("network.device", "status", &json!({"name": "mape-x"})).unwrap();
    assert_eq!(device["mtu"], 1460);
}

#[test]
fn with_keep_the_tunnel_is_not_looked_at() {
    let Some(machine) = start() else { return };
    let before = machine.executed().len();
    let mut other = update();
    other["keep"] = true.into();
    other["tunnel"]["mtu"] = 1400.into();
    other["ipaddr"] = json!([{"ipaddr": "192.0.2.2"}]);
    machine.notify(&other).unwrap();
    assert_eq!(since(&machine, before), ["address replace 192.0.2.2/32 dev mape-x"]);
}

#[test]
fn the_same_tunnel_stays() {
    let Some(machine) = start() else { return };
    let before = machine.executed().len();
    machine.notify(&update()).unwrap();
    assert_eq!(since(&machine, before), [""; 0]);
}

/// netifd compares addresses and routes with what it remembers, not with the new device: what is
/// the same in both updates is missing from it, though the dump shows it. No hook hears of it.
#[test]
fn another_tunnel_is_created_again_and_lacks_what_did_not_change() {
    let Some(machine) = start() else { return };
    let before = machine.executed().len();
    let mut other = update();
    other["tunnel"]["mtu"] = 1400.into();
    machine.notify(&other).unwrap();
    let create = CREATE.replace("1460", "1400");
    assert_eq!(since(&machine, before), ["link del mape-x", &create, "link set mape-x up"]);
    assert_eq!(machine.status("x")["ipv4-address"][0]["address"], "192.0.2.1");
    machine.settle();
    assert_eq!(machine.hooks("x"), ["ifup on mape-x"]);
}

/// Down and up in two updates, without a teardown: everything is on the new device, and the hooks
/// hear of both.
#[test]
fn link_down_first_creates_everything_again() {
    let Some(machine) = start() else { return };
    machine.settle();
    let before = machine.executed().len();
    machine.notify(&json!({"action": 0, "link-up": false})).unwrap();
    machine.settle();
    let mut other = update();
    other["tunnel"]["mtu"] = 1400.into();
    machine.notify(&other).unwrap();
    let commands = since(&machine, before);
    assert_eq!(commands[0], "link del mape-x");
    assert_eq!(commands.last().unwrap(), "route replace 0.0.0.0/0 dev mape-x proto static");
    machine.settle();
    assert_eq!(machine.hooks("x"), ["ifup on mape-x", "ifdown", "ifup on mape-x"]);
    assert_eq!(machine.scripts(), ["setup x"]);
}

#[test]
fn it_goes_with_the_interface() {
    let Some(machine) = start() else { return };
    let before = machine.executed().len();
    machine.tell("x", "down");
    machine.until("down", || !since(&machine, before).is_empty());
    machine.settle();
    assert_eq!(since(&machine, before), ["link del mape-x"]);
}

#[test]
fn what_cannot_be_made_is_an_unknown_error() {
    let Some(machine) = start() else { return };
    machine.tell("x", "down");
    machine.until_logged("teardown x", 1);
    machine.settle();
    machine.tell("x", "up");
    machine.until_logged("setup x", 2);
    let mut other = update();
    other["tunnel"]["link"] = "missing".into();
    assert_eq!(machine.notify(&other), Err(9));
    machine.call("stand-in", "no_tunnels", &json!({"on": true})).unwrap();
    assert_eq!(machine.notify(&update()), Err(9));
    machine.call("stand-in", "no_tunnels", &json!({"on": false})).unwrap();
    assert_eq!(machine.status("x")["pending"], true);
    machine.notify(&update()).unwrap();
    assert_eq!(machine.status("x")["up"], true);
}
