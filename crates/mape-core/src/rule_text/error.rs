//! Reasons why a text is not a rule.

use ipnet::Ipv6Net;

use crate::error::{Code, Explain, Explanation};
use crate::rule::RuleError;
use crate::text::Quoted;

/// The text is not a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleTextError {
    /// A part without `=`.
    #[error("{0} in the rule is not KEY=VALUE")]
    NotAPair(Quoted),
    /// A line of a file that is not a rule. The file may be a different one than the user meant, so
    /// the error does not repeat its content.
    #[error("not a rule")]
    NotARule,
    /// A key that rules do not have.
    #[error("unknown rule key {0}")]
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
        /// The value as given.
        value: Quoted,
    },
    /// A readable rule that contradicts itself.
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
    fn explain(&self) -> Explanation {
        let malformed = || {
            Explanation::of_option(
                "rule",
                "write KEY=VALUE,… with ipv6, ipv4, ea, br; the keys are ipv6 ipv4 ea offset psid \
                 psidlen br layout nat id",
            )
        };
        match self {
            Self::NotAPair(text) | Self::UnknownKey(text) => {
                malformed().text("value", text.as_str())
            }
            Self::NotARule => malformed(),
            Self::Twice(key) | Self::Missing(key) => malformed().text("key", key),
            Self::BadValue { key, value } => Explanation::of_option("rule", form_of(key))
                .text("key", key)
                .text("value", value.as_str()),
            Self::Rule(error) => error.explain(),
        }
    }
}

/// Returns how the value of a key is written.
fn form_of(key: &str) -> &'static str {
    match key {
        "type" => "use map-e or lw4o6",
        "ipv6prefix" => "write it like 240b:10::",
        "ipv4prefix" => "write it like 106.72.0.0",
        "ipv6" => "write it like 240b:10::/31",
        "ipv4" => "write it like 106.72.0.0/15",
        "br" => "write it like 2404:9200:225:100::64",
        "nat" => "write it like 198.51.100.81",
        "id" => "write it like ::feed",
        "layout" => "use draft03 or rfc7597",
        "psid" => "write a number from 0 to 65535, decimal or like 0x34",
        _ => "write a number of bits",
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
        /// The error of the rule.
        error: RuleTextError,
    },
    /// Two lines with different rules for one prefix.
    #[error("lines {first} and {second} give two different rules for {ipv6}")]
    Conflict {
        /// Number of the earlier line, from 1.
        first: usize,
        /// Number of the later line.
        second: usize,
        /// The IPv6 prefix of both.
        ipv6: Ipv6Net,
    },
    /// A file without a rule.
    #[error("the file contains no rule")]
    Empty,
}

impl Explain for RuleFileError {
    fn explain(&self) -> Explanation {
        match self {
            Self::Line { line, error } => error.explain().param("line", line),
            Self::Conflict { first, second, ipv6 } => {
                Explanation::new(Code::RuleInconsistent, "keep the rule that your provider uses")
                    .param("ipv6", ipv6)
                    .param("first_line", first)
                    .param("second_line", second)
            }
            Self::Empty => Explanation::of_option(
                "rules_file",
                "write one rule per line, like ipv6=…,ipv4=…,ea=…,br=…",
            ),
        }
    }
}
