//! From what is there to one transaction.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use mape_core::{Layout, Plan, ReceivedPrefix, Request, parse_rule, plan};
use mape_nft::{Edge, EdgeChoice, Interface, InterfaceName, Line, Transaction, probe, transaction};

use super::nft::Nft;
use super::state::Checked;
use super::{FirewallError, Places, State, StateError, lock, publish};

/// UCI allows no section of such a name, so no interface has it.
const NAME_OF_CHECKS: &str = "only.checked";

/// What the loader did.
#[derive(Debug, Default)]
pub struct Report {
    /// The interfaces that are open now.
    interfaces: Vec<Interface>,
    /// Whether everything was as it should be already.
    unchanged: bool,
    /// What was left out, and why.
    remarks: Vec<String>,
}

impl Report {
    /// Whether nothing had to be loaded.
    #[must_use]
    pub const fn is_unchanged(&self) -> bool {
        self.unchanged
    }

    fn is_open(&self, interface: &str) -> bool {
        self.interfaces.iter().any(|open| open.name.as_str() == interface)
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
        for remark in &self.remarks {
            writeln!(f, "{remark}")?;
        }
        Ok(())
    }
}

/// Takes the rules of the last interface away, and the tables with them.
///
/// Where other interfaces have state files, this is [`load`].
///
/// # Errors
/// [`FirewallError`]
pub fn unload(places: &Places) -> Result<(), FirewallError> {
    if !state_files(&places.state).is_empty() {
        return load(places).map(drop);
    }
    let lock = lock::take(&places.state)?;
    Nft::holding(&places.nft, &lock).unload()?;
    super::doubt(places);
    lock::remove(lock, &places.state);
    Ok(())
}

