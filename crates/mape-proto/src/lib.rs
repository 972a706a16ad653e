//! The MAP-E helper: one program for OpenWrt's netifd and for plain Linux.
//!
//! The arithmetic lives in `mape-core`. This crate is the thin edge around it: it reads arguments
//! and files, asks for a plan and renders it. Everything is in the library, with the output streams
//! passed in, so that tests see exactly what a user sees.

mod cli;
pub mod diagnose;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "of tests")]
#[path = "../../../tests/support/executable.rs"]
mod executable;
#[cfg(feature = "linux")]
pub mod linux;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
#[path = "../../../tests/support/scratch.rs"]
mod scratch;

pub use cli::{ExitStatus, run};
