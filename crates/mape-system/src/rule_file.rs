//! Reading the user's rule file, which `--rules` and the option `rules_file` name.

use std::io;

use mape_core::{Explain, Explanation, Failure, Layout, Quoted, Rule, parse_rule_file};

use crate::files;

/// The file cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[error("the rule file {file} cannot be read: {reason}")]
struct Unreadable {
    file: Quoted,
    reason: io::Error,
}

impl Explain for Unreadable {
    fn explain(&self) -> Explanation {
        Explanation::of_option("rules_file", "name a text file with one rule in a line")
            .text("value", &self.file.text())
    }
}

/// Reads the rules of a file. `unstated` is the layout of a rule that names none.
///
/// # Errors
/// Code `MAPE_OPTION_INVALID` or `MAPE_RULE_INCONSISTENT`, naming file and line.
pub fn read(path: &str, unstated: Layout) -> Result<Vec<Rule>, Failure> {
    let file = Quoted::new(path);
    let text = files::text(path).map_err(|reason| Unreadable { file: file.clone(), reason })?;
    parse_rule_file(&text, unstated)
        .map_err(|error| Failure::from(error).found_in(&format!("the rule file {file}"), &file))
}
