//! Checks port forwards, redirects and UPnP for external ports that cannot arrive.

use mape_core::IntoVec as _;
use std::net::Ipv4Addr;

use mape_firewall::forwards::{Server, transports};
use mape_firewall::{ForwardStatus, STOPPED_CODE, STOPPED_HINT, statuses};
use mape_netifd::Zones;
use mape_netifd::status::{InterfaceStatus, PortsStatus, Role};
use mape_uci::Section;

use super::context::Context;
use super::finding::Finding;

/// The name of the check.
pub(super) const CHECK: &str = "servers";

/// Empty if no forward, redirect or UPnP is configured.
pub(super) fn checks(context: &Context<'_>, interface: &InterfaceStatus) -> Vec<Finding> {
    let found = [
        ("", redirects(context, interface)),
        ("forward", forwards(context)),
        ("upnp", upnp(context, interface).into_iter().into_vec()),
        ("includes", includes(context, interface).into_iter().into_vec()),
    ];
    let of_kind = |(kind, found): (_, Vec<Finding>)| {
        let known = move |it: Finding| if it.0.kind.is_some() { it } else { it.with_kind(kind) };
        found.into_iter().map(known)
    };
    found.into_iter().flat_map(of_kind).into_vec()
}

/// Redirects of firewall4 whose port belongs to another subscriber, or is used for outgoing
/// connections: the edge translates that port before the firewall sees it.
fn redirects(context: &Context<'_>, interface: &InterfaceStatus) -> Vec<Finding> {
    let zones = Zones::read(&context.router.directories());
    let joined = context.own().and_then(|own| own.data.zone.as_deref());
    let listed = || zones.of_device(&interface.device);
    let zone = zones.of_interface(&interface.interface).or(joined).or_else(listed);
    let Some(zone) = zone else { return Vec::new() };
    let Some(ports) = &interface.ports else { return Vec::new() };
    let redirects = context.router.firewall_sections("redirect").filter(|it| is_from(it, zone));
    redirects
        .filter_map(|redirect| {
            let unreachable = || unreachable(redirect, ports);
            hidden(redirect, interface.forwards.as_deref().unwrap_or_default()).or_else(unreachable)
        })
        .into_vec()
}

/// Whether the address is not shared, so that all ports arrive.
fn is_whole(ports: &PortsStatus) -> bool {
    ports.all().len() >= usize::from(u16::MAX)
}

fn is_from(redirect: &Section, zone: &str) -> bool {
    let enabled = redirect.get("enabled").is_none() || redirect.is_on("enabled");
    let dnat = redirect.get("target").is_none_or(|target| target.eq_ignore_ascii_case("dnat"));
    enabled && dnat && redirect.get("src") == Some(zone) && redirect.get("family") != Some("ipv6")
}

fn name(redirect: &Section) -> &str {
    redirect.get("name").unwrap_or(redirect.name())
}

fn ports_of(redirect: &Section) -> Vec<u16> {
    redirect.list("src_dport").filter_map(range).flatten().into_vec()
}

/// The rules of mape-rs precede those of firewall4, so a redirect never gets a port that a forward
/// has published.
fn hidden(redirect: &Section, forwards: &[Server]) -> Option<Finding> {
    let protocols: Vec<&str> = redirect.list("proto").into_vec();
    let transports = transports(&protocols).unwrap_or_default();
    let is_before = |server: &&Server, port| {
        server.ports.contains(port) && server.transports.iter().any(|it| transports.contains(it))
    };
    let find = |port| Some((port, forwards.iter().find(|it| is_before(it, port))?));
    let (port, server) = ports_of(redirect).into_iter().find_map(find)?;
    Some(
        Finding::wrong(
            CHECK,
            format!(
                "the redirect {} receives nothing on port {port}: the forward {} has that port",
                name(redirect),
                server.forward
            ),
            "remove one of them, or change the port of one",
        )
        .with_kind("redirect_hidden")
        .with("redirect", name(redirect))
        .with("port", &port.to_string())
        .with("forward", &server.forward),
    )
}

