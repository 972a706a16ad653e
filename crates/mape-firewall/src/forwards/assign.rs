//! Assigns ports to forwards. The result depends on the arguments only.

use mape_core::{Explain, Explanation, IntoVec as _, Plan, PortRange, PortSet, Table, fnv1a_32};

use super::port_store::PortStore;
use super::section::{Forward, RequestedPort};

/// Number of free ports that are suggested instead of an unavailable one.
const OFFERED: usize = 3;

/// Why a forward gets no port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A port belongs to another subscriber.
    #[error("port {port} is not in the port set, so nothing can arrive there")]
    Outside {
        /// The first such port that was requested.
        port: u16,
        /// The ports that were requested.
        ports: PortRange,
        /// Free ports near them.
        nearest: Vec<PortRange>,
    },
    /// A port is reserved for UPnP.
    #[error("port {port} belongs to the ports set aside for UPnP")]
    Pool {
        /// The first such port that was requested.
        port: u16,
        /// The ports that were requested.
        ports: PortRange,
        /// Free ports near them.
        nearest: Vec<PortRange>,
    },
    /// A port belongs to another forward.
    #[error("port {port} is that of {other}")]
    Taken {
        /// The first such port that was requested.
        port: u16,
        /// The ports that were requested.
        ports: PortRange,
        /// Section of the forward that has it.
        other: String,
        /// Free ports near them.
        nearest: Vec<PortRange>,
    },
    /// At least one port must remain for outgoing connections.
    #[error("no port of the set is left")]
    NoneLeft,
    /// There is no run of free ports that is as long as the forward's range.
    #[error("the set has no {count} consecutive ports that are free")]
    NoRun {
        /// How many ports the forward has.
        count: u32,
        /// The longest free runs.
        nearest: Vec<PortRange>,
    },
    /// The state file of the interface has no room for more forwards.
    #[error("an interface has room for {room} of these forwards")]
    NoRoom {
        /// How many forwards there is room for.
        room: usize,
    },
}

impl Explain for Refusal {
    fn explain(&self) -> Explanation {
        let is_range = self.ports().is_some_and(|ports| ports.count() > 1);
        let hint = match (self.nearest(), self) {
            ([], _) => "remove a forward, or reserve fewer ports".to_owned(),
            (nearest, Self::NoRun { .. }) => {
                format!("use fewer ports; the longest free ranges are {}", join(nearest, ", "))
            }
            (nearest, _) if is_range && !self.is_long_enough() => format!(
                "use auto, or fewer ports; the longest free ranges are {}",
                join(nearest, ", ")
            ),
            (nearest, _) => {
                format!("use auto, or one of the nearest free ones: {}", join(nearest, ", "))
            }
        };
        let mut explanation = Explanation::of_option("src_dport", hint);
        if let Some(ports) = self.ports() {
            let nearest = join(self.nearest(), " ");
            explanation = explanation.param("value", &ports).text("nearest", &nearest);
        }
        match self {
            Self::Taken { other, .. } => explanation.text("other", other),
            Self::NoRun { count, nearest } => {
                explanation.param("value", count).text("nearest", &join(nearest, " "))
            }
            _ => explanation,
        }
    }
}

fn join(ports: &[PortRange], separator: &str) -> String {
    ports.iter().map(PortRange::to_string).into_vec().join(separator)
}

