//! Splits scripts into lines and words.
//!
//! The iterators are types, so that the program contains the splitting once and not in every loop.

use std::str::Lines;

/// The lines of a script that are not empty and not comments.
pub(super) struct Code<'a>(Lines<'a>);

/// Words, names and numbers of a line; a path is as many words as it has parts.
pub(super) struct Words<'a>(&'a str);

pub(super) fn code(text: &str) -> Code<'_> {
    Code(text.lines())
}

pub(super) const fn words(line: &str) -> Words<'_> {
    Words(line)
}

impl<'a> Iterator for Code<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let line = self.0.next()?.trim();
            if !line.is_empty() && !line.starts_with('#') && !line.starts_with("//") {
                return Some(line);
            }
        }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let is_in = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.');
        let start = self.0.trim_start_matches(|char| !is_in(char));
        let end = start.find(|char| !is_in(char)).unwrap_or(start.len());
        let (word, rest) = start.split_at(end);
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }
}

/// Returns the beginning of a line, to identify it in messages.
pub(super) fn excerpt(line: &str) -> String {
    line.chars().take(60).collect()
}
