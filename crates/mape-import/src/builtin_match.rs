//! Compares a rule with the built-in table: whether both give the same result for its prefixes.

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;
use mape_core::{BuiltinRule, IntoVec as _, ReceivedPrefix, Request, Rule, builtin_rules, plan};

/// Result of comparing the configured rules with the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same plan for every prefix of the rules, possibly with another layout.
    Same {
        /// Whose rules they are.
        provider: &'static str,
        /// Whether the table's layout is the other one.
        other_layout: bool,
    },
    /// The table has rules for these prefixes, and they differ.
    Differs {
        /// Whose rules they are.
        provider: &'static str,
        /// In what: `ipv4`, `offset`, `psidlen`, `br`, or `prefixes` where it covers a part only.
        fields: Vec<&'static str>,
    },
    /// The table has no rule for these prefixes.
    Unknown,
}

impl Verdict {
    /// Compares all rules; `None` without rules.
    pub(super) fn of(rules: &[Rule]) -> Option<Self> {
        let mut verdicts = rules.iter().map(Self::of_rule);
        let first = verdicts.next()?;
        Some(verdicts.fold(first, |all, next| match (&all, &next) {
            (Self::Same { .. }, _) => next,
            _ => all,
        }))
    }

    fn of_rule(rule: &Rule) -> Self {
        let overlaps = |known: &BuiltinRule| {
            known.rule.ipv6().contains(&rule.ipv6()) || rule.ipv6().contains(&known.rule.ipv6())
        };
        let known: Vec<BuiltinRule> = builtin_rules().filter(overlaps).into_vec();
        let [first, ..] = known.as_slice() else {
            return Self::Unknown;
        };
        let provider = first.group.provider.name;
        let fields = differing(rule, &known);
        if fields.is_empty() {
            return Self::Same { provider, other_layout: rule.layout() != first.rule.layout() };
        }
        Self::Differs { provider, fields }
    }
}

/// Returns the fields in which the rule differs from the table.
fn differing(rule: &Rule, known: &[BuiltinRule]) -> Vec<&'static str> {
    let mut fields = Vec::new();
    let ports = rule.port_parameters();
    let mut differ = |field, differs: bool| {
        if differs {
            fields.push(field);
        }
    };
    let any = |differs: &dyn Fn(&Rule) -> bool| known.iter().any(|known| differs(&known.rule));
    differ("offset", any(&|known| known.port_parameters().offset() != ports.offset()));
    differ("psidlen", any(&|known| known.port_parameters().psid_len() != ports.psid_len()));
    differ("br", any(&|known| known.br() != rule.br()));
    differ("ealen", any(&|known| known.end_user_prefix_len() != rule.end_user_prefix_len()));
    // Rules of the table do not overlap, so their sizes add up.
    let size = |net: Ipv6Net| 1_u128 << (64 - u32::from(net.prefix_len().min(64)));
    let covered: u128 = known.iter().map(|known| size(known.rule.ipv6())).sum();
    differ("prefixes", covered < size(rule.ipv6()));
    if fields.is_empty() && known.iter().any(|known| !same_address(rule, &known.rule)) {
        fields.push("ipv4");
    }
    fields
}

/// Whether both give the same address and PSID for all common prefixes.
///
/// Every bit of the results is a bit of the prefix or constant. The results are therefore equal for
/// all prefixes if they are equal for the prefix without a bit set, and for each single bit.
fn same_address(rule: &Rule, known: &Rule) -> bool {
    let shared = if rule.ipv6().prefix_len() > known.ipv6().prefix_len() {
        rule.ipv6()
    } else {
        known.ipv6()
    };
    let end = rule.end_user_prefix_len();
    let base = shared.addr().to_bits();
    let bits = (u32::from(shared.prefix_len())..u32::from(end)).map(|bit| 1_u128 << (127 - bit));
    let answer = |rule: &Rule, prefix| {
        let plan = plan(&Request { explicit: vec![*rule], ..Request::new(prefix) }).ok()?;
        Some((plan.ipv4(), plan.port_set()))
    };
    std::iter::once(0).chain(bits).all(|bit| {
        let address = Ipv6Addr::from_bits(base | bit);
        let Ok(prefix) = ReceivedPrefix::new(address, end) else { return false };
        let ours = answer(rule, prefix);
        ours.is_some() && ours == answer(known, prefix)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mape_core::{Layout, parse_rule};

    fn verdict(text: &str) -> Verdict {
        let rules: Vec<Rule> = text
            .split(' ')
            .map(|rule| parse_rule(rule, Layout::Draft03).unwrap_or_else(|error| panic!("{error}")))
            .collect();
        Verdict::of(&rules).unwrap_or(Verdict::Unknown)
    }

    fn differs(text: &str) -> String {
        match verdict(text) {
            Verdict::Differs { fields, .. } => fields.join(","),
            other => format!("{other:?}"),
        }
    }

    const V6PLUS: &str = "ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,br=2404:9200:225:100::64";

    #[test]
    fn other_cuts_of_the_same_rules_are_the_same() {
        for (text, owner) in [
            (V6PLUS, "v6plus"),
            // As the provider's own server cuts them.
            ("ipv6=240b:11::/32,ipv4=106.73.0.0/16,ea=24,br=2404:9200:225:100::64", "v6plus"),
            // 64 rules of the table, and four.
            ("ipv6=2404:7a80::/32,ipv4=133.200.0.0/16,ea=24,br=2001:260:700:1::1:275", "biglobe"),
            ("ipv6=240d:f::/34,ipv4=219.104.128.0/18,ea=22,br=2001:3b8:200:ff9::1", "nuro"),
        ] {
            let same = Verdict::Same { provider: owner, other_layout: false };
            assert_eq!(verdict(text), same, "{text}");
            let rfc = format!("{text},layout=rfc7597,offset=4");
            assert_eq!(verdict(&rfc), Verdict::Same { provider: owner, other_layout: true });
        }
    }

    #[test]
    fn what_differs_is_named() {
        for (text, fields) in [
            (V6PLUS.replace("106.72", "106.74"), "ipv4"),
            (V6PLUS.replace("::64", "::65"), "br"),
            (V6PLUS.to_owned() + ",offset=6", "offset"),
            (V6PLUS.replace("ea=25", "ea=24"), "psidlen,ealen"),
            // The other half of this prefix is in no rule, whatever some tables say.
            (
                "ipv6=240d:f::/33,ipv4=219.104.128.0/17,ea=23,br=2001:3b8:200:ff9::1".to_owned(),
                "prefixes",
            ),
        ] {
            assert_eq!(differs(&text), fields, "{text}");
            // One of several is enough.
            assert_eq!(differs(&format!("{V6PLUS} {text}")), fields);
        }
        let lab = "ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,br=2001:db8:ffff::1";
        assert_eq!(verdict(lab), Verdict::Unknown);
        assert_eq!(verdict(&format!("{V6PLUS} {lab}")), Verdict::Unknown);
        assert_eq!(Verdict::of(&[]), None);
    }
}
