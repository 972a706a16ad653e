//! Compares the machine with the desired line and returns the `ip` commands that are missing.

use std::net::IpAddr;

use crate::desired::{DesiredLine, remove_tunnel};
use crate::error::LinuxError;
use crate::ip::{Device, Route, Snapshot};
use crate::journal::Journal;
use crate::spec::RouteOption;

/// Lines for `ip -batch`, in the order in which they are run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// Removes what no longer belongs to the line.
    pub remove: Vec<String>,
    /// Adds CE address and tunnel. The tunnel stays down, so it carries nothing yet.
    pub build: Vec<String>,
    /// Runs after the NAT rules are loaded: address, up, route.
    pub open: Vec<String>,
}

impl Steps {
    /// All steps in order, as text.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.remove.iter().chain(&self.build).chain(&self.open)
    }
}

/// Returns the missing steps. The journal names the CE addresses and routes that earlier calls
/// added.
///
/// # Errors
/// Another program has a device of the tunnel's name, or a default route with the same table and
/// metric.
pub fn steps(
    line: &DesiredLine,
    machine: &Snapshot,
    journal: &Journal,
) -> Result<Steps, LinuxError> {
    let mut steps = Steps::default();
    let device = machine.device(&line.device);
    if let Some(device) = device.filter(|device| device.linkinfo.info_kind != "ip6tnl") {
        return Err(LinuxError::ForeignDevice { device: device.ifname.clone() });
    }
    check_route(line, machine)?;
    // The tunnel goes before its address does.
    let keeps = device.filter(|device| line.is_tunnel(device));
    if device.is_some() && keeps.is_none() {
        steps.remove.push(remove_tunnel(&line.device));
    }
    for owned in journal.owned.iter().filter(|owned| **owned != line.ce_on_uplink()) {
        if machine.has_address(&owned.device, owned.address) {
            steps.remove.push(owned.remove());
        }
    }
    if !machine.has_address(&line.uplink, line.ce) {
        steps.build.push(line.add_ce());
    }
    if keeps.is_none() {
        steps.build.push(line.add_tunnel());
    }
    let [address, up, route] = line.open();
    let wanted = IpAddr::from(line.ipv4);
    let addresses = keeps.map_or(&[][..], |device| &device.addr_info);
    if addresses.iter().all(|there| there.local != Some(wanted)) {
        steps.open.extend(address);
    }
    // Without any IPv4 address the device would lose its routes.
    for old in addresses.iter().filter(|old| old.local != Some(wanted)) {
        if let Some(IpAddr::V4(local)) = old.local {
            let device = &line.device;
            steps.open.push(format!("address delete {local}/{} dev {device}", old.prefixlen));
        }
    }
    let is_up = |device: &Device| device.flags.iter().any(|flag| flag == "UP");
    if !keeps.is_some_and(is_up) {
        steps.open.extend(up);
    }
    route_steps(line, machine, keeps.map(|_| journal), route, &mut steps);
    Ok(steps)
}

/// Adds the default route, and deletes the one of an earlier configuration. `journal` is `None`
/// if the device is created again: then it has no routes.
fn route_steps(
    line: &DesiredLine,
    machine: &Snapshot,
    journal: Option<&Journal>,
    add: Option<String>,
    steps: &mut Steps,
) {
    let is_there = |place: RouteOption| {
        journal.is_some()
            && machine.routes4.iter().any(|route| {
                is_ours(line, route)
                    && route.is_default_of(place.table)
                    && route.metric == place.metric
            })
    };
    let before = journal.map_or(&[][..], |journal| &journal.routes);
    for place in before.iter().filter(|place| Some(**place) != line.route) {
        if is_there(*place) {
            steps.open.push(line.route_line("delete", *place));
        }
    }
    if !line.route.is_some_and(is_there) {
        steps.open.extend(add);
    }
}

fn is_ours(line: &DesiredLine, route: &Route) -> bool {
    route.device() == Some(line.device.as_str()) && route.dst == "default"
}

/// Checks that no other program has a default route of the same table and metric.
fn check_route(line: &DesiredLine, machine: &Snapshot) -> Result<(), LinuxError> {
    let Some(RouteOption { table, metric }) = line.route else { return Ok(()) };
    let taken = machine.routes4.iter().find(|route| {
        route.is_default_of(table) && route.metric == metric && !is_ours(line, route)
    });
    match taken {
        Some(route) => Err(LinuxError::RouteTaken { metric, route: route.to_string() }),
        None => Ok(()),
    }
}

/// Returns a sentence for each other default route of the main table: whether it takes precedence.
#[must_use]
pub fn competing_routes(line: &DesiredLine, machine: &Snapshot) -> Vec<String> {
    let Some(RouteOption { table: None, metric }) = line.route else { return Vec::new() };
    let others = machine.routes4.iter().filter(|route| route.is_main_default());
    let others = others.filter(|route| !is_ours(line, route));
    others
        .map(|route| {
            if route.metric < metric {
                let way_out = match route.metric {
                    0 => format!("give it one above {metric}"),
                    lower => format!("set a metric below {lower}"),
                };
                format!(
                    "the route {route} goes before this line's (metric {metric}): \
                     remove it, or {way_out}"
                )
            } else {
                format!("the route {route} stays, behind this line's")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
