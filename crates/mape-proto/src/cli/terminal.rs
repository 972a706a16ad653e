//! What a terminal gets on top of the text that every reader gets: colour, and lines that end
//! before its edge. The text is rendered once, by the commands; this file only dresses it.

use std::ffi::OsString;

use mape_core::{Failure, Quoted};

use super::arguments::UsageError;

/// Commands whose text is for people. What other commands print is read by programs too.
const PROSE: [&str; 5] = ["plan", "status", "doctor", "detect", "forward"];
/// A narrower terminal is treated as one of this width.
const LEAST: usize = 40;

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const PLAIN: &str = "\x1b[0m";

/// Beginnings of lines that are coloured, up to here.
const BEGINNINGS: [(&str, &str); 6] = [
    ("ok  ", GREEN),
    ("WARN", YELLOW),
    ("FAIL", RED),
    ("  error  ", RED),
    ("  warning  ", YELLOW),
    ("mape-proto:", RED),
];

/// States that are coloured, from here to the end of a line that is not indented.
const STATES: [(&str, &str); 7] = [
    (": up, but", RED),
    (": up", GREEN),
    (": not up", YELLOW),
    (": down", RED),
    (", published", GREEN),
    (", waiting", YELLOW),
    (", refused", RED),
];

/// The two output streams: the width of each that is a terminal, in columns.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminals {
    /// Standard output.
    pub out: Option<usize>,
    /// Standard error.
    pub err: Option<usize>,
    /// Whether the user wants no colour (`NO_COLOR`, no-color.org).
    pub no_color: bool,
}

