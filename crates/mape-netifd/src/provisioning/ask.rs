//! Asks a server for the rule, and keeps what came of it.

use mape_core::{Failure, ReceivedPrefix};
use mape_provision::{Effect, Machine, Mode};

use super::client::ProvisioningClient;
use super::store::{LastFailure, Store};
use mape_net::Fetcher;

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When to ask again, in seconds since the machine's start.
    pub next: u64,
    /// Whether there are other rules than before, or none any more.
    pub changed: bool,
}

/// Asks a server if it is time, and keeps the answer and the time of the next request. `advised`
/// gives a failure the next step that fits the machine. `None` if provisioning is off.
pub fn ask_for_rule(
    store: &Store<'_>,
    mode: Mode,
    client: &ProvisioningClient,
    fetcher: Option<&Fetcher>,
    advised: fn(Failure) -> Failure,
) -> Option<Asked> {
    let prefixes: Vec<ReceivedPrefix> = client.prefixes.clone();
    let mut machine = Machine::new(mode, prefixes, store.cached(), store.pause())?;
    let mut last_failure = store.last_failure();
    let mut changed = false;
    let mut heard = |effect: Effect, machine: &Machine| {
        changed |= matches!(effect, Effect::Apply | Effect::Withdraw(_));
        last_failure = log_outcome(&effect, machine, advised);
    };
    let mut failed = |said: String| log::warn!("{said}");
    let next = client.run(store.env, &mut machine, fetcher, &mut heard, &mut failed);
    if let Err(error) = store.keep(&machine, last_failure) {
        log::warn!("the answer of provisioning cannot be kept: {error}");
    }
    Some(Asked { next, changed })
}

/// Logs the outcome of a try; returns the failure to keep for status and doctor.
fn log_outcome(
    effect: &Effect,
    machine: &Machine,
    advised: fn(Failure) -> Failure,
) -> Option<LastFailure> {
    let failure: Failure = match effect {
        Effect::Unchanged => return None,
        Effect::Apply => {
            let rules = machine.answer().and_then(|answer| answer.map_e());
            let count = rules.map_or(0, |map_e| map_e.rules.len());
            log::info!("provisioning: {count} rules");
            return None;
        }
        Effect::Withdraw(why) => why.clone().into(),
        Effect::Keep(why) => why.clone().into(),
    };
    let failure = advised(failure);
    log::warn!("{}", failure.line());
    Some(LastFailure::of(&failure))
}
