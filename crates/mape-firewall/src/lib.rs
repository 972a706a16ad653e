//! Loads the rules of all interfaces in one transaction.
//!
//! Three callers exist on a router: procd, when an interface came up; netifd's hotplug event, a
//! moment later; and firewall4, whose reload leaves our tables alone but whose stop removes them.
//! None knows what the others did, so the loader works from the state files, the devices' indexes,
//! and what the kernel has of our tables: a marker in them tells which text is loaded.

mod admit;
mod apply_forwards;
pub mod capability_cache;
mod env;
mod error;
pub mod firewall4;
mod flow_offload;
mod forward_status;
pub mod forwards;
mod interface_state;
mod loadable;
mod loader;
pub mod lock;
mod nft_command;
mod presence;
mod probe;
mod publish;
mod record;
mod remarks;
mod report;
#[cfg(feature = "linux")]
pub mod scripts;
mod state_files;

pub use env::{Env, look_into};
pub use error::FirewallError;
pub use flow_offload::OtherFlowtables;
pub use forward_status::{
    ForwardStatus, NOT_LOADED, STOPPED, STOPPED_CODE, STOPPED_HINT, in_force, statuses, statuses_of,
};
pub use interface_state::{State, StateError, ValidState};
pub use loader::{intended, load, load_locked, unload, would_load};
pub use nft_command::Nft;
pub use publish::PendingEvents;
pub use report::Report;
pub use state_files::{device_index, states};

#[cfg(test)]
mod tests;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "of tests")]
#[path = "../../../tests/support/executable.rs"]
mod executable;
#[cfg(test)]
#[allow(clippy::unwrap_used, dead_code, reason = "of tests")]
#[path = "../../../tests/support/scratch.rs"]
mod scratch;
