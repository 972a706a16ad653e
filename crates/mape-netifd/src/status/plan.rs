//! The line's numbers.

use std::net::{Ipv4Addr, Ipv6Addr};

use mape_core::{
    Layout, Plan, ReceivedPrefix, Request, TUNNEL_OVERHEAD, find_builtin, parse_rule, plan,
};
use serde::Serialize;
use serde_json::Value;

use super::issue::text;

/// What a plan says, under the names of `plan --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineStatus {
    /// `v6plus`, `ocn` … `manual`
    pub provider: String,
    /// `builtin`, `explicit`, `file`; `None` where nobody wrote it down.
    pub rule_source: Option<String>,
    /// As `--rule` takes it.
    pub rule: String,
    /// The built-in rule, where the user's is another one.
    pub table_rule: Option<String>,
    /// `draft03` or `rfc7597`
    pub layout: &'static str,
    /// Without netifd nobody knows it.
    pub uplink: Option<String>,
    /// The end-user prefix.
    pub end_user_prefix: String,
    /// Its address, or the first of its prefix.
    pub ipv4: Ipv4Addr,
    /// 32 for a single address.
    pub ipv4_prefix_len: u8,
    /// Right-aligned.
    pub psid: u16,
    /// First and last port of each block.
    pub port_ranges: Vec<[u16; 2]>,
    /// Ports of the set, reserved ones included.
    pub port_count: u32,
    /// Reserved ports of the set.
    pub reserved: Vec<[u16; 2]>,
    /// The tunnel's own end.
    pub ce: Ipv6Addr,
    /// The other end.
    pub br: Ipv6Addr,
    /// Inside the tunnel, in bytes.
    pub mtu: u16,
}

impl LineStatus {
    /// From a plan; `data` is what the handler told netifd.
    pub(super) fn new(plan: &Plan, data: &Value) -> Self {
        let told = |key| text(data, key).map(str::to_owned);
        let pairs = |ranges: Vec<mape_core::PortRange>| {
            ranges.iter().map(|range| [range.first(), range.last()]).collect()
        };
        // A state file states every rule; if it is one of the table, it has a name.
        let builtin = ReceivedPrefix::new(plan.end_user_prefix().addr(), 64)
            .ok()
            .and_then(find_builtin)
            .filter(|builtin| builtin.rule == *plan.rule());
        let named = builtin.map_or(plan.provider_name(), |builtin| builtin.group.provider.name);
        let set = plan.port_set();
        Self {
            provider: told("provider").unwrap_or_else(|| named.to_owned()),
            rule_source: told("rule_source"),
            rule: plan.rule().to_string(),
            table_rule: told("table_rule"),
            layout: plan.rule().layout().name(),
            uplink: told("uplink"),
            end_user_prefix: plan.end_user_prefix().to_string(),
            ipv4: plan.ipv4().addr(),
            ipv4_prefix_len: plan.ipv4().prefix_len(),
            psid: set.psid(),
            port_ranges: pairs(set.ranges().collect()),
            port_count: set.port_count(),
            reserved: pairs(plan.reserved_inside()),
            ce: plan.ce(),
            br: plan.br(),
            mtu: plan.mtu(),
        }
    }
}

/// The plan behind what the handler told netifd, for when its state file is lost.
pub(super) fn plan_of(data: &Value) -> Option<Plan> {
    let prefix: ReceivedPrefix = text(data, "end_user_prefix")?.parse().ok()?;
    let mtu = data.get("mtu").and_then(Value::as_u64)?;
    let mut request = Request::new(prefix);
    request.explicit.push(parse_rule(text(data, "rule")?, Layout::Draft03).ok()?);
    request.uplink_mtu = u16::try_from(mtu).ok()?.saturating_add(TUNNEL_OVERHEAD);
    plan(&request).ok()
}
