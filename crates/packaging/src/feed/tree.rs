//! `cargo xtask feed`: a signed feed for both package managers, ready for a web server.
//!
//! `opkg/ARCH/` holds `Packages`, its signature and `.ipk`; `apk/ARCH/` holds `packages.adb` and
//! `.apk`; at the top are the public keys, the digests of all files with a signature, and a page.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use sha2::{Digest as _, Sha256};

use super::index::{self, hex};
use super::recipe::Recipe;
use super::{Package, apk, build_as, ipk, keys, luci, page, signing, usign};
use cross_build::programs::Programs;
use cross_build::targets;

const USAGE: &str = "`cargo xtask feed --out DIR --usign KEY --apk-key KEY [--url URL] [ARCH...]`; \
    `cargo xtask keys --out DIR` makes both keys";

/// The address of the project's feed.
pub(super) const URL: &str = "https://mape-rs.github.io/mape-rs";

const SUMS: &str = "SHA256SUMS";

/// Both secret keys of a feed.
pub(super) struct Keys {
    pub(super) opkg: usign::Key,
    pub(super) apk: signing::Key,
}

/// `cargo xtask feed --out DIR --usign KEY --apk-key KEY [--url URL] [--assets DIR] [ARCH...]`
///
/// With `--assets`, that directory gets every file for a release page, which has no subdirectories.
///
/// # Errors
///
/// An argument or a key is wrong, a build fails, or the directory has files that are not of a feed.
pub fn command(words: &[&str]) -> anyhow::Result<()> {
    let mut options = BTreeMap::new();
    let mut names = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--out" | "--usign" | "--apk-key" | "--url" | "--assets" => {
                let value = words.next().with_context(|| format!("{word} needs a value: {USAGE}"));
                ensure!(options.insert(*word, *value?).is_none(), "{word} is there twice");
            }
            option if option.starts_with('-') => bail!("no option {option}: {USAGE}"),
            name => names.push(name),
        }
    }
    let option = |name: &str| {
        options.get(name).copied().with_context(|| format!("{name} is missing: {USAGE}"))
    };
    let out = Path::new(option("--out")?);
    let keys = Keys {
        opkg: keys::read_usign(option("--usign")?.as_ref())?,
        apk: keys::read(option("--apk-key")?.as_ref())?,
    };
    let url = options.get("--url").copied().unwrap_or(URL).trim_end_matches('/');
    let targets = targets::chosen(&names)?;
    let page = options.get("--assets").map(Path::new);
    for directory in [Some(out), page].into_iter().flatten() {
        ensure_ours(directory)?;
    }
    let mut programs = Programs::default();
    let mut built = Vec::new();
    for target in targets {
        built.push((target.arch.clone(), programs.of(&target)?));
    }
    for directory in [Some(out), page].into_iter().flatten() {
        if directory.exists() {
            fs::remove_dir_all(directory)?;
        }
    }
    write(out, &keys, url, &Recipe::read("mape-rs")?, &built)?;
    if let Some(page) = page {
        assets(out, page, &keys)?;
    }
    println!("{}: a feed of {} architectures for {url}", out.display(), built.len());
    Ok(())
}

/// Refuses a directory with other files than those of an earlier feed, which will be replaced.
fn ensure_ours(out: &Path) -> anyhow::Result<()> {
    let free = !out.exists() || out.join(SUMS).is_file() || fs::read_dir(out)?.next().is_none();
    ensure!(free, "{} holds files and is no feed; name another directory", out.display());
    Ok(())
}

