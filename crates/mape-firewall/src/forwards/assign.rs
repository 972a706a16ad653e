//! Assigns ports to forwards. The result depends on the arguments only.

use mape_core::{Explain, Explanation, Plan, PortRange, PortSet, Table, fnv1a_32};

use super::port_store::PortStore;
use super::section::{Forward, RequestedPort};

/// Number of free ports that are suggested instead of an unavailable one.
const OFFERED: usize = 3;

/// Why a forward gets no port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The port belongs to another subscriber.
    #[error("port {port} is not in the port set, so nothing can arrive there")]
    Outside {
        /// The port that was requested.
        port: u16,
        /// Free ports near it.
        nearest: Vec<u16>,
    },
    /// The port is reserved for UPnP.
    #[error("port {port} belongs to the ports set aside for UPnP")]
    Pool {
        /// The port that was requested.
        port: u16,
        /// Free ports near it.
        nearest: Vec<u16>,
    },
    /// The port belongs to another forward.
    #[error("port {port} is that of {other}")]
    Taken {
        /// The port that was requested.
        port: u16,
        /// Section of the forward that has it.
        other: String,
        /// Free ports near it.
        nearest: Vec<u16>,
    },
    /// At least one port must remain for outgoing connections.
    #[error("no port of the set is left")]
    NoneLeft,
    /// The state file of the interface has no room for more forwards.
    #[error("an interface has room for {room} of these forwards")]
    NoRoom {
        /// How many forwards there is room for.
        room: usize,
    },
}

impl Explain for Refusal {
    fn explain(&self) -> Explanation {
        let hint = match self.nearest() {
            nearest @ [_, ..] => {
                format!("use auto, or one of the nearest free ones: {}", join(nearest, ", "))
            }
            [] => "remove a forward, or reserve fewer ports".to_owned(),
        };
        let mut explanation = Explanation::of_option("src_dport", hint);
        if let Some((port, nearest)) = self.port() {
            explanation = explanation.param("value", &port).text("nearest", &join(nearest, " "));
        }
        match self {
            Self::Taken { other, .. } => explanation.text("other", other),
            _ => explanation,
        }
    }
}

fn join(ports: &[u16], separator: &str) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(separator)
}

impl Refusal {
    /// Returns the free ports nearest to an unavailable one.
    pub(crate) fn nearest(&self) -> &[u16] {
        self.port().map_or(&[], |(_, nearest)| nearest)
    }

    /// Returns the stable code of the reason.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Outside { .. } => "outside",
            Self::Pool { .. } => "upnp_pool",
            Self::Taken { .. } => "taken",
            Self::NoneLeft => "none_left",
            Self::NoRoom { .. } => "no_room",
        }
    }

    /// Returns the unavailable port, and the free ports nearest to it.
    fn port(&self) -> Option<(u16, &[u16])> {
        match self {
            Self::Outside { port, nearest }
            | Self::Pool { port, nearest }
            | Self::Taken { port, nearest, .. } => Some((*port, nearest)),
            Self::NoneLeft | Self::NoRoom { .. } => None,
        }
    }

    /// Fills in the free ports that are nearest.
    fn offer(&mut self, instead_of: impl FnOnce(u16) -> Vec<u16>) {
        if let Self::Outside { port, nearest }
        | Self::Pool { port, nearest }
        | Self::Taken { port, nearest, .. } = self
        {
            *nearest = instead_of(*port);
        }
    }
}

/// The result of the assignment.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// By section.
    pub(super) ports: Table<String, u16>,
    pub(super) refused: Vec<(String, Refusal)>,
}

struct Assigner<'forwards> {
    set: PortSet,
    pool: &'forwards [PortRange],
    /// Ports that the user reserved for other uses. Only an explicit request gets one.
    reserved: Vec<PortRange>,
    given: Vec<(&'forwards Forward, u16)>,
    /// Number of different ports that can still be assigned.
    room: usize,
}

