//! Asks the kernel: connections, rules in force, devices, addresses and listening ports.
//!
//! Netlink is spoken directly, because starting `nft`, `ip` or `conntrack` costs a router a process
//! and prints everything. Reading and writing messages is pure; [`netlink::Socket`] does the I/O.
//! Constants have the kernel's names.

pub mod conntrack;
pub mod device;
pub mod link;
pub mod listening_ports;
pub mod netlink;
pub mod nft_state;
pub mod release;
pub mod routes;
pub mod uptime;

// Test support that other crates share names this crate.
#[cfg(test)]
extern crate self as mape_kernel;
