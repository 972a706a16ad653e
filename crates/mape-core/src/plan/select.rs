//! Which rule applies to a prefix.

use super::{LINE_LEN, PlanError, Request, RuleSource};
use crate::builtin;
use crate::prefix::ReceivedPrefix;
use crate::provider::ProviderChoice;
use crate::rule::Rule;

/// Stated rules, then the file's, then the table's; among each the longest match.
pub(super) fn rule(request: &Request) -> Result<(Rule, RuleSource), PlanError> {
    let prefix = request.prefix;
    if let [first, ..] = request.explicit.as_slice() {
        return longest(&request.explicit, prefix)
            .map(|rule| (rule, RuleSource::Explicit))
            .ok_or(PlanError::StatedRuleElsewhere { prefix: prefix.net(), rule: first.ipv6() });
    }
    if let Some(rule) = longest(&request.file, prefix) {
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
        None if builtin::first_inside(prefix).is_some() => {
            Err(PlanError::PrefixTooShort { prefix: prefix.net(), needed: LINE_LEN })
        }
        None => {
            let line = builtin::line_kind(prefix);
            Err(PlanError::NotInRules { prefix: prefix.net(), line })
        }
    }
}

/// The rule with the longest IPv6 prefix that contains the line's; of equals the first.
fn longest(rules: &[Rule], prefix: ReceivedPrefix) -> Option<Rule> {
    let matching = rules.iter().rev().filter(|rule| rule.ipv6().contains(&prefix.net()));
    matching.max_by_key(|rule| rule.ipv6().prefix_len()).copied()
}