/// An interface whose device exists.
struct Ready {
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
/// # Errors
/// [`FirewallError`]. Where no attempt was accepted, everything is shut, if nft accepts at least
/// that; whatever else was loaded stays.
pub fn load(places: &Places) -> Result<Report, FirewallError> {
    let lock = lock::take(&places.state)?;
    let mut remarks = Vec::new();
    let news = publish::prepare(places, &mut remarks);
    let mut report = load_ready(places, &Nft::holding(&places.nft, &lock), remarks)?;
    let news = news.only(|interface| report.is_open(interface));
    let told = news.in_force(places, &mut report.remarks);
    // Whoever is told may ask us something.
    drop(lock);
    told.tell(places);
    Ok(report)
}

fn load_ready(
    places: &Places,
    nft: &Nft<'_>,
    mut remarks: Vec<String>,
) -> Result<Report, FirewallError> {
    let mut ready = ready(places, &mut remarks);
    heed_offloads(nft, &mut ready)?;
    let bring = |text: &Transaction| {
        let there = nft.has(text)?;
        if !there {
            nft.load(text)?;
        }
        Ok(there)
    };
    let mut refused = None;
    // Once more where one of the good ones has vanished meanwhile.
    for _ in 0..3 {
        let error = match attempt(&ready, bring) {
            Ok((interfaces, unchanged)) => return Ok(Report { interfaces, unchanged, remarks }),
            Err(error @ FirewallError::Rejected(_)) => error,
            Err(error) => return Err(error),
        };
        refused = refused.or(Some(error));
        // One interface must not keep the others shut, for instance because its device has just
        // vanished.
        let alone = ready.len() < 2;
        ready = if alone { Vec::new() } else { accepted(nft, ready, &mut remarks)? };
        if ready.is_empty() {
            break;
        }
    }
    nft.load(&transaction(&[]))?;
    Err(refused.unwrap_or(FirewallError::Rejected(mape_core::Quoted::new(""))))
}

/// Those that nft takes together, added one by one. It is only asked: what is open stays so meanwhile.
fn accepted(
    nft: &Nft<'_>,
    ready: Vec<Ready>,
    remarks: &mut Vec<String>,
) -> Result<Vec<Ready>, FirewallError> {
    let mut good = Vec::new();
    for next in ready {
        let name = next.checked.name.clone();
        good.push(next);
        match attempt(&good, |text| nft.would_load(text).map(|()| false)) {
            Ok(_) => {}
            Err(error @ FirewallError::Rejected(_)) => {
                good.pop();
                remarks.push(format!("{name}: left out, {error}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(good)
}

/// What [`load`] would give to nft if this state were written down; `None` where all is loaded. Rules of a
/// device that is made anew name the device: `load` binds them to its index, which nobody knows yet. Of the edges
/// it is the one that `load` tries first.
///
/// # Errors
/// [`FirewallError`]: the state is not valid.
#[cfg(feature = "linux")]
pub(crate) fn intended(
    places: &Places,
    state: &State,
    is_made_anew: bool,
) -> Result<Option<String>, FirewallError> {
    let rejected = |StateError(reason)| FirewallError::Rejected(mape_core::Quoted::new(&reason));
    let checked = state.check().map_err(rejected)?;
    let name = checked.name.clone();
    let nft = Nft::new(&places.nft);
    let index = device_index(places, checked.device.as_str()).filter(|_| !is_made_anew);
    let mut ready = ready(places, &mut Vec::new());
    ready.retain(|ready| ready.checked.name != name);
    ready.push(Ready { checked, index: index.unwrap_or_default() });
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
pub fn check(places: &Places, state: &State) -> Result<Edge, FirewallError> {
    let rejected = |StateError(reason)| FirewallError::Rejected(mape_core::Quoted::new(&reason));
    let mut checked = state.check().map_err(rejected)?;
    checked.name = NAME_OF_CHECKS.parse().map_err(|error| rejected(StateError::from(error)))?;
    checked.device = "lo".parse().map_err(|error| rejected(StateError::from(error)))?;
    if checked.line.mapping().is_some() {
        checked.line = Line::new(&single_port().map_err(rejected)?, &[])
            .map_err(|error| rejected(StateError::from(error)))?;
    }
    let ready = Ready { checked, index: 1 };
    let nft = Nft::new(&places.nft);
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
    Err(refused.unwrap_or(FirewallError::Rejected(mape_core::Quoted::new(""))))
}

/// The plan of a line with a single port.
pub(super) fn single_port() -> Result<Plan, StateError> {
    let rule = "ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=23,offset=1,br=2001:db8:ffff::1";
    let mut request = Request::new("2001:db8:0:1::/64".parse::<ReceivedPrefix>()?);
    request.explicit.push(parse_rule(rule, Layout::Rfc7597)?);
    Ok(plan(&request)?)
}

/// Tries the edges, best first, and at last without the options a kernel can lack; with what the first
/// try that was not refused says.
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
    Err(refused.unwrap_or(FirewallError::Rejected(mape_core::Quoted::new(""))))
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
fn ready(places: &Places, remarks: &mut Vec<String>) -> Vec<Ready> {
    let mut ready: Vec<Ready> = Vec::new();
    for path in state_files(&places.state) {
        let name = path.file_stem().map(OsStr::to_string_lossy).unwrap_or_default().into_owned();
        let checked = match State::read(&path).and_then(|state| state.check()) {
            Ok(checked) if checked.name.as_str() == name => checked,
            Ok(checked) => {
                remarks.push(format!("{name}: state ignored, it is that of {}", checked.name));
                continue;
            }
            Err(StateError(reason)) => {
                remarks.push(format!("{name}: state ignored, {reason}"));
                continue;
            }
        };
        if let Some(other) = ready.iter().find(|other| other.checked.device == checked.device) {
            remarks.push(format!(
                "{name}: state ignored, its device {} is that of {}",
                checked.device, other.checked.name
            ));
            continue;
        }
        let Some(index) = device_index(places, checked.device.as_str()) else {
            remarks.push(format!("{name}: no device {} yet", checked.device));
            continue;
        };
        // nft would refuse both together, and each load would then try them one by one.
        if let Some(other) = ready.iter().find(|other| other.checked.line.ce() == checked.line.ce())
        {
            remarks.push(format!(
                "{name}: left out, its line is that of {}; remove one of the two",
                other.checked.name
            ));
            continue;
        }
        ready.push(Ready { checked, index });
    }
    ready
}

/// The states that can be read, by interface.
pub(crate) fn states(directory: &Path) -> Vec<(String, State)> {
    let named = |path: PathBuf| {
        let name = path.file_stem()?.to_str()?.to_owned();
        Some((name, State::read(&path).ok()?))
    };
    state_files(directory).into_iter().filter_map(named).collect()
}

fn state_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension() == Some(OsStr::new("json")))
        .collect();
    files.sort_unstable();
    files
}

/// The device's index; indexes are never 0 and are not used again.
pub(crate) fn device_index(places: &Places, device: &str) -> Option<u32> {
    let text = fs::read_to_string(places.devices.join(device).join("ifindex")).ok()?;
    text.trim().parse().ok().filter(|index| *index != 0)
}