impl Refusal {
    /// Returns the stable code of the reason.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Outside { .. } => "outside",
            Self::Pool { .. } => "upnp_pool",
            Self::Taken { .. } => "taken",
            Self::NoneLeft => "none_left",
            Self::NoRun { .. } => "no_run",
            Self::NoRoom { .. } => "no_room",
        }
    }

    /// Returns the free ports nearest to the unavailable ones, or the longest free runs.
    pub(crate) fn nearest(&self) -> &[PortRange] {
        match self {
            Self::Outside { nearest, .. }
            | Self::Pool { nearest, .. }
            | Self::Taken { nearest, .. }
            | Self::NoRun { nearest, .. } => nearest,
            Self::NoneLeft | Self::NoRoom { .. } => &[],
        }
    }

    /// Returns the ports that were requested, if some of them are unavailable.
    const fn ports(&self) -> Option<PortRange> {
        match self {
            Self::Outside { ports, .. } | Self::Pool { ports, .. } | Self::Taken { ports, .. } => {
                Some(*ports)
            }
            Self::NoneLeft | Self::NoRoom { .. } | Self::NoRun { .. } => None,
        }
    }

    /// Whether the suggested ports are as many as the requested ones.
    fn is_long_enough(&self) -> bool {
        let wanted = self.ports().map_or(1, PortRange::count);
        self.nearest().iter().all(|run| run.count() == wanted)
    }

    /// Fills in the free ports that are nearest.
    fn offer(&mut self, instead_of: impl FnOnce(u16) -> Vec<PortRange>) {
        let first = self.ports().map_or(0, PortRange::first);
        if let Self::Outside { nearest, .. }
        | Self::Pool { nearest, .. }
        | Self::Taken { nearest, .. }
        | Self::NoRun { nearest, .. } = self
        {
            *nearest = instead_of(first);
        }
    }
}

/// The result of the assignment.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// By section.
    pub(super) ports: Table<String, PortRange>,
    pub(super) refused: Vec<(String, Refusal)>,
}

struct Assigner<'forwards> {
    set: PortSet,
    pool: &'forwards [PortRange],
    /// Ports that the user reserved for other uses. Only an explicit request gets one.
    reserved: Vec<PortRange>,
    given: Vec<(&'forwards Forward, PortRange)>,
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
        RequestedPort::Ports(ports) => {
            ports.ports().all(|port| is_owned(set, port))
                || !stored.was_granted(&forward.key, ports)
        }
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
        ports: assigner.given.iter().map(|(forward, ports)| (section(forward), *ports)).collect(),
        refused: refused.into_iter().map(|(forward, why)| (section(forward), why)).into_vec(),
    }
}

/// Whether the port is in the set and usable. Port 0 is in some sets, but is not valid on the wire.
fn is_owned(set: PortSet, port: u16) -> bool {
    port != 0 && set.contains(port)
}

impl<'forwards> Assigner<'forwards> {
    /// Assigns the requested ports.
    fn assign_requested(&mut self, forward: &'forwards Forward) -> Result<(), Refusal> {
        let RequestedPort::Ports(ports) = forward.requested else {
            return self.assign_any(forward);
        };
        let nearest = Vec::new();
        if let Some(port) = ports.ports().find(|port| !is_owned(self.set, *port)) {
            return Err(Refusal::Outside { port, ports, nearest });
        }
        let in_pool = |port: &u16| self.pool.iter().any(|range| range.contains(*port));
        if let Some(port) = ports.ports().find(in_pool) {
            return Err(Refusal::Pool { port, ports, nearest });
        }
        let held = |port| Some((port, self.holder(forward, port)?));
        if let Some((port, other)) = ports.ports().find_map(held) {
            return Err(Refusal::Taken { port, ports, other: other.section.clone(), nearest });
        }
        self.reserve(forward, ports)
    }

    /// Assigns the ports that the forward has already, if they are free.
    fn keep(&mut self, forward: &'forwards Forward, stored: Option<u16>) -> bool {
        let ports = stored.and_then(|first| self.free_run(forward, first));
        ports.is_some_and(|ports| self.reserve(forward, ports).is_ok())
    }

