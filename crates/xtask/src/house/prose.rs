//! The comments and strings of a Rust file, as they are written.

/// A comment or a string.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    /// The line on which it begins, from 1 on.
    pub(super) line: usize,
    pub(super) is_comment: bool,
    pub(super) text: String,
}

/// Splits a text. It need not be Rust that compiles.
pub(super) fn of_rust(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut line = 1;
    let mut word_before = false;
    while let Some(first) = rest.chars().next() {
        let (length, is_comment) = match first {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), Some(true)),
            '/' if rest.starts_with("/*") => (block_comment(rest), Some(true)),
            '"' => (string(rest), Some(false)),
            'r' if !word_before => match raw_string(rest) {
                Some(length) => (length, Some(false)),
                None => (1, None),
            },
            '\'' => (character(rest), None),
            _ => (first.len_utf8(), None),
        };
        let (part, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        if let Some(is_comment) = is_comment {
            parts.push(Part { line, is_comment, text: part.to_owned() });
        }
        line += part.matches('\n').count();
        // The `r` of `br"..."` begins a raw string, that of `for` does not.
        word_before = (first.is_alphanumeric() || first == '_') && !matches!(first, 'b' | 'c');
        rest = after;
    }
    parts
}

/// The length of a comment, with those in it.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        if rest.is_empty() {
            break;
        } else if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The length of a string with its quotes.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of `r"..."` or `r#"..."#`; `None` if it is a name.
fn raw_string(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('r')?;
    let hashes = inner.len() - inner.trim_start_matches('#').len();
    let body = inner.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(1 + hashes + 1 + length)
}

/// The length of `'a'` or `'\n'`; 1 for a lifetime.
fn character(text: &str) -> usize {
    let inner = text.get(1..).unwrap_or_default();
    if let Some(escape) = inner.strip_prefix('\\') {
        let first = escape.chars().next().map_or(0, char::len_utf8);
        let end = escape.get(first..).and_then(|rest| rest.find('\''));
        return end.map_or(1, |end| 1 + 1 + first + end + 1);
    }
    let first = inner.chars().next().map_or(0, char::len_utf8);
    if inner.get(first..).is_some_and(|rest| rest.starts_with('\'')) { 2 + first } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_neither_comment_nor_string() {
        let text = r##"//! Head.
let a = "one // \" two"; // three
let b = '"'; let c = '\''; let d: &'static str = r#"raw "quoted"
text"#; /* four /* inner */
five */ for_r"x" br"y" b'\\' '\u{22}'
"##;
        let found = of_rust(text);
        let found: Vec<(usize, bool, &str)> =
            found.iter().map(|part| (part.line, part.is_comment, part.text.as_str())).collect();
        let expected = [
            (1, true, "//! Head."),
            (2, false, r#""one // \" two""#),
            (2, true, "// three"),
            (3, false, "r#\"raw \"quoted\"\ntext\"#"),
            (4, true, "/* four /* inner */\nfive */"),
            (5, false, "\"x\""),
            (5, false, "r\"y\""),
        ];
        assert_eq!(found, expected);
    }
}
