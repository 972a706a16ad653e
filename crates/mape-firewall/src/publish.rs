//! Port forwards in the loader. Before the load, the configured forwards become part of the state
//! from which the rules are made. After it, the assigned ports are stored on flash and scripts are
//! notified.

use mape_core::{Explain as _, Failure, IntoVec as _, PortRange};
use mape_kernel::conntrack::{Flows, forget_flows};

use crate::apply_forwards::apply;
use crate::env::Env;
use crate::forwards::{
    Change, ConfiguredForwards, Outcome, PortStore, Server, announce, announce_pool,
    write_allow_list,
};
use crate::interface_state::{State, StateError};
use crate::record::Record;
use crate::remarks::Remarks;
use crate::state_files::state_files;

/// An interface that has a state file.
pub(super) struct Planned {
    /// The interface's name, from the name of the file.
    pub(super) interface: String,
    /// The state in the file.
    before: State,
    /// The state to load, with the forwards that UCI has now.
    pub(super) state: State,
    /// The state that was loaded last.
    pub(super) record: Option<Record>,
    /// The assignment for the forwards in UCI, and the ports that were stored before it; `None` if
    /// UCI cannot be read.
    assignment: Option<(Outcome, PortStore)>,
}

/// The changes of which scripts are to be notified.
#[derive(Default)]
pub struct PendingEvents(Vec<(String, Vec<Change>, Option<Vec<PortRange>>)>);

/// Returns what to load for each interface. If UCI cannot be read, the published ports stay as they
/// are. Writes nothing.
pub(super) fn plan(
    env: &Env,
    configured: Result<ConfiguredForwards, Failure>,
    remarks: &mut Remarks,
) -> Vec<Planned> {
    let configured = match configured {
        Ok(configured) => Some(configured),
        Err(error) => {
            remarks.fault(format!("published ports stay as they are: {}", error.message));
            None
        }
    };
    for (section, reason) in configured.iter().flat_map(|configured| &configured.invalid) {
        remarks.warn(format!("forward {section}: refused, {}", reason.message));
    }
    let mut states = Vec::new();
    for path in state_files(&env.run) {
        let interface = name_of(&path);
        match State::read(&path) {
            Ok(state) => states.push((interface, state)),
            Err(StateError(reason)) => {
                remarks.closed(format!("{interface}: state ignored, {reason}"));
            }
        }
    }
    let only = states.len() == 1;
    let planned = |(interface, before): (String, State)| {
        let applied = configured
            .as_ref()
            .and_then(|configured| apply(&before, configured, &interface, only, env));
        let (state, assignment) = match applied {
            Some((state, outcome, stored)) => (state, Some((outcome, stored))),
            None => (before.clone(), None),
        };
        for (section, refusal) in assignment.iter().flat_map(|(outcome, _)| &outcome.refused) {
            remarks.warn(format!("forward {section}: refused, {refusal}; {}", refusal.hint()));
        }
        let record = Record::read(&env.run, &interface);
        Planned { interface, before, state, record, assignment }
    };
    states.into_iter().map(planned).into_vec()
}

/// Returns a state that is not in a file yet, with the configured forwards.
pub(super) fn with_forwards(env: &Env, state: &State) -> State {
    let is_other = |path: &std::path::PathBuf| name_of(path) != state.interface();
    let only = !state_files(&env.run).iter().any(is_other);
    let configured = ConfiguredForwards::read(env).ok();
    let applied = configured.and_then(|all| apply(state, &all, state.interface(), only, env));
    applied.map_or_else(|| state.clone(), |(state, ..)| state)
}

