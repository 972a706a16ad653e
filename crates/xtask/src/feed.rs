//! `cargo xtask package openwrt|ARCH...`: packages for opkg and apk, those for LuCI among them, and
//! the index of a feed.
//!
//! What a package is called, needs and says stands in its feed's Makefile, so that OpenWrt's own
//! build and this one make the same.

mod apk;
mod lmo;
mod luci;
mod recipe;
mod test;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::cross::{self, sizes::Size, targets};
use crate::lab::tools::{build_static, cache_directory};
use crate::packages;
use crate::steps::{Outcome, Steps, output, root, run, skip_or_fail};
use recipe::Recipe;
pub(crate) use test::test;

/// The steps of `cargo xtask test`.
pub(crate) fn steps(steps: &mut Steps) {
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
}

/// `cargo xtask package openwrt`, or named architectures: one package each, and the index.
///
/// # Errors
///
/// A program does not build, or a package cannot be written.
pub(crate) fn command(names: &[&str]) -> anyhow::Result<()> {
    let out = cache_directory().join("openwrt");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    let recipe = Recipe::read("mape-rs")?;
    let pages = luci::build(&out)?;
    for package in &pages {
        println!("{}: {} bytes", package.display(), fs::metadata(package)?.len());
    }
    for target in targets::chosen(names)? {
        let program = cross::build(&target)?;
        let directory = out.join(&target.arch);
        println!("{}: the program {}", target.arch, Size::of(&program)?);
        for package in build(&recipe, &target.arch, &program, &directory)? {
            println!("{}: {} bytes", package.display(), fs::metadata(&package)?.len());
        }
        luci::copy(&pages, &directory)?;
        index(&directory)?;
    }
    Ok(())
}

/// Puts the packages of one architecture together, in `out`: one for opkg, and one for apk where
/// there is an apk that makes them.
fn build(recipe: &Recipe, arch: &str, program: &Path, out: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let work = out.join("work");
    let data = work.join("data");
    for (inside, from) in router_files()? {
        install(&from, &data.join(inside))?;
    }
    install(program, &data.join("usr/sbin/mape-proto"))?;
    let mut packages = vec![ipk(recipe, arch, &work, out)?];
    if let Some(tool) = apk::tool() {
        packages.push(apk::build(&tool, recipe, arch, &work, out)?);
    }
    fs::remove_dir_all(&work)?;
    Ok(packages)
}

/// For opkg, of what is in `work/data`.
fn ipk(recipe: &Recipe, arch: &str, work: &Path, out: &Path) -> anyhow::Result<PathBuf> {
    let (data, control) = (work.join("data"), work.join("control"));
    fs::create_dir_all(&control)?;
    let size = output(Command::new("sh").args(["-c", TOTAL, "sh"]).arg(&data))?;
    fs::write(control.join("control"), recipe.control(arch, size.trim()))?;
    for (name, text) in recipe.scripts() {
        let path = control.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    fs::write(work.join("debian-binary"), "2.0\n")?;
    archive(&data, ".", &work.join("data.tar.gz"))?;
    archive(&control, ".", &work.join("control.tar.gz"))?;
    let package = out.join(recipe.file_name(arch));
    archive(work, "./debian-binary ./data.tar.gz ./control.tar.gz", &package)?;
    Ok(package)
}

/// The bytes of all files below a directory.
const TOTAL: &str = r#"find "$1" -type f -exec cat '{}' + | wc -c"#;

/// What the repository has for a router, by its path there.
fn router_files() -> anyhow::Result<Vec<(String, PathBuf)>> {
    let files = root().join("files");
    let text =
        output(Command::new("find").args(["etc", "lib", "usr", "-type", "f"]).current_dir(&files))?;
    let mut names: Vec<&str> = text.lines().collect();
    names.sort_unstable();
    Ok(names.into_iter().map(|name| (name.to_owned(), files.join(name))).collect())
}

/// A script or program can be run by everybody and written by root, any other file not run.
fn install(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to.parent().context("a file without directory")?)?;
    let bytes = fs::read(from).with_context(|| from.display().to_string())?;
    let runs = bytes.starts_with(b"#!") || bytes.starts_with(b"\x7fELF");
    fs::write(to, bytes)?;
    fs::set_permissions(to, fs::Permissions::from_mode(if runs { 0o755 } else { 0o644 }))?;
    Ok(())
}

/// The same bytes for the same files, whoever packs them and when.
fn archive(directory: &Path, names: &str, file: &Path) -> anyhow::Result<()> {
    let mut tar = Command::new("tar");
    tar.args(["--create", "--format=gnu", "--sort=name", "--owner=0", "--group=0"])
        .args(["--numeric-owner", "--mode=u+rwX,go+rX,go-w"])
        .arg(format!("--mtime=@{}", source_date()?))
        .args(["--use-compress-program", "gzip -9 --no-name", "--file"])
        .arg(file)
        .arg("--directory")
        .arg(directory);
    run(tar.args(names.split(' ')))
}

/// When the sources were committed, in seconds of Unix time.
fn source_date() -> anyhow::Result<String> {
    if let Ok(date) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(date);
    }
    let mut git = Command::new("git");
    let date = output(git.args(["log", "-1", "--format=%ct"]).current_dir(root()))?;
    Ok(date.trim().to_owned())
}

/// `Packages` and `Packages.gz`, as `opkg update` reads them, for all packages in `directory`.
fn index(directory: &Path) -> anyhow::Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "ipk") {
            names.push(path);
        }
    }
    names.sort();
    let mut text = String::new();
    for package in names {
        let control = control(&package)?;
        let (fields, description) = control.split_once("Description:").context("no Description")?;
        let sum = output(Command::new("sha256sum").arg(&package))?;
        let sum = sum.split(' ').next().unwrap_or_default();
        let name = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Writing into a `String` cannot fail.
        let _ = writeln!(
            text,
            "{fields}Filename: {name}\nSize: {}\nSHA256sum: {sum}\nDescription:{description}",
            fs::metadata(&package)?.len()
        );
    }
    let file = directory.join("Packages");
    fs::write(&file, text)?;
    run(Command::new("gzip").args(["-9", "--no-name", "--keep", "--force"]).arg(file))
}

/// The control file inside a package.
fn control(package: &Path) -> anyhow::Result<String> {
    let inside = "tar -xzOf \"$1\" ./control.tar.gz | tar -xzOf - ./control";
    output(Command::new("sh").args(["-c", inside, "sh"]).arg(package))
}
