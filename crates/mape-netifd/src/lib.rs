//! The router's side: what netifd asks of a protocol handler, and what its events ask of us.
//!
//! netifd runs `setup`, `teardown` and `renew` through a shell shim, hotplug runs `hotplug`, and
//! procd runs `open` when `setup` or `renew` asks for it. None of them stays: what has to be waited
//! for is an event that starts the next one. The exception are causes that raise no event (nft
//! refuses, netifd does not answer, another device has our address): then `setup` itself looks
//! again, and netifd ends it when it tears the interface down. It ends by itself where netifd has
//! ended.

mod apply;
mod bus;
mod call_lock;
mod ce_alias;
mod config;
mod decide;
mod detect;
mod dhcpv6;
mod dump;
mod error;
mod fingerprint;
mod fixed_ipv4;
mod handler;
mod hotplug;
mod interface_cache;
mod interface_data;
mod invocation;
mod learned_rules;
mod log_scope;
mod messages;
mod options;
pub mod plan_numbers;
mod procd;
mod provisioning;
mod renew;
mod report;
mod rivals;
pub mod status;
mod taken;
mod teardown;
mod uplink;
mod zones;

pub use bus::{Bus, Connection, TEARDOWN_TIMEOUT, TIMEOUT, bus, bus_within, connect, read_dump};
pub use config::Config;
pub use config::RULE_OPTIONS;
pub use detect::line_facts;
pub use detect::{DetectOptions, detect, detect_line};
pub use dump::{Candidate, Dump, InterfaceDump};
pub use error::UplinkError;
pub use fixed_ipv4::FixedIpv4Contract;
pub use fixed_ipv4::{CONTRACTS, Update, choose_provider};
pub use handler::{renew, setup};
pub use hotplug::{Event, hotplug, open};
pub use interface_data::{InterfaceData, Warning};
pub use options::OptionError;
pub use options::planned_uplink_mtu;
pub use provisioning::ddns_update;
pub use provisioning::last_failure as provisioning_failure;
pub use provisioning::provision;
pub use provisioning::{
    Asked, ProvisioningClient, Store as ProvisioningStore, ask_for_rule,
    mode_of as provisioning_mode,
};
pub use taken::Taken;
pub use teardown::teardown;
pub use uplink::{Uplink, choose};
pub use zones::Zones;

#[cfg(test)]
mod tests;

#[cfg(test)]
#[path = "../../../tests/support/captured_log.rs"]
mod captured_log;
#[cfg(test)]
#[allow(clippy::unwrap_used, dead_code, reason = "of tests")]
#[path = "../../../tests/support/executable.rs"]
mod executable;
