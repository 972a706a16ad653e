//! Tests of `zones`.

use super::*;
use serde_json::json;

#[test]
fn the_tunnel_joins_the_zone_of_its_uplink_by_default() {
    let text = "config zone\n option name lan\n option network lan\n\
                config zone\n option name wan\n list network wan\n list network wan6\n\
                list network listed\nconfig zone\n list network nameless\n";
    let zones = Zones::of(&Package::parse("firewall", text).unwrap());
    let uplink = Uplink {
        interface: "wan6".to_owned(),
        device: "eth1".to_owned(),
        prefix: "240b:10:3261:6400::/56".parse().unwrap(),
        is_ce_on_link: false,
    };
    let zone = |options: &str, name: &str, uplink: &Uplink| {
        zones.of_tunnel(name, &Config::parse(options).unwrap(), uplink)
    };
    assert_eq!(zone("{}", "mape", &uplink).as_deref(), Some("wan"));
    assert_eq!(zone("{}", "listed", &uplink), None);
    assert_eq!(zone(r#"{"zone":"-"}"#, "mape", &uplink), None);
    assert_eq!(zone(r#"{"zone":"guest"}"#, "mape", &uplink).as_deref(), Some("guest"));
    assert_eq!(zones.of_interface("wanb"), None);
    let elsewhere = Uplink { interface: "wanb".to_owned(), ..uplink };
    assert_eq!(zone("{}", "mape", &elsewhere), None);
}

#[test]
fn an_uplink_is_in_a_zone_by_its_handler_or_its_device_too() {
    let text = "config zone\n option name lan\n option network lan\n\
                config zone\n option name wan\n option device 'eth1 eth2 ppp+'\n";
    let zones = Zones::of(&Package::parse("firewall", text).unwrap());
    let uplink = |interface: &str, device: &str| Uplink {
        interface: interface.to_owned(),
        device: device.to_owned(),
        prefix: "240b:10:3261:6400::/56".parse().unwrap(),
        is_ce_on_link: false,
    };
    assert_eq!(zones.of_uplink(&uplink("wan6", "eth2")), Some("wan"));
    assert_eq!(zones.of_uplink(&uplink("wan6", "pppoe-wan")), Some("wan"));
    assert_eq!(zones.of_uplink(&uplink("wan6", "eth3")), None);
    assert_eq!(zones.of_uplink(&uplink("wan6", "pp")), None);
    let dump = json!({"interface": [
        {"interface": "wan_6", "data": {"zone": "wan"}}, {"interface": "x", "data": {"zone": "y"}},
        {"interface": "mape", "proto": "mape", "data": {"zone": "wan"}},
    ]});
    let joined = zones.clone().with_joined(&Dump::of(&dump));
    assert_eq!(joined.of_uplink(&uplink("wan_6", "eth3")), Some("wan"));
    assert_eq!(joined.of_uplink(&uplink("x", "eth3")), None);
    assert_eq!(joined.of_interface("mape"), None);
}
