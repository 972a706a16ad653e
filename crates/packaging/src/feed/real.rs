//! Tests packages and feeds with OpenWrt's own package managers, in separate roots.
//!
//! No registry has opkg, usign and apk-tools 3. Variables name the programs; a test whose program
//! is not named is reported as left out.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::recipe::Recipe;
use super::tree::{self, Keys};
use super::{signing, usign};
use host_tools::packages;
use host_tools::steps::{Outcome, output, root, run};
use host_tools::tools::{build_static, cache_directory, find_program};

/// A package manager of OpenWrt, and the variable that names its program.
struct Manager {
    kind: &'static str,
    release: &'static str,
    variable: &'static str,
    /// The beginning of the version that it prints.
    version: &'static str,
}

const MANAGERS: [Manager; 3] = [
    Manager { kind: "opkg", release: "24.10", variable: "MAPE_OPKG", version: "opkg version" },
    Manager { kind: "opkg", release: "23.05", variable: "MAPE_OPKG_OLD", version: "opkg version" },
    Manager { kind: "apk", release: "25.12", variable: "MAPE_APK", version: "apk-tools 3" },
];

/// The program that checks the signatures of opkg's feeds.
const USIGN: &str = "MAPE_USIGN";

/// Tests packages and feeds with every package manager that a variable names. Prints those that are
/// left out.
///
/// # Errors
///
/// A test fails, or a variable names another program.
pub(super) fn all() -> anyhow::Result<Outcome> {
    let mut present = Vec::new();
    let mut absent = Vec::new();
    for manager in MANAGERS {
        match std::env::var_os(manager.variable).map(PathBuf::from) {
            Some(tool) => present.push((manager.of_version(&tool)?, tool)),
            None => absent.push(manager),
        }
    }
    for Manager { kind, release, variable, .. } in &absent {
        println!("NOT TRIED: {kind} of OpenWrt {release}; {variable} would name the program");
    }
    if present.is_empty() {
        return Ok(Outcome::Skipped(
            "no variable names a package manager of OpenWrt; see CONTRIBUTING.md".to_owned(),
        ));
    }
    packages::ensure(&["busybox-static", "openssl"])?;
    let work = cache_directory().join("real-packages");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    let feeds = feeds(&build_static("mape-proto")?, &work)?;
    for (Manager { kind, release, .. }, tool) in present {
        by_files(&work, release, kind, &tool, &feeds)?;
        match (kind, std::env::var_os(USIGN)) {
            ("opkg", None) => {
                println!(
                    "NOT TRIED: feeds with opkg of OpenWrt {release}; {USIGN} would name usign"
                );
            }
            (_, usign) => by_feed(&work, release, kind, &tool, usign, &feeds)?,
        }
    }
    fs::remove_dir_all(work)?;
    Ok(Outcome::Passed)
}

impl Manager {
    /// Checks that the variable names the right program.
    fn of_version(self, tool: &Path) -> anyhow::Result<Self> {
        let said = output(Command::new(tool).arg("--version"))
            .with_context(|| format!("{} names {}", self.variable, tool.display()))?;
        let right = said.starts_with(self.version);
        ensure!(right, "{} is for {}..., not {said}", self.variable, self.version);
        Ok(self)
    }
}

/// Makes two feeds of `x86_64` with the same keys and with `program` in them. The second one has a
/// higher version of `mape-rs`.
///
/// # Errors
///
/// A package cannot be made.
pub(super) fn feeds(program: &Path, work: &Path) -> anyhow::Result<[PathBuf; 2]> {
    let keys = Keys { opkg: usign::Key::generate()?, apk: signing::Key::generate()? };
    let recipe = Recipe::read("mape-rs")?;
    let programs = [("x86_64".to_owned(), program.to_owned())];
    let feeds = ["older", "newer"].map(|name| work.join(name));
    for (out, recipe) in feeds.iter().zip([&recipe, &recipe.raised()]) {
        fs::create_dir_all(out)?;
        tree::write(out, &keys, tree::URL, recipe, &programs)?;
    }
    Ok(feeds)
}

