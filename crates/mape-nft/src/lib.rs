//! Renders a MAP-E plan as an nftables ruleset that uses every port of the port set.
//!
//! Linux NAT searches one contiguous range for a free port, but a MAP-E port set is scattered in
//! blocks. The ruleset therefore translates in two stages. conntrack translates to a contiguous
//! range of *internal* ports on the shared address, and the *edge* replaces each internal port with
//! one *external* port of the set, and the reverse, without state ([`Mapping`]).
//!
//! # Why no packet leaves with a wrong port
//!
//! Three mechanisms stop such a packet independently, also while rules are loaded, replaced or
//! missing:
//! - The leak guard drops packets to a device called `mape-*` unless an interface has opened it.
//! - SNAT and the map of open interfaces are bound to the device's *index*. A recreated device has
//!   another index.
//! - The edge drops whatever it does not translate.
//!
//! The outer guard checks the packet once more after it has been encapsulated in IPv6.
//!
//! # Example
//!
//! ```
//! use mape_core::{Request, plan};
//! use mape_nft::{Dataplane, DeviceName, Edge, Forwards, Interface, Offload, Options, standalone};
//!
//! let plan = plan(&Request::new("240b:10:3261:6400::/56".parse()?))?;
//! let device: DeviceName = "mape-wan".parse()?;
//! let interface = Interface {
//!     name: device.interface(),
//!     device,
//!     index: None,
//!     dataplane: Dataplane::new(&plan, &[])?,
//!     edge: Edge::Netdev,
//!     options: Options::default(),
//!     offload: Offload::default(),
//!     forwards: Forwards::default(),
//! };
//! assert!(standalone(&interface).contains("snat ip to 106.72.50.97:16384-16623"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What this crate does not do
//!
//! It has no I/O: it neither runs nft nor inspects devices. The same input gives the same text. The
//! text touches only `table inet mape_rs` and `table netdev mape_rs_IFACE`, and sets no mark and no
//! sysctl. Forwarding, filtering and the tunnel itself are left to other programs.

mod admitted;
mod dataplane;
mod edge;
mod edge_rules;
mod former_names;
mod forwards;
mod full_cone;
mod interface;
mod mapping;
mod name;
mod nat;
mod object_names;
mod offload;
mod offload_rules;
mod outer_guard;
mod port_ranges;
mod published;
mod ruleset;
mod text;
mod transaction;

pub use admitted::{Admitted, Bounds};
pub use dataplane::Dataplane;
pub use edge::{Edge, EdgeChoice, UnknownEdge};
pub use interface::{Interface, Options};
pub use mapping::{Mapping, NoUsablePort};
pub use name::{DeviceName, InterfaceName, NameError};
pub use object_names::{DropKind, ObjectNames};
pub use offload::Offload;
pub use published::{Devices, Forwards, Published, Transport};
pub use ruleset::{probe, standalone, static_text, transaction, unload_text};
pub use transaction::Transaction;
