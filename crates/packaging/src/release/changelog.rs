//! `CHANGELOG.md`, in the form of Keep a Changelog: sections by version, links at the end.

use std::fmt::Write as _;

use anyhow::{Context as _, ensure};

use super::version::Version;

/// Returns the text under `## Unreleased` or under a version, without empty lines around it.
pub(super) fn section<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (start, end) = bounds(text, name)?;
    Some(without_links(text[start..end].trim()))
}

/// Returns the newest version, with which the next one is compared.
pub(super) fn newest(text: &str) -> Option<Version> {
    let mut names = text.lines().filter_map(heading);
    names.find_map(|name| name.parse().ok())
}

/// Returns the version before this one.
pub(super) fn before(text: &str, version: Version) -> Option<Version> {
    let versions = text.lines().filter_map(heading).filter_map(|name| name.parse().ok());
    versions.filter(|other| *other < version).max()
}

/// Returns the changelog with the unreleased section turned into that of `version`, and an empty
/// one above it.
///
/// # Errors
///
/// The unreleased section is empty, or the version already has a section.
pub(super) fn cut(
    text: &str,
    version: Version,
    date: &str,
    repository: &str,
) -> anyhow::Result<String> {
    let name = version.to_string();
    ensure!(section(text, &name).is_none(), "CHANGELOG.md has a section {name} already");
    let body = section(text, UNRELEASED).context("CHANGELOG.md has no section Unreleased")?;
    ensure!(!body.is_empty(), "CHANGELOG.md tells of no change since the last release");
    let (start, end) = bounds(text, UNRELEASED).context("no section Unreleased")?;
    let before = text[..start].trim_end();
    let (before, _) = before.rsplit_once('\n').context("CHANGELOG.md has no title")?;
    let later = without_links(text[end..].trim());
    let since = newest(text).map(|last| format!("compare/v{last}...v{name}"));
    let since = since.unwrap_or_else(|| format!("releases/tag/v{name}"));
    // Writing into a `String` cannot fail.
    let mut new = before.trim_end().to_owned();
    let _ = write!(new, "\n\n## [Unreleased]\n\n## [{name}] - {date}\n\n{body}\n");
    if !later.is_empty() {
        let _ = write!(new, "\n{later}\n");
    }
    let _ = writeln!(new, "\n[Unreleased]: {repository}/compare/v{name}...HEAD");
    let _ = writeln!(new, "[{name}]: {repository}/{since}");
    for link in text.lines().filter(|line| is_link(line) && !line.starts_with("[Unreleased]")) {
        let _ = writeln!(new, "{link}");
    }
    Ok(new)
}

const UNRELEASED: &str = "Unreleased";

/// Returns where the text of a section begins and ends.
fn bounds(text: &str, name: &str) -> Option<(usize, usize)> {
    let mut start = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let (Some(_), Some(start)) = (heading(line), start) {
            return Some((start, at));
        }
        at += line.len();
        if heading(line) == Some(name) {
            start = Some(at);
        }
    }
    start.map(|start| (start, text.len()))
}

/// Returns the name in `## Unreleased` or `## [0.1.0] - 2026-12-01`.
fn heading(line: &str) -> Option<&str> {
    let name = line.strip_prefix("## ")?.split(" - ").next()?.trim();
    Some(name.trim_start_matches('[').trim_end_matches(']'))
}

/// `[0.1.0]: https://…`
fn is_link(line: &str) -> bool {
    line.starts_with('[') && line.contains("]: ")
}

/// Links are at the end.
fn without_links(text: &str) -> &str {
    let mut text = text;
    while let Some(last) = text.lines().next_back().filter(|line| is_link(line)) {
        text = text[..text.len() - last.len()].trim_end();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "https://host/mape-rs";
    const FIRST: &str = "# Changelog\n\n## Unreleased\n\n### Added\n\n- One [a](b): c.\n";

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn a_release_takes_what_is_unreleased_and_leaves_an_empty_section() {
        let one = cut(FIRST, version("0.1.0"), "2026-12-01", HERE).unwrap();
        assert_eq!(
            one,
            "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-12-01\n\n### Added\n\n- One [a](b): c.\n\n\
             [Unreleased]: https://host/mape-rs/compare/v0.1.0...HEAD\n\
             [0.1.0]: https://host/mape-rs/releases/tag/v0.1.0\n"
        );
        assert_eq!(section(&one, "0.1.0"), Some("### Added\n\n- One [a](b): c."));
        assert_eq!(section(&one, "Unreleased"), Some(""));
        assert_eq!(newest(&one), Some(version("0.1.0")));
        // No change since the release.
        assert!(cut(&one, version("0.2.0"), "2026-12-02", HERE).is_err());
        assert!(
            cut(FIRST, version("0.1.0"), "", HERE)
                .and_then(|new| cut(&new, version("0.1.0"), "", HERE))
                .is_err()
        );

        let more = one.replace("## [Unreleased]\n", "## [Unreleased]\n\n- Two.\n");
        let two = cut(&more, version("0.2.0"), "2027-01-01", HERE).unwrap();
        assert_eq!(
            two,
            "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2027-01-01\n\n- Two.\n\n\
             ## [0.1.0] - 2026-12-01\n\n### Added\n\n- One [a](b): c.\n\n\
             [Unreleased]: https://host/mape-rs/compare/v0.2.0...HEAD\n\
             [0.2.0]: https://host/mape-rs/compare/v0.1.0...v0.2.0\n\
             [0.1.0]: https://host/mape-rs/releases/tag/v0.1.0\n"
        );
        assert_eq!(section(&two, "0.2.0"), Some("- Two."));
        assert_eq!(section(&two, "0.1.0"), Some("### Added\n\n- One [a](b): c."));
    }

    #[test]
    fn the_changelog_of_this_repository_can_be_cut() {
        let text = std::fs::read_to_string(host_tools::steps::root().join("CHANGELOG.md")).unwrap();
        assert!(section(&text, UNRELEASED).is_some());
    }
}
