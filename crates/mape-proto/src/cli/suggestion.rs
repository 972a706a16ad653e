//! The command that an unknown word may have meant.

use mape_core::{Code, Explanation, IntoVec as _, Quoted};

use super::help;

/// The next step where no command comes close.
pub(super) const LIST: &str = "mape-proto --help lists the commands";

/// Explains an unknown command: with the nearest one, if at most two letters differ.
pub(super) fn explain(word: &Quoted) -> Explanation {
    let text = word.text();
    let hint = nearest(&text, &help::program())
        .map_or_else(|| LIST.to_owned(), |name| format!("did you mean {name}? {LIST}"));
    Explanation::with(Code::OptionInvalid, hint, vec![("value", text)])
}

/// The command of the help text with the least distance to `word`: at most 2, and less than a word
/// of the user's length, so that a word of two letters is not any command.
fn nearest<'a>(word: &str, help: &'a str) -> Option<&'a str> {
    let limit = 2.min(word.len().saturating_sub(1));
    let mut best = None;
    let mut least = limit + 1;
    for (name, _) in help::commands(help) {
        let distance = distance(word, name);
        if distance < least {
            (least, best) = (distance, Some(name));
        }
    }
    best
}

/// How many letters must be inserted, deleted or replaced to turn one word into the other
/// (Levenshtein's distance, in bytes).
fn distance(one: &str, other: &str) -> usize {
    // The distances from the bytes of `one` that were read so far to the beginnings of `other`.
    let mut row: Vec<usize> = (1..=other.len()).into_vec();
    for (line, letter) in one.bytes().enumerate() {
        let (mut diagonal, mut left) = (line, line + 1);
        for (cell, other) in row.iter_mut().zip(other.bytes()) {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(one.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_distances() {
        for (one, other, expected) in [
            ("", "", 0),
            ("status", "status", 0),
            ("staus", "status", 1),
            ("statsu", "status", 2),
            ("kitten", "sitting", 3),
            ("", "plan", 4),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn the_nearest_command() {
        let help = help::program();
        for (word, expected) in [
            ("staus", Some("status")),
            ("forwards", Some("forward")),
            ("docter", Some("doctor")),
            ("rule", Some("rules")),
            ("x", None),
            ("xy", None),
            ("", None),
            ("install", None),
        ] {
            assert_eq!(nearest(word, &help), expected, "{word}");
        }
    }
}
