//! A state file together with the forwards of its interface.

use crate::env::Env;
use crate::forwards::{ConfiguredForwards, Outcome, PortStore, Refusal, Server, outcome, pool};
use crate::interface_state::State;

/// Returns the state of an interface with the requested forwards, the assignment, and the ports
/// that were stored before. Writes no file. `None` if the state gives no plan.
///
/// Forwards for which a state file has no room are refused, the last ones first.
pub(crate) fn apply(
    state: &State,
    configured: &ConfiguredForwards,
    interface: &str,
    only: bool,
    env: &Env,
) -> Option<(State, Outcome, PortStore)> {
    let plan = state.plan_without_servers().ok()?;
    let pool = pool(&plan, state.upnp_ports());
    let stored = PortStore::read(&env.flash, interface);
    let mut outcome = outcome(configured, interface, only, &plan, &pool, &stored);
    let room = state.room_for(&outcome.servers);
    let left_out = outcome.servers.split_off(room);
    let no_room = |server: &Server| (server.forward.clone(), Refusal::NoRoom { room });
    outcome.refused.extend(left_out.iter().map(no_room));
    outcome.without(&stored, &left_out);
    let mut new = state.clone();
    new.set_servers(outcome.servers.clone());
    Some((new, outcome, stored))
}
