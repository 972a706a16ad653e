//! Detects the type of a line from the available facts.
//!
//! This module sends no request. Each clue names the line type that it indicates. The clue whose
//! source has the most authority decides; clues that agree are evidence, the others are listed
//! against it.

mod clues;
mod evidence;
mod known;
mod line_facts;
mod section;
mod verdict;

pub use evidence::{Confidence, LineType};
pub use known::{FIXED_PROVIDERS, fixed_provider};
pub use line_facts::{Gateway, LineFacts, Provisioned};
pub use section::Section;
pub use verdict::{Evidence, Verdict};

use evidence::{Clue, ClueSource};

/// Returns the type of the line.
#[must_use]
pub fn detect(facts: &LineFacts) -> Verdict {
    let clues = clues::all(facts);
    let Some(mut chosen) = most_authority(&clues) else {
        return Verdict::nothing_known(facts);
    };
    // No other clue overrides a prefix that excludes MAP-E: such a tunnel would receive nothing.
    let forbids = |clue: &&Clue| {
        clue.source == ClueSource::Prefix
            && matches!(clue.line, LineType::DsLite | LineType::HomeGateway)
            && chosen.line == LineType::MapE
    };
    let forbidding = clues.iter().find(forbids);
    chosen = forbidding.unwrap_or(chosen);
    Verdict::of(facts, chosen, &clues)
}

/// Returns the clue that decides. A line without a contract has only its prefix, so that clue comes
/// first. Next comes a home gateway that carries IPv4 already, because the user has to change it.
fn most_authority(clues: &[Clue]) -> Option<&Clue> {
    let without_contract = |clue: &&Clue| {
        clue.source == ClueSource::Prefix && matches!(clue.line, LineType::Ngn | LineType::NoIpv6)
    };
    // A clue of unknown type counts last.
    let authority = |clue: &&Clue| (clue.line == LineType::Unknown, clue.source);
    clues.iter().find(without_contract).or_else(|| clues.iter().min_by_key(authority))
}
