//! Why a text is not a rule.

use ipnet::Ipv6Net;

use crate::error::{Code, Explain};
use crate::rule::RuleError;
use crate::text::Quoted;

/// The text is not a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleTextError {
    /// A part without `=`.
    #[error("{0} in the rule is not KEY=VALUE")]
    NotAPair(Quoted),
    /// The same of a file, which may be another one than was meant: what stands there is not
    /// repeated.
    #[error("it is no rule")]
    NotARule,
    /// A key that rules do not have.
    #[error("the rule key {0} is not known")]
    UnknownKey(Quoted),
    /// A key given twice.
    #[error("the rule gives {0} twice")]
    Twice(&'static str),
    /// A key that must be there.
    #[error("the rule lacks {0}")]
    Missing(&'static str),
    /// A value that cannot be read.
    #[error("the rule's {key} cannot be {value}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// What stands behind it.
        value: Quoted,
    },
    /// Readable, but contradicting itself.
    #[error(transparent)]
    Rule(#[from] RuleError),
}

impl RuleTextError {
    pub(super) fn unquoted(self) -> Self {
        match self {
            Self::NotAPair(_) | Self::UnknownKey(_) => Self::NotARule,
            known => known,
        }
    }
}

impl Explain for RuleTextError {
    fn code(&self) -> Code {
        match self {
            Self::Rule(error) => error.code(),
            _ => Code::OptionInvalid,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Rule(error) => error.hint(),
            Self::BadValue { key, .. } => match *key {
                "type" => "only map-e is supported".to_owned(),
                "ipv6prefix" => "write it like 240b:10::".to_owned(),
                "ipv4prefix" => "write it like 106.72.0.0".to_owned(),
                "ipv6" => "write it like 240b:10::/31".to_owned(),
                "ipv4" => "write it like 106.72.0.0/15".to_owned(),
                "br" => "write it like 2404:9200:225:100::64".to_owned(),
                "layout" => "use draft03 or rfc7597".to_owned(),
                "psid" => "write a number from 0 to 65535, decimal or like 0x34".to_owned(),
                _ => "write a number of bits".to_owned(),
            },
            _ => {
                "write KEY=VALUE,… with ipv6, ipv4, ea, br; the keys are ipv6 ipv4 ea offset psid \
                  psidlen br layout"
                    .to_owned()
            }
        }
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Rule(error) => error.params(),
            Self::NotAPair(text) | Self::UnknownKey(text) => {
                vec![("option", "rule".to_owned()), ("value", text.text())]
            }
            Self::NotARule => vec![("option", "rule".to_owned())],
            Self::Twice(key) | Self::Missing(key) => {
                vec![("option", "rule".to_owned()), ("key", (*key).to_owned())]
            }
            Self::BadValue { key, value } => vec![
                ("option", "rule".to_owned()),
                ("key", (*key).to_owned()),
                ("value", value.text()),
            ],
        }
    }
}

/// The text is not a rule file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFileError {
    /// A line is not a rule.
    #[error("line {line}: {error}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        error: RuleTextError,
    },
    /// Two lines disagree.
    #[error("lines {first} and {second} give two different rules for {ipv6}")]
    Conflict {
        /// Number of the earlier line, from 1.
        first: usize,
        /// Number of the later line.
        second: usize,
        /// The IPv6 prefix of both.
        ipv6: Ipv6Net,
    },
    /// No rule at all.
    #[error("the file holds no rule")]
    Empty,
}

impl Explain for RuleFileError {
    fn code(&self) -> Code {
        match self {
            Self::Line { error, .. } => error.code(),
            Self::Conflict { .. } => Code::RuleInconsistent,
            Self::Empty => Code::OptionInvalid,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Line { error, .. } => error.hint(),
            Self::Conflict { .. } => "keep the one your provider uses".to_owned(),
            Self::Empty => "write one rule in a line, like ipv6=…,ipv4=…,ea=…,br=…".to_owned(),
        }
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Line { line, error } => {
                let mut params = error.params();
                params.push(("line", line.to_string()));
                params
            }
            Self::Conflict { first, second, ipv6 } => vec![
                ("ipv6", ipv6.to_string()),
                ("first_line", first.to_string()),
                ("second_line", second.to_string()),
            ],
            Self::Empty => vec![("option", "rules_file".to_owned())],
        }
    }
}