/// Assigns the ports: first to forwards that request a port, then to those that have one, then to
/// the others, each in configured order. A requested port that was valid once, and is not in the
/// set since the prefix has changed, is treated as `auto`. `proposed` is not configured yet, and
/// takes no port from another forward.
pub(super) fn assign(
    forwards: &[&Forward],
    proposed: Option<&Forward>,
    plan: &Plan,
    pool: &[PortRange],
    stored: &PortStore,
) -> Choice {
    let set = plan.port_set();
    let reserved = plan.reserved_inside();
    let count =
        |ranges: &[PortRange]| ranges.iter().map(|range| range.ports().len()).sum::<usize>();
    let owned = usize::try_from(set.port_count()).unwrap_or(0);
    // Port 0 is unusable, so it does not count as the port for outgoing connections.
    let kept_back = count(&reserved) + count(pool) + usize::from(set.contains(0));
    let room = owned.saturating_sub(kept_back + 1);
    let mut assigner = Assigner { set, pool, reserved, given: Vec::new(), room };
    let insists = |forward: &&Forward| match forward.requested {
        RequestedPort::Port(port) => is_owned(set, port) || !stored.was_granted(&forward.key, port),
        RequestedPort::Auto => false,
    };
    let (named, mut rest): (Vec<&Forward>, Vec<&Forward>) =
        forwards.iter().copied().partition(insists);
    let mut refused = Vec::new();
    for forward in named {
        assigner
            .assign_requested(forward)
            .unwrap_or_else(|refusal| refused.push((forward, refusal)));
    }
    // A forward keeps its port, even if another section now precedes it.
    rest.retain(|forward| !assigner.keep(forward, stored.port(&forward.key)));
    for forward in rest.into_iter().chain(proposed) {
        let done = if insists(&forward) {
            assigner.assign_requested(forward)
        } else {
            assigner.assign_any(forward)
        };
        done.unwrap_or_else(|refusal| refused.push((forward, refusal)));
    }
    // Free ports are known only after all assignments.
    for (forward, refusal) in &mut refused {
        refusal.offer(|port| assigner.nearest(forward, port));
    }
    let section = |forward: &Forward| forward.section.clone();
    Choice {
        ports: assigner.given.iter().map(|(forward, port)| (section(forward), *port)).collect(),
        refused: refused.into_iter().map(|(forward, why)| (section(forward), why)).collect(),
    }
}

/// Whether the port is in the set and usable. Port 0 is in some sets, but is not valid on the wire.
fn is_owned(set: PortSet, port: u16) -> bool {
    port != 0 && set.contains(port)
}

impl<'forwards> Assigner<'forwards> {
    /// Assigns the requested port.
    fn assign_requested(&mut self, forward: &'forwards Forward) -> Result<(), Refusal> {
        let RequestedPort::Port(port) = forward.requested else { return self.assign_any(forward) };
        let nearest = Vec::new();
        if !is_owned(self.set, port) {
            return Err(Refusal::Outside { port, nearest });
        }
        if self.pool.iter().any(|range| range.contains(port)) {
            return Err(Refusal::Pool { port, nearest });
        }
        if let Some(other) = self.holder(forward, port) {
            return Err(Refusal::Taken { port, other: other.section.clone(), nearest });
        }
        self.reserve(forward, port)
    }

    /// Assigns the port that the forward has already, if it is free.
    fn keep(&mut self, forward: &'forwards Forward, stored: Option<u16>) -> bool {
        let port = stored.filter(|port| self.is_free(forward, *port));
        port.is_some_and(|port| self.reserve(forward, port).is_ok())
    }

    /// Assigns the external port with the number of the host's port if it is free. Otherwise the
    /// port depends on the forward's key only, so that other forwards do not change it.
    fn assign_any(&mut self, forward: &'forwards Forward) -> Result<(), Refusal> {
        let same = Some(forward.dest_port).filter(|port| self.is_free(forward, *port));
        let port = same.or_else(|| {
            let all: Vec<u16> = self.set.ranges().flat_map(PortRange::ports).collect();
            let hash = usize::try_from(fnv1a_32(&forward.key)).unwrap_or(0);
            let start = hash.checked_rem(all.len())?;
            let mut candidates = all.iter().cycle().skip(start).take(all.len()).copied();
            candidates.find(|port| self.is_free(forward, *port))
        });
        port.map_or(Err(Refusal::NoneLeft), |port| self.reserve(forward, port))
    }

    fn reserve(&mut self, forward: &'forwards Forward, port: u16) -> Result<(), Refusal> {
        if !self.is_spent(port) {
            self.room = self.room.checked_sub(1).ok_or(Refusal::NoneLeft)?;
        }
        self.given.push((forward, port));
        Ok(())
    }

    /// Whether the port is already unavailable for outgoing connections.
    fn is_spent(&self, port: u16) -> bool {
        self.given.iter().any(|(_, given)| *given == port)
            || self.reserved.iter().any(|range| range.contains(port))
    }

    fn holder(&self, forward: &Forward, port: u16) -> Option<&'forwards Forward> {
        let holds =
            |(other, given): &&(&Forward, u16)| *given == port && other.shares_a_protocol(forward);
        self.given.iter().find(holds).map(|(other, _)| *other)
    }

    fn is_free(&self, forward: &Forward, port: u16) -> bool {
        let kept_back = self.pool.iter().chain(&self.reserved).any(|range| range.contains(port));
        is_owned(self.set, port) && !kept_back && self.holder(forward, port).is_none()
    }

    /// Returns the nearest ports that this forward could have.
    fn nearest(&self, forward: &Forward, port: u16) -> Vec<u16> {
        let can_be_had =
            |it: &u16| self.is_free(forward, *it) && (self.room > 0 || self.is_spent(*it));
        let all = self.set.ranges().flat_map(PortRange::ports);
        let mut free: Vec<u16> = all.filter(can_be_had).collect();
        free.sort_unstable_by_key(|candidate| (candidate.abs_diff(port), *candidate));
        free.truncate(OFFERED);
        free
    }
}
