//! Layer-3 devices with their addresses and routes.

use serde_json::{Map, Value};

use crate::ip::{Prefix, Settings, Updated};
use crate::netifd::Netifd;
use crate::tunnel;

/// A layer-3 device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) name: String,
    /// The tunnel's description by the handler, if it is a tunnel, which is deleted with the
    /// interface.
    pub(crate) tunnel: Option<Map<String, Value>>,
}

impl Netifd {
    /// Gives the interface its device, and returns whether it exists. A tunnel is created unless
    /// one with the same description exists.
    pub(crate) fn use_device(&mut self, name: &str, device: Device) -> bool {
        let old = self.interfaces.get(name).and_then(|interface| interface.l3.clone());
        if old.as_ref() == Some(&device) {
            return true;
        }
        if old.as_ref().is_some_and(|old| old.name != device.name) {
            self.flush_ip(name);
            self.drop_device(name);
        }
        let made = match &device.tunnel {
            Some(options) => tunnel::command(&device.name, options, |link| self.link_device(link)),
            None => self.system.has_device(&device.name).then(String::new).ok_or("no such device"),
        };
        match made {
            Ok(command) => {
                if device.tunnel.is_some() {
                    // netifd deletes any device with this name.
                    self.system.ip(&format!("link del {}", device.name));
                    if !self.system.ip(&command) {
                        return false;
                    }
                    self.system.ip(&format!("link set {} up", device.name));
                }
                if let Some(interface) = self.interfaces.get_mut(name) {
                    interface.l3 = Some(device);
                }
                true
            }
            Err(why) => {
                eprintln!("netifd: {name}: the device {} cannot be had: {why}", device.name);
                false
            }
        }
    }

    /// Returns the device of the interface below a tunnel: `None` if there is no such interface,
    /// and an empty name if it has no device.
    fn link_device(&self, link: &str) -> Option<String> {
        let interface = self.interfaces.get(link)?;
        Some(interface.l3.as_ref().map_or_else(String::new, |device| device.name.clone()))
    }

    /// Creates a bridge with its ports. An existing one does not change.
    pub(crate) fn make_bridge(&mut self, name: &str, ports: &[String]) {
        if self.system.has_device(name) {
            return;
        }
        self.system.ip(&format!("link add {name} type bridge"));
        self.system.ip(&format!("link set {name} up"));
        for port in ports {
            self.system.ip(&format!("link set {port} master {name} up"));
        }
    }

    /// Brings the interface's own device up and returns whether it has carrier. Without carrier the
    /// interface waits for [`Netifd::links_changed`].
    pub(crate) fn claim_device(&mut self, name: &str) -> bool {
        let Some(interface) = self.interfaces.get_mut(name) else { return false };
        let Some(device) = interface.own_device().map(str::to_owned) else { return true };
        if !self.system.is_up(&device) {
            self.system.ip(&format!("link set {device} up"));
        }
        interface.link = self.system.has_carrier(&device);
        interface.link
    }

    /// Handles a change of carrier. The interface goes down or comes back, and its autostart does
    /// not change.
    pub(crate) fn links_changed(&mut self) {
        for name in self.names() {
            let Some(interface) = self.interfaces.get_mut(&name) else { continue };
            let Some(device) = interface.own_device() else { continue };
            let link = self.system.has_carrier(device);
            if std::mem::replace(&mut interface.link, link) == link {
                continue;
            }
            let (available, autostart) = (interface.available, interface.autostart);
            if !link {
                self.tear_down(&name, false);
            } else if available && autostart {
                self.set_up(&name);
            }
        }
    }

    /// Releases the device. A tunnel is deleted.
    pub(crate) fn drop_device(&mut self, name: &str) {
        let device = self.interfaces.get_mut(name).and_then(|interface| interface.l3.take());
        if let Some(device) = device.filter(|device| device.tunnel.is_some()) {
            self.system.ip(&format!("link del {}", device.name));
        }
    }

    /// Replaces the old settings with these or, with `keep`, adds these. Equal settings are not
    /// touched.
    pub(crate) fn apply_ip(&mut self, name: &str, mut new: Settings, keep: bool) -> Updated {
        let Some(interface) = self.interfaces.get_mut(name) else { return Updated::default() };
        let Some(device) = interface.l3.as_ref().map(|device| device.name.clone()) else {
            return Updated::default();
        };
        let with_default = interface.flag("defaultroute").unwrap_or(true);
        let old = std::mem::take(&mut interface.ip);
        let has = |all: &Settings, net| all.addresses.iter().any(|address| address.net == net);
        let mut commands = Vec::new();
        let mut updated = Updated::default();

        for address in &old.addresses {
            if keep && !has(&new, address.net) {
                new.addresses.push(address.clone());
            } else if !keep && !has(&new, address.net) {
                updated.addresses = true;
                commands.push(format!("address del {} dev {device}", address.net));
            }
        }
        for route in &old.routes {
            if keep && !new.routes.contains(route) {
                new.routes.push(route.clone());
            } else if !keep && !new.routes.contains(route) {
                updated.routes = true;
                commands.push(format!("route del {} dev {device} proto static", route.target));
            }
        }
        // netifd forgets a prefix whose time is over, without a report.
        for prefix in old.prefixes.iter().filter(|prefix| !prefix.lifetimes.are_over()) {
            let gone = !new.prefixes.iter().any(|other| other.net == prefix.net);
            if keep && gone {
                new.prefixes.push(prefix.clone());
            }
            updated.prefixes |= !keep && gone;
        }
        for address in &new.addresses {
            updated.addresses |= !has(&old, address.net);
            if !old.addresses.iter().any(|old| old.is_same(address)) {
                commands.push(address.command(&device));
            }
        }
        for route in new.routes.iter().filter(|route| !old.routes.contains(route)) {
            updated.routes = true;
            if with_default || route.target.prefix_len() != 0 {
                let gateway =
                    route.gateway.map_or_else(String::new, |gateway| format!(" via {gateway}"));
                let metric =
                    route.metric.map_or_else(String::new, |metric| format!(" metric {metric}"));
                let source = route.source.filter(|source| source.prefix_len() != 0);
                let source = source.map_or_else(String::new, |source| format!(" from {source}"));
                commands.push(format!(
                    "route replace {}{source}{gateway} dev {device} proto static{metric}",
                    route.target
                ));
            }
        }
        let known = |new: &Prefix| {
            old.prefixes
                .iter()
                .any(|old| old.net == new.net && old.lifetimes.end_with(&new.lifetimes))
        };
        updated.prefixes |= !new.prefixes.iter().all(known);
        interface.ip = new;
        for command in commands {
            self.system.ip(&command);
        }
        updated
    }

    /// Removes all settings from the device.
    pub(crate) fn flush_ip(&mut self, name: &str) {
        let tunnel =
            self.interfaces.get(name).and_then(|interface| interface.l3.as_ref()?.tunnel.as_ref());
        if tunnel.is_none() {
            self.apply_ip(name, Settings::default(), false);
        } else if let Some(interface) = self.interfaces.get_mut(name) {
            // Deleting the device removes its settings.
            interface.ip = Settings::default();
        }
    }
}