/// Whether colour is used: `--color`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Removes `--color WHEN` from the arguments; the last one counts.
    pub(super) fn take(arguments: &mut Vec<OsString>) -> Result<Self, Failure> {
        let mut color = Self::Auto;
        let mut at = 0;
        while let Some(word) = arguments.get(at).and_then(|word| word.to_str()) {
            let value = match word.strip_prefix("--color") {
                _ if word == "--" => break,
                Some("") => {
                    arguments.remove(at);
                    arguments.get(at).map(|it| it.to_string_lossy().into_owned())
                }
                Some(value) if value.starts_with('=') => value.get(1..).map(str::to_owned),
                _ => {
                    at += 1;
                    continue;
                }
            };
            color = match value.as_deref() {
                Some("auto") => Self::Auto,
                Some("always") => Self::Always,
                Some("never") => Self::Never,
                other => {
                    return Err(UsageError::Color(Quoted::new(other.unwrap_or_default())).into());
                }
            };
            arguments.remove(at);
        }
        Ok(color)
    }

    const fn is_used(self, terminals: Terminals, width: Option<usize>) -> bool {
        match self {
            Self::Auto => width.is_some() && !terminals.no_color,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// The answer of the command `word`, for standard output.
pub(super) fn answer(text: String, word: &str, color: Color, terminals: Terminals) -> String {
    if PROSE.contains(&word) { dressed(text, color, terminals, terminals.out) } else { text }
}

/// A failure, for standard error.
pub(super) fn failure(text: String, color: Color, terminals: Terminals) -> String {
    dressed(text, color, terminals, terminals.err)
}

fn dressed(text: String, color: Color, terminals: Terminals, width: Option<usize>) -> String {
    let colored = color.is_used(terminals, width);
    if width.is_none() && !colored {
        return text;
    }
    let mut dressed = String::with_capacity(text.len() * 2);
    for line in text.lines() {
        let start = dressed.len();
        wrap(&mut dressed, line, width.unwrap_or(usize::MAX).max(LEAST));
        if colored {
            paint(&mut dressed, start);
        }
    }
    dressed
}

/// Appends a line, broken between words. What follows a break stands below the text of its row.
fn wrap(text: &mut String, line: &str, width: usize) {
    let hang = text_column(line);
    let mut used = 0;
    for (at, word) in line.split(' ').enumerate() {
        let length = word.chars().count();
        if at > 0 && used > hang && used + 1 + length > width {
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
            (0..hang).for_each(|_| text.push(' '));
            used = hang;
        } else if at > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += length;
    }
    text.push('\n');
}

/// Where the text of a row begins: behind a name and at least two spaces, else behind the indent.
fn text_column(line: &str) -> usize {
    let indent = line.len() - line.trim_start().len();
    let rest = line.get(indent..).unwrap_or_default();
    let gap = rest.find("  ").filter(|gap| *gap < 20);
    let behind = |gap: usize| rest.len() - rest.get(gap..).unwrap_or_default().trim_start().len();
    indent + gap.map_or(2, behind)
}

/// Colours the beginning or the state of the line that starts here.
fn paint(text: &mut String, start: usize) {
    let line = text.get(start..).unwrap_or_default();
    let begins = |(word, color): &(&str, &'static str)| {
        line.starts_with(word).then_some((0, word.len(), *color))
    };
    let end = line.find('\n').unwrap_or(line.len());
    let stands = |(word, color): &(&str, &'static str)| {
        let at = line.get(..end)?.find(word).filter(|_| !line.starts_with(' '))?;
        Some((at + 2, end, *color))
    };
    let found = BEGINNINGS.iter().find_map(begins).or_else(|| STATES.iter().find_map(stands));
    if let Some((from, to, color)) = found {
        text.insert_str(start + to, PLAIN);
        text.insert_str(start + from, color);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(line: &str, width: usize) -> String {
        let mut text = String::new();
        wrap(&mut text, line, width);
        text
    }

    #[test]
    fn lines_are_broken_between_words_and_below_their_text() {
        for (line, width, expected) in [
            ("short", 40, "short\n"),
            ("", 40, "\n"),
            (
                "  name      one two three",
                17,
                "  name      one\n            two\n            three\n",
            ),
            ("one two three", 8, "one two\n  three\n"),
            ("      because: a b c d", 14, "      because:\n        a b c\n        d\n"),
            // A word that is longer than a line is not broken: it may be a command.
            ("  error  aaaaaaaaaaaaaaaaaaaa b", 12, "  error  aaaaaaaaaaaaaaaaaaaa\n         b\n"),
        ] {
            assert_eq!(wrapped(line, width), expected, "{line}");
        }
    }

    #[test]
    fn nothing_is_lost() {
        let line = "  reason    これは 長い 文 です and more words of any kind  with  gaps";
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for width in 1..90 {
            assert_eq!(words(&wrapped(line, width)), words(line));
        }
        assert_eq!(wrapped(line, 200), format!("{line}\n"));
    }

    #[test]
    fn colour_is_asked_for() {
        let take = |words: &[&str]| {
            let mut words: Vec<OsString> = words.iter().map(Into::into).collect();
            Color::take(&mut words).map(|color| (color, words.len()))
        };
        assert_eq!(take(&["status"]).unwrap(), (Color::Auto, 1));
        assert_eq!(take(&["--color", "never", "status"]).unwrap(), (Color::Never, 1));
        assert_eq!(take(&["status", "--color=always", "wan"]).unwrap(), (Color::Always, 2));
        assert_eq!(take(&["x", "--color=never", "--color=auto"]).unwrap(), (Color::Auto, 1));
        assert_eq!(take(&["x", "--", "--color"]).unwrap(), (Color::Auto, 3));
        for wrong in [&["status", "--color"][..], &["--color=yes"], &["--color", "status"]] {
            assert!(take(wrong).is_err(), "{wrong:?}");
        }
        // An option of another name is another option.
        assert_eq!(take(&["--colors"]).unwrap(), (Color::Auto, 1));

        let terminal = Terminals { out: Some(80), err: None, no_color: false };
        let quiet = Terminals { no_color: true, ..terminal };
        for (color, terminals, width, is_used) in [
            (Color::Auto, terminal, terminal.out, true),
            (Color::Auto, terminal, terminal.err, false),
            (Color::Auto, quiet, quiet.out, false),
            (Color::Always, quiet, None, true),
            (Color::Never, terminal, terminal.out, false),
        ] {
            assert_eq!(color.is_used(terminals, width), is_used);
        }
    }
}
