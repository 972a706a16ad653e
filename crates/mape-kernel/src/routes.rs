//! The IPv4 routes of the main table, from `/proc/net/route`.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use ipnet::Ipv4Net;

/// A route to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The destination.
    pub to: Ipv4Net,
    /// The device.
    pub device: String,
    /// The next hop; `None` if the destination is on the link.
    pub via: Option<Ipv4Addr>,
}

const RTF_UP: u32 = 0x1;
const RTF_GATEWAY: u32 = 0x2;
const RTF_REJECT: u32 = 0x200;

/// Returns the routes for addresses of `block`, except the default route and those of the device
/// `tunnel`; `None` if the kernel does not list its routes.
#[must_use]
pub fn routes_into(proc_net: &Path, block: Ipv4Net, tunnel: &str) -> Option<Vec<Route>> {
    let table = fs::read_to_string(proc_net.join("route")).ok()?;
    let overlaps = |to: &Ipv4Net| to.contains(&block.network()) || block.contains(to);
    let routes = table.lines().filter_map(route);
    let wanted = routes
        .filter(|route| route.to.prefix_len() > 0 && overlaps(&route.to) && route.device != tunnel);
    Some(wanted.collect())
}

/// Reads a line: device, destination, gateway, flags, three numbers, mask. The addresses are the
/// bytes of memory, as a number of this machine.
fn route(line: &str) -> Option<Route> {
    let mut fields = line.split_ascii_whitespace();
    let device = fields.next()?.to_owned();
    let number = |text: &str| u32::from_str_radix(text, 16).ok();
    let address = |text: &str| number(text).map(|it| Ipv4Addr::from(it.to_ne_bytes()));
    let (to, via) = (address(fields.next()?)?, address(fields.next()?)?);
    let flags = number(fields.next()?)?;
    let to = Ipv4Net::with_netmask(to, address(fields.nth(3)?)?).ok()?;
    let via = (flags & RTF_GATEWAY != 0).then_some(via);
    (flags & (RTF_UP | RTF_REJECT) == RTF_UP).then_some(Route { to, device, via })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux 6.12 writes it, on a machine with this order of bytes.
    const TABLE: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
mape-wan\t00000000\t00000000\t0001\t0\t0\t512\t00000000\t0\t0\t0
lan\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
lan\t526433C6\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
dmz\t546433C6\t0A01A8C0\t0003\t0\t0\t0\tFCFFFFFF\t0\t0\t0
*\t506433C6\t00000000\t0200\t0\t0\t0\tF8FFFFFF\t0\t0\t0
lan\t586433C6\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
";

    #[test]
    fn routes_of_a_block() {
        let directory = std::env::temp_dir().join(format!("mape-routes-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let swap = |field: &str| {
            let number = u32::from_str_radix(field, 16).map(u32::swap_bytes);
            number.map_or_else(|_| field.to_owned(), |number| format!("{number:08X}"))
        };
        let is_address = |field: &str| field.len() == 8 && cfg!(target_endian = "big");
        let fields = |line: &str| {
            let swapped = |it: &str| if is_address(it) { swap(it) } else { it.to_owned() };
            line.split('\t').map(swapped).collect::<Vec<_>>().join("\t")
        };
        let table: Vec<String> = TABLE.lines().map(fields).collect();
        fs::write(directory.join("route"), table.join("\n")).unwrap();
        let of = |block: &str| {
            let found = routes_into(&directory, block.parse().unwrap(), "mape-wan").unwrap();
            let text = |it: &Route| format!("{} {} {:?}", it.to, it.device, it.via);
            found.iter().map(text).collect::<Vec<_>>()
        };
        assert_eq!(
            of("198.51.100.80/29"),
            ["198.51.100.82/32 lan None", "198.51.100.84/30 dmz Some(192.168.1.10)"]
        );
        // A route to a larger network is one to each of its addresses.
        assert_eq!(of("192.168.1.64/30"), ["192.168.1.0/24 lan None"]);
        assert!(of("203.0.113.0/28").is_empty());
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(routes_into(&directory, "192.0.2.0/29".parse().unwrap(), ""), None);
    }
}
