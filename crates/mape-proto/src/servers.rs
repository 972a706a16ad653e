//! Servers behind the line: which port outside leads to which host, and that it stays so.
//!
//! What a person wants stands in UCI, as sections `mape_forward` of the package `firewall`. Which
//! port each has got is remembered on flash, so that it outlives a restart. Both are looked at
//! whenever rules are loaded, and rules and reservation are one transaction: nobody sees one
//! without the other.

use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};

use mape_core::{Plan, PortRange};
use mape_uci::{Directories, Package, UciError};

use crate::firewall::State;

mod announce;
mod assign;
mod forward;
mod host;
mod kept;
mod pool;
mod reflection;
mod report;
mod server;
mod wish;

pub(crate) use announce::{Change, announce, announce_pool};
pub(crate) use assign::Refusal;
pub(crate) use forward::{Forward, ForwardError, KIND, transports};
use host::Hosts;
pub(crate) use kept::Kept;
pub(crate) use pool::{pool, write_allow_list};
use reflection::Zones;
pub use report::ForwardStatus;
pub(crate) use report::{NOT_IN_FORCE, STOPPED, STOPPED_HINT, in_force, statuses};
pub use server::Server;
pub(crate) use wish::Wish;

/// The UCI package that has the sections.
pub(crate) const PACKAGE: &str = "firewall";

/// Where things are. Tests have them elsewhere.
#[derive(Clone, Debug)]
pub struct Places {
    /// UCI's files.
    pub uci: Directories,
    /// What outlives a boot: which port each server has.
    pub flash: PathBuf,
    /// The root directory, below which dnsmasq has its list of who has which address.
    pub root: PathBuf,
    /// OpenWrt's program that tells scripts what happened.
    pub hotplug: PathBuf,
    /// The kernel's list of routes.
    pub routes: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self { hotplug: "/sbin/hotplug-call".into(), ..Self::below("/".as_ref()) }
    }
}

impl Places {
    /// Those below this root directory.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self {
            uci: Directories::below(root),
            flash: root.join("etc/mape-rs"),
            root: root.to_owned(),
            hotplug: root.join("sbin/hotplug-call"),
            routes: "/proc/net/route".into(),
        }
    }
}

/// What the sections say, and what is known of the LAN.
#[derive(Default)]
pub(crate) struct Wishes {
    /// In configured order; those that cannot be read are in `unreadable`.
    pub(crate) forwards: Vec<Forward>,
    /// One that somebody thinks of, and that is not configured yet.
    pub(crate) asked: Option<Forward>,
    /// Name of the section, and what is wrong.
    pub(crate) unreadable: Vec<(String, ForwardError)>,
    pub(crate) hosts: Hosts,
    zones: Zones,
}

impl Wishes {
    /// Reads them. Without such sections nothing else is read.
    ///
    /// # Errors
    /// [`UciError`] where the package cannot be read: then nobody knows what is wished.
    pub(crate) fn read(places: &Places) -> Result<Self, UciError> {
        let package = places.uci.read(PACKAGE)?;
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
            wishes.hosts = Hosts::read(places);
            wishes.zones = Zones::read(places);
        }
        Ok(wishes)
    }

    /// The same with one that is not configured yet.
    pub(crate) fn asking(mut self, asked: Option<Forward>, places: &Places) -> Self {
        if asked.is_some() {
            self.hosts = Hosts::read(places);
            self.asked = asked;
        }
        self
    }

    /// The same without this section.
    pub(crate) fn without(mut self, section: &str) -> Self {
        self.forwards.retain(|forward| forward.section != section);
        self
    }
}

/// What follows from wishes and line.
pub(crate) struct Outcome {
    pub(crate) servers: Vec<Server>,
    /// Name of the section, and why nothing is published.
    pub(crate) refused: Vec<(String, Refusal)>,
    pub(crate) changes: Vec<Change>,
    /// To be written once it is in force.
    pub(crate) kept: Kept,
}

/// Works it out for one interface. `plan` is that of the line with the ports reserved by its
/// options, `pool` what UPnP has. `only` says whether there is no other interface, to which
/// forwards without a name of one belong.
pub(crate) fn outcome(
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
    pub(crate) fn is_new(&self, old: &Kept, section: &str) -> bool {
        self.kept.is_elsewhere(old) || !old.knows(section)
    }

    /// The same without these forwards, which stay as `old` remembers them.
    pub(crate) fn without(&mut self, old: &Kept, left_out: &[Server]) {
        let is_left_out = |section: &str| left_out.iter().any(|it| it.forward == section);
        self.servers.retain(|server| !is_left_out(&server.forward));
        self.kept.restore(old, is_left_out);
        for change in self.changes.iter_mut().filter(|change| is_left_out(&change.forward)) {
            change.new = change.old.filter(|old| self.kept.has(*old));
        }
        self.changes.retain(|change| change.old != change.new);
    }
}

/// The state of an interface as the wishes want it, with what follows from them and the ports that
/// were remembered before; the files are the caller's to write. `None` where the state gives no
/// plan.
///
/// Forwards for which a state file has no room are refused, the last ones first.
pub(crate) fn apply(
    state: &State,
    wishes: &Wishes,
    interface: &str,
    only: bool,
    places: &Places,
) -> Option<(State, Outcome, Kept)> {
    let plan = state.plan_without_servers().ok()?;
    let pool = pool(&plan, state.upnp_ports());
    let kept = Kept::read(&places.flash, interface);
    let mut outcome = outcome(wishes, interface, only, &plan, &pool, &kept);
    let room = state.room_for(&outcome.servers);
    let left_out = outcome.servers.split_off(room);
    let no_room = |server: &Server| (server.forward.clone(), Refusal::NoRoom { room });
    outcome.refused.extend(left_out.iter().map(no_room));
    outcome.without(&kept, &left_out);
    let mut new = state.clone();
    new.set_servers(outcome.servers.clone());
    Some((new, outcome, kept))
}

#[cfg(test)]
mod tests;
