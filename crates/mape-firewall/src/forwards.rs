//! Servers behind the line: which port outside leads to which host, and that it stays so.
//!
//! What a person wants stands in UCI, as sections `mape_forward` of the package `firewall`. Which
//! port each has got is remembered on flash, so that it outlives a restart. Both are looked at
//! whenever rules are loaded, and rules and reservation are one transaction: nobody sees one
//! without the other.

use std::net::SocketAddrV4;

use mape_core::{Plan, PortRange};
use mape_uci::{Package, UciError};

use crate::env::Env;

mod assign;
mod events;
mod lan_hosts;
mod new_forward;
mod port_store;
mod published;
mod reflection;
mod section;
mod upnp_pool;

pub use assign::Refusal;
pub use events::{Change, announce, announce_pool};
use lan_hosts::Hosts;
pub use new_forward::Wish;
pub use port_store::Kept;
pub use published::Server;
use reflection::Zones;
pub use section::{Forward, ForwardError, KIND, transports};
pub use upnp_pool::{pool, write_allow_list};

/// The UCI package that has the sections.
pub const PACKAGE: &str = "firewall";

/// What the sections say, and what is known of the LAN.
#[derive(Default)]
pub struct Wishes {
    /// In configured order; those that cannot be read are in `unreadable`.
    pub forwards: Vec<Forward>,
    /// One that somebody thinks of, and that is not configured yet.
    pub asked: Option<Forward>,
    /// Name of the section, and what is wrong.
    pub unreadable: Vec<(String, ForwardError)>,
    /// The addresses of the LAN's hosts.
    pub hosts: Hosts,
    zones: Zones,
}

impl Wishes {
    /// Reads them. Without such sections nothing else is read.
    ///
    /// # Errors
    /// [`UciError`] where the package cannot be read: then nobody knows what is wished.
    pub fn read(env: &Env) -> Result<Self, UciError> {
        let package = env.config().read(PACKAGE)?;
        let sections = |package: &Package| package.of_kind(KIND).map(Forward::read).collect();
        let read: Vec<_> = package.as_ref().map(sections).unwrap_or_default();
        let (mut forwards, mut unreadable) = (Vec::new(), Vec::new());
        for one in read {
            match one {
                Ok(Some(mut forward)) => {
                    // Of those that say the same the order counts.
                    while forwards.iter().any(|it: &Forward| it.key == forward.key) {
                        forward.key.push('+');
                    }
                    forwards.push(forward);
                }
                Ok(None) => {}
                Err((section, reason)) => unreadable.push((section, reason)),
            }
        }
        let mut wishes = Self { forwards, unreadable, ..Self::default() };
        if !wishes.forwards.is_empty() {
            wishes.hosts = Hosts::read(env);
            wishes.zones = Zones::read(env);
        }
        Ok(wishes)
    }

    /// The same with one that is not configured yet.
    #[must_use]
    pub fn asking(mut self, asked: Option<Forward>, env: &Env) -> Self {
        if asked.is_some() {
            self.hosts = Hosts::read(env);
            self.asked = asked;
        }
        self
    }

    /// The same without this section.
    #[must_use]
    pub fn without(mut self, section: &str) -> Self {
        self.forwards.retain(|forward| forward.section != section);
        self
    }
}

/// What follows from wishes and line.
pub struct Outcome {
    /// The forwards that have a port.
    pub servers: Vec<Server>,
    /// Name of the section, and why nothing is published.
    pub refused: Vec<(String, Refusal)>,
    /// What scripts are told.
    pub changes: Vec<Change>,
    /// To be written once it is in force.
    pub kept: Kept,
}

/// Works it out for one interface. `plan` is that of the line with the ports reserved by its
/// options, `pool` what UPnP has. `only` says whether there is no other interface, to which
/// forwards without a name of one belong.
#[must_use]
pub fn outcome(
    wishes: &Wishes,
    interface: &str,
    only: bool,
    plan: &Plan,
    pool: &[PortRange],
    kept: &Kept,
) -> Outcome {
    let is_here = |it: &&Forward| it.is_of(interface, only);
    let mut forwards: Vec<&Forward> = wishes.forwards.iter().filter(is_here).collect();
    let asked = wishes.asked.as_ref().filter(is_here);
    let choice = assign::assign(&forwards, asked, plan, pool, kept);
    forwards.extend(asked);
    let now = kept.with(plan.ipv4().addr(), &forwards, &choice.ports);
    let server = |forward: &&Forward| {
        let host = wishes.hosts.address(&forward.host);
        Some(Server {
            forward: forward.section.clone(),
            transports: forward.transports.clone(),
            port: *choice.ports.get(&forward.section)?,
            host: host.map(|host| SocketAddrV4::new(host, forward.dest_port)),
            before: now.before(&forward.key),
            from: wishes.zones.devices(forward, host).iter().map(ToString::to_string).collect(),
        })
    };
    let servers: Vec<Server> = forwards.iter().filter_map(server).collect();
    let changes = Change::between(kept, &now, &forwards);
    Outcome { servers, refused: choice.refused, changes, kept: now }
}

impl Outcome {
    /// Whether this forward had no port at this address before.
    #[must_use]
    pub fn is_new(&self, old: &Kept, section: &str) -> bool {
        self.kept.is_elsewhere(old) || !old.knows(section)
    }

    /// The same without these forwards, which stay as `old` remembers them.
    pub fn without(&mut self, old: &Kept, left_out: &[Server]) {
        let is_left_out = |section: &str| left_out.iter().any(|it| it.forward == section);
        self.servers.retain(|server| !is_left_out(&server.forward));
        self.kept.restore(old, is_left_out);
        for change in self.changes.iter_mut().filter(|change| is_left_out(&change.forward)) {
            change.new = change.old.filter(|old| self.kept.has(*old));
        }
        self.changes.retain(|change| change.old != change.new);
    }
}

#[cfg(test)]
mod tests;
