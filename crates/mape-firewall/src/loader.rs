//! From what is there to one transaction.

use std::fmt;
use std::fs::File;

use mape_core::{Layout, Plan, Quoted, ReceivedPrefix, Request, parse_rule, plan};
use mape_nft::{
    Dataplane, Edge, EdgeChoice, Interface, InterfaceName, Transaction, probe, transaction,
};
use nix::fcntl::Flock;

use crate::admit::admit;
use crate::env::Env;
use crate::error::FirewallError;
use crate::forwards::Wishes;
use crate::interface_state::{Checked, State, StateError};
use crate::nft_command::Nft;
use crate::publish::{Planned, Told};
use crate::record::Record;
use crate::remarks::Remarks;
use crate::state_files::{device_index, state_files};
use crate::{lock, publish};

/// UCI allows no section of such a name, so no interface has it.
const NAME_OF_CHECKS: &str = "only.checked";

/// What the loader did.
#[derive(Debug, Default)]
pub struct Report {
    /// The interfaces that are open now.
    interfaces: Vec<Interface>,
    /// Whether everything was as it should be already.
    unchanged: bool,
    /// Those whose newest rules nft refuses. They are open with older ones, or shut.
    refused: Vec<(String, FirewallError)>,
    remarks: Remarks,
}

impl Report {
    /// Whether nothing had to be loaded.
    #[must_use]
    pub const fn is_unchanged(&self) -> bool {
        self.unchanged
    }

    /// What was to be done and could not be, a line each: an interface that is not open, a file
    /// that cannot be written. Empty where all is as it should be.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        self.remarks.faults()
    }

    /// Why an interface does not have its newest rules, if nft refuses them.
    #[must_use]
    pub fn refusal(&self, interface: &str) -> Option<&FirewallError> {
        self.refused.iter().find(|(name, _)| name == interface).map(|(_, error)| error)
    }

    /// The same, to be told by the caller.
    pub fn take_refusal(&mut self, interface: &str) -> Option<FirewallError> {
        let at = self.refused.iter().position(|(name, _)| name == interface)?;
        Some(self.refused.swap_remove(at).1)
    }

    /// Where the interface's ports are translated, if it is open.
    #[must_use]
    pub fn edge_of(&self, name: &InterfaceName) -> Option<Edge> {
        self.interfaces.iter().find(|interface| interface.name == *name).map(|open| open.edge)
    }
}

/// One line for each interface and each remark.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = if self.unchanged { "is loaded already" } else { "loaded" };
        for Interface { name, device, edge, .. } in &self.interfaces {
            writeln!(f, "{name}: {device}, edge {edge}, {done}")?;
        }
        if self.interfaces.is_empty() {
            writeln!(f, "no interface is open; the guard {done}")?;
        }
        self.remarks.fmt(f)
    }
}

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
    crate::capability_cache::doubt(env);
    Record::remove_others(&env.run, |_| false);
    lock::remove(lock, &env.run);
    Ok(())
}

/// An interface whose device exists.
struct Ready {
    state: State,
    checked: Checked,
    index: u32,
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
    let mut ready = ready(env, &planned, &mut remarks);
    if !planned.iter().any(Planned::is_changed) || ready.is_empty() {
        return Ok(());
    }
    heed_offloads(&nft, &mut ready)?;
    match attempt(&ready, |text| nft.would_load(text).map(|()| false)) {
        Ok(_) => return Ok(()),
        Err(FirewallError::Rejected(_)) => {}
        Err(error) => return Err(error),
    }
    let mut refused = Vec::new();
    accepted(&nft, ready, &planned, 0, &mut refused)?;
    let is_changed = |name: &str| planned.iter().any(|it| it.interface == name && it.is_changed());
    refused.into_iter().find(|(name, _)| is_changed(name)).map_or(Ok(()), |(_, error)| Err(error))
}

/// What is in force.
struct Loaded {
    interfaces: Vec<Interface>,
    ready: Vec<Ready>,
    unchanged: bool,
    refused: Vec<(String, FirewallError)>,
}

