//! One interface with everything its rules are made from.

use std::num::NonZeroU16;

use crate::dataplane::Dataplane;
use crate::edge::Edge;
use crate::name::{DeviceName, InterfaceName};
use crate::object_names::ObjectNames;
use crate::published::{Devices, Forwards, Published};

/// Wishes that change the rules; all off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// UDP answers reach a LAN socket from anyone once it has sent anything (RFC 4787
    /// "endpoint-independent filtering"). Opens those ports to everyone.
    pub full_cone: bool,
    /// Seconds a closed TCP connection of this line keeps its port. The kernel's own value is 120;
    /// before Linux 6.5 every closed connection blocks its port that long.
    pub time_wait: Option<NonZeroU16>,
    /// Packets leave with DSCP 0.
    pub dscp_reset: bool,
    /// Somebody offloads flows (software), so with [`Edge::Postrouting`] ours have to be kept from
    /// it. Needs `nft_flow_offload`, which then is there.
    pub flow_offload: bool,
}

/// An interface whose rules are to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The logical name: it distinguishes the tables and chains.
    pub name: InterfaceName,
    /// The tunnel device.
    pub device: DeviceName,
    /// The device's index, where it is known. Rules bound to an index never apply to a successor of
    /// the same name. Without it nft looks the device up when it loads the text.
    pub index: Option<u32>,
    /// Address, ports and MTU.
    pub dataplane: Dataplane,
    /// Where ports are translated.
    pub edge: Edge,
    /// Wishes.
    pub options: Options,
    /// Who is reached from outside.
    pub forwards: Forwards,
}

impl Interface {
    /// Key of a map by interface index.
    pub(crate) fn key(&self) -> String {
        self.index.map_or_else(|| format!("\"{}\"", self.device), |index| index.to_string())
    }

    /// Where the rules that see every packet are: the device's own hooks, or `inet mape_rs`.
    pub(crate) fn is_on_device(&self) -> bool {
        self.edge == Edge::Netdev
    }

    /// The device's own table.
    pub(crate) fn netdev_table(&self) -> String {
        ObjectNames::of(&self.name).netdev_table()
    }

    /// A name in the common table.
    pub(crate) fn object_name(&self, name: &str) -> String {
        ObjectNames::of(&self.name).object_name(name)
    }

    /// What can arrive: published ports that are reserved, or all where the address is not shared.
    pub(crate) fn published(&self) -> Vec<&Published> {
        self.published_with_devices().map(|(one, _)| one).collect()
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
