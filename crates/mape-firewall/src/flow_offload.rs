//! What the loader does about a flow offload of another program.
//!
//! It depends on what the kernel does with IPv4 in IPv6, which `cargo xtask plane --kernels` shows
//! for each of them (docs/decisions/0069-own-flowtable.md).

use mape_core::IntoVec as _;
use mape_kernel::netlink::NetlinkError;
use mape_kernel::nft_state::flowtables_of_others;
use mape_kernel::release::release;
use mape_nft::{DeviceName, Edge, Offload};

use crate::env::Env;

/// The flowtables of other programs, and the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtherFlowtables {
    /// Devices between which flows are offloaded in software; `None` without a flowtable.
    devices: Option<Vec<String>>,
    /// Version of the kernel.
    release: Option<(u16, u16)>,
}

impl OtherFlowtables {
    /// Reads them.
    ///
    /// # Errors
    /// [`NetlinkError`] if the kernel does not answer.
    pub fn read(env: &Env) -> Result<Self, NetlinkError> {
        let devices = flowtables_of_others(&env.kernel)?;
        Ok(Self { devices, release: release(&env.proc) })
    }

    /// Whether another program offloads flows.
    #[must_use]
    pub const fn exist(&self) -> bool {
        self.devices.is_some()
    }

    /// Whether this kernel offloads IPv4 in IPv6 as it should. From 7.0 on, a tunnel of IPv6 has a
    /// forward path. 7.0 to 7.2 take what is inside for IPv6, and 7.3 offloads nothing of it.
    #[must_use]
    pub fn carry_tunnels(&self) -> bool {
        self.release.is_some_and(|release| release < (7, 0))
    }

    /// Leaves only devices that exist and are not the uplink of this tunnel. What arrives on the
    /// uplink is encapsulated, so no flow of the tunnel is found there.
    pub(crate) fn for_tunnel(&self, env: &Env, tunnel: &DeviceName) -> Self {
        let number = |device: &str, file: &str| {
            let text = std::fs::read_to_string(env.devices.join(device).join(file)).ok()?;
            text.trim().parse::<u32>().ok()
        };
        let uplink = number(tunnel.as_str(), "iflink");
        let is_port = |device: &String| {
            let index = number(device, "ifindex");
            index.is_some() && index != uplink
        };
        let mut others = self.clone();
        if let Some(devices) = &mut others.devices {
            devices.retain(is_port);
        }
        others
    }

    /// Returns what becomes of the flows of a line on this edge.
    #[must_use]
    pub fn offload(&self, edge: Edge, shared: bool) -> Offload {
        let translates = edge == Edge::Postrouting && shared;
        match (&self.devices, self.release) {
            (None, _) => Offload::Untouched,
            (_, Some((7, 0 | 1))) => Offload::KeptOut,
            // Newer ones are kept out until they have been measured.
            (_, Some(release)) if release == (7, 2) || release > (7, 3) => Offload::Refused,
            _ if translates => Offload::KeptOut,
            (Some(devices), _) if self.carry_tunnels() && edge != Edge::Postrouting => {
                let ports = devices.iter().filter_map(|device| device.parse().ok());
                let ports: Vec<DeviceName> = ports.into_vec();
                if ports.is_empty() { Offload::Untouched } else { Offload::Own(ports) }
            }
            _ => Offload::Untouched,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn others(devices: Option<&[&str]>, release: Option<(u16, u16)>) -> OtherFlowtables {
        let devices = devices.map(|names| names.iter().map(|name| (*name).to_owned()).into_vec());
        OtherFlowtables { devices, release }
    }

    /// What the table of `cargo xtask plane --kernels` shows for each kernel.
    #[test]
    fn each_kernel_gets_what_was_measured_on_it() {
        let own = || Offload::Own(["lan1", "lan2"].map(|port| port.parse().unwrap()).to_vec());
        for (release, netdev, postrouting, plain) in [
            (Some((5, 15)), own(), Offload::KeptOut, own()),
            (Some((6, 19)), own(), Offload::KeptOut, own()),
            (Some((7, 0)), Offload::KeptOut, Offload::KeptOut, Offload::KeptOut),
            (Some((7, 1)), Offload::KeptOut, Offload::KeptOut, Offload::KeptOut),
            (Some((7, 2)), Offload::Refused, Offload::Refused, Offload::Refused),
            (Some((7, 3)), Offload::Untouched, Offload::KeptOut, Offload::Untouched),
            (Some((7, 4)), Offload::Refused, Offload::Refused, Offload::Refused),
            (Some((8, 0)), Offload::Refused, Offload::Refused, Offload::Refused),
            (None, Offload::Untouched, Offload::KeptOut, Offload::Untouched),
        ] {
            let some = others(Some(&["lan1", "not a device", "lan2"]), release);
            for (edge, offload) in
                [(Edge::Netdev, netdev), (Edge::Postrouting, postrouting), (Edge::Plain, plain)]
            {
                assert_eq!(some.offload(edge, true), offload, "{release:?}, {edge}");
                assert_eq!(others(None, release).offload(edge, true), Offload::Untouched);
            }
        }
        let hardware = others(Some(&[]), Some((6, 12)));
        assert_eq!(hardware.offload(Edge::Netdev, true), Offload::Untouched);
        assert_eq!(hardware.offload(Edge::Postrouting, true), Offload::KeptOut);
        // The edge translates nothing of an address that is not shared.
        let some = others(Some(&["lan1"]), Some((6, 12)));
        assert_eq!(some.offload(Edge::Postrouting, false), Offload::Untouched);
    }

    #[test]
    fn neither_the_uplink_nor_a_device_that_is_gone_is_a_port() {
        let devices = std::env::temp_dir().join(format!("mape-ports-{}", std::process::id()));
        let write = |device: &str, file: &str, text: &str| {
            std::fs::create_dir_all(devices.join(device)).unwrap();
            std::fs::write(devices.join(device).join(file), text).unwrap();
        };
        for (device, index) in [("lan1", "3\n"), ("wan", "4\n"), ("mape-wan", "9\n")] {
            write(device, "ifindex", index);
        }
        let env = Env { devices: devices.clone(), ..Env::default() };
        let tunnel = DeviceName::default_tunnel();
        let all = others(Some(&["lan1", "lan2", "wan"]), Some((6, 12)));
        // A tunnel without an uplink.
        for (link, left) in [("4\n", &["lan1"][..]), ("0\n", &["lan1", "wan"])] {
            write("mape-wan", "iflink", link);
            assert_eq!(all.for_tunnel(&env, &tunnel), others(Some(left), Some((6, 12))));
        }
        std::fs::remove_dir_all(devices).unwrap();
    }
}
