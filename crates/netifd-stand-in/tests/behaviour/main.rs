//! What netifd does to a protocol handler, one test for each behaviour.
//!
//! They run on the stand-in. With `MAPE_NETIFD` and `MAPE_UBUSD` naming the real programs, and as
//! root, they run on those, in a network namespace each: what is asserted here holds there too.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod bus;
mod dependency;
mod device;
mod dump;
#[path = "../../../../tests/support/executable.rs"]
mod executable;
mod handler;
mod hooks;
mod life;
mod machine;
mod service;
mod task;
mod time;
mod update;
