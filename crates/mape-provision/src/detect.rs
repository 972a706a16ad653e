//! What kind of line this is, from what is known about it.
//!
//! Nothing is asked here. Every clue says what it speaks for; the one with the most authority
//! decides, those that agree are evidence, those that do not are listed against it.

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

/// Says what kind of line it is.
#[must_use]
pub fn detect(facts: &LineFacts) -> Verdict {
    let clues = clues::all(facts);
    let Some(mut chosen) = most_authority(&clues) else {
        return Verdict::nothing_known(facts);
    };
    // What the prefix forbids, nothing else allows: a tunnel of MAP-E would only ever send.
    let forbids = |clue: &&Clue| {
        clue.source == ClueSource::Prefix
            && matches!(clue.line, LineType::DsLite | LineType::HomeGateway)
            && chosen.line == LineType::MapE
    };
    let forbidding = clues.iter().find(forbids);
    chosen = forbidding.unwrap_or(chosen);
    Verdict::of(facts, chosen, &clues)
}

/// A line without a contract has nothing but its prefix, and a gateway that already does it is what
/// matters most to who wants to do it.
fn most_authority(clues: &[Clue]) -> Option<&Clue> {
    let without_contract = |clue: &&Clue| {
        clue.source == ClueSource::Prefix && matches!(clue.line, LineType::Ngn | LineType::NoIpv6)
    };
    // Who knows nothing has no say.
    let authority = |clue: &&Clue| (clue.line == LineType::Unknown, clue.source);
    clues.iter().find(without_contract).or_else(|| clues.iter().min_by_key(authority))
}
