//! The lists of known breaches: `COUNT<tab>KEY` per line, in the order of the keys.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context as _;

use super::Breaches;

/// The number of known breaches per key.
pub(super) type Known = BTreeMap<String, usize>;

/// Reads a list; `None` if there is no such file.
///
/// # Errors
///
/// The file cannot be read, or a line is no entry.
pub(super) fn read(path: &Path) -> anyhow::Result<Option<Known>> {
    match fs::read_to_string(path) {
        Ok(text) => parse(&text).with_context(|| path.display().to_string()).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

fn parse(text: &str) -> anyhow::Result<Known> {
    let entry = |line: &str| {
        let (count, key) = line.split_once('\t').context("no tab")?;
        anyhow::Ok((key.to_owned(), count.parse()?))
    };
    text.lines().map(|line| entry(line).with_context(|| format!("line {line:?}"))).collect()
}

/// Returns one sentence per key whose breaches are not those of the list.
pub(super) fn compare(found: &Breaches, known: &Known) -> Vec<String> {
    let mut problems = grown(found, known);
    for (key, count) in known {
        let now = found.get(key).map_or(0, |breach| breach.count);
        if now < *count {
            problems.push(format!(
                "{key}: {count} known, {now} found; `cargo xtask lint --settle` updates the list"
            ));
        }
    }
    problems
}

/// The keys with more breaches than the list has, with all details.
fn grown(found: &Breaches, known: &Known) -> Vec<String> {
    let mut problems = Vec::new();
    for (key, breach) in found {
        let before = known.get(key).copied().unwrap_or_default();
        if breach.count > before {
            let mut text = format!("{key}: {before} known, {} found", breach.count);
            for detail in &breach.details {
                let _ = write!(text, "\n    {detail}");
            }
            problems.push(text);
        }
    }
    problems
}

/// Returns the text of the new list.
///
/// A breach may move from one key to another, as files and crates are renamed, but the sum may not
/// grow. A rule without a list gets its first one.
///
/// # Errors
///
/// The sum grew: the keys with more breaches than before.
pub(super) fn settled(found: &Breaches, known: Option<&Known>) -> Result<String, Vec<String>> {
    let now: usize = found.values().map(|breach| breach.count).sum();
    if let Some(known) = known {
        if now > known.values().sum() {
            return Err(grown(found, known));
        }
    }
    let mut text = String::new();
    for (key, breach) in found {
        let _ = writeln!(text, "{}\t{key}", breach.count);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::Breach;

    fn breaches(counts: &[(&str, usize)]) -> Breaches {
        let breach = |count| Breach { count, details: vec!["detail".to_owned()] };
        counts.iter().map(|(key, count)| ((*key).to_owned(), breach(*count))).collect()
    }

    #[test]
    fn a_new_breach_and_an_old_entry_are_errors() {
        let known = parse("2\ta.rs\n1\tb.rs\n").unwrap();
        assert!(compare(&breaches(&[("a.rs", 2), ("b.rs", 1)]), &known).is_empty());
        for wrong in [
            &[("a.rs", 3), ("b.rs", 1)][..],
            &[("a.rs", 1), ("b.rs", 1)],
            &[("a.rs", 2)],
            &[("a.rs", 2), ("b.rs", 1), ("c.rs", 1)],
        ] {
            assert_eq!(compare(&breaches(wrong), &known).len(), 1, "{wrong:?}");
        }
        assert!(parse("a.rs 2\n").is_err());
    }

    #[test]
    fn a_list_settles_only_downwards() {
        let known = parse("2\ta.rs\n1\tb.rs\n").unwrap();
        let settle = |counts: &[_]| settled(&breaches(counts), Some(&known));
        assert_eq!(settle(&[("a.rs", 1)]).unwrap(), "1\ta.rs\n");
        assert_eq!(settle(&[("moved.rs", 3)]).unwrap(), "3\tmoved.rs\n");
        let problems = settle(&[("a.rs", 3), ("b.rs", 1)]).unwrap_err();
        assert_eq!(problems, ["a.rs: 2 known, 3 found\n    detail"]);
        assert_eq!(settled(&breaches(&[("a.rs", 9)]), None).unwrap(), "9\ta.rs\n");
    }
}
