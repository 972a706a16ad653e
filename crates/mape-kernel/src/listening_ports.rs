//! Ports on which this machine itself listens. The internal port range avoids them if it can.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use mape_core::PortList;

/// Returns the ports of listening TCP sockets and of unconnected UDP sockets. If a table of
/// `proc_net` (`/proc/net`) cannot be read, its ports are missing. The internal port range may then
/// contain such a port, which costs that one port.
#[must_use]
pub fn ports(proc_net: &Path) -> PortList {
    let mut ports: Vec<u16> = Vec::new();
    for (table, state) in [("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")] {
        let text = read(&proc_net.join(table)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        ports.extend(text.lines().filter_map(|line| port(line, state)));
    }
    ports.sort_unstable();
    ports.dedup();
    let mut list = PortList::default();
    for port in ports {
        // A list has an end; what does not fit is not avoided.
        let _ = port.to_string().parse().map(|port| list.extend(port));
    }
    list
}

/// What the kernel fills in one go, in bytes, and more than one line of any of the tables.
const PAGE_SIZE: usize = 4096;
const MAX_LINE: usize = 512;

/// Reads a table of the kernel's with as few calls as can be: for each one the kernel walks through
/// all of its hash table, which is 2 ms of processor time where there is much memory. A page with
/// room for another line is the last one.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut text = Vec::new();
    let mut page = vec![0; PAGE_SIZE];
    loop {
        let len = file.read(&mut page)?;
        text.extend(page.get(..len).unwrap_or_default());
        if len < PAGE_SIZE - MAX_LINE {
            return Ok(text);
        }
    }
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
    use std::collections::BTreeSet;

    #[test]
    fn long_tables_are_read_to_their_end() {
        let directory = std::env::temp_dir().join(format!("mape-listening-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        for sockets in [0, 1, 20, 26, 27, 28, 100] {
            let line =
                |port| format!("{port:4}: 00000000:{port:04X} 00000000:0000 0A {:100}\n", "");
            let text: String = (1..=sockets).map(line).collect();
            std::fs::write(directory.join("tcp"), text).unwrap();
            let found = ports(&directory).ranges().len();
            assert_eq!(found, sockets, "{sockets}");
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn the_kernels_own_table_is_read_to_its_end() {
        let listen = |_| std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listeners: Vec<_> = (0..70).map(listen).collect();
        let found = ports(Path::new("/proc/net"));
        let found: BTreeSet<u16> = found.ranges().iter().map(|range| range.first()).collect();
        for listener in &listeners {
            let port = listener.local_addr().unwrap().port();
            assert!(found.contains(&port), "{port} is missing");
        }
    }

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
