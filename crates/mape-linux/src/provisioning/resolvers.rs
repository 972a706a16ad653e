//! The line's own resolvers, as the machine's files name them.
//!
//! HB46PP asks the resolvers of the line and no others: those of another provider know nothing of
//! the server. A file about one link therefore goes before one about the whole machine.

use std::fs;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::path::{Path, PathBuf};

use mape_net::Resolvers;
use mape_system::files;

use crate::config::Config;

/// Of DNS.
const DNS_PORT: u16 = 53;
/// systemd-networkd's file of a link, by the link's index.
const NETWORKD: &str = "run/systemd/netif/links";
/// Where dhcpcd's hook `20-resolv.conf` keeps what each link said.
const DHCPCD: &str = "run/dhcpcd/hook-state/resolv.conf";
/// The files of the machine: systemd-resolved's without its stub, `NetworkManager`'s, and the usual
/// one.
const WHOLE_MACHINE: [&str; 3] = [
    "run/systemd/resolve/resolv.conf",
    "run/NetworkManager/no-stub-resolv.conf",
    "etc/resolv.conf",
];

/// Returns the resolvers of the configuration, else those of the first file that names one by an
/// IPv6 address other than a loopback address.
pub(super) fn of(config: &Config, root: &Path, uplink: &str, index: u32) -> Resolvers {
    let mut found = config.dns.clone();
    let read = |path: PathBuf| files::text(path).unwrap_or_default();
    if found.is_empty() {
        found = of_networkd(&read(root.join(NETWORKD).join(index.to_string())));
    }
    if found.is_empty() {
        let files = of_link(&root.join(DHCPCD), uplink);
        found = files.into_iter().flat_map(|file| of_resolv_conf(&read(file))).collect();
    }
    for file in WHOLE_MACHINE {
        if found.is_empty() {
            found = of_resolv_conf(&read(root.join(file)));
        }
    }
    let server = |address: &Ipv6Addr| {
        // A router on the line may name itself by its link-local address.
        let scope = if address.is_unicast_link_local() { index } else { 0 };
        SocketAddrV6::new(*address, DNS_PORT, 0, scope)
    };
    Resolvers { servers: found.iter().map(server).collect(), ..Resolvers::default() }
}

/// The files called `LINK.PROTOCOL`, ordered by name.
fn of_link(directory: &Path, link: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let is_of_it = |path: &PathBuf| path.file_stem().is_some_and(|stem| stem == link);
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_of_it).collect();
    files.sort_unstable();
    files
}

/// `DNS=ADDRESS ADDRESS`, in one line.
fn of_networkd(text: &str) -> Vec<Ipv6Addr> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("DNS="));
    lines.flat_map(str::split_ascii_whitespace).filter_map(address).collect()
}

/// `nameserver ADDRESS`, one in each line.
fn of_resolv_conf(text: &str) -> Vec<Ipv6Addr> {
    let server = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some("nameserver")).then(|| address(words.next()?))?
    };
    text.lines().filter_map(server).collect()
}

/// Reads `ADDRESS`, perhaps with `%DEVICE`, and for systemd also `ADDRESS%DEVICE#NAME`. `None` for
/// an address of IPv4, and for one of this machine: a forwarder here asks whom it likes.
fn address(text: &str) -> Option<Ipv6Addr> {
    let text = text.split(['%', '#']).next()?;
    let address: Ipv6Addr = text.parse().ok()?;
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn servers(root: &Path, config: &str) -> Vec<String> {
        let config = Config::parse(config, Path::new("/etc/mape-rs.conf")).unwrap();
        let servers = of(&config, root, "eth0", 3).servers;
        servers.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_file_about_the_link_goes_before_those_about_the_machine() {
        let root = std::env::temp_dir().join(format!("mape-resolvers-{}", std::process::id()));
        let root = Scratch::of(root);
        let has = |file: &str, text: &str| {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert!(servers(&root, "").is_empty());
        has("etc/resolv.conf", "# x\nsearch lan\nnameserver 127.0.0.53\nnameserver ::1\n");
        assert!(servers(&root, "").is_empty());
        has("etc/resolv.conf", "nameserver 192.168.1.1\nnameserver 2001:db8::1 # x\nnameserver\n");
        assert_eq!(servers(&root, ""), ["[2001:db8::1]:53"]);
        has("run/systemd/resolve/resolv.conf", "nameserver 2001:db8::2\nnameserver 2001:db8::3\n");
        assert_eq!(servers(&root, ""), ["[2001:db8::2]:53", "[2001:db8::3]:53"]);
        has("run/dhcpcd/hook-state/resolv.conf/eth1.ra", "nameserver 2001:db8::f\n");
        has("run/dhcpcd/hook-state/resolv.conf/eth0.ra", "nameserver fe80::1%eth0\n");
        has("run/dhcpcd/hook-state/resolv.conf/eth0.dhcp6", "nameserver 2001:db8::4\n");
        assert_eq!(servers(&root, ""), ["[2001:db8::4]:53", "[fe80::1%3]:53"]);
        has(
            "run/systemd/netif/links/3",
            "OPER_STATE=routable\nDNS=192.0.2.1 2001:db8::5#n\nNTP=\n",
        );
        has("run/systemd/netif/links/4", "DNS=2001:db8::f\n");
        assert_eq!(servers(&root, ""), ["[2001:db8::5]:53"]);
        assert_eq!(
            servers(&root, "dns 2001:db8::6 2001:db8::7"),
            ["[2001:db8::6]:53", "[2001:db8::7]:53"]
        );
    }
}
