//! Interfaces as `network.interface dump` shows them.

use serde_json::{Map, Value, json};

use crate::interface::{Fault, Interface, Protocol, State};
use crate::ip;

fn fault(fault: &Fault) -> Value {
    let mut table = Map::new();
    table.insert("subsystem".into(), fault.subsystem.as_str().into());
    table.insert("code".into(), fault.code.as_str().into());
    if !fault.data.is_empty() {
        table.insert("data".into(), fault.data.clone().into());
    }
    Value::Object(table)
}

impl Interface {
    /// Returns the answer to `status`.
    pub(crate) fn dump(&self, name: &str) -> Map<String, Value> {
        let mut table = Map::new();
        let mut put = |key: &str, value: Value| table.insert(key.to_owned(), value);
        put("up", (self.state == State::Up).into());
        put("pending", (self.state == State::Setup).into());
        put("available", self.available.into());
        put("autostart", self.autostart.into());
        put("dynamic", self.dynamic.into());
        put("proto", self.text("proto").unwrap_or("none").into());
        match (&self.protocol, &self.l3, self.own_device()) {
            (Protocol::Static, Some(device), _) => drop(put("device", device.name.as_str().into())),
            (Protocol::Script(_), _, Some(device)) => drop(put("device", device.into())),
            _ => {}
        }
        let mut data = Map::new();
        if let Some(zone) = self.text("zone") {
            data.insert("zone".into(), zone.into());
        }
        data.extend(self.data.clone());
        put("data", data.into());
        if !self.faults.is_empty() {
            put("errors", self.faults.iter().map(fault).collect());
        }
        if self.state == State::Up {
            table.extend(self.dump_up(name));
        }
        table
    }

    /// The fields of an interface that is up.
    fn dump_up(&self, name: &str) -> Map<String, Value> {
        let mut table = Map::new();
        let mut put = |key: &str, value: Value| table.insert(key.to_owned(), value);
        put("uptime", self.since.elapsed().as_secs().into());
        if let Some(device) = &self.l3 {
            put("l3_device", device.name.as_str().into());
        }
        if self.updated.any() {
            let words = [
                (self.updated.addresses, "addresses"),
                (self.updated.routes, "routes"),
                (self.updated.prefixes, "prefixes"),
                (self.updated.data, "data"),
            ];
            put(
                "updated",
                words.iter().filter(|(changed, _)| *changed).map(|(_, word)| *word).collect(),
            );
        }
        let options = self.options();
        let number = |name: &str| options.get(name).cloned().unwrap_or_else(|| 0.into());
        let defaultroute = self.flag("defaultroute").unwrap_or(true);
        put("metric", number("metric"));
        put("dns_metric", number("dns_metric"));
        put("delegation", self.flag("delegate").unwrap_or(true).into());
        put("ipv4-address", ip::dump_addresses(&self.ip.addresses, true));
        put("ipv6-address", ip::dump_addresses(&self.ip.addresses, false));
        put("ipv6-prefix", ip::dump_prefixes(&self.ip.prefixes, name));
        put("ipv6-prefix-assignment", json!([]));
        put("route", ip::dump_routes(&self.ip.routes, defaultroute, true));
        put("dns-server", self.ip.dns.clone().into());
        put("dns-search", self.ip.dns_search.clone().into());
        put("neighbors", json!([]));
        let inactive = json!({
            "ipv4-address": [],
            "ipv6-address": [],
            "route": ip::dump_routes(&self.ip.routes, defaultroute, false),
            "dns-server": [],
            "dns-search": [],
            "neighbors": [],
        });
        put("inactive", inactive);
        table
    }
}
