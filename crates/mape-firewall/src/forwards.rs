//! Port forwards: assigns each configured LAN host a stable external port.
//!
//! The configuration is in UCI, as sections `mape_forward` of the package `firewall`. The assigned
//! ports are stored on flash, so that they are kept across restarts. Both are read whenever rules
//! are loaded. Rules and reservation are one transaction.

use std::net::SocketAddrV4;

use mape_core::{Failure, IntoVec as _, Plan, PortRange};
use mape_uci::Sections;

use crate::env::Env;

mod assign;
mod events;
mod lan_hosts;
mod new_forward;
mod obstacle;
mod port_store;
mod published;
mod reflection;
mod section;
mod upnp_pool;

pub use assign::Refusal;
pub use events::{Change, announce, announce_pool};
use lan_hosts::Hosts;
pub use new_forward::ForwardRequest;
pub use obstacle::Obstacle;
pub use port_store::PortStore;
pub use published::Server;
use reflection::Zones;
pub use section::{Forward, ForwardError, ForwardsReader, KIND, MAX_PORTS, Written, transports};
pub use upnp_pool::{pool, write_allow_list};

/// The UCI package that has the sections.
pub const PACKAGE: &str = "firewall";

/// The configured forwards, and the addresses of the LAN.
#[derive(Default)]
pub struct ConfiguredForwards {
    /// In configured order, without invalid sections.
    pub forwards: Vec<Forward>,
    /// A requested forward that is not configured yet.
    pub proposed: Option<Forward>,
    /// Name and error of each invalid section.
    pub invalid: Vec<(String, Failure)>,
    /// The addresses of the LAN's hosts.
    pub hosts: Hosts,
    zones: Zones,
}

impl ConfiguredForwards {
    /// Reads the configuration. Without forwards, the LAN is not read.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub fn read(env: &Env) -> Result<Self, Failure> {
        let (mut forwards, mut invalid) = (Vec::new(), Vec::new());
        for written in env.forwards.map_or_else(|| in_uci(env), |read| read(&env.root))? {
            match written {
                Ok(Some(mut forward)) => {
                    // Sections with the same content are distinguished by their order.
                    while forwards.iter().any(|it: &Forward| it.key == forward.key) {
                        forward.key.push('+');
                    }
                    forwards.push(forward);
                }
                Ok(None) => {}
                Err((section, reason)) => invalid.push((section, reason)),
            }
        }
        let mut configured = Self { forwards, invalid, ..Self::default() };
        if !configured.forwards.is_empty() {
            configured.hosts = Hosts::read(env);
            configured.zones = Zones::read(env);
        }
        Ok(configured)
    }

    /// Adds a forward that is not configured yet.
    #[must_use]
    pub fn with_proposed(mut self, proposed: Forward, env: &Env) -> Self {
        self.hosts = Hosts::read(env);
        self.proposed = Some(proposed);
        self
    }

    /// Removes the forward of this section.
    #[must_use]
    pub fn without(mut self, section: &str) -> Self {
        self.forwards.retain(|forward| forward.section != section);
        self.invalid.retain(|(name, _)| name != section);
        self
    }
}

/// Reads the sections of the package.
fn in_uci(env: &Env) -> Result<Vec<Written>, Failure> {
    let package = env.config().read(PACKAGE)?;
    let read = |section| {
        Forward::read(section).map_err(|(section, error)| (section, Failure::from(error)))
    };
    Ok(Sections::of(package.as_ref(), KIND).map(read).into_vec())
}

/// The result for one interface.
pub struct Outcome {
    /// The forwards that have a port.
    pub servers: Vec<Server>,
    /// Name of each section without a port, and the reason.
    pub refused: Vec<(String, Refusal)>,
    /// The events for hotplug scripts.
    pub changes: Vec<Change>,
    /// The new assignment, to be written when the rules are loaded.
    pub stored: PortStore,
}

/// Assigns the ports of one interface. `plan` is that of the line with the ports reserved by its
/// options, `pool` the ports of UPnP. `only` says that there is no other interface, so that
/// forwards without an interface belong to this one.
#[must_use]
pub fn outcome(
    configured: &ConfiguredForwards,
    interface: &str,
    only: bool,
    plan: &Plan,
    pool: &[PortRange],
    stored: &PortStore,
) -> Outcome {
    let is_here = |it: &&Forward| it.is_of(interface, only);
    let mut forwards: Vec<&Forward> = configured.forwards.iter().filter(is_here).into_vec();
    let proposed = configured.proposed.as_ref().filter(is_here);
    let choice = assign::assign(&forwards, proposed, plan, pool, stored);
    forwards.extend(proposed);
    let now = stored.with(plan.address(), &forwards, &choice.ports);
    let server = |forward: &&Forward| {
        let host = configured.hosts.address(&forward.host);
        Some(Server {
            forward: forward.section.clone(),
            transports: forward.transports.clone(),
            ports: *choice.ports.get(&forward.section)?,
            host: host.map(|host| SocketAddrV4::new(host, forward.dest_ports.first())),
            before: now.before(&forward.key),
            from: configured
                .zones
                .devices(forward, host)
                .iter()
                .map(ToString::to_string)
                .into_vec(),
        })
    };
    let servers: Vec<Server> = forwards.iter().filter_map(server).into_vec();
    let changes = Change::between(stored, &now, &forwards);
    Outcome { servers, refused: choice.refused, changes, stored: now }
}

impl Outcome {
    /// Whether this forward had no port at this address before.
    #[must_use]
    pub fn is_new(&self, old: &PortStore, section: &str) -> bool {
        self.stored.is_elsewhere(old) || !old.knows(section)
    }

    /// Removes these forwards, and restores their entries of `old`.
    pub fn without(&mut self, old: &PortStore, left_out: &[Server]) {
        let is_left_out = |section: &str| left_out.iter().any(|it| it.forward == section);
        self.servers.retain(|server| !is_left_out(&server.forward));
        self.stored.restore(old, is_left_out);
        for change in self.changes.iter_mut().filter(|change| is_left_out(&change.forward)) {
            change.new = change.old.filter(|old| self.stored.has(*old));
        }
        self.changes.retain(|change| change.old != change.new);
    }
}

#[cfg(test)]
mod range_tests;
#[cfg(test)]
mod tests;
