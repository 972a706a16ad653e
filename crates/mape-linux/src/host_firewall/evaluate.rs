//! The host's firewall as `nft --json` lists it: our rule in it, and whether a chain lets a kind of
//! packet through, as far as that is certain.
//!
//! If a rule matches on something that is not known of the packet (a named set, a mark, a rate),
//! both outcomes stay possible.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::Value;

/// Header fields of a packet, and the fields that it does not have.
#[derive(Clone, Debug, Default)]
pub struct Packet {
    facts: Vec<(&'static str, Vec<String>)>,
    absent: Vec<&'static str>,
}

impl Packet {
    /// Adds the value of a key, such as `ip6 saddr`, with all the spellings that nft has for it.
    #[must_use]
    pub fn with<T: ToString>(mut self, key: &'static str, spellings: &[T]) -> Self {
        self.facts.push((key, spellings.iter().map(ToString::to_string).collect()));
        self
    }

    /// Adds headers that the packet does not have: no match on one of their fields is met.
    #[must_use]
    pub fn without(mut self, headers: &[&'static str]) -> Self {
        self.absent.extend_from_slice(headers);
        self
    }

    /// Whether a match is met; `None` if that is not known.
    fn meets(&self, condition: &Value) -> Option<bool> {
        let key = key(condition.get("left")?)?;
        if self.absent.iter().any(|header| key.split(' ').next() == Some(header)) {
            return Some(false);
        }
        let is_equal = self.is_equal(&key, condition.get("right")?)?;
        match condition.get("op")?.as_str()? {
            "==" | "in" => Some(is_equal),
            "!=" => Some(!is_equal),
            _ => None,
        }
    }

    fn is_equal(&self, key: &str, value: &Value) -> Option<bool> {
        let (_, spellings) = self.facts.iter().find(|(known, _)| *known == key)?;
        any(spellings.iter().map(|fact| covers(value, fact)))
    }
}

/// What happens to a packet in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// The chain lets it through.
    Passes,
    /// Not known.
    MayDrop,
    /// The chain drops or rejects it.
    Drops,
}

impl Fate {
    /// Returns the verb of a sentence about a chain.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::MayDrop => "may drop",
            Self::Drops => "drops",
        }
    }
}

/// The output of `nft --json list …`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Ruleset {
    nftables: Vec<Object>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Object {
    chain: Option<Chain>,
    rule: Option<Rule>,
}

/// A chain; with hook and policy if it is a base chain.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chain {
    pub(super) family: String,
    pub(super) table: String,
    pub(super) name: String,
    #[serde(rename = "type")]
    kind: String,
    hook: String,
    policy: String,
}

/// A rule, with the number by which nft deletes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rule {
    chain: String,
    pub(super) handle: u64,
    comment: String,
    expr: Vec<Value>,
}

impl Rule {
    /// Whether the rule compares this key with this value, and with no other.
    pub(super) fn compares(&self, name: &str, value: &str) -> bool {
        self.expr.iter().filter_map(|statement| statement.get("match")).any(|condition| {
            condition.get("left").and_then(key).is_some_and(|key| key == name)
                && condition.get("right").is_some_and(|right| right == value)
        })
    }
}

/// The outcomes of a rule or a chain that are possible.
#[derive(Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools, reason = "a set of outcomes")]
struct Outcomes {
    accept: bool,
    drop: bool,
    /// The chain is left without a verdict.
    leave: bool,
    /// The next rule of the chain is evaluated.
    next: bool,
}

const NOTHING: Outcomes = Outcomes { accept: false, drop: false, leave: false, next: true };
const ANYTHING: Outcomes = Outcomes { accept: true, drop: true, leave: true, next: true };

/// The kernel's limit of nested jumps (`NFT_JUMP_STACK_SIZE`).
const MAX_DEPTH: u8 = 16;

impl Ruleset {
    /// The chains that filter on this hook in tables of these families, our own table left out.
    pub(super) fn filters(&self, hook: &str, families: &[&str]) -> impl Iterator<Item = &Chain> {
        self.nftables.iter().filter_map(|object| object.chain.as_ref()).filter(move |chain| {
            (chain.kind.as_str(), chain.hook.as_str()) == ("filter", hook)
                && families.contains(&chain.family.as_str())
                && chain.table != mape_nft::ObjectNames::TABLE
        })
    }

    /// What this base chain does with the packet. The ruleset holds the chain's table and no other.
    pub(super) fn fate(&self, chain: &Chain, packet: &Packet) -> Fate {
        let Outcomes { accept, drop, leave, .. } = self.chain(&chain.name, packet, 0);
        let drops = chain.policy == "drop";
        match (accept || leave && !drops, drop || leave && drops) {
            (_, false) => Fate::Passes,
            (true, true) => Fate::MayDrop,
            (false, true) => Fate::Drops,
        }
    }

    /// The rules that have this comment.
    pub(super) fn rules_with(&self, comment: &str) -> impl Iterator<Item = &Rule> {
        self.rules().filter(move |rule| rule.comment == comment)
    }

    fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.nftables.iter().filter_map(|object| object.rule.as_ref())
    }

    fn chain(&self, name: &str, packet: &Packet, depth: u8) -> Outcomes {
        if depth > MAX_DEPTH {
            return ANYTHING;
        }
        let mut outcomes = Outcomes::default();
        for rule in self.rules().filter(|rule| rule.chain == name) {
            let Outcomes { accept, drop, leave, next } = self.rule(rule, packet, depth);
            outcomes.accept |= accept;
            outcomes.drop |= drop;
            outcomes.leave |= leave;
            if !next {
                return outcomes;
            }
        }
        Outcomes { leave: true, ..outcomes }
    }

    fn rule(&self, rule: &Rule, packet: &Packet, depth: u8) -> Outcomes {
        let mut is_certain = true;
        for statement in &rule.expr {
            let Some((kind, body)) = statement.as_object().and_then(|it| it.iter().next()) else {
                return ANYTHING;
            };
            let outcomes = match kind.as_str() {
                "match" => match packet.meets(body) {
                    Some(false) => return NOTHING,
                    met => {
                        is_certain &= met.is_some();
                        continue;
                    }
                },
                "counter" | "log" | "mangle" | "notrack" | "flow" | "set" => continue,
                "limit" | "quota" | "ct count" => {
                    is_certain = false;
                    continue;
                }
                "vmap" => self.verdict_map(body, packet, depth),
                _ => self.verdict(statement, packet, depth),
            };
            return Outcomes { next: outcomes.next || !is_certain, ..outcomes };
        }
        NOTHING
    }

    /// A map from values of one key to verdicts.
    fn verdict_map(&self, map: &Value, packet: &Packet, depth: u8) -> Outcomes {
        let entries = map.pointer("/data/set").and_then(Value::as_array);
        let (Some(key), Some(entries)) = (map.get("key").and_then(key), entries) else {
            return ANYTHING;
        };
        let mut outcomes = NOTHING;
        for entry in entries {
            let (Some(value), Some(verdict)) = (entry.get(0), entry.get(1)) else {
                return ANYTHING;
            };
            match packet.is_equal(&key, value) {
                Some(false) => {}
                Some(true) => return self.verdict(verdict, packet, depth),
                None => {
                    let Outcomes { accept, drop, leave, .. } = self.verdict(verdict, packet, depth);
                    outcomes.accept |= accept;
                    outcomes.drop |= drop;
                    outcomes.leave |= leave;
                }
            }
        }
        outcomes
    }

    /// A statement that ends the rule; anything is possible if it is not a verdict.
    fn verdict(&self, statement: &Value, packet: &Packet, depth: u8) -> Outcomes {
        let verdict = statement.as_object().and_then(|it| it.iter().next());
        let target = |body: &Value| body.get("target")?.as_str().map(str::to_owned);
        match verdict.map(|(kind, body)| (kind.as_str(), target(body))) {
            Some(("accept", _)) => Outcomes { accept: true, ..Outcomes::default() },
            Some(("drop" | "reject", _)) => Outcomes { drop: true, ..Outcomes::default() },
            Some(("return", _)) => Outcomes { leave: true, ..Outcomes::default() },
            Some(("continue", _)) => NOTHING,
            Some(("jump", Some(chain))) => {
                let inner = self.chain(&chain, packet, depth + 1);
                Outcomes { leave: false, next: inner.leave, ..inner }
            }
            Some(("goto", Some(chain))) => self.chain(&chain, packet, depth + 1),
            _ => ANYTHING,
        }
    }
}

/// The key that a match or map reads, such as `meta iifname`, `ip6 saddr` or `ct state`.
fn key(left: &Value) -> Option<String> {
    let (kind, body) = left.as_object()?.iter().next()?;
    let (first, second) = match kind.as_str() {
        "payload" => (body.get("protocol")?.as_str()?, body.get("field")?.as_str()?),
        "ct" if body.get("dir").is_some() => return None,
        kind => (kind, body.get("key")?.as_str()?),
    };
    let second = match (first, second) {
        ("meta", "iif") => "iifname",
        ("meta", "oif") => "oifname",
        (_, second) => second,
    };
    Some(format!("{first} {second}"))
}

/// Whether the value of a rule is this one, or a pattern, a prefix or a set with it.
fn covers(value: &Value, fact: &str) -> Option<bool> {
    match value {
        Value::String(text) if text.starts_with('@') || text == "*" => None,
        Value::String(text) => Some(match text.strip_suffix('*') {
            Some(start) => fact.starts_with(start),
            None => text == fact,
        }),
        Value::Number(number) => Some(number.to_string() == fact),
        Value::Array(values) => any(values.iter().map(|value| covers(value, fact))),
        Value::Object(object) => match object.iter().next().map(|(kind, body)| (&**kind, body)) {
            Some(("set", values)) => covers(values, fact),
            Some(("elem", element)) => covers(element.get("val")?, fact),
            Some(("prefix", prefix)) => {
                let (net, len) = (prefix.get("addr")?.as_str()?, prefix.get("len")?.as_u64()?);
                let net: IpNet = format!("{net}/{len}").parse().ok()?;
                Some(net.contains(&fact.parse::<IpAddr>().ok()?))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether one of the answers is yes; `None` if that is not known.
fn any(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut found = Some(false);
    for answer in answers {
        match answer {
            Some(true) => return Some(true),
            Some(false) => {}
            None => found = None,
        }
    }
    found
}

#[cfg(test)]
mod tests;
