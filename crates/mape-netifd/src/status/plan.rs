//! Address, port set and tunnel of an interface.

use mape_core::{
    Layout, Plan, ReceivedPrefix, Request, TUNNEL_OVERHEAD, find_builtin, parse_rule, plan,
};
use serde::Serialize;

use crate::interface_data::InterfaceData;
use crate::plan_numbers::{PortPairs, SharedAddress, Tunnel, port_pairs};

/// A plan, under the names of `plan --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineStatus {
    /// `v6plus`, `ocn` … `manual`
    pub provider: String,
    /// `builtin`, `explicit`, `file` …; `None` without the data of netifd.
    pub rule_source: Option<String>,
    /// As `--rule` takes it.
    pub rule: String,
    /// The built-in rule, where the user's is another one.
    pub table_rule: Option<String>,
    /// `draft03` or `rfc7597`
    pub layout: &'static str,
    /// The interface that has the prefix; `None` without the data of netifd.
    pub uplink: Option<String>,
    /// Address and port set.
    #[serde(flatten)]
    pub address: SharedAddress,
    /// Reserved ports of the set.
    pub reserved: PortPairs,
    /// Both ends of the tunnel.
    #[serde(flatten)]
    pub tunnel: Tunnel,
}

impl LineStatus {
    /// Joins a plan with the data that the handler published.
    pub(super) fn new(plan: &Plan, data: &InterfaceData) -> Self {
        // A state file states every rule; if it is one of the table, it has a name.
        let builtin = ReceivedPrefix::new(plan.end_user_prefix().addr(), 64)
            .ok()
            .and_then(find_builtin)
            .filter(|builtin| builtin.rule == *plan.rule());
        let named = builtin.map_or(plan.provider_name(), |builtin| builtin.group.provider.name);
        Self {
            provider: data.provider.clone().unwrap_or_else(|| named.to_owned()),
            rule_source: data.rule_source.clone(),
            rule: plan.rule().to_string(),
            table_rule: data.table_rule.clone(),
            layout: plan.rule().layout().name(),
            uplink: data.uplink.clone(),
            address: SharedAddress::of(plan),
            reserved: port_pairs(plan.reserved_inside()),
            tunnel: Tunnel::of(plan),
        }
    }
}

/// Computes the plan from the data that the handler published, where its state file is lost.
pub(super) fn plan_of(data: &InterfaceData) -> Option<Plan> {
    let prefix: ReceivedPrefix = data.end_user_prefix.as_deref()?.parse().ok()?;
    let mut request = Request::new(prefix);
    request.explicit.push(parse_rule(data.rule.as_deref()?, Layout::Draft03).ok()?);
    request.uplink_mtu = data.mtu?.saturating_add(TUNNEL_OVERHEAD);
    plan(&request).ok()
}
