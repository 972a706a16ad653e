//! What the tunnel had carried when something last happened, in `/var/run/mape-rs/IFACE.counts`:
//! the device's own counters are those of its whole life, and tell of a line that died nothing.

use std::path::{Path, PathBuf};

use mape_nft::InterfaceName;
use mape_system::files;
use serde::{Deserialize, Serialize};

use super::Device;

/// Packets of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// The device's: a new one counts from 0.
    index: u32,
    /// Sent into the tunnel.
    pub sent: u64,
    /// Received from it.
    pub received: u64,
}

impl Counts {
    /// Those of the device's life.
    #[must_use]
    pub fn of(device: &Device) -> Option<Self> {
        let (sent, received) = (device.traffic.tx_packets?, device.traffic.rx_packets?);
        Some(Self { index: device.index, sent, received })
    }

    /// Those since the last event; `None` where no event has been noted in this device's life.
    #[must_use]
    pub fn since(self, directory: &Path, name: &InterfaceName) -> Option<Self> {
        let text = files::text(path(directory, name)).ok()?;
        let then: Self =
            mape_system::json::read(&text).ok().filter(|it: &Self| it.index == self.index)?;
        Some(Self {
            index: self.index,
            sent: self.sent.checked_sub(then.sent)?,
            received: self.received.checked_sub(then.received)?,
        })
    }

    /// Something has happened. A cache: where it cannot be written, less is known.
    pub(super) fn note(self, directory: &Path, name: &InterfaceName) {
        if let Ok(text) = serde_json::to_string(&self) {
            let _ = files::write(&path(directory, name), &text);
        }
    }
}

pub(super) fn path(directory: &Path, name: &InterfaceName) -> PathBuf {
    directory.join(format!("{name}.counts"))
}
