//! Reading and quoting text from outside.

use std::fmt::{self, Write as _};

/// Text for a terminal or a log, as one line. Characters that a terminal executes and those that
/// change the direction of writing are escaped.
#[derive(Clone, Copy)]
pub struct Shown<'text>(pub &'text dyn fmt::Display);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escape(f), "{}", self.0)
    }
}

struct Escape<'f, 'formatter>(&'f mut fmt::Formatter<'formatter>);

impl fmt::Write for Escape<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|letter| {
            if is_safe(letter) {
                self.0.write_char(letter)
            } else {
                write!(self.0, "{}", letter.escape_debug())
            }
        })
    }
}

/// Returns whether a terminal only displays the character. Japanese names contain the wide blank.
fn is_safe(letter: char) -> bool {
    matches!(letter, '"' | '\'' | '\\' | '\u{3000}') || letter.escape_debug().len() == 1
}

/// One word of a command line that the user can paste: a POSIX shell reads any text as this one
/// word, and a terminal can display it.
#[derive(Clone, Copy, Debug)]
pub struct ShellWord<'text> {
    text: &'text str,
    always_quoted: bool,
}

impl<'text> ShellWord<'text> {
    /// Returns the word, quoted only where the shell needs it.
    #[must_use]
    pub const fn new(text: &'text str) -> Self {
        Self { text, always_quoted: false }
    }

    /// Returns the word in quotes even where it needs none.
    #[must_use]
    pub const fn quoted(text: &'text str) -> Self {
        Self { text, always_quoted: true }
    }
}

impl fmt::Display for ShellWord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, always_quoted } = *self;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._@%+=:,-".contains(&byte);
        if !always_quoted && !text.is_empty() && text.bytes().all(is_plain) {
            return f.write_str(text);
        }
        // A substitution loses line feeds at its end. Such a word is shown escaped and names no
        // file.
        if text.chars().all(is_safe) || text.ends_with('\n') {
            return write!(f, "'{}'", Shown(&text.replace('\'', r"'\''")));
        }
        f.write_str("\"$(printf '")?;
        for (number, byte) in text.bytes().enumerate() {
            // printf would read a leading dash as an option.
            if is_plain(byte) && byte != b'%' && (number > 0 || byte != b'-') {
                f.write_char(byte.into())?;
            } else {
                write!(f, "\\{byte:03o}")?;
            }
        }
        f.write_str("')\"")
    }
}

/// A value from outside inside an error sentence: in double quotes, with control characters escaped
/// and the end cut off, so that no input can break a terminal or a log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted(Box<str>);

/// Longest part of a value that an error repeats, in characters.
const MAX_QUOTED_CHARS: usize = 60;

impl Quoted {
    /// Quotes the text; of a longer text only the first 60 characters.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut shown = String::new();
        for letter in text.chars().take(MAX_QUOTED_CHARS) {
            // Writing into a `String` cannot fail.
            let _ = write!(shown, "{}", letter.escape_debug());
        }
        if text.chars().nth(MAX_QUOTED_CHARS).is_some() {
            shown.push('…');
        }
        Self(shown.into())
    }

    /// Returns a copy of the text without the quotes.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    /// Returns the text without the quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
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
    fn what_is_shown_does_nothing_else() {
        for (text, shown) in [
            ("it's \"web\", \\o/ 日本語\u{3000}é", "it's \"web\", \\o/ 日本語\u{3000}é"),
            ("a\n\tb\r", r"a\n\tb\r"),
            ("\u{1b}]0;x\u{7}", r"\u{1b}]0;x\u{7}"),
            ("a\u{202e}b\u{2066}\u{85}\u{9b}", r"a\u{202e}b\u{2066}\u{85}\u{9b}"),
        ] {
            assert_eq!(Shown(&text).to_string(), shown);
        }
    }

    #[test]
    fn words_for_a_shell() {
        for (text, word) in [
            ("/etc/hotplug.d/iface/99-map", "/etc/hotplug.d/iface/99-map"),
            ("", "''"),
            ("firewall.@nat[1]", "'firewall.@nat[1]'"),
            ("a b;$(c)`d`", "'a b;$(c)`d`'"),
            ("it's", r"'it'\''s'"),
            ("~/*?", "'~/*?'"),
            ("日本", "'日本'"),
            ("\u{1b}[m'%\\", r#""$(printf '\033\133m\047\045\134')""#),
            ("-a\u{1b}", r#""$(printf '\055a\033')""#),
            ("a\n;b\n", r"'a\n;b\n'"),
        ] {
            assert_eq!(ShellWord::new(text).to_string(), word);
        }
        assert_eq!(ShellWord::quoted("1").to_string(), "'1'");
    }

    #[test]
    fn a_quoted_value_cannot_break_the_line() {
        assert_eq!(Quoted::new("a\n\u{1b}[2Jb\"").to_string(), r#""a\n\u{1b}[2Jb\"""#);
        let sixty = "x".repeat(60);
        assert_eq!(Quoted::new(&sixty).to_string(), format!("\"{sixty}\""));
        assert_eq!(Quoted::new(&"x".repeat(61)).text(), format!("{sixty}…"));
    }
}
