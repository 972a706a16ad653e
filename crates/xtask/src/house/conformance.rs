//! The page about conformance names tests that exist, and its verdicts have what they need.
//!
//! A row of a table with the columns of [`COLUMNS`] states one requirement. A test is named
//! `FILE::NAME` in a code span. FILE is the end of one path of the repository, and NAME a test
//! function of Rust, a text that a check of a shell script prints, the `name` of a case in JSON, or
//! the title of a JavaScript test.

use std::collections::BTreeMap;

use super::Breaches;
use super::repository::{File, Repository};

const PAGE: &str = "docs/rfc-compliance.md";

const COLUMNS: &str = "| § | requirement | level | verdict | shown by, or reason |";

const LEVELS: [&str; 2] = ["MUST", "SHOULD"];

const VERDICTS: [&str; 3] = ["yes", "by the kernel", "no"];

/// The header of the table that counts the verdicts of each section, for both levels.
const COUNTS: &str = "| document | MUST: yes | by the kernel | no | \
SHOULD: yes | by the kernel | no |";

/// A shorter reason says nothing.
const REASON: usize = 20;

pub(super) const ADVICE: &str = "docs/rfc-compliance.md: name each test as `FILE::NAME`; a \"yes\" \
has a test, a \"no\" a reason, and the first table counts the rows.";

#[expect(clippy::unnecessary_wraps, reason = "every rule has this form")]
pub(super) fn find(repository: &Repository) -> anyhow::Result<Breaches> {
    let mut breaches = Breaches::new();
    if let Some(page) = repository.files.iter().find(|file| file.path == PAGE) {
        for problem in problems(&page.text, &repository.files) {
            breaches.entry(PAGE.to_owned()).or_default().add(problem);
        }
    }
    Ok(breaches)
}

fn problems(page: &str, files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut counts: BTreeMap<&str, [usize; 6]> = BTreeMap::new();
    let mut stated = BTreeMap::new();
    let (mut section, mut table) = ("", "");
    for (line, text) in (1..).zip(page.lines()) {
        if let Some(title) = text.strip_prefix("## ") {
            section = title;
        }
        if !text.starts_with('|') {
            table = "";
            continue;
        }
        if table.is_empty() {
            table = text;
            continue;
        }
        let cells: Vec<&str> = text.trim_matches('|').split('|').map(str::trim).collect();
        if text.starts_with("|---") {
            continue;
        }
        if table == COLUMNS {
            match row(&cells, files) {
                Ok(place) => {
                    if let Some(count) = counts.entry(section).or_default().get_mut(place) {
                        *count += 1;
                    }
                }
                Err(found) => {
                    problems.extend(found.into_iter().map(|it| format!("{PAGE}:{line}: {it}")));
                }
            }
        } else if table == COUNTS {
            if let [document, numbers @ ..] = cells.as_slice() {
                stated.insert(*document, numbers.join(" "));
            }
        }
    }
    for (section, counted) in counts {
        let counted = counted.map(|number| number.to_string()).join(" ");
        // The heading says more than the name.
        let document = stated.iter().find(|(document, _)| section.starts_with(**document));
        if document.map(|(_, numbers)| numbers) != Some(&counted) {
            problems.push(format!("{PAGE}: the table of numbers should say {counted}: {section}"));
        }
    }
    problems
}

/// Returns the place of a row among the numbers of its section.
///
/// # Errors
///
/// One sentence for each fault.
fn row(cells: &[&str], files: &[File]) -> Result<usize, Vec<String>> {
    let [_, requirement, level, verdict, proof] = cells else {
        return Err(vec![format!("{} cells", cells.len())]);
    };
    let mut faults = Vec::new();
    let level = place(&LEVELS, level, &mut faults);
    let verdict_place = place(&VERDICTS, verdict, &mut faults);
    if requirement.is_empty() {
        faults.push("no requirement".to_owned());
    }
    let names: Vec<&str> =
        proof.split('`').skip(1).step_by(2).filter(|it| it.contains("::")).collect();
    faults.extend(names.iter().filter_map(|name| missing(name, files)));
    let prose: usize = proof.split('`').step_by(2).map(|part| part.trim().len()).sum();
    if *verdict == "yes" && names.is_empty() {
        faults.push(format!("no test shows \"{requirement}\""));
    }
    if *verdict != "yes" && names.is_empty() && prose < REASON || *verdict == "no" && prose < REASON
    {
        faults.push(format!("no reason is given for \"{requirement}\""));
    }
    match (level, verdict_place, faults.is_empty()) {
        (Some(level), Some(verdict), true) => Ok(level * VERDICTS.len() + verdict),
        _ => Err(faults),
    }
}

fn place(known: &[&str], word: &str, faults: &mut Vec<String>) -> Option<usize> {
    let place = known.iter().position(|known| *known == word);
    if place.is_none() {
        faults.push(format!("\"{word}\" is none of {}", known.join(", ")));
    }
    place
}

/// Returns why the test does not exist.
fn missing(name: &str, files: &[File]) -> Option<String> {
    let (path, test) = name.split_once("::")?;
    let is_it = |file: &&File| {
        file.path
            .strip_suffix(path)
            .is_some_and(|before| before.is_empty() || before.ends_with('/'))
    };
    let found: Vec<&File> = files.iter().filter(is_it).collect();
    let [file] = found.as_slice() else {
        return Some(format!("{name}: {} files end with {path}", found.len()));
    };
    let has = match path.rsplit('.').next() {
        Some("rs") => is_function(&file.text, test),
        Some("sh") => is_check(&file.text, test),
        Some("json") => file.text.contains(&format!("\"name\": \"{test}\"")),
        Some("js") => file.text.contains(&format!("test('{test}'")),
        _ => return Some(format!("{name}: a test is in a file rs, sh, json or js")),
    };
    (!has).then(|| format!("{name}: {} has no such test", file.path))
}

