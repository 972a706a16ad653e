//! `cargo xtask package openwrt|ARCH...` and `cargo xtask feed`: packages for opkg and apk, those
//! for LuCI among them, and signed feeds of them.
//!
//! The name, dependencies and texts of a package come from the feed's Makefile, so that OpenWrt's
//! build makes the same package. No program of OpenWrt is needed.

mod adb;
mod apk;
mod index;
mod ipk;
mod keys;
mod lmo;
mod luci;
mod page;
mod real;
mod recipe;
mod signing;
mod test;
mod tree;
mod usign;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use cross_build::programs::Programs;
use cross_build::sizes::Size;
use cross_build::targets;
use host_tools::packages;
use host_tools::steps::{Outcome, Steps, output, root, run, skip_or_fail};
use host_tools::tools::{build_static, cache_directory};
pub use keys::command as keys;
pub use real::command as real;
use recipe::Recipe;
pub use test::test;
pub use tree::command as feed;

/// A file of a package, owned by root.
#[derive(Debug, Clone, PartialEq, Eq)]
struct File {
    /// The path on the router, without a leading slash.
    path: String,
    bytes: Vec<u8>,
    executable: bool,
}

impl File {
    /// Makes a file. Scripts and programs are executable.
    fn new(path: impl Into<String>, bytes: Vec<u8>) -> Self {
        let executable = bytes.starts_with(b"#!") || bytes.starts_with(b"\x7fELF");
        Self { path: path.into(), bytes, executable }
    }
}

/// A package for both package managers.
struct Package {
    ipk: ipk::Package,
    apk: apk::Package,
}

impl Package {
    /// Makes the package of its files. `arch` is the architecture's name for opkg and for apk.
    ///
    /// # Errors
    ///
    /// A tool fails, or a file does not fit into the format.
    fn build(
        recipe: &Recipe,
        arch: [&str; 2],
        files: &[File],
        key: &signing::Key,
    ) -> anyhow::Result<Self> {
        let [opkg, other] = arch;
        let date = source_date()?.parse().context("SOURCE_DATE_EPOCH is not a number")?;
        let mut listed = files.to_vec();
        listed.push(file_list(recipe, files));
        let (info, scripts) = (recipe.apk_info(other), recipe.apk_scripts());
        Ok(Self {
            ipk: ipk::Package::build(recipe, opkg, files)?,
            apk: apk::Package::build(&info, &listed, &scripts, date, key)?,
        })
    }

    /// Writes both files, each into its directory, and returns their paths.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    fn save(&self, opkg: &Path, other: &Path) -> anyhow::Result<[PathBuf; 2]> {
        let files = [
            (opkg.join(&self.ipk.file_name), &self.ipk.bytes),
            (other.join(self.apk.file_name()), &self.apk.bytes),
        ];
        for (path, bytes) in &files {
            fs::create_dir_all(path.parent().context("a file without directory")?)?;
            fs::write(path, bytes).with_context(|| path.display().to_string())?;
        }
        Ok(files.map(|(path, _)| path))
    }
}

/// Returns the list of an apk package's files, which OpenWrt's functions read.
fn file_list(recipe: &Recipe, files: &[File]) -> File {
    let mut paths: Vec<String> = files.iter().map(|file| format!("/{}\n", file.path)).collect();
    paths.sort_unstable();
    let path = format!("lib/apk/packages/{}.list", recipe.name);
    File { path, bytes: paths.concat().into_bytes(), executable: false }
}

/// The steps of `cargo xtask test`.
pub fn steps(steps: &mut Steps) {
    steps.step("OpenWrt's feed", || {
        packages::ensure(&["make"])?;
        run(Command::new("sh").arg(root().join("openwrt-feed/test.sh")))
    });
    steps.step("OpenWrt's package in a root of its own", || {
        match output(Command::new("chroot").args(["/", "true"])) {
            Ok(_) => test(&build_static("mape-proto")?).map(Outcome::from),
            Err(error) => skip_or_fail("right to chroot", error),
        }
    });
    steps.step("packages and feeds under the real opkg and apk", real::all);
}

/// `cargo xtask package openwrt|ARCH...`: writes a directory of packages per architecture, with the
/// indexes of opkg and apk, into `out` or below cargo's target directory.
///
/// Without a key the packages for apk are signed with a key of this clone, whose public half is
/// beside them.
///
/// # Errors
///
/// A build fails, or a package cannot be written.
pub fn command(names: &[&str], out: Option<&Path>, key: Option<&Path>) -> anyhow::Result<()> {
    let key = key.map_or_else(keys::own, keys::read)?;
    let out = out.map_or_else(|| cache_directory().join("openwrt"), Path::to_owned);
    let targets = targets::chosen(names)?;
    let pages = luci::build(&key)?;
    let mut programs = Programs::default();
    for target in targets {
        let program = programs.of(&target)?;
        let directory = out.join(&target.arch);
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        println!("{}: the program {}", target.arch, Size::of(&program)?);
        let package = build(&target.arch, &program, &key)?;
        for package in [&package].into_iter().chain(&pages) {
            for path in package.save(&directory, &directory)? {
                println!("{}: {} bytes", path.display(), fs::metadata(&path)?.len());
            }
        }
        let all = || [&package].into_iter().chain(&pages);
        let ipks: Vec<&ipk::Package> = all().map(|package| &package.ipk).collect();
        index::write(&ipks, &directory)?;
        let apks: Vec<&apk::Package> = all().map(|package| &package.apk).collect();
        fs::write(directory.join("packages.adb"), apk::index(&apks, &key)?)?;
        fs::write(directory.join(keys::APK_PUBLIC), key.public_pem()?)?;
    }
    Ok(())
}

/// Makes the package of one architecture, with `program` in it.
fn build(arch: &str, program: &Path, key: &signing::Key) -> anyhow::Result<Package> {
    build_as(&Recipe::read("mape-rs")?, arch, program, key)
}

/// Makes the package by another recipe, for tests of an upgrade.
fn build_as(
    recipe: &Recipe,
    arch: &str,
    program: &Path,
    key: &signing::Key,
) -> anyhow::Result<Package> {
    let mut files = Vec::new();
    for (inside, from) in router_files()? {
        files.push(File::new(inside, read(&from)?));
    }
    files.push(File::new("usr/sbin/mape-proto", read(program)?));
    Package::build(recipe, [arch; 2], &files, key)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}

/// Returns the repository's files for a router, by their paths on the router.
fn router_files() -> anyhow::Result<Vec<(String, PathBuf)>> {
    let files = root().join("files");
    let text =
        output(Command::new("find").args(["etc", "lib", "usr", "-type", "f"]).current_dir(&files))?;
    let mut names: Vec<&str> = text.lines().collect();
    names.sort_unstable();
    Ok(names.into_iter().map(|name| (name.to_owned(), files.join(name))).collect())
}

/// Returns the time of the last commit, in seconds of Unix time.
pub(crate) fn source_date() -> anyhow::Result<String> {
    if let Ok(date) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(date);
    }
    let mut git = Command::new("git");
    let date = output(git.args(["log", "-1", "--format=%ct"]).current_dir(root()))?;
    Ok(date.trim().to_owned())
}
