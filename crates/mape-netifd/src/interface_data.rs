//! `data` of `ifstatus IFACE`: what a handler publishes of its interface through netifd.
//!
//! This is a public contract with the schema `tests/vectors/schema/ifstatus-data.json`. LuCI and
//! firewall4 read it, and so do status, doctor and the handler's next call. Other handlers publish
//! keys of their own, which are ignored; a key of another type counts as missing.

use std::net::{Ipv4Addr, Ipv6Addr};

use mape_core::{Failure, IntoVec as _, Plan};
use mape_system::json::Json;
use mape_system::{json, record};
use serde_json::{Map, Value};

use super::plan_numbers::{PortPairs, SharedAddress, Tunnel, port_pairs};

/// Number of named values that are kept of a failure.
const MAX_PARAMS: usize = 12;

record! {
    /// The content of `data`. A field that is `None` is not written, so a `set_data` with some
    /// fields leaves the others unchanged.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct InterfaceData {
        /// Name of the provider, `manual` for a rule of the user's.
        pub provider: Option<String> = lenient,
        /// The end-user prefix.
        pub end_user_prefix: Option<String> = lenient,
        /// The IPv4 address, or the first of its prefix.
        pub ipv4: Option<Ipv4Addr> = lenient,
        /// 32 for a single address.
        pub ipv4_prefix_len: Option<u8> = lenient,
        /// Right-aligned.
        pub psid: Option<u16> = lenient,
        /// The blocks of the port set.
        pub port_ranges: Option<PortPairs> = lenient,
        /// Ports of the set, reserved ones included.
        pub port_count: Option<u32> = lenient,
        /// Reserved ports of the set.
        pub reserved: Option<PortPairs> = lenient,
        /// Reserved ranges without any port of the set.
        pub reserved_outside: Option<Vec<String>> = lenient,
        /// The address of the CE.
        pub ce: Option<Ipv6Addr> = lenient,
        /// The address of the BR.
        pub br: Option<Ipv6Addr> = lenient,
        /// MTU inside the tunnel, in bytes.
        pub mtu: Option<u16> = lenient,
        /// The rule, as `plan --rule` takes it.
        pub rule: Option<String> = lenient,
        /// Where the rule comes from.
        pub rule_source: Option<String> = lenient,
        /// Other sources whose rule gives a different plan for this prefix: one sentence for each,
        /// with both rules.
        pub rule_conflicts: Option<Vec<String>> = lenient,
        /// The built-in rule, where the user's is another one.
        pub table_rule: Option<String> = lenient,
        /// Layout of the interface identifier.
        pub layout: Option<String> = lenient,
        /// The interface that has the prefix.
        pub uplink: Option<String> = lenient,
        /// The hook that translates ports.
        pub edge: Option<String> = lenient,
        /// Seconds since 1970 at which these numbers began.
        pub since: Option<u64> = lenient,
        /// The numbers before; `None` since the router's start.
        pub before: Option<Map<String, Value>> = lenient,
        /// The firewall zone that the tunnel joins. Handlers of other protocols publish it too.
        pub zone: Option<String> = lenient,
        /// Rules for firewall4.
        pub firewall: Option<Vec<Value>> = lenient,
        /// What is wrong although the interface is up. netifd removes no key: an empty one says
        /// that the cause is gone.
        pub warning: Option<Warning> = lenient,
    }
}

record! {
    /// A failure as `data` shows it: code, sentence, next step and named values.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Warning {
        /// The stable code; `None` where nothing is wrong.
        pub code: Option<String> = lenient,
        /// One sentence.
        pub message: Option<String> = lenient,
        /// The next step.
        pub hint: Option<String> = lenient,
        /// The named values of the sentence, as `name=value`.
        pub params: Option<Vec<String>> = lenient,
    }
}

impl InterfaceData {
    /// The numbers of a plan.
    #[must_use]
    pub fn of_plan(plan: &Plan) -> Self {
        let SharedAddress { end_user_prefix, ipv4, ipv4_prefix_len, psid, port_ranges, port_count } =
            SharedAddress::of(plan);
        let Tunnel { ce, br, mtu } = Tunnel::of(plan);
        let outside: Vec<String> =
            plan.reserved_outside().iter().map(ToString::to_string).into_vec();
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
        Json::to_value(self)
    }
}

/// Returns the named values of a failure as netifd keeps them: `name=value`. netifd takes at most
/// 15 strings of an error.
pub(super) fn named_values(failure: &Failure) -> Vec<String> {
    failure.params.iter().take(MAX_PARAMS).map(|(name, value)| format!("{name}={value}")).into_vec()
}

impl Warning {
    /// That of a failure.
    #[must_use]
    pub fn of(failure: &Failure) -> Self {
        Self {
            code: Some(failure.code.as_str().to_owned()),
            message: Some(failure.message.clone()),
            hint: Some(failure.hint.clone()),
            params: Some(named_values(failure)),
        }
    }

    /// The object as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        json::write(self)
    }
}

#[cfg(test)]
mod tests;
