//! Lists of rules. A wrong rule does not make the others unusable.

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;
use mape_core::{Layout, Rule, RuleParts, fill_from_table};
use serde_json::Value;

use super::error::AnswerError;
use super::method::BrokenRule;
use crate::json::{Object, Read, bits, net4, net6};

/// Returns the consistent rules and the broken ones. Entries come with their number; `ipv6` reads
/// the prefix of an entry, `parts` all of it. The function is not generic, so that the program
/// contains it once.
///
/// # Errors
/// The first error, where no rule is left.
pub(super) fn read(
    entries: &mut dyn Iterator<Item = (usize, &Value)>,
    ipv6: fn(&Value) -> Option<Ipv6Net>,
    parts: &dyn Fn(&Value) -> Read<RuleParts>,
) -> Read<(Vec<Rule>, Vec<BrokenRule>)> {
    let (mut rules, mut broken) = (Vec::new(), Vec::new());
    for (number, entry) in entries {
        let rule = match parts(entry) {
            Ok(parts) => Rule::new(fill_from_table(on_boundary(parts), Some(parts.layout)))
                .map_err(|error| AnswerError::Rule { number, error }),
            Err(error) => Err(of_rule(number, *error)),
        };
        match rule {
            Ok(rule) => rules.push(rule),
            Err(error) => broken.push(BrokenRule { ipv6: ipv6(entry), error }),
        }
    }
    if rules.is_empty() {
        let first = broken.into_iter().next();
        return Err(first.map_or(AnswerError::NoRules, |broken| broken.error).into());
    }
    Ok((rules, broken))
}

/// Clears the bits after the lengths of both prefixes. A receiver ignores them, as in DHCPv6.
fn on_boundary(parts: RuleParts) -> RuleParts {
    RuleParts { ipv6: parts.ipv6.trunc(), ipv4: parts.ipv4.trunc(), ..parts }
}

/// Returns the same error with the rule's number.
fn of_rule(number: usize, error: AnswerError) -> AnswerError {
    match error {
        AnswerError::Missing { key, .. } => AnswerError::RuleLacks { number, key },
        AnswerError::BadValue { key, value, .. } => {
            let key = if key.is_empty() { "content" } else { key };
            AnswerError::RuleValue { number, key, value }
        }
        other => other,
    }
}

/// Reads the list that HB46PP and JPNE share: `ipv6`, `ipv4`, `ea_length`, `psid_offset`.
pub(super) fn list(
    entries: &[Value],
    br: Ipv6Addr,
    layout: Layout,
) -> Read<(Vec<Rule>, Vec<BrokenRule>)> {
    let parts = |entry: &Value| {
        let entry = Object::of(entry, "rule")?;
        Ok(RuleParts {
            ipv6: entry.required("ipv6", net6)?,
            ipv4: entry.required("ipv4", net4)?,
            ea_len: entry.required("ea_length", bits)?,
            offset: entry.optional("psid_offset", bits)?,
            psid_len: None,
            psid: None,
            br,
            layout,
        })
    };
    read(&mut (1..).zip(entries), |entry| entry.get("ipv6").and_then(net6), &parts)
}
