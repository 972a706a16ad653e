//! The state that is kept between two runs: the last good answer in flash, the time of the next
//! attempt in memory.
//!
//! Neither is trusted. A file that cannot be read, has another format or belongs to another
//! configuration counts as absent.

use mape_core::{IntoVec as _, Layout, ReceivedPrefix, parse_rule};
use serde_json::Value;

use crate::answer::{Answer, MAX_BODY, MapE, Method, Shape};
use crate::json::{self, flag, number, or_null, text};
use crate::request::Token;

/// Version of the format.
const SCHEMA: u32 = 1;

/// The last good answer, and the values that the next request repeats to the server.
///
/// It contains no time, so that an unchanged answer equals the previous one and flash is written
/// only on a change. A router without a clock can use it as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cached {
    /// [`Mode::key`](crate::Mode::key) of the configuration.
    pub source: String,
    /// The prefixes the line had.
    pub prefixes: Vec<ReceivedPrefix>,
    /// The answer, where it offers MAP-E; only that is kept of it.
    pub answer: Option<Answer>,
    /// The standard's token.
    pub token: Option<Token>,
    /// JPNE's identifier.
    pub id: Option<String>,
}

impl Cached {
    /// Returns one line of JSON. It contains the line's prefix and token, so only root may read the
    /// file.
    #[must_use]
    pub fn to_json(&self) -> String {
        let map_e = self.answer.as_ref().and_then(Answer::map_e);
        let rules = map_e.map_or(&[][..], |map_e| map_e.rules.as_slice());
        let ttl = self.answer.as_ref().and_then(|answer| answer.ttl);
        let value = json::written(vec![
            ("schema", SCHEMA.into()),
            ("source", self.source.as_str().into()),
            ("prefixes", texts(&self.prefixes)),
            ("token", or_null(self.token.as_ref().map(Token::as_str))),
            ("id", or_null(self.id.as_deref())),
            ("shape", or_null(self.answer.as_ref().map(|answer| answer.shape.name()))),
            ("ttl", ttl.map_or(Value::Null, Value::from)),
            ("mesh", map_e.is_some_and(|map_e| map_e.mesh).into()),
            ("rules", texts(rules)),
        ]);
        json::to_text(&value) + "\n"
    }

    /// Reads [`Self::to_json`]. Returns `None` where a part cannot be read.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Rules are a little longer here than in an answer.
        let value = object(text, 4 * MAX_BODY)?;
        let mut rules = Vec::new();
        for rule in value.get("rules")?.as_array()? {
            rules.push(parse_rule(rule.as_str()?, Layout::Draft03).ok()?);
        }
        let optional = |key: &str| value.get(key).filter(|value| !value.is_null());
        let answer = if rules.is_empty() {
            None
        } else {
            let name = optional("shape")?.as_str()?;
            let mesh = flag(value.get("mesh")?)?;
            Some(Answer {
                shape: Shape::ALL.into_iter().find(|shape| shape.name() == name)?,
                labels: Vec::new(),
                ttl: optional("ttl").and_then(|ttl| number(ttl, u32::MAX)),
                token: None,
                id: None,
                auth: None,
                methods: vec![Method::MapE(MapE { rules, mesh, broken: Vec::new() })],
            })
        };
        Some(Self {
            source: value.get("source")?.as_str()?.to_owned(),
            prefixes: prefixes(&value)?,
            answer,
            token: optional("token").and_then(self::text).and_then(Token::parse),
            id: optional("id").and_then(self::text).map(str::to_owned),
        })
    }
}

/// The time of the next request. It is kept in memory, so that long waits need no process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// [`Mode::key`](crate::Mode::key) of the configuration.
    pub source: String,
    /// The prefixes the line has. With others, the pause is over.
    pub prefixes: Vec<ReceivedPrefix>,
    /// In seconds of the clock the machine is fed.
    pub until: u64,
    /// Failures since the last answer.
    pub failures: u32,
}

impl Pause {
    /// Returns one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let value = json::written(vec![
            ("schema", SCHEMA.into()),
            ("source", self.source.as_str().into()),
            ("prefixes", texts(&self.prefixes)),
            ("until", self.until.into()),
            ("failures", self.failures.into()),
        ]);
        json::to_text(&value) + "\n"
    }

    /// Reads [`Self::to_json`]. Returns `None` where a part cannot be read.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let value = object(text, MAX_BODY)?;
        Some(Self {
            source: value.get("source")?.as_str()?.to_owned(),
            prefixes: prefixes(&value)?,
            until: value.get("until")?.as_u64()?,
            failures: number(value.get("failures")?, u32::MAX)?,
        })
    }
}

fn object(text: &str, longest: usize) -> Option<Value> {
    let value: Value =
        (text.len() <= longest).then(|| serde_json::from_slice(text.as_bytes()).ok()).flatten()?;
    (value.get("schema")?.as_u64() == Some(SCHEMA.into())).then_some(value)
}

fn texts<T: ToString>(values: &[T]) -> Value {
    Value::Array(values.iter().map(|value| Value::String(value.to_string())).into_vec())
}

fn prefixes(value: &Value) -> Option<Vec<ReceivedPrefix>> {
    let mut prefixes = Vec::new();
    for prefix in value.get("prefixes")?.as_array()? {
        prefixes.push(prefix.as_str()?.parse().ok()?);
    }
    Some(prefixes)
}
