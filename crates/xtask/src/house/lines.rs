//! No crate has more lines than a person finds their way in.

use super::repository::Repository;
use super::{Breach, Breaches};

/// Lines of `src` without tests.
const MOST: usize = 6_500;

/// The list of known breaches has full steps, so that small changes leave it as it is.
const STEP: usize = 500;

pub(super) const ADVICE: &str =
    "A crate has at most 6,500 lines without tests: move a theme into a crate of its own.";

#[expect(clippy::unnecessary_wraps, reason = "every rule has this form")]
pub(super) fn find(repository: &Repository) -> anyhow::Result<Breaches> {
    let mut breaches = Breaches::new();
    for name in repository.crates() {
        let lines = repository.sources(name).iter().map(|source| source.lines).sum();
        breaches.extend(too_many(lines).map(|breach| (name.to_owned(), breach)));
    }
    Ok(breaches)
}

fn too_many(lines: usize) -> Option<Breach> {
    let details = vec![format!("{lines} lines, {MOST} are allowed")];
    (lines > MOST).then(|| Breach { count: lines.next_multiple_of(STEP), details })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_tests_do_not_count() {
        let code = "// A line.\n".repeat(MOST);
        let sound = format!("{code}#[cfg(test)]\nmod tests {{\n}}\n");
        // The three lines of the inline module do not count either.
        let tests = ("crates/mape-uci/src/tests.rs", code.as_str());
        let source = |text| [tests, ("crates/mape-uci/src/lib.rs", text)];
        assert!(find(&Repository::of(&source(&sound))).unwrap().is_empty());
        let planted = format!("{sound}const ONE_MORE: u8 = 1;\n");
        let breaches = find(&Repository::of(&source(&planted))).unwrap();
        assert_eq!(breaches.get("mape-uci").map(|breach| breach.count), Some(7_000));
    }
}
