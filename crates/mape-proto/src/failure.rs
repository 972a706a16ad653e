//! How the program ends when it has no answer: exit status, sentence, code, next step.

use std::fmt::Write as _;
use std::io;

use mape_core::{Code, Explain, Quoted, Shown};
use serde_json::{Value, json};

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
}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::explained(&error)
    }
}

impl Failure {
    // One copy for all errors, not one for each of them.
    fn explained(error: &dyn Explain) -> Self {
        Self::Explained {
            code: error.code(),
            message: error.to_string(),
            hint: error.hint(),
            params: error.params(),
        }
    }

    /// The same failure, found in this file.
    #[must_use]
    pub(crate) fn found_in(mut self, file: &Quoted) -> Self {
        if let Self::Explained { message, params, .. } = &mut self {
            *message = format!("the rule file {file}: {message}");
            params.push(("file", file.text()));
        }
        self
    }

    /// The same failure, with another way out behind its next step.
    #[cfg(feature = "linux")]
    #[must_use]
    pub(crate) fn or_else_do(mut self, way: &str) -> Self {
        if let Self::Explained { hint, .. } = &mut self {
            *hint = format!("{hint}; or {way}");
        }
        self
    }

    /// Whether nobody has a rule for the line.
    pub(crate) const fn is_without_rule(&self) -> bool {
        matches!(self, Self::Explained { code: Code::PrefixNotInRules, .. })
    }

    /// Whether nothing will tell when the cause has gone, so that it has to be tried again.
    pub(crate) const fn raises_no_event(&self) -> bool {
        let code = match self {
            Self::Explained { code, .. } => code,
            Self::Output(_) => return false,
        };
        matches!(
            code,
            Code::FirewallRejected
                | Code::SystemRefused
                | Code::Ubus
                | Code::CeInUse
                | Code::TunnelExists
        )
    }

    /// Whether an attempt that failed so is repeated without an event: the cause raises none, or
    /// one that can get lost. netifd drops an `ifdown` while the hooks still run for an earlier
    /// one of the same interface, and every event of an interface that is removed.
    pub(crate) const fn needs_another_look(&self) -> bool {
        self.raises_no_event() || matches!(self, Self::Explained { code: Code::LineTaken, .. })
    }

    /// For a log: one line.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Explained { code, message, hint, .. } => {
                format!("{code}: {}; {}", Shown(message), Shown(hint))
            }
            Self::Output(error) => error.to_string(),
        }
    }

    /// For `ifstatus`: code, sentence and next step.
    pub(crate) fn data(&self) -> Value {
        match self {
            Self::Explained { code, message, hint, .. } => {
                json!({ "code": code.as_str(), "message": message, "hint": hint })
            }
            Self::Output(error) => json!({ "message": error.to_string() }),
        }
    }

    /// The exit status: a function of the code alone.
    #[must_use]
    pub const fn status(&self) -> ExitStatus {
        match self {
            Self::Output(_) => ExitStatus::Failed,
            Self::Explained { code, .. } => match code {
                Code::OptionInvalid | Code::RuleInconsistent => ExitStatus::Usage,
                Code::PrefixNotInRules | Code::NotFirstSubnet | Code::MtuTooSmall => {
                    ExitStatus::NoPlan
                }
                Code::FirewallRejected
                | Code::NoIpv6Yet
                | Code::TunlinkUnknown
                | Code::SystemRefused
                | Code::Ubus
                | Code::CeInUse
                | Code::CeMissing
                | Code::LineTaken
                | Code::TunnelExists
                | Code::Uci
                | Code::Conntrack
                | Code::NoInterface
                | Code::ProvisioningNoService
                | Code::ProvisioningOtherMethod
                | Code::ProvisioningAuth
                | Code::ProvisioningDns
                | Code::ProvisioningNoAnswer
                | Code::ProvisioningCertificate
                | Code::ProvisioningProgram
                | Code::ProvisioningRefused
                | Code::ProvisioningRedirect
                | Code::ProvisioningBadAnswer
                | Code::ProvisioningUpdate => ExitStatus::Failed,
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
                {
                    let (message, hint) = (Shown(message), Shown(hint));
                    write!(text, "{message}.\n  next step: {hint}{stop}\n  code: {code}\n")
                }
            }
            Self::Output(error) => writeln!(text, "the output could not be written: {error}."),
        };
        text
    }
}
