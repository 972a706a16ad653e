//! Forwards as people and programs see them.

use std::net::Ipv4Addr;

use mape_core::{Failure, IntoVec as _, PortRange};
use mape_kernel::netlink::NetlinkError;
use mape_kernel::nft_state::{fw4_stops_published, published};
use mape_nft::{InterfaceName, Published};
use serde::Serialize;

use crate::apply_forwards::apply;
use crate::env::Env;
use crate::forwards::{ConfiguredForwards, Forward, Obstacle, Server};
use crate::state_files::{device_index, states};

/// The forward has a port, but the loaded rules do not contain it.
const NOT_IN_FORCE: &str = "the rules in force do not have it";
/// The code of a forward that has a port, but is not in the loaded rules.
pub const NOT_LOADED: &str = "not_loaded";
/// The code of [`STOPPED`].
pub const STOPPED_CODE: &str = "stopped";
/// firewall4's rules lack the one that accepts published connections.
pub const STOPPED: &str =
    "firewall4 stops it: its rules do not have the includes of the package mape-rs";
/// How to get that rule back.
pub const STOPPED_HINT: &str = "remove the option auto_includes from the section defaults, if it is there, then \
     `service firewall reload`; where that does not help, install the package mape-rs again";

/// One forward and its state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ForwardStatus {
    /// The section in `/etc/config/firewall`.
    pub section: String,
    /// Its name for display.
    pub name: Option<String>,
    /// The MAP-E interface; `None` if the forward belongs to none.
    pub interface: Option<String>,
    /// Protocols: `tcp`, `udp` or both.
    pub proto: Vec<&'static str>,
    /// The host as it is configured.
    pub host: String,
    /// Its address, if that is known.
    pub dest_ip: Option<String>,
    /// The port on the host.
    pub dest_port: Option<u16>,
    /// `auto`, or the requested external port.
    pub wanted: String,
    /// The shared address.
    pub ipv4: Option<String>,
    /// The external port.
    pub port: Option<u16>,
    /// Address and port before the last move.
    pub before: Option<String>,
    /// `published`, `waiting` or `refused`
    pub state: &'static str,
    /// Why it is not published.
    pub reason: Option<String>,
    /// The stable code of `reason`.
    pub code: Option<&'static str>,
    /// The named values of `reason`, for translation.
    #[serde(serialize_with = "mape_system::json::named")]
    pub params: Vec<(&'static str, String)>,
    /// The next step.
    pub hint: Option<String>,
    /// Free ports near a requested port that is not available; of a range, the first port of each
    /// entry of `ranges`.
    pub nearest: Vec<u16>,
    /// The last external port of a range, or as many as it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<u16>,
    /// The last port on the host of a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dest_last: Option<u16>,
    /// Free ranges near a requested range that is not available.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<String>,
}

fn range(first: u16, last: Option<u16>) -> PortRange {
    PortRange::new(first, last.unwrap_or(first)).unwrap_or(PortRange::one(first))
}

impl ForwardStatus {
    /// Returns the forward as one line for people, without the reason.
    #[must_use]
    pub fn text(&self) -> String {
        let outside = match (&self.ipv4, self.port) {
            (Some(ipv4), Some(port)) => format!("{ipv4}:{}", range(port, self.last)),
            _ => self.wanted.clone(),
        };
        let inside = self.dest_ip.as_deref().unwrap_or(&self.host);
        let inside_ports = self.dest_port.map(|port| range(port, self.dest_last));
        let port = inside_ports.map(|ports| format!(":{ports}")).unwrap_or_default();
        let name = self.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        // A section that cannot be read has none of it.
        let way = match self.proto.join("+") {
            none if none.is_empty() => String::new(),
            proto => format!("{proto} {outside} -> {inside}{port}, "),
        };
        format!("{}{name}: {way}{}", self.section, self.state)
    }

