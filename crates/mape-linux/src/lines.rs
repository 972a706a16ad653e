//! Lines of the files in `/etc`: an option and its value, and the place of an error.

use std::path::Path;

use mape_core::{Failure, Quoted};

/// Returns key and value of a line: `key value`, `key=value`, `key = "value"`. `None` for an empty
/// line. A comment begins at the start of a line or after a blank, but not in quotes: a password
/// may contain `#`.
pub(super) fn split(line: &str) -> Option<(&str, &str)> {
    let (key, value) = pair(line.trim());
    if let Some(inside) = in_quotes(value) {
        return Some((key, inside));
    }
    let comment = |(at, _): &(usize, char)| {
        line.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t']))
    };
    let end = line.char_indices().filter(|(_, c)| *c == '#').find(comment).map(|(at, _)| at);
    let line = end.and_then(|end| line.get(..end)).unwrap_or(line).trim();
    if line.is_empty() {
        return None;
    }
    let (key, value) = pair(line);
    let quoted = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    Some((key, quoted('"').or_else(|| quoted('\'')).unwrap_or(value)))
}

fn pair(line: &str) -> (&str, &str) {
    let key_end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let (key, rest) = line.split_at(key_end.unwrap_or(line.len()));
    let rest = rest.trim_start();
    (key, rest.strip_prefix('=').unwrap_or(rest).trim())
}

/// Returns the text in quotes, if only a comment follows it.
fn in_quotes(value: &str) -> Option<&str> {
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (inside, behind) = value.get(1..)?.split_once(quote)?;
    let comment = behind.trim_start();
    let is_end = comment.is_empty() || (comment.starts_with('#') && comment != behind);
    is_end.then_some(inside)
}

/// Returns the failure with the file in its sentence and among its named values.
pub(super) fn in_file(failure: Failure, path: &Path) -> Failure {
    let file = Quoted::new(&path.to_string_lossy());
    failure.found_in(&format!("the configuration {file}"), &file)
}

/// Returns the failure with the number of the line in its sentence, and the file.
pub(super) fn at_line(mut failure: Failure, path: &Path, line: usize) -> Failure {
    failure.message = format!("line {line}: {}", failure.message);
    in_file(failure, path)
}
