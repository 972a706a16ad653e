//! What this process has been given: the terminals of its output, and what their user wants.

use std::env;
use std::io::{IsTerminal as _, stderr, stdout};

use crate::Terminals;

/// Columns of a terminal that does not say how wide it is.
const USUAL: usize = 80;

/// Returns the terminals of this process. A width is that of `COLUMNS`: to ask the terminal itself
/// needs a call that is not safe.
#[must_use]
pub fn terminals() -> Terminals {
    let columns = || env::var("COLUMNS").ok()?.parse().ok();
    let width = |is_terminal: bool| is_terminal.then(|| columns().unwrap_or(USUAL));
    let says = |name: &str, is: fn(&str) -> bool| env::var(name).is_ok_and(|value| is(&value));
    Terminals {
        out: width(stdout().is_terminal()),
        err: width(stderr().is_terminal()),
        no_color: says("NO_COLOR", |value| !value.is_empty()) || says("TERM", |it| it == "dumb"),
    }
}
