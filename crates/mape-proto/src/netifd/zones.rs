//! firewall4's zones: which one an interface is in.

use super::config::Config;
use super::uplink::Uplink;
use crate::uci::{Directories, Package, Section};

/// Zone names and the interfaces that they list, in configured order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zones(Vec<(String, Vec<String>)>);

impl Zones {
    /// Reads the package `firewall`. Where there is none, or it cannot be read, there are no zones:
    /// firewall4 then has none either.
    #[must_use]
    pub fn read(uci: &Directories) -> Self {
        uci.read("firewall").ok().flatten().map_or_else(Self::default, |package| Self::of(&package))
    }

    fn of(package: &Package) -> Self {
        let enabled = |zone: &&Section| zone.get("enabled").is_none() || zone.is_on("enabled");
        let zones = package.of_kind("zone").filter(enabled).filter_map(|zone| {
            let networks = zone.list("network").map(str::to_owned).collect();
            Some((zone.get("name")?.to_owned(), networks))
        });
        Self(zones.collect())
    }

    /// Whether there is a zone of this name.
    pub(crate) fn has(&self, zone: &str) -> bool {
        self.0.iter().any(|(name, _)| name == zone)
    }

    /// The zone that lists the interface.
    #[must_use]
    pub fn of_interface(&self, interface: &str) -> Option<&str> {
        let listed = |(_, members): &&(String, Vec<String>)| {
            members.iter().any(|member| member == interface)
        };
        self.0.iter().find(listed).map(|(name, _)| name.as_str())
    }

    /// The zone that the tunnel has to be put into: what the user says, or that of the uplink.
    /// `None` where some zone lists it already, or the user wants none (`-`, as upstream's `map`).
    #[must_use]
    pub fn of_tunnel(&self, interface: &str, config: &Config, uplink: &Uplink) -> Option<String> {
        match config.zone.as_deref() {
            Some("-") => None,
            Some(zone) => Some(zone.to_owned()),
            None if self.of_interface(interface).is_some() => None,
            None => self.of_interface(&uplink.interface).map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tunnel_joins_its_uplink_where_nobody_says_otherwise() {
        let text = "config zone\n option name lan\n option network lan\n\
                    config zone\n option name wan\n list network wan\n list network wan6\n\
                    list network listed\nconfig zone\n list network nameless\n";
        let zones = Zones::of(&Package::parse("firewall", text).unwrap());
        let uplink = Uplink {
            interface: "wan6".to_owned(),
            device: "eth1".to_owned(),
            prefix: "240b:10:3261:6400::/56".parse().unwrap(),
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
}
