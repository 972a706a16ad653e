//! Other tunnels between the two ends of this line, and the files that create them.
//!
//! The kernel keeps one `ip6tnl` for each local end, remote end and link, in any mode
//! (`ip6_tnl_locate`, `net/ipv6/ip6_tunnel.c`); a second one gets EEXIST. A tunnel that is bound to
//! another device, or to none, can exist beside the line's. A tunnel with any remote end is not
//! reported.

use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use mape_core::ShellWord;
use mape_provision::fixed_provider;
use mape_system::files;

use crate::desired::DesiredLine;
use crate::error::LinuxError;
use crate::ip::{Device, Snapshot};
use crate::journal::Journal;
use crate::system::System;

/// Files, and directories of files, below `/etc` that usually create tunnels at boot.
const PLACES: [&str; 8] = [
    "network/interfaces",
    "network/interfaces.d",
    "network/if-up.d",
    "systemd/network",
    "NetworkManager/system-connections",
    "netplan",
    "rc.local",
    "local.d",
];
/// The number of files that are read in one directory.
const MAX_FILES: usize = 64;

/// Another tunnel with this line's ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin {
    /// Its name, safe to show and to paste into a command.
    pub name: String,
    /// Whether it is bound to the line's uplink, so that the line's tunnel cannot be created.
    pub is_in_the_way: bool,
    /// Whether it has the line's IPv4 address too.
    pub has_address: bool,
    /// The next step: the command that removes it.
    way_out: String,
}

impl Twin {
    /// Returns one sentence without a full stop.
    #[must_use]
    pub fn what(&self, line: &DesiredLine) -> String {
        let Self { name, .. } = self;
        let DesiredLine { ce, br, uplink, .. } = line;
        if self.is_in_the_way {
            return format!(
                "the tunnel {name} has this line's ends already (local {ce}, remote {br}, on {uplink}), \
                 and the kernel makes no second one"
            );
        }
        let address = if self.has_address {
            format!(" and its address {}", line.ipv4)
        } else {
            String::new()
        };
        format!(
            "the tunnel {name} has the two ends of this line (local {ce}, remote {br}){address}, and is \
             left over"
        )
    }

    /// Returns the next step.
    #[must_use]
    pub fn next(&self) -> String {
        self.way_out.clone()
    }
}

impl From<(&Twin, &DesiredLine)> for LinuxError {
    fn from((twin, line): (&Twin, &DesiredLine)) -> Self {
        Self::TunnelInTheWay {
            tunnel: twin.name.clone(),
            what: twin.what(line),
            way_out: twin.next(),
            ce: line.ce,
            br: line.br,
        }
    }
}

/// Returns these tunnels; the one on the same uplink first.
#[must_use]
pub fn twins(line: &DesiredLine, machine: &Snapshot, system: &System) -> Vec<Twin> {
    let mut twins: Vec<Twin> = machine
        .devices
        .iter()
        .filter(|device| device.ifname != line.device && has_ends_of(line, device))
        .map(|device| Twin {
            name: ShellWord::new(&device.ifname).to_string(),
            is_in_the_way: device.linkinfo.info_data.link.as_ref() == Some(&line.uplink),
            has_address: device.addr_info.iter().any(|it| it.local == Some(line.ipv4.into())),
            way_out: way_out(device, line, system),
        })
        .collect();
    twins.sort_by_key(|twin| !twin.is_in_the_way);
    twins
}

/// Returns the tunnel of a fixed-IPv4 contract that is on the machine, although the configuration
/// names no such contract: what it is, and the next step.
#[must_use]
pub fn contract_beside(line: &DesiredLine, machine: &Snapshot) -> Option<(String, String)> {
    machine.devices.iter().filter(|device| device.ifname != line.device).find_map(|device| {
        let end = device.linkinfo.info_data.remote.as_deref()?.parse().ok()?;
        let provider = fixed_provider(end).filter(|_| end != line.br)?;
        let name = ShellWord::new(&device.ifname);
        let address = device.addr_info.iter().find_map(|it| match it.local {
            Some(IpAddr::V4(address)) => Some(format!("ipaddr {address}")),
            _ => None,
        });
        let address = address.unwrap_or_else(|| "ipaddr (the contract's address)".to_owned());
        let what = format!(
            "the tunnel {name} leads to {end}, where contracts with an IPv4 address of their own end \
             ({provider}), and the configuration names no such contract"
        );
        let next = format!(
            "write provider {provider}, {address} and peeraddr {end} into the configuration; \
             `ip link delete {name}` removes the tunnel, also if the contract has ended"
        );
        Some((what, next))
    })
}

/// Checks that the kernel accepts the line's tunnel.
///
/// # Errors
/// [`LinuxError::TunnelInTheWay`], with the command that removes it.
pub fn check(line: &DesiredLine, machine: &Snapshot, system: &System) -> Result<(), LinuxError> {
    match twins(line, machine, system).first().filter(|twin| twin.is_in_the_way) {
        Some(twin) => Err((twin, line).into()),
        None => Ok(()),
    }
}

fn has_ends_of(line: &DesiredLine, device: &Device) -> bool {
    let tunnel = &device.linkinfo.info_data;
    let at = |stated: &Option<String>, wanted: Ipv6Addr| {
        stated.as_deref().and_then(|stated| stated.parse().ok()) == Some(wanted)
    };
    device.linkinfo.info_kind == "ip6tnl"
        && at(&tunnel.local, line.ce)
        && at(&tunnel.remote, line.br)
}

/// Returns the command that removes the tunnel, and the file that would create it again.
fn way_out(device: &Device, line: &DesiredLine, system: &System) -> String {
    if let Some((name, file)) = Journal::with_device(&system.env.run, &device.ifname) {
        let file = file.map_or_else(String::new, |file| {
            format!(" --config {}", ShellWord::new(&file.to_string_lossy()))
        });
        return format!("it is the line {name} of this program: run mape-proto down{file} first");
    }
    let name = ShellWord::new(&device.ifname);
    let made = match origin(&system.env.root.join("etc"), &device.ifname, &line.br.to_string()) {
        Some(file) => {
            format!(
                "take it out of {}, which makes it at boot",
                ShellWord::new(&file.to_string_lossy())
            )
        }
        None => "take it out of whatever makes it at boot".to_owned(),
    };
    format!("`ip link delete {name}` removes it; then {made}")
}

/// Returns the file that creates a tunnel of this name.
fn origin(etc: &Path, name: &str, remote: &str) -> Option<PathBuf> {
    let files = PLACES.iter().flat_map(|place| {
        let place = etc.join(place);
        if !place.is_dir() {
            return vec![place];
        }
        let entries = fs::read_dir(&place).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        files.sort_unstable();
        files.truncate(MAX_FILES);
        files
    });
    files.into_iter().find(|file| files::text(file).is_ok_and(|text| makes(&text, name, remote)))
}

/// Whether the text names the device and creates a tunnel of such a kind.
fn makes(text: &str, name: &str, remote: &str) -> bool {
    let lines = || text.lines().filter(|line| !line.trim_start().starts_with(['#', ';']));
    let is_part = |letter: char| letter.is_alphanumeric() || "_.-@".contains(letter);
    let named = |line: &str| line.split(|letter| !is_part(letter)).any(|word| word == name);
    let modes = ["ip6tnl", "ip4ip6", "ipip6", "v4tunnel", "v6tunnel", remote];
    lines().any(named) && lines().any(|line| modes.iter().any(|mode| line.contains(mode)))
}

#[cfg(test)]
mod tests;