    fn publish(&mut self) {
        self.state = "published";
        (self.code, self.reason, self.hint) = (None, None, None);
        self.params.clear();
    }

    fn stop(&mut self, state: &'static str, obstacle: Obstacle) {
        let Obstacle { code, reason, hint, params } = obstacle;
        self.state = state;
        (self.code, self.reason, self.hint) = (Some(code), Some(reason), Some(hint));
        self.params = params;
    }
}

/// Returns all forwards of the machine. The kernel, not the configuration, says which of them are
/// published.
///
/// # Errors
/// The configuration cannot be read.
pub fn statuses(env: &Env) -> Result<Vec<ForwardStatus>, Failure> {
    Ok(statuses_of(&ConfiguredForwards::read(env)?, env))
}

/// Returns these forwards, the proposed one as if it were configured too.
#[must_use]
pub fn statuses_of(configured: &ConfiguredForwards, env: &Env) -> Vec<ForwardStatus> {
    let forwards = configured.forwards.iter().chain(&configured.proposed);
    let mut all: Vec<ForwardStatus> = forwards.map(|it| one(it, configured)).into_vec();
    let states = states(&env.run);
    for (interface, state) in &states {
        let only = states.len() == 1;
        let applied = apply(state, configured, interface, only, env);
        let Some((state, found, _)) = applied else { continue };
        let Some(address) = state.address() else { continue };
        let kernel = KernelView::of(env, interface, state.device());
        for server in &found.servers {
            let Some(one) = all.iter_mut().find(|it| it.section == server.forward) else {
                continue;
            };
            one.interface = Some(interface.clone());
            one.ipv4 = Some(address.to_string());
            one.port = Some(server.ports.first());
            one.last = Some(server.ports.last()).filter(|_| server.ports.count() > 1);
            one.before = server.before.map(|before| before.to_string());
            let mut forwards = configured.forwards.iter().chain(&configured.proposed);
            let forward = forwards.find(|it| it.section == server.forward);
            let why_not = match forward.filter(|_| server.host.is_none()) {
                Some(forward) => Some(configured.hosts.why_unknown(&forward.host)),
                None => kernel.why_not(interface, server),
            };
            match why_not {
                None => one.publish(),
                Some(obstacle) => one.stop(one.state, obstacle),
            }
        }
        for (section, refusal) in &found.refused {
            let Some(one) = all.iter_mut().find(|it| it.section == *section) else { continue };
            one.interface = Some(interface.clone());
            one.stop("refused", Obstacle::explained(refusal.code(), refusal));
            one.nearest = refusal.nearest().iter().map(|ports| ports.first()).into_vec();
            if one.dest_last.is_some() {
                one.ranges = refusal.nearest().iter().map(ToString::to_string).into_vec();
            }
        }
        all.extend(kernel.unwanted(interface, address, &found.servers));
    }
    all.extend(configured.invalid.iter().map(|(section, reason)| {
        let mut one = ForwardStatus { section: section.clone(), ..ForwardStatus::default() };
        one.stop("refused", Obstacle::invalid(reason));
        one
    }));
    all
}

/// Returns the status of a forward before its interface is considered.
fn one(forward: &Forward, configured: &ConfiguredForwards) -> ForwardStatus {
    let mut one = ForwardStatus {
        section: forward.section.clone(),
        name: forward.name.clone(),
        interface: forward.interface.clone(),
        proto: forward.transports.iter().map(|it| it.name()).into_vec(),
        host: forward.host.text(),
        dest_ip: configured.hosts.address(&forward.host).map(|address| address.to_string()),
        dest_port: Some(forward.dest_ports.first()),
        dest_last: Some(forward.dest_ports.last()).filter(|_| forward.dest_ports.count() > 1),
        wanted: forward.requested.text(),
        ..ForwardStatus::default()
    };
    let obstacle = Obstacle::new(
        "no_line",
        "its MAP-E interface is not up, or there are several",
        "see `mape-proto status`; of several, name one in the option interface",
    );
    one.stop("waiting", obstacle);
    one
}