/// Writes the feed of `programs`, each with its architecture, in packages of `recipe`.
///
/// # Errors
///
/// A package cannot be made, or a file cannot be written.
pub(super) fn write(
    out: &Path,
    keys: &Keys,
    url: &str,
    recipe: &Recipe,
    programs: &[(String, PathBuf)],
) -> anyhow::Result<()> {
    let pages = luci::build(&keys.apk)?;
    let mut rows = Vec::new();
    for (arch, program) in programs {
        let package = build_as(recipe, arch, program, &keys.apk)?;
        let all: Vec<&Package> = [&package].into_iter().chain(&pages).collect();
        let (opkg, other) = (out.join("opkg").join(arch), out.join("apk").join(arch));
        for package in &all {
            package.save(&opkg, &other)?;
        }
        let ipks: Vec<&ipk::Package> = all.iter().map(|package| &package.ipk).collect();
        let text = index::write(&ipks, &opkg)?;
        fs::write(opkg.join("Packages.sig"), keys.opkg.sign(text.as_bytes()))?;
        let apks: Vec<&apk::Package> = all.iter().map(|package| &package.apk).collect();
        fs::write(other.join("packages.adb"), apk::index(&apks, &keys.apk)?)?;
        let names = all.iter().map(|package| {
            [
                format!("opkg/{arch}/{}", package.ipk.file_name),
                format!("apk/{arch}/{}", package.apk.file_name()),
            ]
        });
        rows.push((arch.as_str(), names.collect()));
    }
    let public =
        [(keys::USIGN_PUBLIC, keys.opkg.public_text()), (keys::APK_PUBLIC, keys.apk.public_pem()?)];
    let digests = public.each_ref().map(|(_, text)| hex(&Sha256::digest(text)));
    for (name, text) in &public {
        fs::write(out.join(name), text)?;
    }
    fs::write(out.join("index.html"), page::html(url, &rows, &digests))?;
    sums(out, keys)
}

/// Writes the digests of all files of a directory, and their signature.
fn sums(directory: &Path, keys: &Keys) -> anyhow::Result<()> {
    let mut sums = String::new();
    for path in files(directory, "")? {
        let digest = hex(&Sha256::digest(fs::read(directory.join(&path))?));
        // Writing into a `String` cannot fail.
        let _ = writeln!(sums, "{digest}  {path}");
    }
    fs::write(directory.join(SUMS), &sums)?;
    fs::write(directory.join(format!("{SUMS}.sig")), keys.opkg.sign(sums.as_bytes()))?;
    Ok(())
}

/// Copies the packages and keys of a feed into one directory, each under a name of its own.
fn assets(feed: &Path, page: &Path, keys: &Keys) -> anyhow::Result<()> {
    fs::create_dir_all(page)?;
    for path in files(feed, "")? {
        if let Some(name) = asset(&path) {
            fs::copy(feed.join(&path), page.join(name))?;
        }
    }
    sums(page, keys)
}

/// Returns the name of a feed's file on a release page, or `None` for files that only a feed needs.
///
/// apk's names have no architecture. It is added if packages differ by it.
fn asset(path: &str) -> Option<String> {
    let mut parts = path.rsplit('/');
    let (name, arch) = (parts.next()?, parts.next());
    let (apk, ipk) = (name.strip_suffix(".apk"), name.strip_suffix(".ipk"));
    match (apk, arch) {
        (Some(stem), Some(arch)) if !stem.starts_with("luci-") => {
            Some(format!("{stem}_{arch}.apk"))
        }
        (Some(_), _) => Some(name.to_owned()),
        (None, Some(_)) => ipk.map(|_| name.to_owned()),
        (None, None) => {
            [keys::USIGN_PUBLIC, keys::APK_PUBLIC].contains(&name).then(|| name.to_owned())
        }
    }
}

/// Returns every file below `directory`, by its path in it, sorted.
fn files(directory: &Path, inside: &str) -> anyhow::Result<Vec<String>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory.join(inside))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().context("a file name is not text")?;
        let path = if inside.is_empty() { name.to_owned() } else { format!("{inside}/{name}") };
        if entry.file_type()?.is_dir() {
            paths.extend(files(directory, &path)?);
        } else {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

#[cfg(test)]
mod tests;
