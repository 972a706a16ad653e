//! MAP-E on a plain Linux machine: `up`, `down`, `status`, `doctor` and `watch`.
//!
//! Each call looks at the machine as it is (devices, addresses, routes, rules) and goes the
//! shortest way to what the line needs, so that a call that was killed, a device that was deleted
//! by hand and a prefix that has changed are all the same case. Only what this program has added is
//! removed; a journal says what that is.

mod advice;
mod announce;
mod config;
mod contract;
pub mod desired;
pub mod dhcpv6;
mod down;
mod error;
mod events;
mod export;
pub mod forwards;
pub mod host_firewall;
#[allow(missing_docs, reason = "the fields have the names that `ip -json` prints")]
pub mod ip;
mod journal;
mod learned;
mod lines;
mod provisioning;
pub mod reconcile;
mod spec;
pub mod status;
mod system;
pub mod twins;
mod up;
pub mod uplink;
mod watch;

pub use config::{Config, DEFAULT_FILE};
pub use error::LinuxError;

pub use advice::{NoRouter, advised, advised_verdict, is_here};
pub use down::down;
pub use export::{File, Parts, ifupdown, shell_functions};
pub use learned::Learned;
pub use provisioning::{last_failure, line_facts, request_rule};
pub use status::{Problem, Status, status};
pub use system::{System, environment};
pub use up::{dry_run, up};
pub use uplink::prefixes;
pub use watch::{REQUEST, watch};

#[cfg(test)]
#[allow(dead_code, reason = "of other tests")]
#[path = "../../../tests/support/captured_log.rs"]
mod captured_log;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "of tests")]
#[path = "../../../tests/support/executable.rs"]
mod executable;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "of tests")]
#[path = "../../../tests/support/scratch.rs"]
mod scratch;
