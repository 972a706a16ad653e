//! What must hold for any text a parser is given. Used by the fuzz targets and, with the seeds and
//! the crashers ever found, by an ordinary test of `mape-core`.

use mape_core::{
    Code, Explain, ExplanationParts, FailureParts, Layout, Plan, PortList, ReceivedPrefix, Request,
    Rule, parse_dhcpv6_rule, parse_map_rules, parse_rule, parse_rule_file, plan,
};

/// An error is one line, names a code and a next step, and is not as long as its input.
pub fn explains_itself(error: &dyn Explain) {
    let ExplanationParts { code, hint, params } = error.explain().into_parts();
    let message = error.to_string();
    explains(&FailureParts { code, message, hint: hint.into_owned(), params });
}

/// What holds for an error without its type.
pub fn explains(failure: &FailureParts) {
    for text in [&failure.message, &failure.hint] {
        assert!(!text.is_empty() && text.len() < 2000, "{text:?}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    assert!(failure.code.as_str().starts_with("MAPE_"));
    for (name, value) in &failure.params {
        assert!(!name.is_empty() && !value.chars().any(char::is_control), "{name} {value:?}");
    }
}

/// What every plan promises.
fn is_sound(plan: &Plan) {
    let set = plan.port_set();
    assert!(set.port_count() > 0);
    assert_eq!(set.ranges().map(|range| range.ports().len() as u32).sum::<u32>(), set.port_count());
    assert!(set.ranges().all(|range| set.contains(range.first()) && set.contains(range.last())));
    assert!(plan.end_user_prefix().contains(&plan.ce()));
    assert!(plan.rule().ipv4().contains(&plan.ipv4()));
    let interface_id = plan.ce().to_bits() as u64;
    if let Some(stated) = plan.rule().contract().interface_id {
        assert_eq!(interface_id, stated.get());
    } else {
        let content = plan.rule().layout().ipv4_and_psid(interface_id);
        assert_eq!(content, Some((plan.ipv4().addr(), set.psid())));
    }
}

pub fn plan_or_explain(request: &Request) {
    match plan(request) {
        Ok(plan) => is_sound(&plan),
        Err(error) => {
            explains_itself(&error);
            // No prefix can disagree with a rule of the table.
            let own_rules = !request.explicit.is_empty() || !request.file.is_empty();
            assert!(own_rules || error.code() != Code::RuleInconsistent);
        }
    }
}

/// A line of the rule, so that the rule is used and not only read.
pub fn line_of(rule: &Rule, seed: u64) -> Option<ReceivedPrefix> {
    let len = rule.ipv6().prefix_len() + rule.ea_len();
    let ea = u128::from(seed) & (1_u128 << rule.ea_len()).wrapping_sub(1);
    let ea = ea.checked_shl(128 - u32::from(len)).unwrap_or(0);
    ReceivedPrefix::new((rule.ipv6().addr().to_bits() | ea).into(), len).ok()
}

pub fn prefix(text: &str) -> Option<ReceivedPrefix> {
    match text.parse::<ReceivedPrefix>() {
        Ok(prefix) => {
            assert_eq!(prefix.to_string().parse(), Ok(prefix));
            plan_or_explain(&Request::new(prefix));
            Some(prefix)
        }
        Err(error) => {
            explains_itself(&error);
            None
        }
    }
}

pub fn rule(text: &str) -> Option<Rule> {
    match parse_rule(text, Layout::Draft03) {
        Ok(rule) => {
            assert_eq!(parse_rule(&rule.to_string(), Layout::Rfc7597), Ok(rule));
            for seed in [0, u64::MAX, 0x1234_5678_9abc_def0] {
                let line = line_of(&rule, seed).expect("a rule describes at most a /64");
                plan_or_explain(&Request { explicit: vec![rule], ..Request::new(line) });
            }
            Some(rule)
        }
        Err(error) => {
            explains_itself(&error);
            None
        }
    }
}

pub fn map_rules(text: &str) -> Option<Vec<Rule>> {
    for word in text.split_ascii_whitespace() {
        match parse_dhcpv6_rule(word) {
            Ok(rule) => assert_eq!(parse_rule(&rule.to_string(), Layout::Rfc7597), Ok(rule)),
            Err(error) => explains_itself(&error),
        }
    }
    match parse_map_rules(text, None) {
        Ok(rules) => {
            for rule in &rules {
                assert_eq!(parse_rule(&rule.to_string(), Layout::Rfc7597), Ok(*rule));
                let line = line_of(rule, 1).expect("a rule describes at most a /64");
                plan_or_explain(&Request { explicit: rules.clone(), ..Request::new(line) });
            }
            Some(rules)
        }
        Err(error) => {
            explains_itself(&error);
            None
        }
    }
}

pub fn rule_file(text: &str) -> Option<Vec<Rule>> {
    match parse_rule_file(text, Layout::Draft03) {
        Ok(rules) => {
            let again = rules.iter().map(Rule::to_string).collect::<Vec<_>>().join("\n");
            assert_eq!(parse_rule_file(&again, Layout::Rfc7597).as_ref(), Ok(&rules));
            for rule in &rules {
                let line = line_of(rule, 1).expect("a rule describes at most a /64");
                plan_or_explain(&Request { file: rules.clone(), ..Request::new(line) });
            }
            Some(rules)
        }
        Err(error) => {
            explains_itself(&error);
            None
        }
    }
}

pub fn port_list(text: &str) -> Option<PortList> {
    match text.parse::<PortList>() {
        Ok(list) => {
            assert_eq!(list.to_string().parse().as_ref(), Ok(&list));
            let ranges = list.ranges();
            for (index, range) in ranges.iter().enumerate() {
                let mut others = ranges[..index].iter();
                assert!(others.all(|other| other.intersection(*range).is_none()), "{list}");
            }
            let prefix = "240b:10:3261:6400::/56".parse().expect("a prefix");
            plan_or_explain(&Request { reserved: list.clone(), ..Request::new(prefix) });
            Some(list)
        }
        Err(error) => {
            explains_itself(&error);
            None
        }
    }
}
