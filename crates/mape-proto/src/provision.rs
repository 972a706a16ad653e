//! Asking for a rule over the network: what `mape-provision` wants done, done.
//!
//! Nothing here decides whether anything is asked; who has no [`Machine`](mape_provision::Machine)
//! never comes here.

use std::hash::{BuildHasher as _, RandomState};

mod dns;
mod fetch;
mod gateway;
mod message;
mod plain;

pub use dns::Resolvers;
pub use fetch::{Fetched, Fetcher};
pub use gateway::ask_gateway;
pub use message::{Kind, Reply, answer, question, strings};
pub use plain::get_from;

/// A number nobody can foresee; the standard library seeds its hash tables from the kernel.
#[must_use]
pub fn random() -> u32 {
    let [a, b, c, d, ..] = RandomState::new().hash_one(0_u8).to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}