    /// Assigns the external ports with the numbers of the host's ports if they are free. Otherwise
    /// the ports depend on the forward's key only, so that other forwards do not change them.
    fn assign_any(&mut self, forward: &'forwards Forward) -> Result<(), Refusal> {
        let same = self.free_run(forward, forward.dest_ports.first());
        let ports = same.or_else(|| {
            let all = self.set.ports();
            let hash = usize::try_from(fnv1a_32(&forward.key)).unwrap_or(0);
            let start = hash.checked_rem(all.len())?;
            let mut candidates = all.iter().cycle().skip(start).take(all.len()).copied();
            candidates.find_map(|first| self.free_run(forward, first))
        });
        let none = || match forward.dest_ports.count() {
            1 => Refusal::NoneLeft,
            count => Refusal::NoRun { count, nearest: Vec::new() },
        };
        let ports = ports.ok_or_else(none)?;
        self.reserve(forward, ports)
    }

    fn reserve(&mut self, forward: &'forwards Forward, ports: PortRange) -> Result<(), Refusal> {
        let new = ports.ports().filter(|port| !self.is_spent(*port)).count();
        self.room = self.room.checked_sub(new).ok_or(Refusal::NoneLeft)?;
        self.given.push((forward, ports));
        Ok(())
    }

    /// Whether the port is already unavailable for outgoing connections.
    fn is_spent(&self, port: u16) -> bool {
        self.given.iter().any(|(_, given)| given.contains(port))
            || self.reserved.iter().any(|range| range.contains(port))
    }

    fn holder(&self, forward: &Forward, port: u16) -> Option<&'forwards Forward> {
        let holds = |(other, given): &&(&Forward, PortRange)| {
            given.contains(port) && other.shares_a_protocol(forward)
        };
        self.given.iter().find(holds).map(|(other, _)| *other)
    }

    fn is_free(&self, forward: &Forward, port: u16) -> bool {
        let kept_back = self.pool.iter().chain(&self.reserved).any(|range| range.contains(port));
        is_owned(self.set, port) && !kept_back && self.holder(forward, port).is_none()
    }

    /// Returns as many ports as the forward has, from this one on, if all of them are free.
    fn free_run(&self, forward: &Forward, first: u16) -> Option<PortRange> {
        let more = forward.dest_ports.last() - forward.dest_ports.first();
        let run = PortRange::new(first, first.checked_add(more)?)?;
        run.ports().all(|port| self.is_free(forward, port)).then_some(run)
    }

    /// Returns the nearest ports that this forward could have. If no run of free ports is as long
    /// as its range, the longest ones.
    fn nearest(&self, forward: &Forward, port: u16) -> Vec<PortRange> {
        let can_be_had =
            |it: &u16| self.is_free(forward, *it) && (self.room > 0 || self.is_spent(*it));
        let all = self.set.ports().into_iter();
        let mut free: Vec<u16> = all.filter(can_be_had).into_vec();
        free.sort_unstable();
        let mut runs: Vec<PortRange> = Vec::new();
        for port in free {
            match runs.last_mut() {
                Some(run) if run.last().checked_add(1) == Some(port) => {
                    *run = PortRange::new(run.first(), port).unwrap_or(*run);
                }
                _ => runs.push(PortRange::one(port)),
            }
        }
        let wanted = forward.dest_ports.count();
        let room = u32::try_from(self.room).unwrap_or(u32::MAX).max(1);
        if wanted > 1 && (wanted > room || runs.iter().all(|run| run.count() < wanted)) {
            runs.sort_by_key(|run| (std::cmp::Reverse(run.count()), run.first().abs_diff(port)));
            runs.truncate(OFFERED);
            return runs;
        }
        let more = forward.dest_ports.last() - forward.dest_ports.first();
        let starts = runs.iter().flat_map(|run| run.first()..=run.last().saturating_sub(more));
        let mut starts: Vec<u16> = starts.into_vec();
        starts.sort_unstable_by_key(|start| (start.abs_diff(port), *start));
        starts.truncate(OFFERED);
        let run = |first: u16| PortRange::new(first, first.checked_add(more)?);
        starts.into_iter().filter_map(run).into_vec()
    }
}
