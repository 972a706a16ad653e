//! Splits scripts into lines and words.

/// Returns the lines of a script that are not empty and not comments.
pub(super) fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("//"))
}

/// Words, names and numbers of a line; a path is as many words as it has parts.
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    let inner = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.');
    line.split(move |char| !inner(char)).filter(|word| !word.is_empty())
}

/// Returns the beginning of a line, to identify it in messages.
pub(super) fn excerpt(line: &str) -> String {
    line.chars().take(60).collect()
}