fn name_of(path: &std::path::Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

impl Planned {
    /// Whether this load would change published ports.
    pub(super) fn is_changed(&self) -> bool {
        self.before.servers() != self.state.servers()
    }

    /// Returns what may be loaded if nft refuses [`Self::state`], best first: the state that was
    /// loaded for the same device, without withdrawn forwards; the new state without the new
    /// forwards; the new state without any forward.
    pub(super) fn older(&self, index: u32) -> Vec<State> {
        let last = self.record.as_ref().filter(|record| record.index == index);
        let mut older: Vec<State> =
            last.and_then(|last| last.state.still_wanted_by(&self.state)).into_iter().into_vec();
        if let Some((outcome, stored)) = &self.assignment {
            let is_new = |server: &Server| outcome.is_new(stored, &server.forward);
            older.push(self.state.with_servers(|server| !is_new(server)));
        }
        older.push(self.state.without_servers());
        older.retain(|state| *state != self.state);
        older
    }

    /// Records the result of a load: state file, connections, flash, list of UPnP ports. `loaded`
    /// is the state that was loaded and the index of its device, if the interface is open. Returns
    /// the changes for scripts.
    pub(super) fn in_force(
        self,
        env: &Env,
        loaded: Option<(State, u32)>,
        remarks: &mut Remarks,
    ) -> Option<(String, Vec<Change>, Option<Vec<PortRange>>)> {
        let Self { interface, before, state: wanted, record: last, assignment } = self;
        if wanted != before {
            // The loaded rules do not need the file. If this fails, the next load makes the same
            // state again.
            wanted.write(&env.run).unwrap_or_else(|error| {
                remarks.fault(format!("{interface}: its state cannot be written down: {error}"));
            });
        }
        let Some((state, index)) = loaded else {
            Record::remove(&env.run, &interface);
            return None;
        };
        let earlier = std::iter::once(&before).chain(last.as_ref().map(|last| &last.state));
        end_flows(earlier, &state, env, &interface, remarks);
        let record = Record { index, state };
        if last.as_ref() != Some(&record) {
            record.write(&env.run, &interface);
        }
        let Record { state, .. } = record;
        let (mut outcome, stored) = assignment?;
        let is_left_out = |server: &&Server| !state.servers().contains(server);
        let left_out: Vec<Server> = outcome.servers.iter().filter(is_left_out).cloned().into_vec();
        outcome.without(&stored, &left_out);
        if let Err(error) = outcome.stored.write(&env.flash, &interface) {
            remarks.fault(format!("{interface}: its ports cannot be remembered: {error}"));
        }
        let mut changes = outcome.changes;
        // If flash could not be written the last time, these forwards are loaded already and are no
        // changes.
        if let Some(last) = last.filter(|last| last.index == index) {
            changes.retain(|change| last.state.has_at(&change.forward) != change.new);
        }
        let waits = |change: &Change| {
            state.servers().iter().any(|it| it.forward == change.forward && it.host.is_none())
        };
        remarks.notes(changes.iter().map(|change| change.line(waits(change))));
        let pool = state.pool();
        let moved = write_allow_list(&env.run, &interface, &pool).unwrap_or_else(|error| {
            remarks.fault(format!("{interface}: no list of ports for UPnP: {error}"));
            false
        });
        Some((interface, changes, moved.then_some(pool)))
    }
}

/// Deletes the connections of forwards that are gone or lead to another host. Their later packets
/// would still reach the host, because NAT rules see only the first packet of a connection.
fn end_flows<'a>(
    earlier: impl Iterator<Item = &'a State>,
    now: &State,
    env: &Env,
    interface: &str,
    remarks: &mut Remarks,
) {
    let flows = |state: &State| -> Vec<Flows> {
        let address = state.address();
        let published = state.servers().iter().flat_map(Server::published);
        published.filter_map(|one| Some(Flows { address: address?, published: one })).into_vec()
    };
    let still = flows(now);
    let mut gone: Vec<Flows> = earlier.flat_map(flows).into_vec();
    gone.retain(|flows| !still.contains(flows));
    if gone.is_empty() {
        return;
    }
    match forget_flows(&env.kernel, &gone) {
        Ok(0) => {}
        Ok(count) => remarks.note(format!("{interface}: {count} connections to hosts ended")),
        Err(error) => remarks.fault(format!(
            "{interface}: connections to hosts that are not published any more go on: {error}; {}",
            error.hint()
        )),
    }
}

impl PendingEvents {
    pub(super) fn new(
        events: impl Iterator<Item = (String, Vec<Change>, Option<Vec<PortRange>>)>,
    ) -> Self {
        Self(events.into_vec())
    }

    /// Runs the scripts. A script may call this program, so the caller releases the lock first.
    pub fn announce(self, env: &Env) {
        for (interface, changes, pool) in self.0 {
            announce(&env.hotplug, &interface, &changes);
            if let Some(pool) = pool {
                announce_pool(&env.hotplug, &interface, &pool);
            }
        }
    }
}
