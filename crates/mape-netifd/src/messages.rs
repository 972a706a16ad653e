//! Messages to netifd.

use std::net::Ipv6Addr;

use mape_core::{Failure, Plan, plan};
use mape_nft::{Edge, InterfaceName};
use serde_json::{Value, json};

use super::config::Config;
use super::dump::ALIAS_SUFFIX;
use super::interface_cache::Change;
use super::interface_data::{InterfaceData, Warning, named_values};
use super::uplink::Uplink;
use super::zones::Zones;

/// Everything an update is made of.
pub(super) struct Update<'setup> {
    pub(super) interface: &'setup InterfaceName,
    pub(super) device: &'setup str,
    pub(super) config: &'setup Config,
    pub(super) uplink: &'setup Uplink,
    pub(super) plan: &'setup Plan,
    /// What is published of the rule.
    pub(super) about: &'setup InterfaceData,
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
            "data": self.data().to_value(),
        })
    }

    fn data(&self) -> InterfaceData {
        let zones = self.zones;
        let rule = |zone| vec![outer_rule(self.plan, zone, &self.uplink.device)];
        let InterfaceData { rule: text, rule_source, layout, rule_conflicts, .. } =
            self.about.clone();
        InterfaceData {
            rule: text,
            rule_source,
            rule_conflicts,
            table_rule: self.table_says(),
            layout,
            uplink: Some(self.uplink.interface.clone()),
            // Published before it is loaded: a later change costs a firewall reload.
            edge: Some(self.edge.name().to_owned()),
            since: Some(self.change.since),
            before: self.change.before.as_ref().and_then(Value::as_object).cloned(),
            zone: zones.of_tunnel(self.interface.as_str(), self.config, self.uplink),
            firewall: zones.of_uplink(self.uplink).map(rule),
            warning: self.warning.map(Warning::of),
            ..InterfaceData::of_plan(self.plan)
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

/// Returns the message that takes the tunnel away without ending the interface.
///
/// netifd creates a tunnel again that changes while the interface is up, but then believes that
/// addresses and routes which stay the same are still in place: the default route would be missing.
pub(super) fn link_lost(interface: &InterfaceName) -> Value {
    json!({ "action": 0, "interface": interface.as_str(), "link-up": false })
}

/// The message that shows an error in `ifstatus`: code, sentence, next step, named values.
pub(super) fn error(interface: &InterfaceName, failure: &Failure) -> Value {
    let named = named_values(failure);
    let mut error = vec![failure.code.as_str(), &failure.message, &failure.hint];
    error.extend(named.iter().map(String::as_str));
    json!({ "action": 3, "interface": interface.as_str(), "error": error })
}
