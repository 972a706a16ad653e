//! From a MAP-E plan to an nftables ruleset that uses every port of the set.
//!
//! Linux NAT searches only one contiguous range for a free port, but a MAP-E port set is scattered
//! in blocks. So the work is split into two stages: conntrack translates to a contiguous range of
//! *inside* ports on the shared address, and the *edge* exchanges inside and real ports one to one,
//! without state ([`Mapping`]). Around that stand three locks, so that no packet with a wrong port
//! leaves while rules are loaded, replaced or missing: a guard by device name that drops what no
//! interface has opened; gate and SNAT bound to the device's *index*, which a recreated device does
//! not have; and an edge that drops whatever it does not translate. An outer guard checks the
//! packet once more when it is already inside IPv6.
//!
//! ```
//! use mape_core::{Request, plan};
//! use mape_nft::{DeviceName, Edge, Interface, Dataplane, Options, Forwards, standalone};
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
//!     forwards: Forwards::default(),
//! };
//! assert!(standalone(&interface).contains("snat ip to 106.72.50.97:16384-16623"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What this crate does not do
//!
//! No I/O: it neither runs nft nor looks at devices. The text is the same for the same input. It
//! touches only `table inet mape_rs` and `table netdev mape_rs_IFACE`, and sets no mark and no
//! sysctl. Forwarding, filtering and the tunnel itself are others' work.

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
mod offload_bypass;
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
pub use published::{Devices, Forwards, Published, Transport};
pub use ruleset::{probe, standalone, static_text, transaction, unload_text};
pub use transaction::Transaction;
