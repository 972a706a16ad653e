//! The result of a load, for people and for callers.

use std::fmt;

use log::Level;
use mape_nft::{Edge, Interface, InterfaceName};
use mape_system::logger;

use crate::error::FirewallError;
use crate::remarks::Remarks;

/// What the loader did.
#[derive(Debug, Default)]
pub struct Report {
    /// The interfaces that are open now.
    pub(crate) interfaces: Vec<Interface>,
    /// Whether the rules were loaded already.
    pub(crate) unchanged: bool,
    /// The interfaces whose newest rules nft refuses. They are open with older rules, or closed.
    pub(crate) refused: Vec<(String, FirewallError)>,
    pub(crate) remarks: Remarks,
}

impl Report {
    /// Whether nothing had to be loaded.
    #[must_use]
    pub const fn is_unchanged(&self) -> bool {
        self.unchanged
    }

    /// Returns what the load could not do, one line each: an interface that is not open, a file
    /// that cannot be written. Empty if nothing failed.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        self.remarks.faults()
    }

    /// Returns the remarks with their levels: a forward that is refused, a port that has moved.
    pub fn remarks(&self) -> impl Iterator<Item = (Level, &str)> {
        self.remarks.lines()
    }

    /// Why an interface does not have its newest rules, if nft refuses them.
    #[must_use]
    pub fn refusal(&self, interface: &str) -> Option<&FirewallError> {
        self.refused.iter().find(|(name, _)| name == interface).map(|(_, error)| error)
    }

    /// Removes the refusal from the report and returns it, for a caller that reports it itself.
    pub fn take_refusal(&mut self, interface: &str) -> Option<FirewallError> {
        let at = self.refused.iter().position(|(name, _)| name == interface)?;
        Some(self.refused.swap_remove(at).1)
    }

    /// Where the interface's ports are translated, if it is open.
    #[must_use]
    pub fn edge_of(&self, name: &InterfaceName) -> Option<Edge> {
        self.interfaces.iter().find(|interface| interface.name == *name).map(|open| open.edge)
    }
}

impl Report {
    /// Logs the lines of the report. Each names its interface itself.
    pub fn log(&self) {
        let level = if self.unchanged { Level::Debug } else { Level::Info };
        logger::without_interface(|| {
            self.open_interfaces().lines().for_each(|line| log::log!(level, "{line}"));
            self.remarks.log();
        });
    }

    fn open_interfaces(&self) -> String {
        let done = if self.unchanged { "is loaded already" } else { "loaded" };
        if self.interfaces.is_empty() {
            return format!("no interface is open; the guard {done}\n");
        }
        let line = |Interface { name, device, edge, .. }: &Interface| {
            format!("{name}: {device}, edge {edge}, {done}\n")
        };
        self.interfaces.iter().map(line).collect()
    }
}

/// One line for each interface and each remark.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.open_interfaces())?;
        self.remarks.fmt(f)
    }
}
