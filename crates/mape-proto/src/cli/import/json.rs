//! An import as JSON. The schema is `tests/vectors/schema/import.json`.

use mape_core::IntoVec as _;
use mape_import::{Command, Difference, Import, Leftover, Verdict};
use serde::Serialize;

use crate::cli::json::{SCHEMA, line, plan_object};

#[derive(Serialize)]
struct ImportJson<'a, P: Serialize> {
    schema: u8,
    interface: &'a str,
    from: &'static str,
    applied: bool,
    commands: Vec<String>,
    undo: Vec<String>,
    numbers: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    contract: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<TableJson<'a>>,
    differences: &'a [&'static Difference],
    leftovers: &'a [Leftover],
    notes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<P>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What the built-in table makes of the numbers.
#[derive(Serialize)]
struct TableJson<'a> {
    same: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'static str>,
    /// In what the numbers differ.
    differs: &'a [&'static str],
    other_layout: bool,
}

impl<'a> From<&'a Verdict> for TableJson<'a> {
    fn from(verdict: &'a Verdict) -> Self {
        match verdict {
            Verdict::Same { provider, other_layout } => Self {
                same: true,
                provider: Some(provider),
                differs: &[],
                other_layout: *other_layout,
            },
            Verdict::Differs { provider, fields } => {
                Self { same: false, provider: Some(provider), differs: fields, other_layout: false }
            }
            Verdict::Unknown => {
                Self { same: false, provider: None, differs: &[], other_layout: false }
            }
        }
    }
}

pub(super) fn import(import: &Import, applied: bool) -> String {
    line(&ImportJson {
        schema: SCHEMA,
        interface: &import.interface,
        from: import.origin.name(),
        applied: applied && !import.changes.is_empty(),
        commands: import.changes.commands.iter().map(Command::in_a_shell).into_vec(),
        undo: import.changes.undo.iter().map(Command::in_a_shell).into_vec(),
        numbers: if import.numbers_kept { "kept" } else { "none" },
        contract: import.contract,
        table: import.table.as_ref().map(TableJson::from),
        differences: &import.differences,
        leftovers: &import.leftovers,
        notes: &import.notes,
        plan: import.plan.as_ref().map(plan_object),
        next: (!import.changes.is_empty()).then(|| format!("ifup {}", import.interface)),
    })
}
