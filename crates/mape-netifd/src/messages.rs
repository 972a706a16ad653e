//! Messages to netifd.

use std::net::Ipv6Addr;

use mape_core::{Failure, Plan, plan};
use mape_nft::{Edge, InterfaceName};
use serde_json::{Map, Value, json};

use super::config::Config;
use super::dump::ALIAS_SUFFIX;
use super::interface_cache::Change;
use super::uplink::Uplink;
use super::zones::Zones;

/// Everything an update is made of.
pub(super) struct Update<'setup> {
    pub(super) interface: &'setup InterfaceName,
    pub(super) device: &'setup str,
    pub(super) config: &'setup Config,
    pub(super) uplink: &'setup Uplink,
    pub(super) plan: &'setup Plan,
    /// [`Target::about_the_rule`](super::decide::Target::about_the_rule)
    pub(super) about: &'setup Value,
    /// Where ports will be translated.
    pub(super) edge: Edge,
    pub(super) zones: &'setup Zones,
    pub(super) change: &'setup Change,
    /// What is wrong although the interface comes up.
    pub(super) warning: Option<&'setup Failure>,
}

impl Update<'_> {
    /// The one message that brings the tunnel up: device, address, default route, data.
    pub(super) fn message(&self) -> Value {
        let plan = self.plan;
        json!({
            "action": 0,
            "interface": self.interface.as_str(),
            "ifname": self.device,
            "link-up": true,
            "keep": false,
            "ipaddr": [{ "ipaddr": plan.ipv4().addr().to_string(), "mask": "32" }],
            "routes": [{ "target": "0.0.0.0", "netmask": "0" }],
            "tunnel": {
                "mode": "ipip6",
                "local": plan.ce().to_string(),
                "remote": plan.br().to_string(),
                "link": self.uplink.interface,
                "mtu": plan.mtu(),
                "ttl": self.config.ttl,
                // Without this object the kernel adds a header of its own to every packet.
                "data": { "encaplimit": self.config.encaplimit },
            },
            "data": self.data(),
        })
    }

    /// What `ifstatus`, LuCI and firewall4 read. The names are stable.
    fn data(&self) -> Value {
        let plan = self.plan;
        let pairs = |ranges: Vec<mape_core::PortRange>| -> Vec<[u16; 2]> {
            ranges.iter().map(|range| [range.first(), range.last()]).collect()
        };
        let mut data = json!({
            "provider": plan.provider_name(),
            "end_user_prefix": plan.end_user_prefix().to_string(),
            "ipv4": plan.ipv4().addr().to_string(),
            "ipv4_prefix_len": plan.ipv4().prefix_len(),
            "psid": plan.port_set().psid(),
            "port_ranges": pairs(plan.port_set().ranges().collect()),
            "port_count": plan.port_set().port_count(),
            "reserved": pairs(plan.reserved_inside()),
            "ce": plan.ce().to_string(),
            "br": plan.br().to_string(),
            "mtu": plan.mtu(),
            "uplink": self.uplink.interface,
            // Told before it is loaded: to change it later costs a firewall reload.
            "edge": self.edge.name(),
            "since": self.change.since,
        });
        if let (Value::Object(map), Value::Object(about)) = (&mut data, self.about) {
            map.extend(about.clone());
            self.optional(map);
        }
        data
    }

    fn optional(&self, data: &mut Map<String, Value>) {
        let mut put = |key: &str, value: Value| data.insert(key.to_owned(), value);
        if let Some(before) = &self.change.before {
            put("before", before.clone());
        }
        let outside: Vec<String> =
            self.plan.reserved_outside().iter().map(ToString::to_string).collect();
        if !outside.is_empty() {
            put("reserved_outside", json!(outside));
        }
        if let Some(table) = self.table_says() {
            put("table_rule", Value::String(table));
        }
        if let Some(warning) = self.warning {
            put("warning", failure_data(warning));
        }
        if let Some(zone) = self.zones.of_tunnel(self.interface.as_str(), self.config, self.uplink)
        {
            put("zone", Value::String(zone));
        }
        if let Some(zone) = self.zones.of_uplink(self.uplink) {
            put("firewall", json!([outer_rule(self.plan, zone, &self.uplink.device)]));
        }
    }

    /// The built-in rule where the user's is another one: the first thing to look at when IPv4 is
    /// dead.
    fn table_says(&self) -> Option<String> {
        let request = self.config.request_of_table(self.uplink.prefix)?;
        let rule = *plan(&request).ok()?.rule();
        (rule != *self.plan.rule()).then(|| rule.to_string())
    }
}

/// firewall4 accepts from the uplink only answers. What the BR sends first, or after a silence
/// longer than conntrack's generic timeout, would be dropped before it is ever decapsulated.
fn outer_rule(plan: &Plan, zone: &str, device: &str) -> Value {
    json!({
        "type": "rule",
        "name": "MAP-E tunnel",
        "family": "ipv6",
        "proto": "4",
        "src": zone,
        // Without it firewall4 takes the tunnel itself, where nothing of this kind arrives.
        "device": device,
        "src_ip": plan.br().to_string(),
        "dest_ip": plan.ce().to_string(),
        "target": "ACCEPT",
    })
}

/// The alias of the uplink that holds the CE address, so that neighbours get an answer and the
/// tunnel may send.
pub(super) fn alias(interface: &InterfaceName) -> String {
    format!("{interface}{ALIAS_SUFFIX}")
}

/// The message that adds the alias.
pub(super) fn add_alias(interface: &InterfaceName, uplink: &str, ce: Ipv6Addr) -> Value {
    json!({
        "name": alias(interface),
        "ifname": format!("@{uplink}"),
        "proto": "static",
        "ip6addr": [format!("{ce}/128")],
    })
}

/// The message that makes netifd take the interface down with its uplink, and set it up again.
pub(super) fn host_dependency(interface: &InterfaceName, uplink: &str) -> Value {
    json!({ "action": 6, "interface": interface.as_str(), "host": "::", "ifname": uplink })
}

/// The message that takes the tunnel away without ending the interface. A tunnel that changes while
/// the interface is up is made anew, but netifd then believes that addresses and routes which stay
/// the same are still there: the default route would be missing.
pub(super) fn link_lost(interface: &InterfaceName) -> Value {
    json!({ "action": 0, "interface": interface.as_str(), "link-up": false })
}

/// A failure as `ifstatus` shows it: code, sentence and next step.
pub(super) fn failure_data(failure: &Failure) -> Value {
    json!({ "code": failure.code.as_str(), "message": failure.message, "hint": failure.hint })
}

/// The message that shows an error in `ifstatus`: code, then sentence and next step.
pub(super) fn error(interface: &InterfaceName, failure: &Failure) -> Value {
    let error = [failure.code.as_str(), &failure.message, &failure.hint];
    json!({ "action": 3, "interface": interface.as_str(), "error": error })
}
