//! `data` of `ifstatus IFACE`: what a handler publishes of its interface through netifd.
//!
//! This is a public contract with the schema `tests/vectors/schema/ifstatus-data.json`. LuCI and
//! firewall4 read it, and so do status, doctor and the handler's next call. Other handlers publish
//! keys of their own, which are ignored; a key of another type counts as missing.

use std::net::{Ipv4Addr, Ipv6Addr};

use mape_core::{Failure, Plan};
use mape_system::json::or_default;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::plan_numbers::{PortPairs, SharedAddress, Tunnel, port_pairs};

/// The content of `data`. What is `None` is not written, so that a part of it changes only that
/// part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InterfaceData {
    /// Name of the provider, `manual` for a rule of the user's.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The end-user prefix.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub end_user_prefix: Option<String>,
    /// The IPv4 address, or the first of its prefix.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<Ipv4Addr>,
    /// 32 for a single address.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub ipv4_prefix_len: Option<u8>,
    /// Right-aligned.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub psid: Option<u16>,
    /// The blocks of the port set.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub port_ranges: Option<PortPairs>,
    /// Ports of the set, reserved ones included.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub port_count: Option<u32>,
    /// Reserved ports of the set.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub reserved: Option<PortPairs>,
    /// Reserved ranges without any port of the set.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub reserved_outside: Option<Vec<String>>,
    /// The address of the CE.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub ce: Option<Ipv6Addr>,
    /// The address of the BR.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub br: Option<Ipv6Addr>,
    /// MTU inside the tunnel, in bytes.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// The rule, as `plan --rule` takes it.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Where the rule comes from.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub rule_source: Option<String>,
    /// Other sources whose rule gives a different plan for this prefix: one sentence for each, with
    /// both rules.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub rule_conflicts: Option<Vec<String>>,
    /// The built-in rule, where the user's is another one.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub table_rule: Option<String>,
    /// Layout of the interface identifier.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// The interface that has the prefix.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub uplink: Option<String>,
    /// The hook that translates ports.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub edge: Option<String>,
    /// Seconds since 1970 at which these numbers began.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// The numbers before; `None` since the router's start.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub before: Option<Map<String, Value>>,
    /// The firewall zone that the tunnel joins. Handlers of other protocols publish it too.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Rules for firewall4.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub firewall: Option<Vec<Value>>,
    /// What is wrong although the interface is up. netifd removes no key: an empty one says that
    /// the cause is gone.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub warning: Option<Warning>,
}

/// A failure as `data` shows it: code, sentence and next step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Warning {
    /// The stable code; `None` where nothing is wrong.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// One sentence.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The next step.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl InterfaceData {
    /// The numbers of a plan.
    #[must_use]
    pub fn of_plan(plan: &Plan) -> Self {
        let SharedAddress { end_user_prefix, ipv4, ipv4_prefix_len, psid, port_ranges, port_count } =
            SharedAddress::of(plan);
        let Tunnel { ce, br, mtu } = Tunnel::of(plan);
        let outside: Vec<String> =
            plan.reserved_outside().iter().map(ToString::to_string).collect();
        Self {
            provider: Some(plan.provider_name().to_owned()),
            end_user_prefix: Some(end_user_prefix),
            ipv4: Some(ipv4),
            ipv4_prefix_len: Some(ipv4_prefix_len),
            psid: Some(psid),
            port_ranges: Some(port_ranges),
            port_count: Some(port_count),
            reserved: Some(port_pairs(plan.reserved_inside())),
            reserved_outside: (!outside.is_empty()).then_some(outside),
            ce: Some(ce),
            br: Some(br),
            mtu: Some(mtu),
            ..Self::default()
        }
    }

    /// A warning alone; `None` says that the cause of the last one is gone.
    #[must_use]
    pub fn of_warning(warning: Option<&Failure>) -> Self {
        let warning = warning.map_or_else(Warning::default, Warning::of);
        Self { warning: Some(warning), ..Self::default() }
    }

    /// The warning, unless it is an empty one.
    #[must_use]
    pub fn warning(&self) -> Option<&Warning> {
        self.warning.as_ref().filter(|warning| warning.code.is_some())
    }

    /// The object that netifd takes.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl Warning {
    /// That of a failure.
    #[must_use]
    pub fn of(failure: &Failure) -> Self {
        Self {
            code: Some(failure.code.as_str().to_owned()),
            message: Some(failure.message.clone()),
            hint: Some(failure.hint.clone()),
        }
    }

    /// The object as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
