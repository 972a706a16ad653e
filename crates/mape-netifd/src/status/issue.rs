//! Errors and warnings of an interface.

use mape_core::IntoVec as _;
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
    /// The named values of the sentence, for translation.
    #[serde(serialize_with = "mape_system::json::named")]
    pub params: Vec<(String, String)>,
}

/// Reads `name=value` strings.
fn named<'a>(params: impl IntoIterator<Item = &'a String>) -> Vec<(String, String)> {
    let pairs = params.into_iter().filter_map(|it| it.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into_vec()
}

/// Returns the newest error of ours, which names the cause; without one the newest of netifd, which
/// names the consequence.
pub(super) fn newest_error(interface: &InterfaceDump) -> Option<Issue> {
    let errors = &interface.errors;
    let ours = errors.iter().rfind(|error| error.code.starts_with("MAPE_"));
    let error = ours.or(errors.last())?;
    let data = |index: usize| error.data.get(index).cloned();
    Some(Issue {
        code: error.code.clone(),
        message: data(0),
        hint: data(1),
        params: named(error.data.iter().skip(2)),
    })
}

/// Returns the warning of an interface that is up.
pub(super) fn warning(data: &InterfaceData) -> Option<Issue> {
    Issue::of(data.warning()?.clone())
}

impl Issue {
    /// That of a warning as it is kept; `None` of an empty one.
    pub(crate) fn of(warning: Warning) -> Option<Self> {
        let Warning { code, message, hint, params } = warning;
        Some(Self { code: code?, message, hint, params: named(params.iter().flatten()) })
    }
}
