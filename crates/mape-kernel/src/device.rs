//! State and counters of a network device, from the kernel's files.

use std::fs;
use std::path::Path;

use serde::Serialize;

/// Bit of `flags` that says the device is switched on (`IFF_UP`).
const IFF_UP: u32 = 1;

/// A device that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Index of the device: never 0, and never used again.
    pub index: u32,
    /// Whether it is switched on (`IFF_UP`).
    pub up: bool,
    /// MTU in bytes.
    pub mtu: Option<u16>,
    /// Traffic counters.
    pub traffic: Traffic,
}

/// Counters since the device was created: packets and bytes inside the tunnel. `None` means
/// unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Received bytes.
    pub rx_bytes: Option<u64>,
    /// Received packets.
    pub rx_packets: Option<u64>,
    /// Sent bytes.
    pub tx_bytes: Option<u64>,
    /// Sent packets.
    pub tx_packets: Option<u64>,
}

impl Device {
    /// Reads the device; `None` if it is not in this directory.
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
