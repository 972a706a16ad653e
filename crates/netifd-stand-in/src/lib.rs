//! A stand-in for OpenWrt's ubusd and netifd, for tests on machines that have neither.
//!
//! It listens on a unix socket as ubusd does and offers the objects of netifd that a protocol
//! handler and its hotplug hooks meet. It runs shell protocol handlers with netifd's states, time
//! limits and oddities; each was seen on the real netifd of July 2026 or read in its source, and
//! each is a test (`tests/behaviour`), which also runs against the real one.
//!
//! # What it does not do
//!
//! No ucode handlers, VLANs, prefix assignment to other interfaces, IPv6 address autoconfiguration,
//! policy rules or neighbours; no ubus objects of other programs (but the part of procd's that
//! repeats a call), events or subscriptions. Bridges are made once and never changed. The one
//! tunnel it makes is `ipip6`.

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