/// Returns the forwards that the kernel has and those without an address, and one line for each
/// difference.
#[must_use]
pub fn in_force(servers: &[Server], published: &[Published]) -> (Vec<Server>, Vec<String>) {
    let (found, missing): (Vec<&Server>, Vec<&Server>) =
        servers.iter().partition(|server| is_in(published, server));
    let not_there = |it: &&Server| format!("forward {}: {NOT_IN_FORCE}", it.forward);
    let mut differences: Vec<String> = missing.iter().map(not_there).into_vec();
    let is_known = |one: &&Published| found.iter().any(|it| it.publishes(one));
    differences.extend(published.iter().filter(|one| !is_known(one)).map(|one| {
        format!("{} port {} still leads to {}", one.transport.name(), one.port, one.host)
    }));
    (found.into_iter().cloned().into_vec(), differences)
}

fn is_in(published: &[Published], server: &Server) -> bool {
    server.published().iter().all(|one| published.contains(one))
}

/// What the kernel has published on an interface.
struct KernelView {
    /// `None` where the interface has no device.
    published: Option<Result<Vec<Published>, NetlinkError>>,
    /// Whether firewall4 stops all of it.
    stopped: bool,
}

impl KernelView {
    fn of(env: &Env, interface: &str, device: &str) -> Self {
        let name: Option<InterfaceName> = interface.parse().ok();
        let index = device_index(env, device);
        let published = name.zip(index).map(|(name, it)| published(&env.kernel, &name, it));
        let is_any = matches!(&published, Some(Ok(published)) if !published.is_empty());
        let stopped = is_any && fw4_stops_published(&env.kernel).unwrap_or_default();
        Self { published, stopped }
    }

    /// Returns the reason why no packet arrives at the forward, whose host is known.
    fn why_not(&self, interface: &str, server: &Server) -> Option<Obstacle> {
        let load = "run `mape-proto firewall`, which tells what is wrong";
        let published = match &self.published {
            None => {
                let reason = format!("{interface} has no device, so nothing arrives yet");
                let obstacle = Obstacle::new("no_device", reason, "see `mape-proto status`");
                return Some(obstacle.with("interface", interface.to_owned()));
            }
            Some(Err(error)) => {
                let reason = format!("the kernel does not tell its rules: {error}");
                return Some(Obstacle::new("rules_unreadable", reason, load));
            }
            Some(Ok(published)) => published,
        };
        if !is_in(published, server) {
            return Some(Obstacle::new(NOT_LOADED, NOT_IN_FORCE, load));
        }
        self.stopped.then(|| Obstacle::new(STOPPED_CODE, STOPPED, STOPPED_HINT))
    }

    /// Returns the ports that are published without a forward.
    fn unwanted(
        &self,
        interface: &str,
        address: Ipv4Addr,
        wanted: &[Server],
    ) -> Vec<ForwardStatus> {
        let Some(Ok(published)) = &self.published else { return Vec::new() };
        let is_wanted = |one: &Published| wanted.iter().any(|it| it.publishes(one));
        let unwanted = published.iter().filter(|one| !is_wanted(one));
        let status = |one: &Published| ForwardStatus {
            section: "-".to_owned(),
            interface: Some(interface.to_owned()),
            proto: vec![one.transport.name()],
            host: one.host.ip().to_string(),
            dest_ip: Some(one.host.ip().to_string()),
            dest_port: Some(one.host.port()),
            wanted: one.port.to_string(),
            ipv4: Some(address.to_string()),
            port: Some(one.port),
            state: "published",
            code: Some("still_loaded"),
            reason: Some(
                "no forward leads there any more, and the rules in force still do".to_owned(),
            ),
            hint: Some("run `mape-proto firewall`, which tells what is wrong".to_owned()),
            ..ForwardStatus::default()
        };
        unwanted.map(status).into_vec()
    }
}