/// Whether the text has a test function of this name that always runs.
fn is_function(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let start = format!("fn {name}(");
    lines.iter().enumerate().filter(|(_, line)| line.starts_with(&start)).any(|(at, _)| {
        let above = lines.iter().take(at).rev();
        let attributes: Vec<_> =
            above.take_while(|line| line.starts_with("#[") || line.starts_with("//")).collect();
        let has = |start: &str| attributes.iter().any(|line| line.starts_with(start));
        has("#[test]") && !has("#[ignore")
    })
}

/// Whether a line of the script has the name in a string.
fn is_check(text: &str, name: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.any(|line| {
        line.match_indices(name).any(|(at, _)| line.get(..at).is_some_and(is_inside_a_string))
    })
}

/// Whether what follows this beginning of a line is in quotes.
fn is_inside_a_string(before: &str) -> bool {
    before.matches('"').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &str); 7] = [
        (
            "crates/mape-nft/tests/packets/main.rs",
            "/// All.\n#[test]\n// Why.\nfn every_port() {}\n#[test]\n#[ignore]\nfn later() {}\n\
             fn helper() {}\n",
        ),
        ("crates/mape-proto/tests/upnp/main.rs", "#[test]\nfn granted() {}\n"),
        ("tests/vm/plane-icmp.sh", "# closed TCP port\ncheck \"$text: closed UDP port\" 1 -eq 1\n"),
        ("tests/provision/machine/lifetime.json", "[{\"name\": \"ttl 61\", \"steps\": []}]"),
        ("tests/luci/unit/model.test.js", "test('unknown is never nothing', () => {"),
        ("other/plane-icmp.sh.md", ""),
        ("README.md", ""),
    ];

    /// The page with one row, whose verdict and proof are given.
    fn page(verdict: &str, proof: &str) -> String {
        let place = VERDICTS.iter().position(|it| *it == verdict);
        let numbers: Vec<String> =
            (0..6).map(|at| u8::from(place == Some(at)).to_string()).collect();
        format!(
            "# Page\n\n{COUNTS}\n|---|---|---|---|---|---|---|\n| RFC 1 | {} |\n\n## RFC 1, its \
             name\n\n{COLUMNS}\n|---|---|---|---|---|\n| 1 | a thing | MUST | {verdict} | {proof} \
             |\n",
            numbers.join(" | ")
        )
    }

    fn found(page: &str) -> Vec<String> {
        let mut files = FILES.to_vec();
        files.push((PAGE, page));
        let breaches = find(&Repository::of(&files)).unwrap();
        breaches.into_values().flat_map(|breach| breach.details).collect()
    }

    #[test]
    fn tests_that_exist_are_found() {
        for name in [
            "packets/main.rs::every_port",
            "crates/mape-nft/tests/packets/main.rs::every_port",
            "plane-icmp.sh::closed UDP port",
            "lifetime.json::ttl 61",
            "model.test.js::unknown is never nothing",
        ] {
            let problems = found(&page("yes", &format!("`{name}`")));
            assert!(problems.is_empty(), "{name}: {problems:?}");
        }
    }

    #[test]
    fn a_planted_wrong_name_is_a_breach() {
        for (name, says) in [
            ("packets/main.rs::every_prot", "has no such test"),
            // Neither a function that is no test, nor one that does not run, nor a comment.
            ("packets/main.rs::helper", "has no such test"),
            ("packets/main.rs::later", "has no such test"),
            ("plane-icmp.sh::closed TCP port", "has no such test"),
            ("plane-icmp.sh::-eq 1", "has no such test"),
            ("lifetime.json::ttl 6", "has no such test"),
            ("model.test.js::unknown", "has no such test"),
            ("main.rs::every_port", "2 files end with main.rs"),
            ("ackets/main.rs::every_port", "0 files end with ackets/main.rs"),
            ("README.md::README", "a test is in a file"),
        ] {
            let page = page("yes", &format!("`{name}`, `plane-icmp.sh::closed UDP port`"));
            let problems = found(&page);
            assert!(problems.iter().any(|it| it.contains(says)), "{name}: {problems:?}");
        }
    }

    #[test]
    fn a_verdict_has_a_test_or_a_reason() {
        let reason = "the kernel has no such timer";
        for (verdict, proof, says) in [
            ("yes", reason, Some("no test shows")),
            ("no", reason, None),
            ("no", "`plane-icmp.sh::closed UDP port`", Some("no reason is given")),
            ("by the kernel", reason, None),
            ("by the kernel", "`plane-icmp.sh::closed UDP port`", None),
            ("by the kernel", "conntrack", Some("no reason is given")),
            ("partly", reason, Some("is none of yes, by the kernel, no")),
        ] {
            let problems = found(&page(verdict, proof));
            let expected = |it: &String| says.is_some_and(|says| it.contains(says));
            assert_eq!(problems.iter().any(expected), says.is_some(), "{verdict}: {problems:?}");
            assert_eq!(problems.is_empty(), says.is_none(), "{verdict}: {problems:?}");
        }
    }

    #[test]
    fn the_numbers_are_those_of_the_rows() {
        let sound = page("no", "the kernel has no such timer");
        assert!(found(&sound).is_empty());
        let planted = sound.replace("0 | 0 | 1 | 0", "0 | 0 | 2 | 0");
        let expected =
            format!("{PAGE}: the table of numbers should say 0 0 1 0 0 0: RFC 1, its name");
        assert_eq!(found(&planted), [expected.as_str()]);
        assert_eq!(found(&sound.replace("| RFC 1 |", "| RFC 2 |")), [expected]);
    }
}
