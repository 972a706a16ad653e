//! The clients of others: `upnpc` (package miniupnpc) and `natpmpc`.

use std::process::Command;

use super::client::Transport;
use super::world::World;

/// The result that a client reports.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The external port.
    Granted(u16),
    /// UPnP's error code, or NAT-PMP's result code.
    Refused(u16),
}

const NAMES: [&str; 2] = ["upnpc", "natpmpc"];

/// Whether both are installed.
pub(super) fn is_installed() -> bool {
    let found = NAMES.iter().all(|name| {
        let which = Command::new("sh").args(["-c", &format!("command -v {name}")]).output();
        which.is_ok_and(|which| which.status.success())
    });
    assert!(found || std::env::var_os("MAPE_CI").is_none(), "CI must have miniupnpc and natpmpc");
    found
}

/// The number behind the first of these words.
fn number(text: &str, word: &str) -> Option<u16> {
    let rest = text.split_once(word)?.1.trim_start();
    rest.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
}

/// `AddPortMapping` of UPnP IGD, for this host (192.168.9.2 or .3) in the namespace `place`.
pub(super) fn upnpc(
    world: &World,
    (place, host): (&str, &str),
    transport: Transport,
    inside: u16,
    wanted: u16,
) -> Said {
    let transport = if transport == Transport::Udp { "UDP" } else { "TCP" };
    let text = world.sh(&format!(
        "ip netns exec {place} upnpc -u http://192.168.9.1:5000/rootDesc.xml -a {host} {inside} {wanted} \
         {transport} 2>&1 || :"
    ));
    if let Some(code) = number(&text, "failed with code") {
        return Said::Refused(code);
    }
    let granted =
        number(&text, "external 106.72.50.97:").filter(|_| text.contains("is redirected"));
    Said::Granted(granted.unwrap_or_else(|| panic!("{text}")))
}

/// NAT-PMP.
pub(super) fn natpmpc(world: &World, transport: Transport, inside: u16, wanted: u16) -> Said {
    let transport = if transport == Transport::Udp { "udp" } else { "tcp" };
    let text = world.sh(&format!(
        "ip netns exec $L natpmpc -g 192.168.9.1 -a {wanted} {inside} {transport} 600 2>&1 || :"
    ));
    match number(&text, "Mapped public port") {
        Some(port) => Said::Granted(port),
        None => Said::Refused(number(&text, "code").unwrap_or_else(|| panic!("{text}"))),
    }
}
