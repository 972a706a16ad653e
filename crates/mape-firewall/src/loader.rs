//! The loader: makes one nft transaction from the state files and the devices.

use std::fs::File;

use mape_core::{IntoVec as _, Quoted};
use mape_nft::{Interface, transaction};
use nix::fcntl::Flock;

use crate::admit::admit;
use crate::env::Env;
use crate::error::FirewallError;
use crate::flow_offload::OtherFlowtables;
use crate::forwards::ConfiguredForwards;
use crate::interface_state::{State, StateError};
use crate::loadable::{LoadableInterface, attempts, find_flowtables, first_accepted, loadable};
use crate::nft_command::Nft;
use crate::presence::{forget, is_complete, is_loaded, note};
use crate::publish::{PendingEvents, Planned};
use crate::record::Record;
use crate::remarks::Remarks;
use crate::report::Report;
use crate::state_files::{device_index, state_files};
use crate::{capability_cache, lock, publish};

/// Deletes the tables of mape-rs after the last interface has gone.
///
/// If another interface still has a state file, this calls [`load`] instead.
///
/// # Errors
/// [`FirewallError`]
pub fn unload(env: &Env) -> Result<(), FirewallError> {
    if !state_files(&env.run).is_empty() {
        return load(env).map(drop);
    }
    let lock = lock::take(&env.run)?;
    let nft = Nft::holding(&env.nft, &lock);
    nft.unload()?;
    admit(&env.kernel, &nft, &[])?;
    capability_cache::clear(env);
    forget(env);
    Record::remove_others(&env.run, |_| false);
    lock::remove(lock, &env.run);
    Ok(())
}

/// Makes the loaded rules agree with the state files and devices.
///
/// If nothing has to change, the kernel is only queried, and no program runs. Otherwise one
/// transaction replaces the rules of all interfaces. With edge `auto`, the load itself is the test
/// of what the kernel supports: nft loads all of a text or none of it, so a refused attempt changes
/// nothing, and the loader tries the next edge. Each call starts with the best edge again.
///
/// If nft refuses the newest rules of an interface, its older rules stay loaded or are loaded
/// again. Older rules do not contain a forward that was withdrawn since.
///
/// # Errors
/// [`FirewallError`]. If nft refuses every interface, also with older rules, all interfaces are
/// closed. After any other error the loaded rules stay as they were.
pub fn load(env: &Env) -> Result<Report, FirewallError> {
    let lock = lock::take(&env.run)?;
    let (report, events) = load_locked(env, &lock)?;
    // A script may call this program, so the lock is released before the scripts run.
    drop(lock);
    events.announce(env);
    Ok(report)
}

/// Does the work of [`load`] for a caller that holds the lock. The second value runs the scripts;
/// the caller runs them after it has released the lock.
///
/// # Errors
/// [`FirewallError`]
pub fn load_locked(
    env: &Env,
    lock: &Flock<File>,
) -> Result<(Report, PendingEvents), FirewallError> {
    let mut remarks = Remarks::default();
    let planned = publish::plan(env, ConfiguredForwards::read(env), &mut remarks);
    let nft = Nft::holding(&env.nft, lock);
    let Loaded { interfaces, ready, unchanged, refused } =
        load_ready(env, &nft, &planned, &mut remarks)?;
    admit(&env.kernel, &nft, &interfaces).unwrap_or_else(|error| {
        remarks.fault(format!("firewall4 stops what is published: {error}"));
    });
    for (name, error) in &refused {
        if ready.iter().any(|ready| ready.state.interface() == name) {
            remarks.fault(format!("{name}: the newest rules are not loaded, {error}"));
        } else {
            remarks.closed(format!("{name}: left out, its rules are not loaded, {error}"));
        }
    }
    Record::remove_others(&env.run, |name| planned.iter().any(|it| it.interface == name));
    let mut loaded = ready.into_iter().map(|it| (it.state, it.index)).into_vec();
    let in_force = |planned: Planned| {
        let is_it = |(state, _): &(State, u32)| state.interface() == planned.interface;
        let own = loaded.iter().position(is_it).map(|at| loaded.swap_remove(at));
        planned.in_force(env, own, &mut remarks)
    };
    let events = PendingEvents::new(planned.into_iter().filter_map(in_force));
    Ok((Report { interfaces, unchanged, refused, remarks }, events))
}

/// Asks nft whether it would load the rules for these requested forwards. Changes nothing.
///
/// # Errors
/// [`FirewallError`]: nft cannot be asked, or it refuses an interface whose port forwards change.
pub fn would_load(env: &Env, configured: ConfiguredForwards) -> Result<(), FirewallError> {
    let mut remarks = Remarks::default();
    let planned = publish::plan(env, Ok(configured), &mut remarks);
    let nft = Nft::new(&env.nft);
    let mut ready = loadable(env, &planned, &mut remarks);
    if !planned.iter().any(Planned::is_changed) || ready.is_empty() {
        return Ok(());
    }
    find_flowtables(env, &mut ready)?;
    match first_accepted(&ready, |interfaces| nft.would_load(&transaction(interfaces))) {
        Ok(_) => return Ok(()),
        Err(FirewallError::Rejected(_)) => {}
        Err(error) => return Err(error),
    }
    let mut refused = Vec::new();
    acceptable_subset(&nft, ready, &planned, 0, &mut refused)?;
    let is_changed = |name: &str| planned.iter().any(|it| it.interface == name && it.is_changed());
    refused.into_iter().find(|(name, _)| is_changed(name)).map_or(Ok(()), |(_, error)| Err(error))
}

