//! Errors and warnings of an interface.

use serde::Serialize;
use serde_json::Value;

use crate::dump::InterfaceDump;

/// An error or a warning, as it was reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The stable code.
    pub code: String,
    /// One sentence.
    pub message: Option<String>,
    /// The next step.
    pub hint: Option<String>,
}

/// The newest error of ours, which names the cause; without one the newest of netifd, which names
/// the consequence.
pub(super) fn newest_error(interface: &InterfaceDump) -> Option<Told> {
    let errors = &interface.errors;
    let ours = errors.iter().rfind(|error| error.code.starts_with("MAPE_"));
    let error = ours.or(errors.last())?;
    let data = |index: usize| error.data.get(index).cloned();
    Some(Told { code: error.code.clone(), message: data(0), hint: data(1) })
}

/// What is wrong although the interface is up.
pub(super) fn warning(interface: &InterfaceDump) -> Option<Told> {
    let warning = interface.data.get("warning")?;
    Some(Told {
        code: text(warning, "code")?.to_owned(),
        message: text(warning, "message").map(str::to_owned),
        hint: text(warning, "hint").map(str::to_owned),
    })
}

/// A text of an object.
pub(super) fn text<'value>(object: &'value Value, key: &str) -> Option<&'value str> {
    object.get(key).and_then(Value::as_str)
}
