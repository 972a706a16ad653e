//! Messages to netifd.

use std::fmt::Display;
use std::net::Ipv6Addr;

use mape_core::{Failure, Plan, plan};
use mape_nft::{Edge, InterfaceName};
use mape_system::json::object;
use serde_json::Value;

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
        let address = vec![("ipaddr", text(&plan.address())), ("mask", "32".into())];
        let route = vec![("target", "0.0.0.0".into()), ("netmask", "0".into())];
        let tunnel = vec![
            ("mode", "ipip6".into()),
            ("local", text(&plan.ce())),
            ("remote", text(&plan.br())),
            ("link", text(&self.uplink.interface)),
            ("mtu", plan.mtu().into()),
            ("ttl", self.config.ttl.into()),
            // Without this object the kernel adds a header of its own to every packet.
            ("data", object(vec![("encaplimit", text(&self.config.encaplimit))])),
        ];
        let mut message = vec![
            ("action", 0.into()),
            ("interface", text(self.interface)),
            ("ifname", text(&self.device)),
            ("link-up", true.into()),
            ("keep", false.into()),
            ("ipaddr", Value::Array(vec![object(address)])),
            ("routes", Value::Array(vec![object(route)])),
            ("tunnel", object(tunnel)),
            ("data", self.data().to_value()),
        ];
        if !self.uplink.is_ce_on_link {
            // The tunnel may send as soon as it exists: a device without neighbours detects no
            // duplicates. `preferred` 0 means that no program chooses the address as its own.
            let ce =
                vec![("ipaddr", text(&plan.ce())), ("mask", "128".into()), ("preferred", 0.into())];
            message.push(("ip6addr", Value::Array(vec![object(ce)])));
        }
        object(message)
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

fn text(value: &dyn Display) -> Value {
    Value::String(value.to_string())
}

/// firewall4 accepts from the uplink only answers. What the BR sends first, or after a silence
/// longer than conntrack's generic timeout, would be dropped before it is ever decapsulated.
fn outer_rule(plan: &Plan, zone: &str, device: &str) -> Value {
    object(vec![
        ("type", "rule".into()),
        ("name", "MAP-E tunnel".into()),
        ("family", "ipv6".into()),
        ("proto", "4".into()),
        ("src", zone.into()),
        // Without it firewall4 takes the tunnel itself, where nothing of this kind arrives.
        ("device", device.into()),
        ("src_ip", text(&plan.br())),
        ("dest_ip", text(&plan.ce())),
        ("target", "ACCEPT".into()),
    ])
}

/// The alias of the uplink that holds the CE address, so that neighbours get an answer and
/// duplicates are detected.
pub(super) fn alias(interface: &InterfaceName) -> String {
    format!("{interface}{ALIAS_SUFFIX}")
}

/// The message that adds the alias.
pub(super) fn add_alias(interface: &InterfaceName, uplink: &str, ce: Ipv6Addr) -> Value {
    object(vec![
        ("name", alias(interface).into()),
        ("ifname", format!("@{uplink}").into()),
        ("proto", "static".into()),
        ("ip6addr", Value::Array(vec![format!("{ce}/128").into()])),
    ])
}

/// The message that makes netifd take the interface down with its uplink, and set it up again.
pub(super) fn host_dependency(interface: &InterfaceName, uplink: &str) -> Value {
    object(vec![
        ("action", 6.into()),
        ("interface", text(interface)),
        ("host", "::".into()),
        ("ifname", uplink.into()),
    ])
}

/// Returns the message that takes the tunnel away without ending the interface.
///
/// netifd creates a tunnel again that changes while the interface is up, but then believes that
/// addresses and routes which stay the same are still in place: the default route would be missing.
pub(super) fn link_lost(interface: &InterfaceName) -> Value {
    object(vec![("action", 0.into()), ("interface", text(interface)), ("link-up", false.into())])
}

/// The message that shows an error in `ifstatus`: code, sentence, next step, named values.
pub(super) fn error(interface: &InterfaceName, failure: &Failure) -> Value {
    let mut error = vec![text(&failure.code), text(&failure.message), text(&failure.hint)];
    for named in named_values(failure) {
        error.push(named.into());
    }
    let error = Value::Array(error);
    object(vec![("action", 3.into()), ("interface", text(interface)), ("error", error)])
}
