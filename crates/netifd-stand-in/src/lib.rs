//! A stand-in for OpenWrt's ubusd and netifd, for tests on machines that have neither.
//!
//! It listens on a unix socket as ubusd does and has the objects of netifd that a protocol handler
//! and its hotplug hooks use. It runs shell protocol handlers with netifd's states, time limits and
//! peculiarities. Each of these was seen on the real netifd of July 2026 or read in its source.
//! Each has a test (`tests/behaviour`), which also runs against the real netifd.
//!
//! # What it does not do
//!
//! No ucode handlers, VLANs, prefix assignment to other interfaces, IPv6 address autoconfiguration,
//! policy rules or neighbours. No ubus events or subscriptions, and no objects of other programs
//! except the part of procd's that restarts a process. Bridges are created once and never changed.
//! The only tunnel is `ipip6`.

mod bus;
mod cli;
mod config;
mod control;
mod dependency;
mod device;
mod dump;
mod event;
mod handler;
mod hotplug;
mod interface;
mod ip;
mod life;
mod netifd;
mod notify;
mod objects;
mod process;
mod script;
mod serve;
mod service;
mod system;
mod tunnel;

pub use cli::run;
