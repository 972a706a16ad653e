//! MAP-E arithmetic: computes address, port set and CE address from a line's IPv6 prefix and a
//! rule.
//!
//! Most callers need one function, [`plan()`]:
//!
//! ```
//! use mape_core::{Request, plan};
//!
//! let request = Request::new("240b:10:3261:6400::/56".parse()?);
//! let plan = plan(&request)?;
//! assert_eq!(plan.provider_name(), "v6plus");
//! assert_eq!(plan.ipv4().to_string(), "106.72.50.97/32");
//! assert_eq!(plan.port_set().port_count(), 240);
//! assert_eq!(plan.ce().to_string(), "240b:10:3261:6400:6a:4832:6100:6400");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every value of a type of this crate is valid: a [`Rule`] whose numbers contradict each other, a
//! [`PortSet`] with a PSID of too many bits or a [`ReceivedPrefix`] longer than a /64 cannot be
//! constructed. Every error [explains](Explain) itself: a stable code, one sentence that names the
//! value, one next step.
//!
//! # What this crate does not do
//!
//! No I/O, no clock, no global state, no `unsafe`: it neither finds the prefix nor configures
//! anything. It has no NAT rules (it only describes the port set), no MAP-T, and no end-user prefix
//! longer than a /64 (RFC 7597 section 6 allows one; no Japanese line has it).

mod bits;
mod builtin;
mod error;
mod failure;
mod hash;
mod into_vec;
mod layout;
mod line;
mod plan;
mod port_list;
mod port_set;
mod prefix;
mod prefix_rank;
mod prefix_text;
mod provider;
mod provider_info;
mod rule;
mod rule_text;
mod table;
mod text;

pub use builtin::{
    BuiltinRule, RuleGroup, fill_from_table, find as find_builtin, rules as builtin_rules,
};
pub use error::{Code, Explain, Explanation, ExplanationParts};
pub use failure::{Failure, FailureParts};
pub use hash::{fnv1a_32, fnv1a_64};
pub use into_vec::IntoVec;
pub use layout::{Layout, UnknownLayout};
pub use line::LineKind;
pub use plan::{
    DEFAULT_UPLINK_MTU, LINE_LEN, MIN_MTU, Plan, PlanError, Request, RuleSource, TUNNEL_OVERHEAD,
    plan,
};
pub use port_list::{PortList, PortListError};
pub use port_set::{PortParameters, PortParametersError, PortRange, PortSet, PsidTooLarge};
pub use prefix::{PrefixError, ReceivedPrefix};
pub use prefix_rank::PrefixRank;
pub use provider::{ProviderChoice, UnknownProvider, providers};
pub use provider_info::Provider;
pub use rule::{Contract, Rule, RuleError, RuleParts, is_unicast4};
pub use rule_text::{
    RuleFileError, RuleTextError, is_lw4o6, is_map_form, parse_dhcpv6_rule, parse_interface_id,
    parse_map_rules, parse_net4, parse_net6, parse_psid, parse_rule, parse_rule_file,
};
pub use table::Table;
pub use text::{Quoted, ShellWord, Shown, decimal};
