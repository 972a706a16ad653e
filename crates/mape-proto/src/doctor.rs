//! `doctor`: every check with what was found, the evidence, and one next step.
//!
//! `router` runs the checks of a router, `linux` those of plain Linux; what is said of a check is a
//! [`Finding`].

mod context;
mod finding;
mod forwards;
mod kernel;
mod line;
#[cfg(feature = "linux")]
pub(crate) mod linux;
#[cfg(feature = "linux")]
mod linux_servers;
mod probe;
mod redact;
mod resolvers;
mod router;
mod uplink;
mod zone;

pub use finding::{Finding, Fix, Report};
pub use redact::redact;
pub use router::{ActiveProbes, doctor};
