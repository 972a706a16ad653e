//! Reasons why an answer cannot be used.

use mape_core::{Code, Explain, Explanation, ExplanationParts, Quoted, ReceivedPrefix, RuleError};

/// Longest body read, in bytes. 256 rules with every blank that a server may add take 60 kB.
pub const MAX_BODY: usize = 256 * 1024;

/// The reason why an answer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The body is longer than [`MAX_BODY`].
    #[error("the answer has more than {} kB", MAX_BODY / 1024)]
    TooLarge,
    /// The body is not a JSON object, or it is nested too deeply.
    #[error("the answer is not a JSON object: error in line {line}")]
    NotJson {
        /// From 1.
        line: usize,
    },
    /// A JSON object of no known shape.
    #[error("the answer has neither order, nor fmr, nor basicMapRules")]
    UnknownShape,
    /// A required key is missing.
    #[error("the answer lacks {}", path_of(path, key))]
    Missing {
        /// The object.
        path: &'static str,
        /// The key in it.
        key: &'static str,
    },
    /// A value that cannot be read.
    #[error("the answer's {} cannot be {value}", path_of(path, key))]
    BadValue {
        /// The object.
        path: &'static str,
        /// The key in it; empty for the object itself.
        key: &'static str,
        /// The value.
        value: Quoted,
    },
    /// A rule that contradicts itself.
    #[error("rule {number} of the answer: {error}")]
    Rule {
        /// From 1.
        number: usize,
        /// The error of the rule.
        error: RuleError,
    },
    /// A required key of a rule is missing.
    #[error("rule {number} of the answer lacks {key}")]
    RuleLacks {
        /// From 1.
        number: usize,
        /// The key.
        key: &'static str,
    },
    /// A rule with a value that cannot be read.
    #[error("the {key} of rule {number} of the answer cannot be {value}")]
    RuleValue {
        /// From 1.
        number: usize,
        /// The key.
        key: &'static str,
        /// The value.
        value: Quoted,
    },
    /// An empty list of rules.
    #[error("the answer's list of rules is empty")]
    NoRules,
    /// A list of rules for other lines only.
    #[error("none of the answer's rules ({rules}) contains the prefix {prefix}")]
    NoRuleFor {
        /// The line's prefix.
        prefix: ReceivedPrefix,
        /// How many rules there are.
        rules: usize,
    },
}

fn path_of(path: &str, key: &str) -> String {
    let dot = if path.is_empty() || key.is_empty() { "" } else { "." };
    format!("{path}{dot}{key}")
}

impl Explain for AnswerError {
    fn explain(&self) -> Explanation {
        let unusable = || {
            Explanation::new(
                Code::ProvisioningBadAnswer,
                "no action is needed now: the last settings stay active and the request is repeated; \
                 if the error persists, report it to the provider and set option rule meanwhile",
            )
        };
        match self {
            Self::TooLarge | Self::NoRules => unusable(),
            Self::NotJson { line } => unusable().param("line", line),
            Self::UnknownShape => Explanation::new(
                Code::ProvisioningBadAnswer,
                "check that the URL is that of the rule server; the answer may be a web page",
            ),
            Self::Missing { path, key } => unusable().text("key", &path_of(path, key)),
            Self::BadValue { path, key, value } => {
                unusable().text("key", &path_of(path, key)).text("value", value.as_str())
            }
            Self::Rule { number, error } => {
                let ExplanationParts { code, hint, .. } = unusable().into_parts();
                let params = error.explain().into_parts().params;
                Explanation::with(code, hint, params).param("rule", number)
            }
            Self::RuleLacks { number, key } => unusable().text("key", key).param("rule", number),
            Self::RuleValue { number, key, value } => {
                unusable().text("key", key).text("value", value.as_str()).param("rule", number)
            }
            Self::NoRuleFor { prefix, rules } => Explanation::new(
                Code::ProvisioningBadAnswer,
                "wait for the next attempt if the line's prefix has just changed; otherwise ask the \
                 provider which service the line has",
            )
            .param("prefix", prefix)
            .param("rules", rules),
        }
    }
}
