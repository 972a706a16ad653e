//! An error without its type: what a caller shows, logs or keeps.

use crate::error::{Code, Explain, ExplanationParts};
use crate::text::{Quoted, Shown};

/// An error that has explained itself: the reason why the program cannot do what was requested.
///
/// Every [`Explain`] converts into one with `?`, so that functions of any layer return one type. It
/// is on the heap, because a result that contains it is moved at each `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(Box<FailureParts>);

/// The parts of a [`Failure`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureParts {
    /// The stable machine code.
    pub code: Code,
    /// One sentence that names the value.
    pub message: String,
    /// The next step.
    pub hint: String,
    /// The named values of the sentence, for translation.
    pub params: Vec<(&'static str, String)>,
}

impl std::ops::Deref for Failure {
    type Target = FailureParts;

    fn deref(&self) -> &FailureParts {
        &self.0
    }
}

impl std::ops::DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut FailureParts {
        &mut self.0
    }
}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::explained(&error)
    }
}

impl Failure {
    /// Takes the parts out.
    #[must_use]
    pub fn into_parts(self) -> FailureParts {
        *self.0
    }

    // Not generic: one copy of the code for all error types.
    fn explained(error: &dyn Explain) -> Self {
        let ExplanationParts { code, hint, params } = error.explain().into_parts();
        let message = error.to_string();
        Self(Box::new(FailureParts { code, message, hint: hint.into_owned(), params }))
    }

    /// Returns the same failure with its place in front of its sentence, such as `the rule file
    /// "/etc/rules"`, and the file among its named values.
    #[must_use]
    pub fn found_in(mut self, place: &str, file: &Quoted) -> Self {
        self.message = format!("{place}: {}", self.message);
        self.params.push(("file", file.text()));
        self
    }

    /// Returns the same failure with an alternative after its next step.
    #[must_use]
    pub fn or_else_do(mut self, alternative: &str) -> Self {
        self.hint = format!("{}; or {alternative}", self.hint);
        self
    }

    /// Returns the same failure; its sentence also names the error of undoing what was done.
    #[must_use]
    pub fn and_then_failed(mut self, later: &dyn Explain) -> Self {
        self.message =
            format!("{}; then {later} ({})", self.message, later.explain().into_parts().code);
        self
    }

    /// Returns whether no rule covers the line.
    #[must_use]
    pub fn is_without_rule(&self) -> bool {
        self.code == Code::PrefixNotInRules
    }

    /// Returns whether the end of the cause raises no event, so that the attempt has to be
    /// repeated.
    #[must_use]
    pub fn needs_polling(&self) -> bool {
        matches!(
            self.code,
            Code::FirewallRejected
                | Code::SystemRefused
                | Code::Ubus
                | Code::CeInUse
                | Code::TunnelExists
        )
    }

    /// Returns whether the attempt is repeated without an event: the cause raises none, or one that
    /// can get lost. netifd drops an `ifdown` while the hooks for an earlier one of the same
    /// interface still run, and every event of an interface that is removed.
    #[must_use]
    pub fn is_retried(&self) -> bool {
        self.needs_polling() || matches!(self.code, Code::LineTaken)
    }

    /// Returns the failure for a person: sentence, next step and code, a line each.
    #[must_use]
    pub fn text(&self) -> String {
        let FailureParts { code, message, hint, .. } = &**self;
        let stop = if hint.ends_with('?') { "" } else { "." };
        let (message, hint) = (Shown(message), Shown(hint));
        format!("mape-proto: {message}.\n  next step: {hint}{stop}\n  code: {code}\n")
    }

    /// Returns the failure as one line of a log.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{}: {}; {}", self.code, Shown(&self.message), Shown(&self.hint))
    }
}
