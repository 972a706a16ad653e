//! Packets that the tunnel had carried at the last event, in `/var/run/mape-rs/IFACE.counts`. The
//! counters of the device count since it was made, so they do not show that a line has died.

use std::path::{Path, PathBuf};

use mape_nft::InterfaceName;
use mape_system::{files, json, record};

use super::Device;

record! {
    /// Packets of a tunnel.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Counts {
        /// Index of the device. A new device counts from 0.
        index: u32 = required,
        /// Sent into the tunnel.
        pub sent: u64 = required,
        /// Received from it.
        pub received: u64 = required,
    }
}

impl Counts {
    /// Returns the counters of the device, since it was made.
    #[must_use]
    pub fn of(device: &Device) -> Option<Self> {
        let (sent, received) = (device.traffic.tx_packets?, device.traffic.rx_packets?);
        Some(Self { index: device.index, sent, received })
    }

    /// Returns the packets since the last event; `None` where none was recorded since the device
    /// was made.
    #[must_use]
    pub fn since(self, directory: &Path, name: &InterfaceName) -> Option<Self> {
        let text = files::text(path(directory, name)).ok()?;
        let then: Self = json::read(&text).ok().filter(|it: &Self| it.index == self.index)?;
        Some(Self {
            index: self.index,
            sent: self.sent.checked_sub(then.sent)?,
            received: self.received.checked_sub(then.received)?,
        })
    }

    /// Records the counters after an event. Without the file, `since` returns `None`.
    pub(super) fn note(self, directory: &Path, name: &InterfaceName) {
        let _ = files::write(&path(directory, name), &json::write(&self));
    }
}

pub(super) fn path(directory: &Path, name: &InterfaceName) -> PathBuf {
    directory.join(format!("{name}.counts"))
}
