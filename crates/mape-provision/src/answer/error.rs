//! Why an answer cannot be used.

use mape_core::{Code, Explain, Quoted, ReceivedPrefix, RuleError};

/// Longest body read, in bytes. 256 rules with every blank that a server may add take 60 kB.
pub const MAX_BODY: usize = 256 * 1024;

/// The answer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// More than [`MAX_BODY`].
    #[error("the answer has more than {} kB", MAX_BODY / 1024)]
    TooLarge,
    /// No JSON object, or one nested too deeply.
    #[error("the answer is no JSON object as of line {line}")]
    NotJson {
        /// From 1.
        line: usize,
    },
    /// JSON, but of no shape we know.
    #[error("the answer has neither order, nor fmr, nor basicMapRules")]
    UnknownShape,
    /// A key that must be there.
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
        /// What stands there.
        value: Quoted,
    },
    /// A rule that contradicts itself.
    #[error("rule {number} of the answer: {error}")]
    Rule {
        /// From 1.
        number: usize,
        /// What is wrong with it.
        error: RuleError,
    },
    /// A rule that lacks a key.
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
        /// What stands there.
        value: Quoted,
    },
    /// A list of rules without a rule.
    #[error("the answer's list of rules is empty")]
    NoRules,
    /// Rules for other lines only.
    #[error("none of the answer's rules ({rules}) contains the prefix {prefix}")]
    NoRuleFor {
        /// The line's.
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
    fn code(&self) -> Code {
        Code::ProvisioningBadAnswer
    }

    fn hint(&self) -> String {
        match self {
            Self::UnknownShape => {
                "check that the URL is the one of the rule server; it may have answered with a \
                 page for people"
            }
            Self::NoRuleFor { .. } => {
                "wait for the next try if the line's prefix has just changed; otherwise ask the \
                 provider which service the line has"
            }
            _ => {
                "nothing to do at once: what worked goes on and the server is asked again; if it \
                 stays, tell the provider, and state the rule with option rule until then"
            }
        }
        .to_owned()
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::TooLarge | Self::UnknownShape | Self::NoRules => Vec::new(),
            Self::NotJson { line } => vec![("line", line.to_string())],
            Self::Missing { path, key } => vec![("key", path_of(path, key))],
            Self::BadValue { path, key, value } => {
                vec![("key", path_of(path, key)), ("value", value.text())]
            }
            Self::Rule { number, error } => {
                let mut params = error.params();
                params.push(("rule", number.to_string()));
                params
            }
            Self::RuleLacks { number, key } => {
                vec![("key", (*key).to_owned()), ("rule", number.to_string())]
            }
            Self::RuleValue { number, key, value } => vec![
                ("key", (*key).to_owned()),
                ("value", value.text()),
                ("rule", number.to_string()),
            ],
            Self::NoRuleFor { prefix, rules } => {
                vec![("prefix", prefix.to_string()), ("rules", rules.to_string())]
            }
        }
    }
}
