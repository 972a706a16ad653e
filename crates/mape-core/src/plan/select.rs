//! The choice of the rule for a prefix.

use super::error::PlanError;
use super::request::{LINE_LEN, Request, RuleSource};
use crate::builtin;
use crate::prefix::ReceivedPrefix;
use crate::provider::ProviderChoice;
use crate::rule::Rule;

/// Chooses the rule: the user's rules first, then those of the rule file, then the built-in ones.
/// Within each source the longest match counts.
pub(super) fn rule(request: &Request) -> Result<(Rule, RuleSource), PlanError> {
    let prefix = request.prefix;
    if let [first, ..] = request.explicit.as_slice() {
        if let Some(rule) = longest(&request.explicit, prefix)? {
            return Ok((rule, RuleSource::Explicit));
        }
        let elsewhere = PlanError::StatedRuleElsewhere { prefix: prefix.net(), rule: first.ipv6() };
        return Err(too_short(&request.explicit, prefix).unwrap_or(elsewhere));
    }
    if let Some(rule) = longest(&request.file, prefix)? {
        return Ok((rule, RuleSource::File));
    }
    if request.provider == ProviderChoice::Manual && request.file.is_empty() {
        return Err(PlanError::ManualWithoutRule);
    }
    match builtin::find(prefix) {
        Some(found) if request.provider.admits(found.group.provider) => {
            Ok((found.rule, RuleSource::Builtin(found.group)))
        }
        Some(found) => Err(PlanError::OtherProvider {
            prefix: prefix.net(),
            chosen: request.provider,
            owner: found.group.provider,
        }),
        None => Err(no_rule(request)),
    }
}

fn no_rule(request: &Request) -> PlanError {
    let prefix = request.prefix;
    if builtin::first_rule_within(prefix).is_some() {
        return PlanError::PrefixTooShort { prefix: prefix.net(), needed: LINE_LEN };
    }
    let line = builtin::line_kind(prefix);
    let not_in_rules = PlanError::NotInRules { prefix: prefix.net(), line };
    too_short(&request.file, prefix).unwrap_or(not_in_rules)
}

/// Returns the error for a prefix that contains a whole rule, which covers only a part of it.
fn too_short(rules: &[Rule], prefix: ReceivedPrefix) -> Option<PlanError> {
    let prefix = prefix.net();
    let inside = rules.iter().find(|rule| prefix.contains(&rule.ipv6()))?;
    Some(PlanError::PrefixTooShort { prefix, needed: inside.end_user_prefix_len() })
}

/// Returns the rule with the longest IPv6 prefix that contains the line's prefix. Two different
/// rules for that IPv6 prefix are an error.
fn longest(rules: &[Rule], prefix: ReceivedPrefix) -> Result<Option<Rule>, PlanError> {
    let matching = || rules.iter().filter(|rule| rule.ipv6().contains(&prefix.net()));
    let Some(longest) = matching().max_by_key(|rule| rule.ipv6().prefix_len()) else {
        return Ok(None);
    };
    let ipv6 = longest.ipv6();
    if matching().any(|rule| rule.ipv6() == ipv6 && rule != longest) {
        return Err(PlanError::ConflictingRules { ipv6 });
    }
    Ok(Some(*longest))
}
