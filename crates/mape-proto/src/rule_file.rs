//! Reading the user's rule file, which `--rules` and the option `rules_file` name.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use mape_core::{Code, Explain, Layout, Quoted, Rule, parse_rule_file};

use crate::failure::Failure;

/// A rule file larger than this is some other file, in bytes.
const MAX_SIZE: u64 = 1 << 20;

/// The file cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[error("the rule file {file} cannot be read: {reason}")]
struct Unreadable {
    file: Quoted,
    reason: io::Error,
}

impl Explain for Unreadable {
    fn code(&self) -> Code {
        Code::OptionInvalid
    }

    fn hint(&self) -> String {
        "name a text file with one rule in a line".to_owned()
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        vec![("option", "rules_file".to_owned()), ("value", self.file.text())]
    }
}

/// Reads the rules of a file; `unstated` is the layout of those that state none.
///
/// # Errors
/// Code `MAPE_OPTION_INVALID` or `MAPE_RULE_INCONSISTENT`, naming file and line.
pub(crate) fn read(path: &str, unstated: Layout) -> Result<Vec<Rule>, Failure> {
    let file = Quoted::new(path);
    let text = text(path).map_err(|reason| Unreadable { file: file.clone(), reason })?;
    parse_rule_file(&text, unstated).map_err(|error| Failure::from(error).found_in(&file))
}

/// The text of a file that a user has written, UTF-8 and 1 MiB at most. Of a pipe nobody knows whether it
/// ever says anything, and netifd's hooks wait for whoever reads.
///
/// # Errors
/// Whatever the file system says, or it is no such file.
pub(crate) fn text(path: impl AsRef<Path>) -> io::Result<String> {
    let wrong = |reason| io::Error::new(io::ErrorKind::InvalidData, reason);
    if !fs::metadata(&path)?.is_file() {
        return Err(wrong("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(wrong("it is larger than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text"))
}
