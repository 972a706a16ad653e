//! The tunnel block of an update: `ipip6` as a command of `ip`.

use std::fmt::Write as _;
use std::net::Ipv6Addr;

use serde_json::{Map, Value};

/// The longest name of a network device.
const NAME_LENGTH: usize = 15;

/// Returns the command that creates the tunnel, or the reason why netifd or the kernel refuses it.
pub(crate) fn command(
    name: &str,
    options: &Map<String, Value>,
    link_device: impl Fn(&str) -> Option<String>,
) -> Result<String, &'static str> {
    let text = |name: &str| options.get(name).and_then(Value::as_str);
    let number = |name: &str| options.get(name).and_then(Value::as_i64);
    if name.is_empty() || name.len() > NAME_LENGTH {
        return Err("the name is longer than 15 characters");
    }
    if text("mode") != Some("ipip6") {
        return Err("the stand-in knows no other tunnel than ipip6");
    }
    // Without an MTU, netifd uses the smallest of IPv6.
    let mtu = number("mtu").unwrap_or(1280);
    let mut command = format!("link add name {name} mtu {mtu} type ip6tnl mode ipip6");
    for (option, word) in [("local", "local"), ("remote", "remote")] {
        if let Some(address) = text(option) {
            let address: Ipv6Addr =
                address.parse().map_err(|_| "an end point is no IPv6 address")?;
            let _ = write!(command, " {word} {address}");
        }
    }
    if let Some(link) = text("link") {
        let device = link_device(link).ok_or("the link is no interface")?;
        if !device.is_empty() {
            let _ = write!(command, " dev {device}");
        }
    }
    let hops = number("ttl").unwrap_or(64);
    if !(0..=255).contains(&hops) {
        return Err("the ttl is beyond 255");
    }
    let _ = write!(command, " hoplimit {hops}");
    if let Some(class) = text("tos") {
        let _ = write!(command, " tclass {class}");
    }
    if let Some(data) = options.get("data").and_then(Value::as_object) {
        match data.get("encaplimit").and_then(Value::as_str) {
            None | Some("ignore") => command.push_str(" encaplimit none"),
            Some(limit) => {
                limit.parse::<u8>().map_err(|_| "the encaplimit is no number")?;
                let _ = write!(command, " encaplimit {limit}");
            }
        }
        let rules = data.get("fmrs").and_then(Value::as_array).into_iter().flatten();
        for rule in rules {
            let complete =
                ["prefix6", "prefix4", "ealen", "offset"].iter().all(|key| rule.get(key).is_some());
            if !complete {
                return Err("an FMR lacks a key");
            }
        }
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(options: &Value) -> Result<String, &'static str> {
        let link = |name: &str| (name == "wan6").then(|| "eth1".to_owned());
        command("mape-wan6mape", options.as_object().unwrap(), link)
    }

    /// The output of `ip -d link` for the real netifd's tunnel of the same description.
    #[test]
    fn the_tunnel_upstream_map_asks_for() {
        let options = json!({"mode": "ipip6", "mtu": 1460, "ttl": 64, "local": "240b:10:3251:6400:6a:4832:5100:6400",
            "remote": "2404:9200:225:100::64", "link": "wan6", "data": {"encaplimit": "ignore", "fmrs": []}});
        assert_eq!(
            made(&options).unwrap(),
            "link add name mape-wan6mape mtu 1460 type ip6tnl mode ipip6 local \
             240b:10:3251:6400:6a:4832:5100:6400 remote 2404:9200:225:100::64 dev eth1 hoplimit 64 encaplimit none"
        );
        assert!(made(&json!({"mode": "ipip6"})).unwrap().contains("mtu 1280"));
        assert!(!made(&json!({"mode": "ipip6"})).unwrap().contains("encaplimit"));
        assert!(
            made(&json!({"mode": "ipip6", "data": {"encaplimit": "4"}}))
                .unwrap()
                .ends_with("encaplimit 4")
        );
    }

    #[test]
    fn what_cannot_be_made() {
        for options in [
            json!({"mode": "sit"}),
            json!({"mode": "ipip6", "link": "nope"}),
            json!({"mode": "ipip6", "remote": "192.0.2.1"}),
            json!({"mode": "ipip6", "ttl": 256}),
            json!({"mode": "ipip6", "data": {"encaplimit": "x"}}),
            json!({"mode": "ipip6", "data": {"fmrs": [{"prefix6": "2001:db8::/32", "prefix4": "192.0.2.0/24", "ealen": 16}]}}),
        ] {
            assert!(made(&options).is_err(), "{options}");
        }
        assert!(command("mape-abcdefghijk", &Map::new(), |_| None).is_err());
    }
}
