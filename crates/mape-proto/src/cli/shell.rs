//! Plans as shell variables.

use std::fmt::{Display, Write as _};

use mape_core::{IntoVec as _, Plan, PortRange};

/// Assignments for `eval`, and nothing else. Values are numbers, addresses and names of ours; they
/// are quoted all the same.
pub(super) fn plan(plan: &Plan) -> String {
    let set = plan.port_set();
    let join = |ranges: &[PortRange]| super::human::join(ranges, " ");
    let mut text = String::new();
    let mut assign = |name: &str, value: &dyn Display| {
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "MAPE_{name}='{value}'");
    };
    assign("PROVIDER", &plan.provider_name());
    assign("RULE", &plan.rule());
    assign("LAYOUT", &plan.rule().layout());
    assign("RULE_SOURCE", &plan.source().name());
    assign("END_USER_PREFIX", &plan.end_user_prefix());
    assign("IPV4", &plan.ipv4().addr());
    assign("IPV4_PREFIX_LEN", &plan.ipv4().prefix_len());
    assign("PSID", &set.psid());
    assign("PSID_LEN", &set.parameters().psid_len());
    assign("PSID_OFFSET", &set.parameters().offset());
    assign("PORT_RANGES", &join(&set.ranges().into_vec()));
    assign("PORT_COUNT", &set.port_count());
    assign("RESERVED", &join(&plan.reserved_inside()));
    assign("RESERVED_OUTSIDE", &join(&plan.reserved_outside()));
    assign("CE", &plan.ce());
    assign("BR", &plan.br());
    assign("MTU", &plan.mtu());
    text
}
