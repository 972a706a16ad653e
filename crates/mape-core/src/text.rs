//! Small helpers for reading and quoting text that a person typed.

use std::fmt;

/// A value typed by a person, shown inside an error sentence: in double quotes, control
/// characters escaped and the end cut off, so that no input can break a terminal or a log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted(String);

/// Longest part of a typed value that an error repeats, in characters.
const SHOWN: usize = 60;

impl Quoted {
    /// Quotes the text; of a long one the first 60 characters.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        if text.chars().nth(SHOWN).is_some() {
            shown.push('…');
        }
        Self(shown)
    }

    /// The text without the quotes.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.clone()
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// Reads an unsigned decimal number of at most `max`: digits only, so no sign and no blanks.
#[must_use]
pub fn decimal(text: &str, max: u32) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| *number <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_only() {
        assert_eq!(decimal("0", 9), Some(0));
        assert_eq!(decimal("007", 9), Some(7));
        assert_eq!(decimal("9", 9), Some(9));
        for bad in ["", "10", "+1", "-1", " 1", "1 ", "0x1", "1.0", "٣", "99999999999999999999"] {
            assert_eq!(decimal(bad, 9), None, "{bad:?}");
        }
    }

    #[test]
    fn a_quoted_value_cannot_break_the_line() {
        assert_eq!(Quoted::new("a\n\u{1b}[2Jb\"").to_string(), r#""a\n\u{1b}[2Jb\"""#);
        let sixty = "x".repeat(60);
        assert_eq!(Quoted::new(&sixty).to_string(), format!("\"{sixty}\""));
        assert_eq!(Quoted::new(&"x".repeat(61)).text(), format!("{sixty}…"));
    }
}
