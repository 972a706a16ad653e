//! What a load reports, besides the interfaces that are open.

use std::fmt;

use mape_core::Shown;

/// Lines for people, and whether one of them is about something that failed.
#[derive(Clone, Debug, Default)]
pub(super) struct Remarks {
    lines: Vec<String>,
    faults: Vec<String>,
}

impl Remarks {
    /// Adds a line about an event or about the configuration.
    pub(super) fn note(&mut self, line: String) {
        self.lines.push(line);
    }

    pub(super) fn notes(&mut self, lines: impl Iterator<Item = String>) {
        self.lines.extend(lines);
    }

    /// Adds a line about something that failed.
    pub(super) fn fault(&mut self, line: String) {
        self.faults.push(line.clone());
        self.lines.push(line);
    }

    pub(super) fn faults(&self) -> &[String] {
        &self.faults
    }
}

/// One line for each.
impl fmt::Display for Remarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{}", Shown(line)))
    }
}
