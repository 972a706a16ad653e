//! Interfaces that can be loaded, and the order in which their rules are tried.

use mape_core::Quoted;
use mape_nft::{Edge, EdgeChoice, Interface};

use crate::env::Env;
use crate::error::FirewallError;
use crate::interface_state::{Checked, State, StateError};
use crate::nft_command::Nft;
use crate::publish::Planned;
use crate::remarks::Remarks;
use crate::state_files::device_index;

/// An interface whose device exists.
pub(crate) struct LoadableInterface {
    pub(crate) state: State,
    pub(crate) checked: Checked,
    /// The device's; 0 where it is made anew.
    pub(crate) index: u32,
}

impl LoadableInterface {
    /// With its edge of this rank, or its last one.
    fn ranked(&self, rank: usize, time_wait: bool) -> Interface {
        let edges = self.checked.edge.candidates();
        let edge = edges.get(rank).or(edges.last()).copied();
        let edge = edge.unwrap_or_else(|| self.checked.edge.preferred());
        self.checked.interface(self.index, edge, time_wait)
    }
}

/// The interfaces with a valid state and a device, ordered by name.
pub(crate) fn loadable(
    env: &Env,
    planned: &[Planned],
    remarks: &mut Remarks,
) -> Vec<LoadableInterface> {
    let mut ready: Vec<LoadableInterface> = Vec::new();
    for Planned { interface: name, state, .. } in planned {
        let checked = match state.check() {
            Ok(checked) if checked.name.as_str() == name => checked,
            Ok(checked) => {
                remarks.fault(format!("{name}: state ignored, it is that of {}", checked.name));
                continue;
            }
            Err(StateError(reason)) => {
                remarks.fault(format!("{name}: state ignored, {reason}"));
                continue;
            }
        };
        if let Some(other) = ready.iter().find(|other| other.checked.device == checked.device) {
            remarks.fault(format!(
                "{name}: state ignored, its device {} is that of {}",
                checked.device, other.checked.name
            ));
            continue;
        }
        let Some(index) = device_index(env, checked.device.as_str()) else {
            remarks.fault(format!("{name}: no device {} yet", checked.device));
            continue;
        };
        // nft would refuse both together, and each load would then try them one by one.
        if let Some(other) = ready.iter().find(|other| other.checked.line.ce() == checked.line.ce())
        {
            remarks.fault(format!(
                "{name}: left out, its line is that of {}; remove one of the two",
                other.checked.name
            ));
            continue;
        }
        ready.push(LoadableInterface { state: state.clone(), checked, index });
    }
    ready
}

/// Keeps the flows of all interfaces out of firewall4's flowtable, if it has one: an offloaded
/// packet passes no hook that translates its port.
///
/// # Errors
/// [`FirewallError`]: nft does not tell.
pub(crate) fn apply_offload_exemption(
    nft: &Nft<'_>,
    interfaces: &mut [LoadableInterface],
) -> Result<(), FirewallError> {
    // Only the other edge cares, and one process less is run where nobody can come to it.
    let netdev_only = |it: &LoadableInterface| it.checked.edge == EdgeChoice::Fixed(Edge::Netdev);
    if !interfaces.iter().all(netdev_only) && nft.offloads()? {
        for interface in interfaces {
            interface.checked.options.flow_offload = true;
        }
    }
    Ok(())
}

/// Returns what is tried in order: the edges from the best one, and all of them again without the
/// options that a kernel can lack.
pub(crate) fn attempts(interfaces: &[LoadableInterface]) -> Vec<Vec<Interface>> {
    let mut attempts: Vec<Vec<Interface>> = Vec::new();
    for time_wait in [true, false] {
        for rank in 0..3 {
            let attempt: Vec<Interface> =
                interfaces.iter().map(|it| it.ranked(rank, time_wait)).collect();
            if !attempts.contains(&attempt) {
                attempts.push(attempt);
            }
        }
    }
    attempts
}

/// Tries these in order until one is not refused, and returns it with what the try said.
///
/// # Errors
/// The first refusal, which says most, where all are refused; or the first other error.
pub(crate) fn first_accepted<T>(
    interfaces: &[LoadableInterface],
    tried: impl Fn(&[Interface]) -> Result<T, FirewallError>,
) -> Result<(Vec<Interface>, T), FirewallError> {
    let mut refused = None;
    for attempt in attempts(interfaces) {
        match tried(&attempt) {
            Ok(said) => return Ok((attempt, said)),
            Err(error @ FirewallError::Rejected(_)) => refused = refused.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    // There is an attempt even without interfaces, so there is a refusal.
    Err(refused.unwrap_or(FirewallError::Rejected(Quoted::new(""))))
}
