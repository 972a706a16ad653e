//! The result of a check, and the report of all checks.

use std::fmt;

use mape_core::Shown;
use mape_netifd::status::Issue;
use serde::Serialize;

/// Version of the JSON.
const SCHEMA: u8 = 1;
/// Number of packets without a reply after which the BR is reported as not answering.
pub(super) const MIN_SENT_PACKETS: u64 = 20;

/// A remedy that a program can apply for the user. It changes one thing and is harmless.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Fix {
    /// Add `interface` to the networks of the firewall zone `zone`.
    JoinZone {
        /// The `mape` interface.
        interface: String,
        /// The zone's name.
        zone: String,
    },
    /// Set the option `clientid` of `interface`, so that its DUID carries no time.
    ClientId {
        /// The uplink.
        interface: String,
        /// The new DUID (DHCPv6 client identifier), in hexadecimal.
        clientid: String,
    },
    /// Load the rules again: `mape-proto firewall`.
    LoadRules,
    /// Try to bring `interface` up once more.
    Retry {
        /// The `mape` interface.
        interface: String,
    },
}

/// One check. It is on the heap, because every step that adds to it moves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Finding(pub(super) Box<Parts>);

/// The parts of a [`Finding`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Parts {
    /// Name of the check; the names are stable.
    pub check: &'static str,
    /// Whether nothing is wrong.
    pub fine: bool,
    /// What is wrong, where the check can find several things; the names are stable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// The named values of the sentence, for translation, where something is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "mape_system::json::named")]
    pub params: Vec<(String, String)>,
    /// The result, as one sentence.
    pub message: String,
    /// The evidence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// The next step, where something is wrong or could be better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The same for a program, where it can be done safely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
}

impl Finding {
    pub(super) fn fine(check: &'static str, message: impl Into<String>) -> Self {
        Self::of(check, true, message.into(), None)
    }

    // Not generic, so that the program contains it once.
    fn of(check: &'static str, fine: bool, message: String, hint: Option<String>) -> Self {
        Self(Box::new(Parts {
            check,
            fine,
            kind: None,
            params: Vec::new(),
            message,
            evidence: Vec::new(),
            hint,
            fix: None,
        }))
    }

    pub(super) fn wrong(
        check: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::of(check, false, message.into(), Some(hint.into()))
    }

    /// A working setting that should be changed.
    pub(super) fn advice(
        check: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::of(check, true, message.into(), Some(hint.into()))
    }

    /// One of several things that can be wrong.
    pub(super) fn with_kind(mut self, kind: &'static str) -> Self {
        self.0.kind = self.0.hint.is_some().then_some(kind);
        self
    }

    /// Adds a named value of the sentence.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.params.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds the code and the named values of the failure that the check found.
    pub(super) fn with_issue(self, issue: &Issue) -> Self {
        let mut found = self.with("code", &issue.code);
        found.0.params.extend(issue.params.iter().cloned());
        found
    }

    pub(super) fn with_fix(mut self, fix: Fix) -> Self {
        self.0.fix = Some(fix);
        self
    }

    pub(super) fn with_evidence(mut self, evidence: impl Into<String>) -> Self {
        self.0.evidence.push(evidence.into());
        self
    }
}

/// All findings, in the order of dependence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    schema: u8,
    interface: Option<String>,
    fine: bool,
    checks: Vec<Finding>,
}

impl Report {
    /// The report of these findings. `interface` is the one that was looked at.
    pub(super) fn new(interface: Option<String>, checks: Vec<Finding>) -> Self {
        Self { schema: SCHEMA, interface, fine: checks.iter().all(|check| check.0.fine), checks }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_fine(&self) -> bool {
        self.fine
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding(parts) in &self.checks {
            let Parts { check, fine, message, evidence, hint, .. } = &**parts;
            let check = check.replace('_', " ");
            let mark = match (fine, hint) {
                (true, None) => "ok  ",
                (true, Some(_)) => "WARN",
                (false, _) => "FAIL",
            };
            writeln!(f, "{mark}  {check}: {}.", Shown(message))?;
            for evidence in evidence {
                writeln!(f, "      because: {}", Shown(evidence))?;
            }
            if let Some(hint) = hint {
                writeln!(f, "      next step: {}.", Shown(hint))?;
            }
        }
        Ok(())
    }
}
