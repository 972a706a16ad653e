//! Static files that bring a line up without a daemon: a shell script, or files for ifupdown.
//!
//! They name the file of the rules by its path in one directory, so a diskless machine keeps them
//! with the rest of its configuration.

use std::fmt::Write as _;
use std::path::Path;

use mape_core::Plan;
use mape_nft::{DeviceName, Edge, Interface, ObjectNames, standalone};

use crate::config::Config;
use crate::desired::{DesiredLine, remove_tunnel};

/// The uplink if the user names none.
const UPLINK: &str = "eth0";

/// Name and text of a file.
pub type File = (String, String);

/// The values that the files are made from.
#[derive(Debug)]
pub struct Parts {
    line: DesiredLine,
    rules: String,
    tables: Vec<String>,
}

impl Parts {
    /// Returns the parts for this uplink, which may be a bridge; `eth0` if none is given.
    pub fn new(plan: &Plan, interface: &Interface, uplink: Option<&DeviceName>) -> Self {
        let uplink = uplink.map_or_else(|| UPLINK.to_owned(), ToString::to_string);
        let mut line = DesiredLine::new(&Config::default(), &uplink, plan);
        line.device = interface.device.to_string();
        let mut tables = vec![format!("inet {}", ObjectNames::TABLE)];
        if interface.edge == Edge::Netdev && interface.dataplane.mapping().is_some() {
            tables.push(format!("netdev {}", ObjectNames::of(&interface.name).netdev_table()));
        }
        Self { line, rules: standalone(interface), tables }
    }

    /// Returns the commands for address, up and route. Address and up can be repeated; the route is
    /// added, because `replace` would replace a route of another program with the same metric.
    fn open(&self) -> (String, String, String) {
        let [address, up, route] = self.line.open().map(Option::unwrap_or_default);
        (address.replacen("address add", "address replace", 1), up, route)
    }

    fn replace_ce(&self) -> String {
        self.line.add_ce().replacen("address add", "address replace", 1)
    }

    fn remove_ce(&self) -> String {
        self.line.ce_on_uplink().remove()
    }

    fn rules_file(&self) -> String {
        format!("{}.nft", self.line.device)
    }
}

/// Returns the functions that follow the assignments of `plan --sh`.
#[must_use]
pub fn shell_functions(parts: &Parts) -> String {
    let DesiredLine { device, uplink, ce, br, mtu, .. } = &parts.line;
    let (address, up, route) = parts.open();
    let mut delete = String::new();
    for table in &parts.tables {
        // Writing into a `String` cannot fail.
        let _ = writeln!(delete, "\tnft delete table {table} 2>/dev/null || :");
    }
    format!(
        "\
MAPE_DEVICE='{device}'
MAPE_UPLINK='{uplink}'

# mape_up brings the line up, mape_down takes it away again. In a file of its own: sh FILE mape_up
mape_up() {{
	ip {add_ce} &&
	{{ ip -details -oneline link show dev {device} 2>/dev/null |
		grep -q ' mtu {mtu} .* remote {br} local {ce} dev {uplink} ' ||
		{{ ip {remove} 2>/dev/null; ip {tunnel}; }}; }} &&
	mape_rules | nft -f - &&
	ip {address} &&
	ip {up} &&
	{{ ip -4 route show default dev {device} | grep -q . || ip {route}; }} ||
	{{ mape_down; return 1; }}
}}

mape_down() {{
	ip {remove} 2>/dev/null || :
	ip {remove_ce} 2>/dev/null || :
{delete}}}

mape_rules() {{
	cat <<'MAPE_RULES'
{rules}MAPE_RULES
}}

case ${{1-}} in mape_up | mape_down | mape_rules) \"$1\" ;; esac
",
        add_ce = parts.replace_ce(),
        tunnel = parts.line.add_tunnel(),
        remove = remove_tunnel(device),
        remove_ce = parts.remove_ce(),
        rules = parts.rules,
    )
}

/// Returns the files for Debian's ifupdown, busybox and ifupdown-ng.
#[must_use]
pub fn ifupdown(parts: &Parts, directory: &Path) -> Vec<File> {
    let DesiredLine { device, uplink, .. } = &parts.line;
    let rules = directory.join(parts.rules_file());
    let mut text = format!(
        "# MAP-E on {uplink}. In /etc/network/interfaces, behind {uplink}:\n\
         #   source {}\n\
         auto {device}\n\
         iface {device} inet manual\n\
         # What an attempt that failed has left.\n\
         \tpre-up ip {} 2>/dev/null || true\n\
         \tpre-up ip {}\n\
         \tpre-up ip {}\n\
         \tpre-up nft -f {}\n",
        directory.join(format!("{device}.interfaces")).display(),
        remove_tunnel(device),
        parts.replace_ce(),
        parts.line.add_tunnel(),
        rules.display(),
    );
    let (address, up, route) = parts.open();
    for line in [address, up, route] {
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "\tup ip {line}");
    }
    let _ = writeln!(text, "\tpost-down ip {} || true", remove_tunnel(device));
    let _ = writeln!(text, "\tpost-down ip {} || true", parts.remove_ce());
    for table in &parts.tables {
        let _ = writeln!(text, "\tpost-down nft delete table {table} || true");
    }
    vec![(format!("{device}.interfaces"), text), (parts.rules_file(), parts.rules.clone())]
}
