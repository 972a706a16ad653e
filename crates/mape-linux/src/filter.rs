//! What the host's own firewall does with a kind of packet, as far as its rules tell.
//!
//! Only rules are heeded whose every part the packet is known to meet. A rule that asks for
//! something else (a named set, a limit, a mark) is passed over, whatever it does.

use std::net::Ipv6Addr;

/// What is known of a packet: a key as nft writes it, and the values of which it has one.
#[derive(Clone, Debug, Default)]
pub struct Packet(Vec<(&'static str, Vec<String>)>);

impl Packet {
    /// With one of these values; with none, whatever a rule asks for.
    #[must_use]
    pub fn with<T: ToString>(mut self, key: &'static str, values: &[T]) -> Self {
        self.0.push((key, values.iter().map(ToString::to_string).collect()));
        self
    }
}

/// A chain at a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base<'text> {
    pub family: &'text str,
    pub table: &'text str,
    pub chain: &'text str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict<'text> {
    Accept,
    Drop,
    Return,
    Jump(&'text str),
}

/// The chains of others that filter on this hook, in the output of `nft list chains`.
#[must_use]
pub fn bases<'text>(listed: &'text str, hook: &str, families: &[&str]) -> Vec<Base<'text>> {
    let mut found = Vec::new();
    let mut at = Base { family: "", table: "", chain: "" };
    for line in listed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["table", family, table, ..] => at = Base { family, table, chain: "" },
            ["chain", chain, ..] => at.chain = chain,
            ["type", "filter", "hook", here, ..]
                if *here == hook && families.contains(&at.family) && at.table != "mape_rs" =>
            {
                found.push(at);
            }
            _ => {}
        }
    }
    found
}

/// Whether this chain drops the packet. `table` is the output of `nft --terse list table`.
#[must_use]
pub fn drops(table: &str, chain: &str, packet: &Packet) -> bool {
    match walk(table, chain, packet, 0) {
        Some(verdict) => verdict == Verdict::Drop,
        None => lines_of(table, chain).any(|line| line.ends_with("policy drop;")),
    }
}

/// No ruleset jumps deeper than the kernel lets it.
const DEPTH: u8 = 16;

/// Accept, drop, or nothing of both.
fn walk<'text>(
    table: &'text str,
    chain: &str,
    packet: &Packet,
    depth: u8,
) -> Option<Verdict<'text>> {
    for line in lines_of(table, chain) {
        match verdict(line, packet) {
            None => {}
            Some(Verdict::Return) => return None,
            Some(Verdict::Jump(next)) => {
                let inner = (depth < DEPTH).then(|| walk(table, next, packet, depth + 1));
                if let Some(Some(verdict)) = inner {
                    return Some(verdict);
                }
            }
            done => return done,
        }
    }
    None
}

fn lines_of<'text>(table: &'text str, chain: &str) -> impl Iterator<Item = &'text str> {
    let head = format!("chain {chain} {{");
    let lines = table.lines().map(str::trim).skip_while(move |line| *line != head);
    lines.skip(1).take_while(|line| *line != "}")
}

/// What the rule does with the packet, if it is for it.
fn verdict<'text>(rule: &'text str, packet: &Packet) -> Option<Verdict<'text>> {
    let mut words = rule.split_whitespace().peekable();
    loop {
        let word = words.next()?;
        if let Some(verdict) = plain(word, words.peek().copied()) {
            return Some(verdict);
        }
        if word == "counter" {
            if words.next_if_eq(&"packets").is_some() {
                words.nth(2);
            }
            continue;
        }
        let key = match word {
            "iif" | "iifname" => "iifname".to_owned(),
            "oif" | "oifname" => "oifname".to_owned(),
            _ => format!("{word} {}", words.next()?),
        };
        let (_, facts) = packet.0.iter().find(|(known, _)| *known == key)?;
        let negated = words.next_if_eq(&"!=").is_some();
        let is_map = words.next_if_eq(&"vmap").is_some();
        let mut values: Vec<&str> = Vec::new();
        if words.next_if_eq(&"{").is_some() {
            values.extend(words.by_ref().take_while(|word| *word != "}"));
        } else {
            values.push(words.next()?);
        }
        if is_map {
            return mapped(&values, facts);
        }
        let covered = |fact: &String| {
            values.iter().flat_map(|value| value.split(',')).any(|value| covers(value, fact))
        };
        let any = facts.is_empty() && !negated;
        if !any && !facts.iter().any(|fact| covered(fact) != negated) {
            return None;
        }
    }
}

fn plain<'text>(word: &str, next: Option<&'text str>) -> Option<Verdict<'text>> {
    match word.trim_end_matches(',') {
        "accept" => Some(Verdict::Accept),
        "drop" | "reject" => Some(Verdict::Drop),
        "return" => Some(Verdict::Return),
        "jump" | "goto" => next.map(|chain| Verdict::Jump(chain.trim_end_matches(','))),
        _ => None,
    }
}

/// Of `established : accept, invalid : drop`.
fn mapped<'text>(entries: &[&'text str], facts: &[String]) -> Option<Verdict<'text>> {
    let colons = entries.iter().enumerate().filter(|(_, word)| **word == ":").map(|(at, _)| at);
    for at in colons {
        let key = entries.get(at.checked_sub(1)?)?;
        if facts.iter().any(|fact| covers(key, fact)) {
            return plain(entries.get(at + 1)?, entries.get(at + 2).copied());
        }
    }
    None
}

/// Whether the value of a rule is this one, or a prefix or a pattern for it.
fn covers(value: &str, fact: &str) -> bool {
    let value = value.trim_matches('"');
    if let Some(start) = value.strip_suffix('*') {
        return fact.starts_with(start);
    }
    let prefix = || {
        let (net, len) = value.split_once('/')?;
        let (net, len): (Ipv6Addr, u32) = (net.parse().ok()?, len.parse().ok()?);
        let fact: Ipv6Addr = fact.parse().ok()?;
        let rest = 128_u32.checked_sub(len)?;
        Some((net.to_bits() ^ fact.to_bits()).checked_shr(rest).unwrap_or_default() == 0)
    };
    value == fact || prefix().unwrap_or_default()
}

#[cfg(test)]
mod tests;
