//! The verdict about a line, for people and as JSON.

use mape_core::{IntoVec as _, ReceivedPrefix};
use serde_json::Value;

use super::evidence::{Clue, ClueSource, Confidence, LineType};
use super::line_facts::LineFacts;
use super::section::Section;
use crate::answer::Endpoint;
use crate::json;

/// Version of the JSON.
const SCHEMA: u8 = 1;

/// A statement for or against the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Where it is from: `prefix`, `dhcpv6`, `provisioning`, `gateway` or `tunnel_end`.
    pub from: &'static str,
    /// One sentence.
    pub says: String,
}

impl Evidence {
    fn of(clue: &Clue) -> Self {
        Self { from: clue.source.name(), says: clue.says.clone() }
    }
}

/// The type of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How it carries IPv4.
    pub line: LineType,
    /// Whose service it is, by its stable name.
    pub provider: Option<&'static str>,
    /// How far that can be trusted.
    pub confidence: Confidence,
    /// The prefix that was looked at.
    pub prefix: Option<ReceivedPrefix>,
    /// What speaks for it; the decisive one first.
    pub evidence: Vec<Evidence>,
    /// What says otherwise, or could say nothing.
    pub against: Vec<Evidence>,
    /// The AFTR of a DS-Lite line.
    pub aftr: Option<Endpoint>,
    /// The section to configure, where everything in it is known.
    pub section: Option<Section>,
    /// One next step.
    pub next_step: String,
}

impl Verdict {
    pub(super) fn of(facts: &LineFacts, chosen: &Clue, clues: &[Clue]) -> Self {
        let others = || clues.iter().filter(|clue| !std::ptr::eq(*clue, chosen));
        let agrees = |clue: &&Clue| clue.line == chosen.line;
        let evidence =
            std::iter::once(chosen).chain(others().filter(agrees)).map(Evidence::of).into_vec();
        let against: Vec<Evidence> =
            others().filter(|clue| !agrees(clue)).map(Evidence::of).into_vec();
        let doubted = others().any(|clue| !agrees(&clue) && clue.line != LineType::Unknown);
        let best = others().filter(agrees).map(|clue| clue.confidence).max();
        let confidence = chosen.confidence.max(best.unwrap_or(chosen.confidence));
        let provider =
            chosen.provider.or_else(|| others().filter(agrees).find_map(|it| it.provider));
        let prefix_clue = clues.iter().find(|clue| clue.source == ClueSource::Prefix);
        Self {
            line: chosen.line,
            provider,
            confidence: if doubted { confidence.lower() } else { confidence },
            prefix: prefix_clue.and_then(|clue| clue.prefix).or(facts.prefixes.first().copied()),
            evidence,
            against,
            aftr: chosen.aftr.clone(),
            section: chosen.section.clone(),
            next_step: chosen.next_step.clone(),
        }
    }

    pub(super) fn nothing_known(facts: &LineFacts) -> Self {
        Self {
            line: LineType::Unknown,
            provider: None,
            confidence: Confidence::Low,
            prefix: facts.prefixes.first().copied(),
            evidence: Vec::new(),
            against: Vec::new(),
            aftr: None,
            section: None,
            next_step: "ask the provider how the line carries IPv4".to_owned(),
        }
    }

    /// Returns one line of JSON. Its schema is `tests/vectors/schema/detect.json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let list = |all: &[Evidence]| {
            let one =
                |it: &Evidence| vec![("from", it.from.into()), ("says", it.says.as_str().into())];
            Value::Array(all.iter().map(|it| json::written(one(it))).into_vec())
        };
        let mut entries = vec![
            ("schema", SCHEMA.into()),
            ("line", self.line.name().into()),
            ("confidence", self.confidence.name().into()),
            ("evidence", list(&self.evidence)),
            ("against", list(&self.against)),
            ("next_step", self.next_step.as_str().into()),
        ];
        let optional = [
            ("provider", self.provider.map(Value::from)),
            ("prefix", self.prefix.map(|prefix| prefix.to_string().into())),
            ("aftr", self.aftr.as_ref().map(|aftr| aftr.to_string().into())),
            ("section", self.section.as_ref().map(section)),
        ];
        entries.extend(optional.into_iter().filter_map(|(key, value)| Some((key, value?))));
        json::to_text(&json::written(entries)) + "\n"
    }
}

fn section(section: &Section) -> Value {
    let mut options = vec![("proto", section.proto.into())];
    options.extend(section.options.iter().map(|(name, value)| (*name, value.as_str().into())));
    json::written(options)
}
