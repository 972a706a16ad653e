//! From somebody else's MAP-E section to one of proto `mape`, and what else would stand in its way.
//!
//! The section is read through [`crate::uci`]; its numbers become rules, and where the built-in
//! table makes the same of every prefix, none of them has to stay. Everything is worked out before
//! anything is changed, and only [`apply`] changes anything: options of that one section, through
//! the `uci` program.

use ipnet::Ipv4Net;
use mape_core::{Plan, Quoted, ReceivedPrefix, Request, plan};

use crate::failure::Failure;
use crate::uci::Section;

mod apply;
mod changes;
mod differences;
mod error;
mod leftovers;
mod numbers;
mod router;
mod source;
mod table;

pub use apply::apply;
pub use changes::{Changes, Command, batch};
pub use differences::{DIFFERENCES, Difference};
pub use error::ImportError;
pub use leftovers::Leftover;
pub use router::{Places, Router};
pub use source::Origin;
pub use table::Verdict;

use source::Source;

/// What importing a section means.
#[derive(Debug)]
pub struct Import {
    /// The section's name, which stays.
    pub interface: String,
    /// Whose section it is.
    pub origin: Origin,
    /// What the built-in table makes of its numbers; `None` where it has none.
    pub table: Option<Verdict>,
    /// Whether the numbers stay in the section.
    pub numbers_kept: bool,
    /// What is changed. Empty where nothing has to be.
    pub changes: Changes,
    /// What the same options mean differently, as far as this section is concerned.
    pub differences: Vec<&'static Difference>,
    /// What would stand in the way.
    pub leftovers: Vec<Leftover>,
    /// What is worth knowing and stands in nobody's way.
    pub notes: Vec<String>,
    /// The plan of the new section, where the line's prefix is known.
    pub plan: Option<Plan>,
}

impl Import {
    /// Works it out.
    ///
    /// # Errors
    /// Where there is no such section, it is none of a MAP-E line, or its numbers cannot be used
    /// and nothing else tells what the line is.
    pub fn of(
        interface: &str,
        router: &Router,
        prefix: Option<ReceivedPrefix>,
    ) -> Result<Self, Failure> {
        let section = router
            .network
            .section(interface)
            .filter(|section| section.kind() == "interface")
            .ok_or_else(|| ImportError::NoSection(Quoted::new(interface)))?;
        let source = Source::read(section, &router.network, prefix)?;
        let mut notes = Vec::new();
        let table = Verdict::of(&source.rules);
        let builtin = source.prefix.and_then(|prefix| plan(&Request::new(prefix)).ok());
        let kept = keeps_numbers(&source, table.as_ref(), builtin.as_ref())?;
        if let Some(problem) = &source.problem {
            notes.push(format!("the numbers cannot be used: {problem}"));
        }
        notes.extend(source.notes.iter().cloned());

        let plan = match &source.prefix {
            Some(prefix) if kept => Some(plan(&source.request(*prefix))?),
            _ => builtin,
        };
        if source.prefix.is_none() {
            notes.push(
                "the line's prefix is not in the configuration; with --prefix PREFIX the plan is \
                 shown too"
                    .to_owned(),
            );
        }
        let ipv4 = plan.as_ref().map(Plan::ipv4).or_else(|| stated_ipv4(section, source.origin));
        let leftovers = leftovers::find(router, section, ipv4);
        notes.extend(leftovers::notes(router, section));
        Ok(Self {
            interface: interface.to_owned(),
            origin: source.origin,
            changes: Changes::to_mape(&router.network, section, &source, kept),
            differences: differences::of(section, &source, kept),
            numbers_kept: kept,
            table,
            leftovers,
            notes,
            plan,
        })
    }
}

/// Whether the rules have to stay in the section.
fn keeps_numbers(
    source: &Source,
    table: Option<&Verdict>,
    builtin: Option<&Plan>,
) -> Result<bool, Failure> {
    if let Some(problem) = &source.problem {
        // Without numbers only a prefix of the table says that this is a line of its.
        return match builtin {
            Some(_) => Ok(false),
            None => Err(problem.clone().into()),
        };
    }
    if source.rules.is_empty() || source.origin == Origin::Ours {
        return Ok(!source.rules.is_empty());
    }
    Ok(!matches!(table, Some(Verdict::Same { .. })))
}

/// The address that a hand-made tunnel has, where there is no plan.
fn stated_ipv4(section: &Section, origin: Origin) -> Option<Ipv4Net> {
    let address = section.get("ipaddr").filter(|_| origin == Origin::Tunnel)?;
    Ipv4Net::new(address.parse().ok()?, 32).ok()
}
