#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::path::Path;

use log::Level;
use mape_core::Code;

use super::find;
use crate::Config;
use crate::captured_log::captured;
use crate::ip::{Ip, Snapshot};
use crate::learned::Learned;

const FOREVER: u32 = u32::MAX;

/// What iproute2 prints, with `devices` as elements of its list of addresses.
fn machine(devices: &str, routes6: &str) -> Snapshot {
    Snapshot {
        devices: serde_json::from_str(&format!("[{devices}]")).unwrap(),
        routes6: serde_json::from_str(&format!("[{routes6}]")).unwrap(),
        routes4: Vec::new(),
    }
}

fn address(local: &str, len: u8, preferred: u32, valid: u32) -> String {
    format!(
        r#"{{"family":"inet6","local":"{local}","prefixlen":{len},"scope":"0","valid_life_time":{valid},"preferred_life_time":{preferred}}}"#
    )
}

fn eth0(addresses: &[String]) -> String {
    format!(
        r#"{{"ifindex":2,"ifname":"eth0","flags":["UP"],"mtu":1500,"addr_info":[{}]}}"#,
        addresses.join(",")
    )
}

const DEFAULT: &str = r#"{"dst":"default","gateway":"fe80::1","dev":"eth0","protocol":"9","metric":1024,"flags":[],"expires":1700}"#;

fn prefix(config: &str, machine: &Snapshot, current: Option<&str>) -> Result<String, Code> {
    let config = Config::parse(config, Path::new("f")).unwrap();
    match find(&config, machine, &Ip::default(), &Learned::default(), current) {
        Ok(found) => {
            assert_eq!(found.uplink, "eth0");
            Ok(found.plan.end_user_prefix().to_string())
        }
        Err(failure) => Err(failure.code),
    }
}

/// What `log_level debug` shows of the choice.
#[test]
fn the_choice_is_traced_at_debug() {
    let local = address("fd00:1::2", 64, FOREVER, FOREVER);
    let old = address("240b:10:9261:6400::2", 64, 0, 200);
    let new = address("240b:10:3261:6400::2", 64, 100, 200);
    let machine = machine(&eth0(&[local, old, new, address("fe80::2", 64, 9, 9)]), DEFAULT);
    let (_, log) = captured(|| prefix("", &machine, None));
    let rule = "builtin rule ipv6=240b:10::/31,";
    for (message, expected) in log.iter().zip([
        "uplink eth0: considered, it has a default route of metric 1024",
        "uplink eth0: chosen",
        "address fe80::2: not considered, it is link-local or a CE address",
        "prefix fd00:1::/64: dropped, ",
        &format!("prefix 240b:10:9261:6400::/64: deprecated, 200 s left, {rule}"),
        &format!("prefix 240b:10:3261:6400::/64: preferred, 200 s left, {rule}"),
        "prefix 240b:10:3261:6400::/56: chosen",
    ]) {
        assert!(message.0 == Level::Debug && message.1.starts_with(expected), "{log:#?}");
    }
    assert_eq!(log.len(), 7, "{log:#?}");
}

/// A LAN's unique local prefix is no line's, whatever the contract is.
#[test]
fn a_contract_takes_the_prefix_of_the_line() {
    let contract = "provider ocn-static\nipaddr 203.0.113.81\npeeraddr 2404:9200:225:100::65\n";
    let local = address("fd00:1::2", 64, FOREVER, FOREVER);
    let global = address("240b:12:3456:7800::2", 64, 100, 200);
    assert_eq!(
        prefix(contract, &machine(&eth0(&[local.clone(), global]), DEFAULT), None),
        Ok("240b:12:3456:7800::/56".to_owned())
    );
    assert_eq!(prefix(contract, &machine(&eth0(&[local]), DEFAULT), None), Err(Code::NoIpv6Yet));
}

