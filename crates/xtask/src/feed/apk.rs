//! Packages for apk, the package manager of OpenWrt 25.12 and later.
//!
//! Their format is apk's own, and only apk-tools 3 writes it. It is in no registry: where it is
//! installed (`apk` in the path, or the program that `MAPE_APK` names) packages are made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::recipe::Recipe;
use super::source_date;
use crate::lab::tools::find_program;
use crate::steps::{output, run};

/// apk-tools 3, if it is here.
pub(super) fn tool() -> Option<PathBuf> {
    let named = std::env::var_os("MAPE_APK").map(PathBuf::from);
    let tool = named.or_else(|| find_program("apk").ok())?;
    let version = output(Command::new(&tool).arg("--version")).ok()?;
    version.starts_with("apk-tools 3").then_some(tool)
}

/// Makes one of what is in `work/data`.
///
/// # Errors
///
/// apk refuses something.
pub(super) fn build(
    tool: &Path,
    recipe: &Recipe,
    arch: &str,
    work: &Path,
    out: &Path,
) -> anyhow::Result<PathBuf> {
    let data = work.join("data");
    // Where OpenWrt's functions look for a package's files.
    let find = "find . -type f | sed 's/^\\.//' | sort";
    let list = output(Command::new("sh").args(["-c", find]).current_dir(&data))?;
    let place = format!("lib/apk/packages/{}.list", recipe.name);
    fs::create_dir_all(data.join("lib/apk/packages"))?;
    fs::write(data.join(place), list)?;
    let when = format!("--date=@{}", source_date()?);
    run(Command::new("find").arg(&data).args(["-exec", "touch", &when, "{}", "+"]))?;
    let package = out.join(format!("{}-{}_{arch}.apk", recipe.name, recipe.version()));
    // As root of its own, so that the files belong to root whoever builds.
    let mut make = Command::new("unshare");
    make.args(["--map-root-user"]).arg(tool).arg("mkpkg").env("SOURCE_DATE_EPOCH", source_date()?);
    for (key, value) in recipe.apk_fields(arch) {
        make.arg("--info").arg(format!("{key}:{value}"));
    }
    for (kind, text) in recipe.apk_scripts() {
        let script = work.join(kind);
        fs::write(&script, text)?;
        make.arg("--script").arg(format!("{kind}:{}", script.display()));
    }
    run(make.arg("--files").arg(&data).arg("--output").arg(&package))?;
    Ok(package)
}
