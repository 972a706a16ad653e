//! Ports on which this machine itself listens: the inside range avoids them where it can.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mape_core::PortList;

/// TCP sockets that listen, and UDP sockets that talk to nobody in particular. Where a table of
/// `proc_net` (`/proc/net`) cannot be read nothing is known, and the inside range then may hold such
/// a port, which costs that one port.
pub(crate) fn ports(proc_net: &Path) -> PortList {
    let mut ports = BTreeSet::new();
    for (table, state) in [("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")] {
        let text = fs::read_to_string(proc_net.join(table)).unwrap_or_default();
        ports.extend(text.lines().filter_map(|line| port(line, state)));
    }
    let mut list = PortList::default();
    for port in ports {
        // A list has an end; what does not fit is not avoided.
        let _ = port.to_string().parse().map(|port| list.extend(port));
    }
    list
}

/// The local port of a line of `/proc/net/tcp` or `udp`, if the socket is in this state.
fn port(line: &str, state: &str) -> Option<u16> {
    let mut words = line.split_whitespace();
    let local = words.nth(1)?;
    if words.nth(1)? != state {
        return None;
    }
    u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_that_listen_count() {
        let listens = "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000";
        let talks = "   1: 0100007F:A0F6 0100007F:1F90 01 00000000:00000000 00:00000000";
        let v6 =
            "   0: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A";
        assert_eq!(port(listens, "0A"), Some(8080));
        assert_eq!(port(v6, "0A"), Some(22));
        assert_eq!(port(talks, "0A"), None);
        assert_eq!(port("  sl  local_address rem_address   st", "0A"), None);
        assert_eq!(port("   0: 0:0000 0:0000 07", "07"), None);
        assert_eq!(ports(Path::new("/nonexistent")), PortList::default());
    }
}
