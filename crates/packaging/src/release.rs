//! `cargo xtask release X.Y.Z [--check | --notes]`: one version everywhere, and the changelog cut.
//!
//! It only changes files, and prints the commands to commit, tag and push, which a person runs. The
//! tag starts `.github/workflows/release.yml`.

mod changelog;
mod packagers;
mod places;
#[cfg(test)]
mod tests;
mod version;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use host_tools::steps::{output, root};
use packagers::Asked;
use version::Version;

const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");
const CHANGELOG: &str = "CHANGELOG.md";
/// The branch of releases.
const BRANCH: &str = "main";

/// `cargo xtask release X.Y.Z [--check | --notes]`
///
/// # Errors
///
/// An argument is wrong, or the release is not possible yet. The error lists every reason.
pub fn command(words: &[&str]) -> anyhow::Result<()> {
    let tree = Tree { root: &root() };
    match words {
        [version] => tree.release(version.parse()?),
        [version, "--check"] | ["--check", version] => {
            let version = version.parse()?;
            refuse(&tree.missing(version)?)?;
            println!("{version}: nothing is missing");
            Ok(())
        }
        [version, "--notes"] | ["--notes", version] => {
            print!("{}", tree.notes(version.parse()?)?);
            Ok(())
        }
        _ => bail!("usage: cargo xtask release X.Y.Z [--check | --notes]"),
    }
}

/// Returns an error with every fault, if there is one.
fn refuse(faults: &[String]) -> anyhow::Result<()> {
    ensure!(faults.is_empty(), "in the way of the release:\n  {}", faults.join("\n  "));
    Ok(())
}

/// A work tree under git.
struct Tree<'a> {
    root: &'a Path,
}

impl Tree<'_> {
    fn git(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut git = Command::new("git");
        output(git.args(words).current_dir(self.root))
    }

    /// Returns the tracked text files, by path. Links are left out: they have the text of another
    /// file.
    fn files(&self) -> anyhow::Result<Vec<(String, String)>> {
        let names = self.git(&["ls-files", "-z"])?;
        let mut files = Vec::new();
        for name in names.split_terminator('\0') {
            let path = self.root.join(name);
            let plain = path.symlink_metadata().is_ok_and(|data| data.is_file());
            if let (true, Ok(text)) = (plain, fs::read_to_string(&path)) {
                files.push((name.to_owned(), text));
            }
        }
        Ok(files)
    }

    fn changelog(&self) -> anyhow::Result<String> {
        fs::read_to_string(self.root.join(CHANGELOG)).context(CHANGELOG)
    }

    /// Returns the commit of a tag, if the tag exists.
    fn tagged(&self, version: Version) -> Option<String> {
        let tag = format!("refs/tags/v{version}^{{commit}}");
        self.git(&["rev-parse", "--quiet", "--verify", &tag]).ok()
    }

    /// Returns the faults of the work tree: uncommitted changes, another branch, a tag of another
    /// commit.
    fn state(&self, version: Version) -> anyhow::Result<Vec<String>> {
        let mut faults = Vec::new();
        let dirty = self.git(&["status", "--porcelain"])?;
        if !dirty.is_empty() {
            let names: Vec<&str> = dirty.lines().filter_map(|line| line.get(3..)).collect();
            faults.push(format!("not committed: {}", names.join(", ")));
        }
        let head = self.git(&["rev-parse", "HEAD"])?;
        let tagged = self.tagged(version);
        if tagged.as_ref().is_some_and(|commit| *commit != head) {
            faults.push(format!("the tag v{version} is at another commit"));
        }
        // A build for a tag has no branch.
        let branch = self.git(&["branch", "--show-current"])?;
        if branch.trim() != BRANCH && tagged.is_none_or(|commit| commit != head) {
            faults.push(format!("the branch is {:?} and not {BRANCH:?}", branch.trim()));
        }
        Ok(faults)
    }

    /// Returns what prevents a tag of `version` in this work tree.
    fn missing(&self, version: Version) -> anyhow::Result<Vec<String>> {
        let mut faults = self.state(version)?;
        let name = version.to_string();
        for (path, text) in self.files()? {
            for (line, found, wanted) in places::wrong(&path, &text, &name) {
                faults.push(format!("{path}:{line}: {found} and not {wanted}"));
            }
        }
        let log = self.changelog()?;
        match changelog::section(&log, &name) {
            Some("") => faults.push(format!("{CHANGELOG}: the section {name} is empty")),
            Some(_) => {}
            None => faults.push(format!(
                "{CHANGELOG}: no section {name}; `cargo xtask release {name}` makes it and sets the versions"
            )),
        }
        if changelog::section(&log, &name).is_some()
            && changelog::section(&log, "Unreleased").is_none_or(|text| !text.is_empty())
        {
            faults.push(format!("{CHANGELOG}: what is under Unreleased belongs to {name}, or there is no such section"));
        }
        Ok(faults)
    }

    /// Sets the version everywhere, and cuts the changelog.
    fn release(&self, version: Version) -> anyhow::Result<()> {
        let mut faults = self.state(version)?;
        if self.tagged(version).is_some() {
            faults.push(format!("v{version} is tagged already"));
        }
        let log = self.changelog()?;
        if let Some(last) = changelog::newest(&log).filter(|last| *last >= version) {
            faults.push(format!("{CHANGELOG} has {last}, which is not older"));
        }
        refuse(&faults)?;
        let date = output(Command::new("date").args(["-u", "+%F"]))?;
        let log = changelog::cut(&log, version, date.trim(), REPOSITORY)?;
        for (path, text) in self.files()? {
            let new = places::set(&path, &text, &version.to_string());
            if new != text {
                println!("{path}");
                fs::write(self.root.join(&path), new).context(path)?;
            }
        }
        fs::write(self.root.join(CHANGELOG), log)?;
        println!("{CHANGELOG}\n\nLook at `git diff`, then:");
        println!("  git commit --all --message 'Release {version}'");
        println!("  cargo xtask release {version} --check");
        println!("  git tag --annotate v{version} --message 'mape-rs {version}'");
        println!("  git push origin {BRANCH} v{version}");
        Ok(())
    }

    /// Returns the text of a release: its section of the changelog, and the notes for packagers.
    fn notes(&self, version: Version) -> anyhow::Result<String> {
        let log = self.changelog()?;
        let section = changelog::section(&log, &version.to_string());
        let section = section.with_context(|| format!("{CHANGELOG} has no section {version}"))?;
        let before = changelog::before(&log, version);
        let (title, old) = match before {
            None => ("The first release: everything is new.".to_owned(), Asked::default()),
            Some(before) => {
                ensure!(self.tagged(before).is_some(), "no tag v{before} here: git fetch --tags");
                (format!("Changes since {before}:"), self.asked(&format!("v{before}"))?)
            }
        };
        let packagers = self.asked("HEAD")?.since(&old);
        Ok(format!("{section}\n\n## For packagers\n\n{title}\n\n{packagers}"))
    }

    /// Reads in the sources of a revision what a package needs.
    fn asked(&self, revision: &str) -> anyhow::Result<Asked> {
        let paths = self.git(&["ls-tree", "-r", "--name-only", revision])?;
        let read =
            |path: &str| self.git(&["show", &format!("{revision}:{path}")]).unwrap_or_default();
        Ok(Asked::of(&paths, read))
    }
}