fn unreachable(redirect: &Section, ports: &PortsStatus) -> Option<Finding> {
    if is_whole(ports) {
        return None;
    }
    let role_of = |port: u16| {
        let place = ports.all().binary_search_by_key(&port, |it| it.port).ok()?;
        ports.all().get(place).map(|it| it.role)
    };
    let outside = redirect.get("src_dport")?;
    let name = name(redirect);
    let wanted: Vec<(u16, Option<Role>)> =
        ports_of(redirect).into_iter().map(|port| (port, role_of(port))).into_vec();
    let count = |role: &dyn Fn(Option<Role>) -> bool| wanted.iter().filter(|it| role(it.1)).count();
    let foreign = count(&|role| role.is_none());
    let stolen = count(&|role| role == Some(Role::Nat));
    let lent = count(&|role| role == Some(Role::Upnp));
    // Part of a command: a value that does not parse is replaced by a placeholder.
    let host = redirect.get("dest_ip").and_then(|ip| ip.parse::<Ipv4Addr>().ok());
    let host = host.map_or_else(|| "HOST".to_owned(), |ip| ip.to_string());
    let known = |ports| if range(ports).is_some() { ports } else { "PORT" };
    let inside = known(redirect.get("dest_port").unwrap_or(outside));
    let port = known(outside);
    if foreign > 0 {
        let all = if foreign == wanted.len() { "" } else { "part of " };
        let mut free = ports.all().iter().filter(|it| it.role == Role::Nat).map(|it| it.port);
        let first = wanted.first().map_or(0, |it| it.0);
        let nearest = free.by_ref().min_by_key(|port| port.abs_diff(first));
        let nearest = nearest.map_or_else(|| "auto".to_owned(), |port| port.to_string());
        return Some(
            Finding::wrong(
                CHECK,
                format!(
                    "the redirect {name} is unreachable: {all}its port {outside} is not in the \
                     line's port set"
                ),
                format!("remove it, and `mape-proto forward add {host}:{inside} --port {nearest}`"),
            )
            .with_kind("redirect_outside")
            .with("redirect", name)
            .with("port", outside)
            .with_evidence(format!("firewall.{}.src_dport={outside}", redirect.name())),
        );
    }
    if stolen > 0 {
        return Some(
            Finding::wrong(
                CHECK,
                format!("the redirect {name} is unreachable: its port {outside} is not reserved"),
                format!(
                    "remove it, and `mape-proto forward add {host}:{inside} --port {port}`; or add \
                     {port} to the list reserved_ports"
                ),
            )
            .with_kind("redirect_unreserved")
            .with("redirect", name)
            .with("port", outside),
        );
    }
    (lent > 0).then(|| {
        Finding::wrong(
            CHECK,
            format!("the redirect {name} may lose its port {outside}, which is reserved for UPnP"),
            "change it to a port of the list reserved_ports, or lower upnp_ports",
        )
        .with_kind("redirect_upnp")
        .with("redirect", name)
        .with("port", outside)
    })
}

/// `80`, `80-90` or `80:90`.
fn range(text: &str) -> Option<std::ops::RangeInclusive<u16>> {
    let (first, last) = text.split_once(['-', ':']).unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

fn forwards(context: &Context<'_>) -> Vec<Finding> {
    let found = match statuses(context.env) {
        Ok(found) => found,
        Err(error) => {
            let message = error.into_parts().message;
            let found = Finding::wrong(CHECK, message, "correct that error first");
            return vec![found.with_kind("config")];
        }
    };
    if found.is_empty() {
        return Vec::new();
    }
    let wrong = found.iter().filter(|it| it.state != "published" || it.reason.is_some());
    // A problem of all forwards is reported once.
    let (stopped, wrong): (Vec<&ForwardStatus>, _) =
        wrong.partition(|it| it.code == Some(STOPPED_CODE));
    let mut checks: Vec<Finding> = wrong.into_iter().map(not_published).into_vec();
    if !stopped.is_empty() && !leaves_out_includes(context) {
        let what = "the firewall has loaded its rules without the includes of the package mape-rs, \
                    so it blocks published ports";
        checks.push(Finding::wrong(CHECK, what, STOPPED_HINT).with_kind("includes_missing"));
    }
    if checks.is_empty() && stopped.is_empty() {
        checks.push(Finding::fine(CHECK, format!("{} forwards are published", found.len())));
    }
    checks
}

/// Returns the finding about a forward that is not published.
pub(super) fn not_published(forward: &ForwardStatus) -> Finding {
    let reason = forward.reason.clone().unwrap_or_default();
    let hint = forward.hint.clone().unwrap_or_else(|| "see `mape-proto forward list`".to_owned());
    let mut found = Finding::wrong(
        CHECK,
        format!("the forward {} is {}: {reason}", forward.section, forward.state),
        hint,
    )
    .with("forward", forward.name.as_deref().unwrap_or(&forward.section))
    .with("refusal", forward.code.unwrap_or_default());
    found
        .0
        .params
        .extend(forward.params.iter().map(|(it, value)| ((*it).to_owned(), value.clone())));
    found
}

/// Reports a UPnP daemon that assigns ports which cannot arrive.
fn upnp(context: &Context<'_>, interface: &InterfaceStatus) -> Option<Finding> {
    let package = context.router.directories().read("upnpd").ok().flatten()?;
    package.sections().iter().find(|it| it.kind() == "upnpd" && it.is_on("enabled"))?;
    let ports = interface.ports.as_ref().filter(|ports| !is_whole(ports))?;
    let has_pool = ports.all().iter().any(|port| port.role == Role::Upnp);
    (!has_pool).then(|| {
        Finding::wrong(
            CHECK,
            "UPnP is enabled, but has no ports that can arrive",
            format!(
                "`uci set network.{}.upnp_ports=16`, and let miniupnpd use these ports \
                 only (docs/servers.md)",
                interface.interface
            ),
        )
        .with("interface", &interface.interface)
    })
}

/// Checks `auto_includes`: an include of firewall4 accepts the published connections.
fn includes(context: &Context<'_>, interface: &InterfaceStatus) -> Option<Finding> {
    let publishes = interface.forwards.as_ref().is_some_and(|it| !it.is_empty());
    (publishes && leaves_out_includes(context)).then(|| {
        Finding::wrong(
            CHECK,
            "the firewall loads no includes (auto_includes 0), so it blocks published ports",
            "remove the option auto_includes from the section defaults",
        )
    })
}

fn leaves_out_includes(context: &Context<'_>) -> bool {
    let mut defaults = context.router.firewall_sections("defaults");
    defaults.any(|it| it.get("auto_includes").is_some() && !it.is_on("auto_includes"))
}
