//! Errors and warnings of an interface.

use serde::Serialize;

use crate::dump::InterfaceDump;
use crate::interface_data::{InterfaceData, Warning};

/// An error or a warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// The stable code.
    pub code: String,
    /// One sentence.
    pub message: Option<String>,
    /// The next step.
    pub hint: Option<String>,
}

/// Returns the newest error of ours, which names the cause; without one the newest of netifd, which
/// names the consequence.
pub(super) fn newest_error(interface: &InterfaceDump) -> Option<Issue> {
    let errors = &interface.errors;
    let ours = errors.iter().rfind(|error| error.code.starts_with("MAPE_"));
    let error = ours.or(errors.last())?;
    let data = |index: usize| error.data.get(index).cloned();
    Some(Issue { code: error.code.clone(), message: data(0), hint: data(1) })
}

/// Returns the warning of an interface that is up.
pub(super) fn warning(data: &InterfaceData) -> Option<Issue> {
    let Warning { code, message, hint } = data.warning()?.clone();
    Some(Issue { code: code?, message, hint })
}
