//! Interfaces that can be loaded, and the order in which their rules are tried.

use mape_core::{IntoVec as _, Quoted};
use mape_kernel::netlink::NetlinkError;
use mape_nft::{Interface, Offload};

use crate::env::Env;
use crate::error::FirewallError;
use crate::flow_offload::OtherFlowtables;
use crate::interface_state::{State, StateError, ValidState};
use crate::publish::Planned;
use crate::remarks::Remarks;
use crate::state_files::device_index;

/// An interface whose device exists.
pub(crate) struct LoadableInterface {
    pub(crate) state: State,
    pub(crate) valid: ValidState,
    /// Index of the device; 0 if the device will be created again.
    pub(crate) index: u32,
    pub(crate) flowtables: OtherFlowtables,
}

impl LoadableInterface {
    /// Returns the interface with the edge of this rank (0 is the best), or with the last edge if
    /// it has fewer. `own_flowtable` permits a flowtable of ours.
    fn ranked(&self, rank: usize, time_wait: bool, own_flowtable: bool) -> Interface {
        let edges = self.valid.edge.candidates();
        let edge = edges.get(rank).or(edges.last()).copied();
        let edge = edge.unwrap_or_else(|| self.valid.edge.preferred());
        let mut interface = self.valid.interface(self.index, edge, time_wait);
        let shared = interface.dataplane.mapping().is_some();
        interface.offload = self.flowtables.offload(edge, shared);
        if !own_flowtable && matches!(interface.offload, Offload::Own(_)) {
            interface.offload = Offload::Untouched;
        }
        interface
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
        let valid = match state.validate() {
            Ok(valid) if valid.name.as_str() == name => valid,
            Ok(valid) => {
                remarks.closed(format!("{name}: state ignored, it is that of {}", valid.name));
                continue;
            }
            Err(StateError(reason)) => {
                remarks.closed(format!("{name}: state ignored, {reason}"));
                continue;
            }
        };
        if let Some(other) = ready.iter().find(|other| other.valid.device == valid.device) {
            remarks.closed(format!(
                "{name}: state ignored, its device {} is that of {}",
                valid.device, other.valid.name
            ));
            continue;
        }
        let Some(index) = device_index(env, valid.device.as_str()) else {
            remarks.fault(format!("{name}: no device {} yet", valid.device));
            continue;
        };
        // nft would refuse the two together, and each load would then check the interfaces one by
        // one.
        if let Some(other) = ready.iter().find(|other| other.valid.line.ce() == valid.line.ce()) {
            remarks.closed(format!(
                "{name}: left out, its line is that of {}; remove one of the two",
                other.valid.name
            ));
            continue;
        }
        ready.push(LoadableInterface {
            state: state.clone(),
            valid,
            index,
            flowtables: OtherFlowtables::default(),
        });
    }
    ready
}

/// Finds out for all interfaces whether another program offloads connections.
///
/// # Errors
/// [`FirewallError::Flowtables`]
pub(crate) fn find_flowtables(
    env: &Env,
    interfaces: &mut [LoadableInterface],
) -> Result<(), FirewallError> {
    let others = match OtherFlowtables::read(env) {
        // The kernel then refuses the rules too, and nft's error says why.
        Err(NetlinkError::Socket(_) | NetlinkError::Refused(_)) => return Ok(()),
        others => others.map_err(FirewallError::Flowtables)?,
    };
    for interface in interfaces {
        interface.flowtables = others.for_tunnel(env, &interface.valid.device);
    }
    Ok(())
}

/// Returns the attempts in order: each edge from the best one on, then each edge again without
/// `time_wait`, which a kernel can lack. Each attempt with a flowtable of ours is followed by one
/// without it, because a device of the LAN may be deleted while the text is loaded.
pub(crate) fn attempts(interfaces: &[LoadableInterface]) -> Vec<Vec<Interface>> {
    let mut attempts: Vec<Vec<Interface>> = Vec::new();
    for time_wait in [true, false] {
        for rank in 0..3 {
            for own_flowtable in [true, false] {
                let ranked = |it: &LoadableInterface| it.ranked(rank, time_wait, own_flowtable);
                let attempt: Vec<Interface> = interfaces.iter().map(ranked).into_vec();
                if !attempts.contains(&attempt) {
                    attempts.push(attempt);
                }
            }
        }
    }
    attempts
}

/// Tries the attempts in order until nft accepts one. Returns that attempt, and what `tried`
/// returned.
///
/// # Errors
/// If all attempts are refused: the first refusal, which says most. Otherwise the first other
/// error.
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
