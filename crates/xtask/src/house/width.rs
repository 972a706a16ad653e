//! Comments end at column 100, which rustfmt does not see to.

use super::Breaches;
use super::prose;
use super::repository::{File, Language, Repository};

const WIDTH: usize = 100;

pub(super) const ADVICE: &str = "A line with a comment has at most 100 columns.";

#[expect(clippy::unnecessary_wraps, reason = "every rule has this form")]
pub(super) fn find(repository: &Repository) -> anyhow::Result<Breaches> {
    let mut breaches = Breaches::new();
    for file in &repository.files {
        for (line, width) in too_wide(file) {
            let detail = format!("{}:{line}: {width} columns", file.path);
            breaches.entry(file.path.clone()).or_default().add(detail);
        }
    }
    Ok(breaches)
}

/// The lines with a comment that are too wide, and their widths.
fn too_wide(file: &File) -> Vec<(usize, usize)> {
    let has_comment = commented(file);
    let lines = (1..).zip(file.text.lines());
    let widths = lines.filter(|(line, _)| has_comment(*line)).map(|(line, text)| {
        // A tab is as wide as in the kernel's sources.
        (line, text.chars().map(|c| if c == '\t' { 8 } else { 1 }).sum())
    });
    widths.filter(|(_, width)| *width > WIDTH).collect()
}

/// Tells which lines have a comment, or a part of one.
fn commented(file: &File) -> impl Fn(usize) -> bool {
    let lines: Vec<usize> = match file.language() {
        Language::Rust => prose::of_rust(&file.text)
            .into_iter()
            .filter(|part| part.is_comment)
            .flat_map(|part| part.line..part.line + part.text.lines().count().max(1))
            .collect(),
        Language::Shell => with(file, &["#"]),
        Language::Script => with(file, &["//", "/*", "*"]),
        _ => Vec::new(),
    };
    move |line| lines.contains(&line)
}

/// The lines that begin with one of these marks, or have it after a blank and outside quotes.
fn with(file: &File, marks: &[&str]) -> Vec<usize> {
    let is_comment = |line: &&str| {
        let line = line.trim_start();
        let trailing = |mark: &&str| {
            let before = line.split_once(&format!(" {mark} ")).map(|(before, _)| before);
            let even = |text: &str, quote| text.matches(quote).count() % 2 == 0;
            before.is_some_and(|text| even(text, '"') && even(text, '\''))
        };
        marks.iter().any(|mark| line.starts_with(mark)) || marks.iter().take(1).any(trailing)
    };
    let lines = (1..).zip(file.text.lines());
    lines.filter(|(_, line)| is_comment(line)).map(|(line, _)| line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(path: &str, text: &str) -> usize {
        let repository = Repository::of(&[(path, text)]);
        find(&repository).unwrap().get(path).map_or(0, |breach| breach.count)
    }

    #[test]
    fn comments_end_at_column_100() {
        let words = |count| "x".repeat(count);
        let fits = format!("// {}", words(97));
        assert_eq!(wide("a.rs", &fits), 0);
        assert_eq!(wide("a.rs", &format!("{fits}x")), 1);
        assert_eq!(wide("a.rs", &format!("/* a\n{}\n*/", words(101))), 1);
        assert_eq!(wide("a.rs", &format!("const A: &str = \"// {}\";", words(101))), 0);
        assert_eq!(wide("a.sh", &format!("# {}\n\t# {}", words(98), words(91))), 1);
        assert_eq!(wide("a.sh", &format!("echo a # {}", words(98))), 1);
        assert_eq!(wide("a.sh", &format!("echo 'a # {}'", words(98))), 0);
        assert_eq!(wide("a.js", &format!("  // {}", words(98))), 1);
        assert_eq!(wide("a.js", &format!("const a = '{}';", words(98))), 0);
        assert_eq!(wide("tests/netifd/import/a.sh", &format!("# {}", words(99))), 0);
    }
}
