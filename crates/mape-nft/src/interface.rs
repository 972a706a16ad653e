//! One interface with everything that its rules depend on.

use mape_core::IntoVec as _;
use std::num::NonZeroU16;

use crate::dataplane::Dataplane;
use crate::edge::Edge;
use crate::name::{DeviceName, InterfaceName};
use crate::object_names::ObjectNames;
use crate::offload::Offload;
use crate::published::{Devices, Forwards, Published};

/// Settings that change the rules. All are off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// UDP packets from any source reach a LAN socket after it has sent a packet (RFC 4787,
    /// endpoint-independent filtering). This opens those ports to everyone.
    pub full_cone: bool,
    /// Seconds for which a closed TCP connection keeps its port. The kernel's default is 120.
    /// Before Linux 6.5, every closed connection blocks its port for this time.
    pub time_wait: Option<NonZeroU16>,
    /// Outgoing packets get DSCP 0.
    pub dscp_reset: bool,
}

/// An interface whose rules are rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The logical name. It distinguishes the tables and chains of interfaces.
    pub name: InterfaceName,
    /// The tunnel device.
    pub device: DeviceName,
    /// The index of the device, if known. Rules that are bound to an index never apply to a later
    /// device of the same name. If it is `None`, nft looks the device up when it loads the text.
    pub index: Option<u32>,
    /// Address, ports and MTU.
    pub dataplane: Dataplane,
    /// Where ports are translated.
    pub edge: Edge,
    /// Settings that change the rules.
    pub options: Options,
    /// What becomes of its flows if another program offloads flows. A property of the machine.
    pub offload: Offload,
    /// Port forwards and full-cone hosts.
    pub forwards: Forwards,
}

impl Interface {
    /// Returns the key for a map by interface index.
    pub(crate) fn key(&self) -> String {
        self.index.map_or_else(|| format!("\"{}\"", self.device), |index| index.to_string())
    }

    /// Returns whether the edge is on the device's own hooks. Otherwise it is in `inet mape_rs`.
    pub(crate) fn is_on_device(&self) -> bool {
        self.edge == Edge::Netdev
    }

    /// Returns the name of the interface's own table.
    pub(crate) fn netdev_table(&self) -> String {
        ObjectNames::of(&self.name).netdev_table()
    }

    /// Returns the name of an object of this interface in the common table.
    pub(crate) fn object_name(&self, name: &str) -> String {
        ObjectNames::of(&self.name).object_name(name)
    }

    /// Returns the port forwards that take effect: those of reserved ports, or all if the address
    /// is not shared.
    pub(crate) fn published(&self) -> Vec<&Published> {
        self.published_with_devices().map(|(one, _)| one).into_vec()
    }

    pub(crate) fn published_with_devices(
        &self,
    ) -> impl Iterator<Item = &(Published, Vec<Devices>)> {
        let arrives = |(one, _): &&(Published, Vec<Devices>)| {
            let mapping = self.dataplane.mapping();
            mapping.is_none_or(|it| it.reserved().iter().any(|range| range.contains(one.port)))
        };
        self.forwards.published().iter().filter(arrives)
    }
}
