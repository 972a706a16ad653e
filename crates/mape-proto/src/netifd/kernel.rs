//! What the kernel says of addresses and sockets, in `/proc/net`.

use std::fs;
use std::net::Ipv6Addr;
use std::path::Path;

use mape_core::PortList;

/// Where duplicate address detection (RFC 4862 section 5.4) has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressState {
    /// No interface has the address.
    Absent,
    /// Not yet usable: the tunnel would refuse to send.
    Tentative,
    /// Another device answered.
    Duplicate,
    /// Usable.
    Ready,
}

const IFA_F_DADFAILED: u8 = 0x08;
const IFA_F_TENTATIVE: u8 = 0x40;

/// Looks the address up in `/proc/net/if_inet6`.
pub(super) fn address_state(proc_net: &Path, address: Ipv6Addr) -> AddressState {
    let table = fs::read_to_string(proc_net.join("if_inet6")).unwrap_or_default();
    address_state_in(&table, address)
}

fn address_state_in(table: &str, address: Ipv6Addr) -> AddressState {
    let wanted = format!("{:032x}", address.to_bits());
    let flags = table.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let same = fields.next() == Some(wanted.as_str());
        let flags = fields.nth(3)?;
        // Newer flags do not fit two digits; the lowest eight bits are what counts.
        same.then(|| u32::from_str_radix(flags, 16).ok().map(u32::to_le_bytes))?
    });
    match flags {
        None => AddressState::Absent,
        Some([low, ..]) if low & IFA_F_DADFAILED != 0 => AddressState::Duplicate,
        Some([low, ..]) if low & IFA_F_TENTATIVE != 0 => AddressState::Tentative,
        Some(_) => AddressState::Ready,
    }
}

/// Ports that the router's own sockets wait on. Where a table cannot be read nothing is known, and
/// the inside range then may hold such a port, which costs that one port.
pub(super) fn listening(proc_net: &Path) -> PortList {
    let mut ports: Vec<u16> = Vec::new();
    for (table, state) in [("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")] {
        let text = fs::read_to_string(proc_net.join(table)).unwrap_or_default();
        ports.extend(text.lines().filter_map(|line| listening_port(line, state)));
    }
    ports.sort_unstable();
    ports.dedup();
    let text: Vec<String> = ports.iter().map(ToString::to_string).collect();
    text.join(",").parse().unwrap_or_default()
}

/// `  0: 00000000:0035 00000000:0000 0A …`: number, local and remote address, state.
fn listening_port(line: &str, state: &str) -> Option<u16> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (local, _remote) = (fields.next()?, fields.next()?);
    let waits = fields.next()? == state;
    let port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
    (waits && port != 0).then_some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(address_state_in(&table(flags), ce), state, "{flags}");
        }
        assert_eq!(address_state_in("", ce), AddressState::Absent);
        assert_eq!(address_state(Path::new("/nonexistent"), ce), AddressState::Absent);
    }

    #[test]
    fn sockets_that_wait() {
        let line = |local: &str, state: &str| format!("  0: {local} 00000000:0000 {state} 0:0 00");
        assert_eq!(listening_port(&line("0100007F:0035", "0A"), "0A"), Some(53));
        assert_eq!(listening_port(&line("0100007F:0035", "01"), "0A"), None);
        assert_eq!(listening_port(&line("0:0000", "07"), "07"), None);
        assert_eq!(listening_port("  sl  local_address rem_address   st", "0A"), None);
        assert_eq!(listening_port("", "0A"), None);
        assert_eq!(listening(Path::new("/nonexistent")), PortList::default());
    }
}