/// Installs, upgrades and removes packages from files.
///
/// # Errors
///
/// A test fails.
pub(super) fn by_files(
    work: &Path,
    release: &str,
    kind: &str,
    tool: &Path,
    feeds: &[PathBuf; 2],
) -> anyhow::Result<()> {
    let work = root_directory(work, release, kind)?;
    let mut test = Command::new("sh");
    test.arg(root().join("tests/packages/packages.sh")).arg(work).arg(find_program("busybox")?);
    run(test.args([release, kind]).arg(tool).args(feeds))
}

/// Runs the README's commands with signed feeds on a local server.
fn by_feed(
    work: &Path,
    release: &str,
    kind: &str,
    tool: &Path,
    usign: Option<OsString>,
    feeds: &[PathBuf; 2],
) -> anyhow::Result<()> {
    let work = root_directory(work, release, kind)?;
    let mut test = Command::new("unshare");
    // The test has a network namespace of its own, and its processes end with it.
    test.args(["--net", "--pid", "--fork", "--kill-child", "sh"]);
    test.arg(root().join("tests/packages/feed.sh")).arg(work).arg(find_program("busybox")?);
    // apk checks its signatures itself.
    let usign = usign.unwrap_or_else(|| "none".into());
    run(test.args([release, kind]).arg(tool).arg(usign).args(feeds))
}

fn root_directory(work: &Path, release: &str, kind: &str) -> anyhow::Result<PathBuf> {
    let directory = work.join(format!("{kind}-{release}"));
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// `cargo xtask package real`: tests packages and feeds with every package manager that a variable
/// names.
///
/// # Errors
///
/// A test fails, or no variable names a package manager.
pub fn command() -> anyhow::Result<()> {
    match all()? {
        Outcome::Skipped(why) => anyhow::bail!("{why}"),
        Outcome::Passed | Outcome::Unsteady(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::page::{apk_steps, opkg_steps};

    /// Returns the commands that `tests/packages/lines.sh` reads from a document's block.
    fn block(document: &str, name: &str) -> String {
        let script = root().join("tests/packages/lines.sh");
        let mut lines = Command::new("sh");
        lines.arg(script).arg(root().join(document)).arg(name);
        output(&mut lines).unwrap()
    }

    #[test]
    fn both_readmes_and_the_page_have_the_same_lines() {
        for document in ["README.md", "README.ja.md"] {
            let blocks = [("opkg feed", opkg_steps(tree::URL)), ("apk feed", apk_steps(tree::URL))];
            for (name, steps) in blocks {
                assert_eq!(block(document, name).trim_end(), steps, "{document}, {name}");
            }
        }
    }

    #[test]
    fn the_feed_has_one_address() {
        let tracked = output(host_tools::steps::command("git", &["ls-files"])).unwrap();
        let text = [".md", ".sh", ".rs", ".yml"];
        for path in tracked.lines().filter(|path| text.iter().any(|end| path.ends_with(end))) {
            let text = fs::read_to_string(root().join(path)).unwrap_or_default();
            for (at, host) in text.match_indices(concat!("mape-rs.github", ".io")) {
                let address = text.get(at.saturating_sub(8)..).unwrap_or_default();
                let right = address.starts_with(tree::URL);
                assert!(right, "{path}: an address of {host} other than {}", tree::URL);
            }
        }
    }

    /// A test runs every block of commands that the documents have for a router.
    #[test]
    fn every_block_of_the_documents_is_carried_out() {
        let scripts = ["packages.sh", "feed.sh"]
            .map(|name| fs::read_to_string(root().join("tests/packages").join(name)).unwrap());
        for document in ["README.md", "docs/install.md"] {
            let text = fs::read_to_string(root().join(document)).unwrap();
            for name in text.lines().filter_map(|line| line.trim().strip_prefix("```sh ")) {
                let (_, verb) = name.split_once(' ').unwrap();
                let done = scripts.iter().any(|script| {
                    script.lines().any(|line| {
                        line.contains("by_hand \"$")
                            && line.split_whitespace().any(|word| word == verb)
                    })
                });
                assert!(done, "{document}: {name} is carried out nowhere");
            }
        }
    }
}