fn load_ready(
    env: &Env,
    nft: &Nft<'_>,
    planned: &[Planned],
    remarks: &mut Remarks,
) -> Result<Loaded, FirewallError> {
    let mut ready = ready(env, planned, remarks);
    heed_offloads(nft, &mut ready)?;
    let bring = |text: &Transaction| {
        let there = nft.has(text)?;
        if !there {
            nft.load(text)?;
        }
        Ok(there)
    };
    let mut refused = Vec::new();
    let mut first = None;
    // Again where one of the good ones has vanished meanwhile, and with ever older rules: what nft
    // accepts when it is asked it may still refuse to load.
    for age in 0..4 {
        let error = match attempt(&ready, bring) {
            Ok((interfaces, unchanged)) => {
                return Ok(Loaded { interfaces, ready, unchanged, refused });
            }
            Err(error @ FirewallError::Rejected(_)) => error,
            Err(error) => return Err(error),
        };
        first = first.or(Some(error));
        // One interface must not keep the others shut, for instance because its device has just
        // vanished.
        ready = accepted(nft, ready, planned, age, &mut refused)?;
        if let Some(FirewallError::Rejected(said)) = &first {
            let newest = |it: &&Ready| planned.iter().any(|planned| planned.state == it.state);
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
fn accepted(
    nft: &Nft<'_>,
    ready: Vec<Ready>,
    planned: &[Planned],
    age: usize,
    refused: &mut Vec<(String, FirewallError)>,
) -> Result<Vec<Ready>, FirewallError> {
    let mut good: Vec<Ready> = Vec::new();
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
            Some(Ready { state, checked, index })
        });
        let mut error = None;
        for candidate in std::iter::once(next).chain(older).skip(skipped) {
            good.push(candidate);
            match attempt(&good, |text| nft.would_load(text).map(|()| false)) {
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
    let mut ready = ready(env, &planned, &mut remarks);
    ready.retain(|ready| ready.checked.name != name);
    ready.push(Ready { state: state.clone(), checked, index: index.unwrap_or_default() });
    ready.sort_by(|one, other| one.checked.name.as_str().cmp(other.checked.name.as_str()));
    // Where nft cannot be asked, `load` says so.
    let _ = heed_offloads(&nft, &mut ready);
    let mut first = None;
    for (time_wait, rank) in
        [true, false].into_iter().flat_map(|with| (0..3).map(move |rank| (with, rank)))
    {
        let mut interfaces: Vec<Interface> =
            ready.iter().map(|ready| ready.ranked(rank, time_wait)).collect();
        for interface in &mut interfaces {
            interface.index = interface.index.filter(|index| *index != 0);
        }
        let Some(missing) = nft.missing(&transaction(&interfaces)) else { return Ok(None) };
        first.get_or_insert(missing);
    }
    Ok(first)
}

fn heed_offloads(nft: &Nft<'_>, ready: &mut [Ready]) -> Result<(), FirewallError> {
    // Only the other edge cares, and one process less is run where nobody can come to it.
    let netdev_only = |ready: &Ready| ready.checked.edge == EdgeChoice::Fixed(Edge::Netdev);
    if !ready.iter().all(netdev_only) && nft.offloads()? {
        for ready in ready {
            ready.checked.options.flow_offload = true;
        }
    }
    Ok(())
}

/// Asks nft whether it would take rules like those of this state, before there is a device.
///
/// Chains of a device's own need one that exists, so the text is made for `lo`, under a name that
/// no interface has; nothing is loaded. And it is made for a single port: what a kernel refuses is
/// a kind of rule or of chain, and a thousand ports cost forty milliseconds. The answer is the edge
/// that would be used.
///
/// # Errors
/// [`FirewallError`]: no edge that the state allows is accepted.
pub fn check(env: &Env, state: &State) -> Result<Edge, FirewallError> {
    let rejected = |StateError(reason)| FirewallError::Rejected(Quoted::new(&reason));
    let mut checked = state.check().map_err(rejected)?;
    checked.name = NAME_OF_CHECKS.parse().map_err(|error| rejected(StateError::from(error)))?;
    checked.device = "lo".parse().map_err(|error| rejected(StateError::from(error)))?;
    if checked.line.mapping().is_some() {
        checked.line = Dataplane::new(&single_port().map_err(rejected)?, &[])
            .map_err(|error| rejected(StateError::from(error)))?;
    }
    let ready = Ready { state: state.clone(), checked, index: 1 };
    let nft = Nft::new(&env.nft);
    let mut refused = None;
    for time_wait in [true, false] {
        for rank in 0..3 {
            let interface = ready.ranked(rank, time_wait);
            match nft.check(&probe(&interface)) {
                Ok(()) => return Ok(interface.edge),
                Err(error @ FirewallError::Rejected(_)) => refused = refused.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
    }
    Err(refused.unwrap_or(FirewallError::Rejected(Quoted::new(""))))
}

/// The plan of a line with a single port.
pub(super) fn single_port() -> Result<Plan, StateError> {
    let rule = "ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=23,offset=1,br=2001:db8:ffff::1";
    let mut request = Request::new("2001:db8:0:1::/64".parse::<ReceivedPrefix>()?);
    request.explicit.push(parse_rule(rule, Layout::Rfc7597)?);
    Ok(plan(&request)?)
}

/// Tries the edges, best first, and at last without the options a kernel can lack; with what the
/// first try that was not refused says.
fn attempt(
    ready: &[Ready],
    tried_with: impl Fn(&Transaction) -> Result<bool, FirewallError>,
) -> Result<(Vec<Interface>, bool), FirewallError> {
    let mut refused = None;
    let mut tried: Vec<Vec<Interface>> = Vec::new();
    for time_wait in [true, false] {
        for rank in 0..3 {
            let interfaces: Vec<Interface> =
                ready.iter().map(|ready| ready.ranked(rank, time_wait)).collect();
            if tried.contains(&interfaces) {
                continue;
            }
            match tried_with(&transaction(&interfaces)) {
                Ok(said) => return Ok((interfaces, said)),
                // What nft says of the best edge tells most.
                Err(error @ FirewallError::Rejected(_)) => refused = refused.or(Some(error)),
                Err(error) => return Err(error),
            }
            tried.push(interfaces);
        }
    }
    Err(refused.unwrap_or(FirewallError::Rejected(Quoted::new(""))))
}

impl Ready {
    /// With its edge of this rank, or its last one.
    fn ranked(&self, rank: usize, time_wait: bool) -> Interface {
        let edges = self.checked.edge.candidates();
        let edge = edges.get(rank).or(edges.last()).copied();
        let edge = edge.unwrap_or_else(|| self.checked.edge.preferred());
        self.checked.interface(self.index, edge, time_wait)
    }
}

/// The interfaces with a valid state and a device, ordered by name.
fn ready(env: &Env, planned: &[Planned], remarks: &mut Remarks) -> Vec<Ready> {
    let mut ready: Vec<Ready> = Vec::new();
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
        ready.push(Ready { state: state.clone(), checked, index });
    }
    ready
}
