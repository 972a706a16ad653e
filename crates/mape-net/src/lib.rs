//! DNS and HTTP requests of provisioning: this crate carries out what
//! [`Machine`](mape_provision::Machine) decides, and decides nothing itself.

use std::hash::{BuildHasher as _, RandomState};

mod dns_message;
mod fetch;
mod http_bound;
mod ntt_gateway;
mod resolver;
mod update;

pub use dns_message::{Kind, Reply, answer, question, strings};
pub use fetch::{Fetched, Fetcher};
pub use ntt_gateway::ask_gateway;
pub use resolver::Resolvers;
pub use update::UpdateRequest;

/// Returns an unpredictable number: the standard library seeds its hash tables from the kernel.
#[must_use]
pub fn random() -> u32 {
    let [a, b, c, d, ..] = RandomState::new().hash_one(0_u8).to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, dead_code, reason = "of tests")]
#[path = "../../../tests/support/executable.rs"]
mod executable;