#[test]
fn an_address_an_on_link_prefix_and_a_delegated_one() {
    let line = Ok("240b:10:3261:6400::/56".to_owned());
    let with_address = eth0(&[address("240b:10:3261:6400:1:2:3:4", 64, 100, 200)]);
    assert_eq!(prefix("", &machine(&with_address, DEFAULT), None), line);
    let on_link =
        format!(r#"{DEFAULT},{{"dst":"240b:10:3261:6400::/64","dev":"eth0","metric":256}}"#);
    assert_eq!(prefix("", &machine(&eth0(&[]), &on_link), None), line);
    let delegated = format!(
        r#"{DEFAULT},{{"type":"7","dst":"240b:10:3261:6400::/56","dev":"lo","metric":1024}}"#
    );
    assert_eq!(prefix("", &machine(&eth0(&[]), &delegated), None), line);
    let only_default = machine(&eth0(&[]), DEFAULT);
    assert_eq!(prefix("prefix 240b:10:3261:6400::/56", &only_default, None), line);
    assert_eq!(prefix("uplink eth0", &machine(&with_address, ""), None), line);
}

#[test]
fn what_is_no_prefix_of_the_line() {
    let own = [
        address("fe80::1", 64, FOREVER, FOREVER),
        // A CE address of before.
        address("240b:10:3261:6400:6a:4832:6100:6400", 128, 0, FOREVER),
    ];
    assert_eq!(prefix("", &machine(&eth0(&own), DEFAULT), None), Err(Code::NoIpv6Yet));
    // A route to another network, a link-local one, one of another device.
    let routes = format!(
        r#"{DEFAULT},{{"dst":"240b:10:3261:6400::/64","gateway":"fe80::9","dev":"eth0"}},
        {{"dst":"fe80::/64","dev":"eth0"}},{{"dst":"240b:10:3261:6400::/64","dev":"lan"}},
        {{"dst":"240b:10:3261:6400::/64","dev":"eth0","table":"100"}}"#
    );
    assert_eq!(prefix("", &machine(&eth0(&own), &routes), None), Err(Code::NoIpv6Yet));
}

#[test]
fn the_better_prefix_wins() {
    let old = |preferred| address("240b:10:3261:6400::1", 64, preferred, 9000);
    let new = address("240b:10:3262:6500::1", 64, 100, 200);
    let second = Ok("240b:10:3262:6500::/56".to_owned());
    // Deprecated before everything else, then the lifetime that is left.
    assert_eq!(prefix("", &machine(&eth0(&[old(0), new.clone()]), DEFAULT), None), second);
    let both = machine(&eth0(&[new.clone(), old(100)]), DEFAULT);
    assert_eq!(prefix("", &both, None), Ok("240b:10:3261:6400::/56".to_owned()));
    // The one that is up stays.
    assert_eq!(prefix("", &both, Some("240b:10:3262:6500::/56")), second);
    // A deprecated one is better than none; a ULA is none.
    let ula = address("fd00::1", 64, FOREVER, FOREVER);
    let machine = machine(&eth0(&[old(0), ula]), DEFAULT);
    assert_eq!(prefix("", &machine, None), Ok("240b:10:3261:6400::/56".to_owned()));
}

#[test]
fn why_there_is_none() {
    let no_rule = eth0(&[
        address("fd00::1", 64, FOREVER, FOREVER),
        address("2409:10:1234:5600::1", 64, 10, 20),
    ]);
    assert_eq!(prefix("", &machine(&no_rule, DEFAULT), None), Err(Code::PrefixNotInRules));
    let slice = eth0(&[address("240b:10:3261:6401::1", 64, 10, 20)]);
    assert_eq!(prefix("", &machine(&slice, DEFAULT), None), Err(Code::NotFirstSubnet));
    assert_eq!(prefix("", &machine(&slice, ""), None), Err(Code::NoIpv6Yet));
    assert_eq!(prefix("uplink eth7", &machine(&slice, DEFAULT), None), Err(Code::TunlinkUnknown));
    // The tunnel of this very line is not its own uplink.
    let through = r#"{"dst":"default","dev":"mape-wan","metric":1}"#;
    assert_eq!(prefix("", &machine(&slice, through), None), Err(Code::NoIpv6Yet));
}

#[test]
fn a_port_of_a_bridge_is_no_uplink() {
    let devices =
        r#"{"ifname":"eth0","master":"br0"},{"ifname":"br0","linkinfo":{"info_kind":"bridge"}}"#;
    let machine = machine(devices, "");
    assert_eq!(prefix("uplink eth0", &machine, None), Err(Code::TunlinkUnknown));
}

#[test]
fn of_two_default_routes_the_one_with_the_lower_metric() {
    let routes = format!(r#"{{"dst":"default","dev":"wg0","metric":2000}},{DEFAULT}"#);
    let device = eth0(&[address("240b:10:3261:6400::1", 64, 10, 20)]);
    assert!(prefix("", &machine(&device, &routes), None).is_ok());
}
