//! The reason why a forward is not published.

use mape_core::{Explain, ExplanationParts, Failure, FailureParts};

/// Why a forward is not published.
#[derive(Debug)]
pub struct Obstacle {
    /// The stable code.
    pub(crate) code: &'static str,
    /// One sentence.
    pub(crate) reason: String,
    /// The next step.
    pub(crate) hint: String,
    /// The named values of the sentence.
    pub(crate) params: Vec<(&'static str, String)>,
}

impl Obstacle {
    pub(crate) fn new(code: &'static str, reason: impl Into<String>, hint: &str) -> Self {
        Self { code, reason: reason.into(), hint: hint.to_owned(), params: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.params.push((name, value));
        self
    }

    pub(crate) fn explained(code: &'static str, error: &dyn Explain) -> Self {
        let ExplanationParts { hint, params, .. } = error.explain().into_parts();
        Self { code, reason: error.to_string(), hint: hint.into_owned(), params }
    }

    /// Returns the reason why the configuration of a forward is invalid.
    pub(crate) fn invalid(failure: &Failure) -> Self {
        let FailureParts { message, hint, params, .. } = failure.clone().into_parts();
        let has = |name: &str| params.iter().any(|(param, _)| *param == name);
        // An option without a value is missing.
        let is_missing = has("option") && !has("value") && !has("file");
        let code = if is_missing { "option_missing" } else { "option_invalid" };
        Self { code, reason: message, hint, params }
    }
}
