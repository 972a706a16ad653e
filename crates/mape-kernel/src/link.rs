//! The state of an address, tunnels by their endpoints, and taking a device down.

use std::fs;
use std::net::Ipv6Addr;
use std::path::Path;

use crate::netlink::{NetlinkError, Request, Socket};

/// The state of an address in duplicate address detection (RFC 4862 section 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressState {
    /// No interface has the address.
    Absent,
    /// Not yet usable: the tunnel cannot send from it.
    Tentative,
    /// Another device has the address.
    Duplicate,
    /// Usable.
    Ready,
}

const IFA_F_DADFAILED: u8 = 0x08;
const IFA_F_TENTATIVE: u8 = 0x40;

/// Looks the address up in `/proc/net/if_inet6`, on all devices but `own`: a tunnel that has its
/// own address detects no duplicate.
#[must_use]
pub fn address_state(proc_net: &Path, address: Ipv6Addr, own: &str) -> AddressState {
    let table = fs::read_to_string(proc_net.join("if_inet6")).unwrap_or_default();
    address_state_in(&table, address, own)
}

/// Takes the device with this index down, so that it sends nothing.
///
/// # Errors
/// [`NetlinkError`]
pub fn device_down(index: u32) -> Result<(), NetlinkError> {
    Socket::open_route()?.ask(Request::device_down(index), &mut |_, _| Ok(())).map(drop)
}

/// Returns the IPv6 tunnel in `/sys/class/net` that has these two endpoints, except our `own`. The
/// kernel creates no second one on the same `link`. Without `link`, a tunnel on any link is
/// returned.
#[must_use]
pub fn tunnel_between(
    devices: &Path,
    ends: (Ipv6Addr, Ipv6Addr),
    link: Option<&str>,
    own: &str,
) -> Option<String> {
    let text = |file: &Path| fs::read_to_string(file).unwrap_or_default().trim().to_owned();
    let link = link.map(|link| text(&devices.join(link).join("ifindex")));
    fs::read_dir(devices).ok()?.flatten().find_map(|device| {
        let of = |file: &str| text(&device.path().join(file));
        let is = |file: &str, end: Ipv6Addr| {
            // As a link-layer address: byte by byte.
            let text = of(file);
            text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).eq(end.octets().map(Some))
        };
        let found = device.file_name() != own
            && is("address", ends.0)
            && is("broadcast", ends.1)
            && link.as_ref().is_none_or(|link| *link == of("iflink"));
        found.then(|| device.file_name().into_string().ok())?
    })
}

/// Whether no program can send from the address, because no device has it or another device on the
/// line has it. The device `own` does not count. `None` if the kernel does not list its addresses.
#[must_use]
pub fn is_lost(proc_net: &Path, address: Ipv6Addr, own: &str) -> Option<bool> {
    let table = fs::read_to_string(proc_net.join("if_inet6")).ok()?;
    let others = states_in(&table, address).filter(|(device, _)| *device != own);
    let states = others.map(|(_, state)| state);
    let worst =
        states.reduce(|one, other| if one == AddressState::Duplicate { one } else { other });
    Some(matches!(worst, None | Some(AddressState::Duplicate)))
}

fn address_state_in(table: &str, address: Ipv6Addr, own: &str) -> AddressState {
    let mut others = states_in(table, address).filter(|(device, _)| *device != own);
    others.next().map_or(AddressState::Absent, |(_, state)| state)
}

