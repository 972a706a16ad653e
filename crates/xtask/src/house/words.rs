//! Words that are not used in comments, documents and messages (the glossary has better ones).

use super::Breaches;
use super::prose;
use super::repository::{File, Language, Repository};

/// Each with what is written in its place.
const WORDS: [(&str, &str); 17] = [
    ("anew", "again"),
    ("anybody", "name the actor"),
    ("everybody", "name the actor"),
    ("nobody", "name the actor"),
    ("somebody", "name the actor"),
    ("whoever", "name the actor"),
    ("news", "changes, events"),
    ("patience", "timeout"),
    ("patient", "the interface that is examined"),
    ("told", "says, is passed, is reported"),
    ("what is known", "name it"),
    ("what is missing", "name it"),
    ("what is there", "name it"),
    ("who asks", "the caller, the client"),
    ("wish", "request"),
    ("wished", "requested"),
    ("wishes", "requests"),
];

pub(super) const ADVICE: &str = "Name the actor and use the field's word: \
crates/xtask/src/house/words.rs has one for each.";

/// The file with the list itself.
const OWN: &str = "crates/xtask/src/house/words.rs";

#[expect(clippy::unnecessary_wraps, reason = "every rule has this form")]
pub(super) fn find(repository: &Repository) -> anyhow::Result<Breaches> {
    let mut breaches = Breaches::new();
    for file in repository.files.iter().filter(|file| file.path != OWN) {
        for (line, text) in prose_of(file) {
            for (word, instead) in used(&text) {
                let detail = format!("{}:{line}: \"{word}\" ({instead})", file.path);
                breaches.entry(file.path.clone()).or_default().add(detail);
            }
        }
    }
    Ok(breaches)
}

/// Returns the prose of a file with its line numbers: comments and strings of Rust, and all lines
/// of other files, which have no parser here.
fn prose_of(file: &File) -> Vec<(usize, String)> {
    match file.language() {
        Language::Data => Vec::new(),
        Language::Rust => {
            let parts = prose::of_rust(&file.text).into_iter();
            let lines = parts.flat_map(|part| {
                let lines = (part.line..).zip(part.text.lines().map(str::to_owned));
                lines.collect::<Vec<_>>()
            });
            lines.collect()
        }
        _ => (1..).zip(file.text.lines().map(str::to_owned)).collect(),
    }
}

/// The words of the list that a line has, as often as it has them.
fn used(line: &str) -> Vec<(&'static str, &'static str)> {
    let lower = line.to_lowercase();
    let mut found = Vec::new();
    for (word, instead) in WORDS {
        let is_whole = |at: &usize| {
            let (before, rest) = lower.split_at(*at);
            let after = rest.get(word.len()..).unwrap_or_default();
            let part_of_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            !part_of_word(before.chars().next_back()) && !part_of_word(after.chars().next())
        };
        let places = lower.match_indices(word).map(|(at, _)| at).filter(is_whole).count();
        found.extend(std::iter::repeat_n((word, instead), places));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        let repository = Repository::of(&[(path, text)]);
        find(&repository).unwrap().get(path).map_or(0, |breach| breach.count)
    }

    #[test]
    fn words_are_found_in_what_people_read() {
        assert_eq!(count("a.rs", "// Nobody is told, nobody.\n"), 3);
        assert_eq!(count("a.rs", "fn f() { print(\"a \\\n  wish\"); }\n"), 1);
        assert_eq!(count("a.rs", "/// What is there.\nstruct A;"), 1);
        assert_eq!(count("README.md", "Whoever reads"), 1);
        assert_eq!(count("a.js", "return _('The wishes')"), 1);
        // Names are not prose, and a word may be a part of another.
        assert_eq!(count("a.rs", "fn told(wish: Wish) {} // a newsletter, impatient\n"), 0);
        assert_eq!(count("README.ja.md", "nobody"), 0);
        assert_eq!(count("a.json", "nobody"), 0);
    }
}
