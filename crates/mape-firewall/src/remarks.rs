//! What a load reports, besides the interfaces that are open.

use std::fmt;

use log::Level;
use mape_core::Shown;

/// Lines for people, and whether one of them is about something that failed.
#[derive(Clone, Debug, Default)]
pub(super) struct Remarks {
    lines: Vec<(Level, String)>,
    faults: Vec<String>,
}

impl Remarks {
    /// Adds a line about an event.
    pub(super) fn note(&mut self, line: String) {
        self.lines.push((Level::Info, line));
    }

    /// Adds a line about the configuration, which the user has to correct.
    pub(super) fn warn(&mut self, line: String) {
        self.lines.push((Level::Warn, line));
    }

    pub(super) fn notes(&mut self, lines: impl Iterator<Item = String>) {
        self.lines.extend(lines.map(|line| (Level::Info, line)));
    }

    /// Adds a line about something that failed.
    pub(super) fn fault(&mut self, line: String) {
        self.fails(Level::Warn, line);
    }

    /// Adds a line about an interface that is not open.
    pub(super) fn closed(&mut self, line: String) {
        self.fails(Level::Error, line);
    }

    fn fails(&mut self, level: Level, line: String) {
        self.faults.push(line.clone());
        self.lines.push((level, line));
    }

    pub(super) fn faults(&self) -> &[String] {
        &self.faults
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = (Level, &str)> {
        self.lines.iter().map(|(level, line)| (*level, line.as_str()))
    }

    /// Logs each line.
    pub(super) fn log(&self) {
        for (level, line) in &self.lines {
            log::log!(*level, "{line}");
        }
    }
}

/// One line for each.
impl fmt::Display for Remarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|(_, line)| writeln!(f, "{}", Shown(line)))
    }
}
