//! The MAP-E helper: one program for OpenWrt's netifd and for plain Linux.
//!
//! The arithmetic lives in `mape-core`. This crate is the thin edge around it: it reads arguments
//! and files, asks for a plan and renders it. Everything is in the library, with the output streams
//! passed in, so that tests see exactly what a user sees.

mod cli;
pub mod doctor;
mod env;

pub use cli::{ExitStatus, Terminals, run};
pub use env::terminals;
