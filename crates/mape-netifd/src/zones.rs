//! Firewall zones of firewall4, and the one that an interface is in.

use mape_core::IntoVec as _;
use mape_uci::{Directories, Package, Section};

use super::config::Config;
use super::dump::Dump;
use super::uplink::Uplink;

/// The zones, in configured order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zones(Vec<Zone>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Zone {
    name: String,
    /// Interfaces.
    networks: Vec<String>,
    devices: Vec<String>,
}

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
            let list = |option| zone.list(option).map(str::to_owned).into_vec();
            let name = zone.get("name")?.to_owned();
            Some(Zone { name, networks: list("network"), devices: list("device") })
        });
        Self(zones.into_vec())
    }

    /// Adds the interfaces whose handlers have joined a zone (`data.zone`): firewall4 treats them
    /// as if the zone listed them. An interface that netifd makes, like `wan_6`, joins that way.
    /// The zone of one of ours is left out: its handler published it, and publishes it again.
    #[must_use]
    pub fn with_joined(mut self, dump: &Dump) -> Self {
        for interface in dump.interfaces().filter(|interface| interface.proto != "mape") {
            let joined = interface.data.zone.as_deref();
            if let Some(zone) = self.0.iter_mut().find(|zone| Some(zone.name.as_str()) == joined) {
                zone.networks.push(interface.name.clone());
            }
        }
        self
    }

    /// Whether there is a zone of this name.
    #[must_use]
    pub fn has(&self, zone: &str) -> bool {
        self.0.iter().any(|it| it.name == zone)
    }

    /// Returns the zone of the option `zone`, where the firewall has none of that name. firewall4
    /// reports nothing in that case.
    #[must_use]
    pub fn missing<'config>(&self, config: &'config Config) -> Option<&'config str> {
        let zone = config.zone.as_deref().filter(|zone| *zone != "-")?;
        (!self.0.is_empty() && !self.has(zone)).then_some(zone)
    }

    /// Returns the zone that lists the interface.
    #[must_use]
    pub fn of_interface(&self, interface: &str) -> Option<&str> {
        self.first(|zone| zone.networks.iter().any(|member| member == interface))
    }

    /// Returns the zone that lists the uplink or its device.
    #[must_use]
    pub fn of_uplink(&self, uplink: &Uplink) -> Option<&str> {
        self.of_interface(&uplink.interface).or_else(|| self.of_device(&uplink.device))
    }

    /// Returns the zone that lists the device, by its name or by a prefix of it that ends with `+`.
    #[must_use]
    pub fn of_device(&self, device: &str) -> Option<&str> {
        let is_it = |listed: &String| match listed.strip_suffix('+') {
            Some(beginning) => device.starts_with(beginning),
            None => listed == device,
        };
        self.first(|zone| zone.devices.iter().any(is_it))
    }

    fn first(&self, is_it: impl Fn(&Zone) -> bool) -> Option<&str> {
        self.0.iter().find(|zone| is_it(zone)).map(|zone| zone.name.as_str())
    }

    /// Returns the zone that the tunnel joins: that of the option `zone`, else that of the uplink.
    /// `None` where a zone lists the tunnel, or the option is `-` (as in upstream's `map`).
    #[must_use]
    pub fn of_tunnel(&self, interface: &str, config: &Config, uplink: &Uplink) -> Option<String> {
        match config.zone.as_deref() {
            Some("-") => None,
            Some(zone) => Some(zone.to_owned()),
            None if self.of_interface(interface).is_some() => None,
            None => self.of_uplink(uplink).map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests;
