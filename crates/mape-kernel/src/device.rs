//! What the kernel's files say of a network device.

use std::fs;
use std::path::Path;

use serde::Serialize;

/// Bit of `flags` that says the device is switched on (`IFF_UP`).
const IFF_UP: u32 = 1;

/// A device that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Never 0, and never used again.
    pub index: u32,
    /// Whether it is switched on (`IFF_UP`).
    pub up: bool,
    /// In bytes.
    pub mtu: Option<u16>,
    /// What it has carried.
    pub traffic: Traffic,
}

/// Counters of the tunnel device since it was made: packets and bytes inside the tunnel. `None` is
/// unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Received.
    pub rx_bytes: Option<u64>,
    /// Received.
    pub rx_packets: Option<u64>,
    /// Sent.
    pub tx_bytes: Option<u64>,
    /// Sent.
    pub tx_packets: Option<u64>,
}

impl Device {
    /// `None` where there is no such device in this directory.
    #[must_use]
    pub fn find(devices: &Path, name: &str) -> Option<Self> {
        let directory = devices.join(name);
        let file = |name: &str| fs::read_to_string(directory.join(name)).ok();
        let count = |name: &str| file(&format!("statistics/{name}"))?.trim().parse().ok();
        let index = file("ifindex")?.trim().parse().ok().filter(|index| *index != 0)?;
        let flags = file("flags").unwrap_or_default();
        let flags = flags.trim().strip_prefix("0x").unwrap_or_default();
        Some(Self {
            index,
            up: u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & IFF_UP != 0),
            mtu: file("mtu").and_then(|text| text.trim().parse().ok()),
            traffic: Traffic {
                rx_bytes: count("rx_bytes"),
                rx_packets: count("rx_packets"),
                tx_bytes: count("tx_bytes"),
                tx_packets: count("tx_packets"),
            },
        })
    }
}