/// Returns the devices that have the address, and its state there.
fn states_in(table: &str, address: Ipv6Addr) -> impl Iterator<Item = (&str, AddressState)> {
    let wanted = format!("{:032x}", address.to_bits());
    table.lines().filter_map(move |line| {
        let mut fields = line.split_ascii_whitespace();
        let same = fields.next() == Some(wanted.as_str());
        let flags = fields.nth(3).filter(|_| same)?;
        // Newer flags do not fit two digits; the lowest eight bits are what counts.
        let [low, ..] = u32::from_str_radix(flags, 16).ok()?.to_le_bytes();
        let state = if low & IFA_F_DADFAILED != 0 {
            AddressState::Duplicate
        } else if low & IFA_F_TENTATIVE != 0 {
            AddressState::Tentative
        } else {
            AddressState::Ready
        };
        Some((fields.next().unwrap_or_default(), state))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel_is_found_by_its_ends() {
        let devices = std::env::temp_dir().join(format!("mape-ends-{}", std::process::id()));
        let device = devices.join("map-wan6");
        fs::create_dir_all(&device).unwrap();
        // As Linux 6.1 writes them.
        let write = |file, text| fs::write(device.join(file), text).unwrap();
        write("address", "24:0b:00:10:32:61:64:00:00:6a:48:32:61:00:64:00\n");
        write("broadcast", "24:04:92:00:02:25:01:00:00:00:00:00:00:00:00:64\n");
        let ce = "240b:10:3261:6400:6a:4832:6100:6400".parse().unwrap();
        let br = "2404:9200:225:100::64".parse().unwrap();
        assert_eq!(tunnel_between(&devices, (ce, br), None, "").as_deref(), Some("map-wan6"));
        assert_eq!(tunnel_between(&devices, (br, ce), None, ""), None);
        assert_eq!(tunnel_between(&devices, (ce, br), None, "map-wan6"), None);
        assert_eq!(tunnel_between(&devices, (ce, Ipv6Addr::LOCALHOST), None, ""), None);
        write("iflink", "7\n");
        fs::create_dir_all(devices.join("eth1")).unwrap();
        for (index, found) in [("7\n", true), ("8\n", false)] {
            fs::write(devices.join("eth1/ifindex"), index).unwrap();
            assert_eq!(tunnel_between(&devices, (ce, br), Some("eth1"), "").is_some(), found);
        }
        write("broadcast", "ff:ff:ff:ff:ff:ff\n");
        assert_eq!(tunnel_between(&devices, (ce, br), None, ""), None);
        fs::remove_dir_all(&devices).unwrap();
    }

    #[test]
    fn duplicate_address_detection_is_followed() {
        let ce: Ipv6Addr = "240b:10:3261:6400:6a:4832:6100:6400".parse().unwrap();
        let table = |flags: &str| {
            format!(
                "00000000000000000000000000000001 01 80 10 80       lo\n\
                 240b001032616400006a483261006400 02 80 00 {flags}     eth1\n"
            )
        };
        for (flags, state) in [
            ("80", AddressState::Ready),
            ("c0", AddressState::Tentative),
            ("88", AddressState::Duplicate),
            ("c8", AddressState::Duplicate),
            ("200", AddressState::Ready),
            ("zz", AddressState::Absent),
        ] {
            assert_eq!(address_state_in(&table(flags), ce, "mape-wan"), state, "{flags}");
            // That of the tunnel itself says nothing, in any order.
            let own = table("80").replace("eth1", "mape-wan");
            for both in [own.clone() + &table(flags), table(flags) + &own] {
                assert_eq!(address_state_in(&both, ce, "mape-wan"), state, "{flags}");
            }
            assert_eq!(address_state_in(&own, ce, "mape-wan"), AddressState::Absent);
        }
        assert_eq!(address_state_in("", ce, "mape-wan"), AddressState::Absent);
        let lost = |table: &str| {
            let directory = std::env::temp_dir().join(format!("mape-lost-{}", std::process::id()));
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("if_inet6"), table).unwrap();
            let lost = ["", "mape-wan"].map(|own| is_lost(&directory, ce, own).unwrap());
            fs::remove_dir_all(&directory).unwrap();
            lost
        };
        let (own, duplicate) = (table("80").replace("eth1", "mape-wan"), table("c8"));
        for (table, expected) in [
            (table("80"), [false, false]),
            (table("c0"), [false, false]),
            (own.clone(), [false, true]),
            (String::new(), [true, true]),
            (format!("{own}{duplicate}"), [true, true]),
            (format!("{duplicate}{own}"), [true, true]),
        ] {
            assert_eq!(lost(&table), expected, "{table}");
        }
        assert_eq!(is_lost(Path::new("/nonexistent"), ce, ""), None);
        assert_eq!(address_state(Path::new("/nonexistent"), ce, ""), AddressState::Absent);
    }
}