/// What a load left in the kernel.
struct Loaded {
    interfaces: Vec<Interface>,
    ready: Vec<LoadableInterface>,
    unchanged: bool,
    refused: Vec<(String, FirewallError)>,
}

fn load_ready(
    env: &Env,
    nft: &Nft<'_>,
    planned: &[Planned],
    remarks: &mut Remarks,
) -> Result<Loaded, FirewallError> {
    let mut ready = loadable(env, planned, remarks);
    find_flowtables(env, &mut ready)?;
    let bring = |interfaces: &[Interface]| {
        let text = transaction(interfaces);
        if is_complete(env, &text) {
            return Ok(true);
        }
        nft.load(&text)?;
        note(env, &text);
        Ok(false)
    };
    let mut refused = Vec::new();
    let mut first = None;
    // What nft accepts in a check it may still refuse to load, for instance because a device has
    // just vanished. Each round therefore checks again, and starts with older rules.
    for age in 0..4 {
        let error = match first_accepted(&ready, bring) {
            Ok((interfaces, unchanged)) => {
                return Ok(Loaded { interfaces, ready, unchanged, refused });
            }
            Err(error @ FirewallError::Rejected(_)) => error,
            Err(error) => return Err(error),
        };
        first = first.or(Some(error));
        // One refused interface must not keep the others closed.
        ready = acceptable_subset(nft, ready, planned, age, &mut refused)?;
        if let Some(FirewallError::Rejected(said)) = &first {
            let newest =
                |it: &&LoadableInterface| planned.iter().any(|planned| planned.state == it.state);
            for old in ready.iter().filter(|it| !newest(it)) {
                let name = old.state.interface();
                if !refused.iter().any(|(known, _)| known == name) {
                    refused.push((name.to_owned(), FirewallError::Rejected(said.clone())));
                }
            }
        }
        if ready.is_empty() {
            break;
        }
    }
    nft.load(&transaction(&[]))?;
    // All interfaces are closed, so firewall4's set of accepted forwards is emptied.
    let _ = admit(&env.kernel, nft, &[]);
    Err(first.unwrap_or(FirewallError::Rejected(Quoted::new(""))))
}

/// Returns the interfaces that nft accepts together. Each is added with the newest rules that nft
/// accepts, but without trying the `age` newest. nft only checks (`nft -c`), so open interfaces
/// stay open meanwhile.
fn acceptable_subset(
    nft: &Nft<'_>,
    ready: Vec<LoadableInterface>,
    planned: &[Planned],
    age: usize,
    refused: &mut Vec<(String, FirewallError)>,
) -> Result<Vec<LoadableInterface>, FirewallError> {
    let mut good: Vec<LoadableInterface> = Vec::new();
    for next in ready {
        let name = next.state.interface().to_owned();
        let (index, flowtables) = (next.index, next.flowtables.clone());
        let planned = planned.iter().find(|it| it.interface == name);
        let older = planned.map(|planned| planned.older(index)).unwrap_or_default();
        // The oldest rules are never skipped.
        let skipped = age.min(older.len());
        let older = older.into_iter().filter_map(|state| {
            let valid = state.validate().ok()?;
            Some(LoadableInterface { state, valid, index, flowtables: flowtables.clone() })
        });
        let mut error = None;
        for candidate in std::iter::once(next).chain(older).skip(skipped) {
            good.push(candidate);
            match first_accepted(&good, |interfaces| nft.would_load(&transaction(interfaces))) {
                Ok(_) => break,
                Err(rejected @ FirewallError::Rejected(_)) => {
                    good.pop();
                    error = error.or(Some(rejected));
                }
                Err(error) => return Err(error),
            }
        }
        let is_known = refused.iter().any(|(known, _)| *known == name);
        refused.extend(error.filter(|_| !is_known).map(|error| (name, error)));
    }
    Ok(good)
}

/// Returns the text that [`load`] would pass to nft if this state were in the state file; `None` if
/// it is loaded already. If the device will be created again, its next index is unknown: the text
/// then names the device, and `load` binds the rules to the index. The edge is the one that `load`
/// tries first.
///
/// # Errors
/// [`FirewallError`]: the state is not valid.
pub fn intended(
    env: &Env,
    state: &State,
    is_made_anew: bool,
) -> Result<Option<String>, FirewallError> {
    let rejected = |StateError(reason)| FirewallError::Rejected(Quoted::new(&reason));
    let state = publish::with_forwards(env, state);
    let valid = state.validate().map_err(rejected)?;
    let name = valid.name.clone();
    let nft = Nft::new(&env.nft);
    let index = device_index(env, valid.device.as_str()).filter(|_| !is_made_anew);
    let mut remarks = Remarks::default();
    let planned = publish::plan(env, ConfiguredForwards::read(env), &mut remarks);
    let mut ready = loadable(env, &planned, &mut remarks);
    ready.retain(|ready| ready.valid.name != name);
    let index = index.unwrap_or_default();
    let flowtables = OtherFlowtables::default();
    ready.push(LoadableInterface { state, valid, index, flowtables });
    ready.sort_unstable_by(|one, other| one.valid.name.cmp(&other.valid.name));
    // If the kernel does not answer, `load` reports the error.
    let _ = find_flowtables(env, &mut ready);
    let mut first = None;
    for mut interfaces in attempts(&ready) {
        for interface in &mut interfaces {
            interface.index = interface.index.filter(|index| *index != 0);
        }
        let text = transaction(&interfaces);
        if is_loaded(env, &text) {
            return Ok(None);
        }
        first.get_or_insert_with(|| nft.text(&text));
    }
    Ok(first)
}
