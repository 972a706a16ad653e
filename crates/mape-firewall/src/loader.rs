//! From what is there to one transaction.

use std::fs::File;

use mape_core::Quoted;
use mape_nft::{Interface, transaction};
use nix::fcntl::Flock;

use crate::admit::admit;
use crate::env::Env;
use crate::error::FirewallError;
use crate::forwards::Wishes;
use crate::interface_state::{State, StateError};
use crate::loadable::{
    LoadableInterface, apply_offload_exemption, attempts, first_accepted, loadable,
};
use crate::nft_command::Nft;
use crate::publish::{Planned, Told};
use crate::record::Record;
use crate::remarks::Remarks;
use crate::report::Report;
use crate::state_files::{device_index, state_files};
use crate::{capability_cache, lock, publish};

/// Takes the rules of the last interface away, and the tables with them.
///
/// Where other interfaces have state files, this is [`load`].
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
    capability_cache::doubt(env);
    Record::remove_others(&env.run, |_| false);
    lock::remove(lock, &env.run);
    Ok(())
}

/// Brings the kernel's rules in line with the state files and devices.
///
/// Where nothing is to be changed, nft is only asked. Otherwise there is one transaction for all
/// interfaces. With edge `auto` it is the load itself that finds out what the kernel can do: nft
/// takes all or nothing, so a refused attempt changes nothing, and the next edge is tried. Each
/// call begins with the best one again.
///
/// Where nft refuses the newest rules of an interface, older ones stay in force, or become it.
/// Published ports that are withdrawn are so in any case.
///
/// # Errors
/// [`FirewallError`]. Where nft refuses the rules, all that can be tried is shut. After any other
/// error all stays as it was.
pub fn load(env: &Env) -> Result<Report, FirewallError> {
    let lock = lock::take(&env.run)?;
    let (report, told) = load_locked(env, &lock)?;
    // Whoever is told may ask us something.
    drop(lock);
    told.tell(env);
    Ok(report)
}

/// The same for who holds the lock, and has to tell the news once it is given back.
///
/// # Errors
/// [`FirewallError`]
pub fn load_locked(env: &Env, lock: &Flock<File>) -> Result<(Report, Told), FirewallError> {
    let mut remarks = Remarks::default();
    let planned = publish::plan(env, Wishes::read(env), &mut remarks);
    let nft = Nft::holding(&env.nft, lock);
    let Loaded { interfaces, ready, unchanged, refused } =
        load_ready(env, &nft, &planned, &mut remarks)?;
    admit(&env.kernel, &nft, &interfaces).unwrap_or_else(|error| {
        remarks.fault(format!("firewall4 stops what is published: {error}"));
    });
    for (name, error) in &refused {
        let is_open = ready.iter().any(|ready| ready.state.interface() == name);
        let what = if is_open { "the newest rules are" } else { "left out, its rules are" };
        remarks.fault(format!("{name}: {what} not loaded, {error}"));
    }
    Record::remove_others(&env.run, |name| planned.iter().any(|it| it.interface == name));
    let mut loaded = ready.into_iter().map(|it| (it.state, it.index)).collect::<Vec<_>>();
    let in_force = |planned: Planned| {
        let is_it = |(state, _): &(State, u32)| state.interface() == planned.interface;
        let own = loaded.iter().position(is_it).map(|at| loaded.swap_remove(at));
        planned.in_force(env, own, &mut remarks)
    };
    let told = Told::new(planned.into_iter().filter_map(in_force));
    Ok((Report { interfaces, unchanged, refused, remarks }, told))
}

/// Asks nft whether it would load what these wishes come to. Changes nothing.
///
/// # Errors
/// [`FirewallError`]: it would not, for an interface whose published ports change by it.
pub fn would_load(env: &Env, wishes: Wishes) -> Result<(), FirewallError> {
    let mut remarks = Remarks::default();
    let planned = publish::plan(env, Ok(wishes), &mut remarks);
    let nft = Nft::new(&env.nft);
    let mut ready = loadable(env, &planned, &mut remarks);
    if !planned.iter().any(Planned::is_changed) || ready.is_empty() {
        return Ok(());
    }
    apply_offload_exemption(&nft, &mut ready)?;
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

/// What is in force.
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
    apply_offload_exemption(nft, &mut ready)?;
    let bring = |interfaces: &[Interface]| {
        let text = transaction(interfaces);
        let is_loaded = nft.has(&text)?;
        if !is_loaded {
            nft.load(&text)?;
        }
        Ok(is_loaded)
    };
    let mut refused = Vec::new();
    let mut first = None;
    // Again where one of the good ones has vanished meanwhile, and with ever older rules: what nft
    // accepts when it is asked it may still refuse to load.
    for age in 0..4 {
        let error = match first_accepted(&ready, bring) {
            Ok((interfaces, unchanged)) => {
                return Ok(Loaded { interfaces, ready, unchanged, refused });
            }
            Err(error @ FirewallError::Rejected(_)) => error,
            Err(error) => return Err(error),
        };
        first = first.or(Some(error));
        // One interface must not keep the others shut, for instance because its device has just
        // vanished.
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
    // What is in it leads nowhere now.
    let _ = admit(&env.kernel, nft, &[]);
    Err(first.unwrap_or(FirewallError::Rejected(Quoted::new(""))))
}

/// Those that nft takes together, added one by one, each with the newest rules that it takes, but
/// for the `age` newest. It is only asked: what is open stays so meanwhile.
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
        let (index, flow_offload) = (next.index, next.checked.options.flow_offload);
        let planned = planned.iter().find(|it| it.interface == name);
        let older = planned.map(|planned| planned.older(index)).unwrap_or_default();
        // Of the oldest there is always something left to try.
        let skipped = age.min(older.len());
        let older = older.into_iter().filter_map(|state| {
            let mut checked = state.check().ok()?;
            checked.options.flow_offload = flow_offload;
            Some(LoadableInterface { state, checked, index })
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

/// What [`load`] would give to nft if this state were written down; `None` where all is loaded.
/// Rules of a device that is made anew name the device: `load` binds them to its index, which
/// nobody knows yet. Of the edges it is the one that `load` tries first.
///
/// # Errors
/// [`FirewallError`]: the state is not valid.
pub fn intended(
    env: &Env,
    state: &State,
    is_made_anew: bool,
) -> Result<Option<String>, FirewallError> {
    let rejected = |StateError(reason)| FirewallError::Rejected(Quoted::new(&reason));
    let checked = state.check().map_err(rejected)?;
    let name = checked.name.clone();
    let nft = Nft::new(&env.nft);
    let index = device_index(env, checked.device.as_str()).filter(|_| !is_made_anew);
    let mut remarks = Remarks::default();
    let planned = publish::plan(env, Wishes::read(env), &mut remarks);
    let mut ready = loadable(env, &planned, &mut remarks);
    ready.retain(|ready| ready.checked.name != name);
    ready.push(LoadableInterface {
        state: state.clone(),
        checked,
        index: index.unwrap_or_default(),
    });
    ready.sort_by(|one, other| one.checked.name.as_str().cmp(other.checked.name.as_str()));
    // Where nft cannot be asked, `load` says so.
    let _ = apply_offload_exemption(&nft, &mut ready);
    let mut first = None;
    for mut interfaces in attempts(&ready) {
        for interface in &mut interfaces {
            interface.index = interface.index.filter(|index| *index != 0);
        }
        let Some(missing) = nft.missing(&transaction(&interfaces)) else { return Ok(None) };
        first.get_or_insert(missing);
    }
    Ok(first)
}
