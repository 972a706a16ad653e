//! How the program ends when it has no answer: exit status, sentence, code, next step.

use std::fmt::Write as _;
use std::io;

use mape_core::{Code, Explain, Quoted};

/// Exit status of the program. Scripts rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Done.
    Fine = 0,
    /// Something outside failed: the output could not be written.
    Failed = 1,
    /// The command line, or a value in it or in a file it names, is wrong.
    Usage = 2,
    /// The question was understood, and there is no plan for this prefix.
    NoPlan = 3,
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// An error that explains itself.
    Explained {
        /// The machine code.
        code: Code,
        /// One sentence.
        message: String,
        /// The next step.
        hint: String,
        /// The named values of the sentence.
        params: Vec<(&'static str, String)>,
    },
    /// The answer could not be written.
    Output(io::Error),
    /// An examination found something wrong; the text is its report.
    Findings(String),
}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Explained {
            code: error.code(),
            message: error.to_string(),
            hint: error.hint(),
            params: error.params(),
        }
    }
}

impl Failure {
    /// The same failure, found in this file.
    #[must_use]
    pub(crate) fn found_in(mut self, file: &Quoted) -> Self {
        if let Self::Explained { message, params, .. } = &mut self {
            *message = format!("the rule file {file}: {message}");
            params.push(("file", file.text()));
        }
        self
    }

    /// The exit status: a function of the code alone.
    #[must_use]
    pub const fn status(&self) -> ExitStatus {
        match self {
            Self::Output(_) | Self::Findings(_) => ExitStatus::Failed,
            Self::Explained { code, .. } => match code {
                Code::OptionInvalid | Code::RuleInconsistent => ExitStatus::Usage,
                Code::PrefixNotInRules | Code::NotFirstSubnet | Code::MtuTooSmall => {
                    ExitStatus::NoPlan
                }
                Code::FirewallRejected
                | Code::NoIpv6Yet
                | Code::TunlinkUnknown
                | Code::SystemRefused => ExitStatus::Failed,
            },
        }
    }

    /// For people: sentence, next step, code.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::from("mape-proto: ");
        // Writing into a `String` cannot fail.
        let _ = match self {
            Self::Explained { code, message, hint, .. } => {
                let stop = if hint.ends_with('?') { "" } else { "." };
                write!(text, "{message}.\n  next step: {hint}{stop}\n  code: {code}\n")
            }
            Self::Findings(report) => return report.clone(),
            Self::Output(error) => writeln!(text, "the output could not be written: {error}."),
        };
        text
    }
}
