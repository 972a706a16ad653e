//! Converts a MAP-E section of another package to proto `mape`, and finds conflicting leftovers.
//!
//! The section is read through [`mape_uci`] and translated to options of `mape` with the same
//! meaning. The handler's own parser then checks them. If the built-in table gives the same result
//! for every prefix, the numbers are dropped. All changes are computed first. Only [`apply()`]
//! makes them: it changes the options of that one section, through the `uci` program.

use contract::Contract;
use ipnet::Ipv4Net;
use mape_core::{
    Failure, IntoVec as _, Plan, Quoted, ReceivedPrefix, Request, TUNNEL_OVERHEAD, plan,
};
use mape_netifd::Config;
use mape_uci::Section;

mod apply;
mod builtin_match;
mod changes;
mod contract;
mod differences;
mod error;
mod leftovers;
mod router;
mod source;
mod translate;
mod tunlink;

pub use apply::apply;
pub use apply::apply_to;
pub use builtin_match::Verdict;
pub use changes::{Changes, Command};
pub use differences::{DIFFERENCES, Difference};
pub use error::ImportError;
pub use leftovers::Leftover;
pub use router::Router;
pub use source::Origin;

/// The result of importing a section.
#[derive(Debug)]
pub struct Import {
    /// The section's name, which does not change.
    pub interface: String,
    /// The package that the section belongs to.
    pub origin: Origin,
    /// The provider, if the section is for a fixed-IPv4 contract.
    pub contract: Option<&'static str>,
    /// How the built-in table compares with its numbers; `None` if it has none.
    pub table: Option<Verdict>,
    /// Whether the numbers stay in the section.
    pub numbers_kept: bool,
    /// The changes. Empty if none is necessary.
    pub changes: Changes,
    /// Options of this section that have a different meaning in `mape`.
    pub differences: Vec<&'static Difference>,
    /// Conflicting leftovers.
    pub leftovers: Vec<Leftover>,
    /// Notes that are no conflicts.
    pub notes: Vec<String>,
    /// The plan of the new section, if the line's prefix is known.
    pub plan: Option<Plan>,
}

impl Import {
    /// Computes the import. `prefix` is the line's, if the caller knows it.
    ///
    /// # Errors
    /// There is no such section, it is not for a MAP-E line, or its numbers are invalid and nothing
    /// else identifies the line.
    pub fn of(
        interface: &str,
        router: &Router,
        prefix: Option<ReceivedPrefix>,
    ) -> Result<Self, Failure> {
        let network = &router.network;
        let old = network
            .section(interface)
            .filter(|section| section.kind() == "interface")
            .ok_or_else(|| ImportError::NoSection(Quoted::new(interface)))?;
        let contract = if is_ours(old) { None } else { Contract::of(old)? };
        let origin = if contract.is_some() { Origin::named(old) } else { Origin::of(old)? };
        let (linked, link_note) = tunlink::corrected(router, old);
        let prefix = prefix
            .or_else(|| router.prefix(&linked))
            .or_else(|| source::typed_prefix(&linked, network));
        let (prefix, mut notes) = match (&contract, origin) {
            (Some(contract), _) => {
                (prefix.or(contract.prefix), contract.note(old).into_iter().into_vec())
            }
            (None, Origin::Tunnel) => {
                let tunnel = source::tunnel(old, prefix)?;
                (Some(tunnel.prefix), tunnel.note.into_iter().into_vec())
            }
            (None, _) => (prefix, Vec::new()),
        };
        notes.extend(link_note);
        let builtin = prefix.and_then(|prefix| plan(&Request::new(prefix)).ok());

        let mut translated = translate::to_mape(&linked, origin, prefix);
        if let Some(contract) = &contract {
            translated = contract.with_options(translate::without_numbers(translated));
        }
        let read = Config::parse(&translated.json());
        let table = read.as_ref().ok().and_then(|config| Verdict::of(config.stated()));
        let numbers_kept = match (&read, &table) {
            (Ok(config), Some(_)) if origin == Origin::Ours => !config.stated().is_empty(),
            (Ok(_), table) => !matches!(table, None | Some(Verdict::Same { .. })),
            (Err(_), _) => false,
        };
        let new = match (read, origin) {
            (Ok(config), _) if numbers_kept || config.fixed.is_some() => translated,
            (Err(problem), Origin::Ours) => return Err(problem),
            // Without numbers, only a prefix in the table identifies the line.
            (Err(problem), _) if builtin.is_none() => return Err(problem),
            (Err(problem), _) => {
                notes.push(format!("the numbers cannot be used: {}", problem.line()));
                translate::without_numbers(translated)
            }
            (Ok(_), _) => translate::without_numbers(translated),
        };
        // The handler must accept the new section.
        let config = Config::parse(&new.json())?;
        let plan = prefix.map(|prefix| new_plan(&config, prefix)).transpose()?;
        if prefix.is_none() {
            notes.push(
                "the line's prefix is not known here; --prefix PREFIX shows the plan".to_owned(),
            );
        }
        if old.get("mtu") != new.get("mtu") {
            let mtu = Quoted::new(old.get("mtu").unwrap_or_default());
            notes.push(format!(
                "the MTU {mtu} does not fit an uplink of 1500 bytes; the uplink decides now"
            ));
        }
        notes.extend(leftovers::notes(router, old));
        let ipv4 = plan.as_ref().map(Plan::ipv4).or_else(|| stated_address(old));
        let ce = plan.as_ref().map(Plan::ce);
        Ok(Self {
            interface: interface.to_owned(),
            origin,
            changes: Changes::between(network, old, &new),
            differences: differences::of(old, origin, numbers_kept),
            leftovers: leftovers::find(router, old, ipv4, ce),
            numbers_kept,
            contract: contract.map(|it| it.provider),
            table,
            notes,
            plan,
        })
    }
}

/// Returns the conflicting leftovers of an existing interface.
pub fn leftovers_of(router: &Router, interface: &str) -> Vec<Leftover> {
    let section = router.interfaces().find(|section| section.name() == interface);
    section.map_or_else(Vec::new, |section| leftovers::find(router, section, None, None))
}

fn is_ours(section: &Section) -> bool {
    Origin::named(section) == Origin::Ours
}

/// Returns the plan of the new section, for the usual MTU of the uplink.
fn new_plan(config: &Config, prefix: ReceivedPrefix) -> Result<Plan, Failure> {
    let mut request = config.request(prefix);
    if let Some(mtu) = config.mtu {
        request.uplink_mtu = mtu.saturating_add(TUNNEL_OVERHEAD);
    }
    Ok(plan(&request)?)
}

/// Returns the address of a section that has a full address and not a rule's prefix.
fn stated_address(section: &Section) -> Option<Ipv4Net> {
    let whole = section.get("ip4prefixlen").is_none_or(|len| len == "32");
    Ipv4Net::new(section.get("ipaddr").filter(|_| whole)?.parse().ok()?, 32).ok()
}
