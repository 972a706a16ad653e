//! A build with the oldest compiler we promise, which is the one of the older package feeds.
//!
//! Debian keeps that compiler beside newer ones. It is unpacked into `target/msrv`, so that the
//! machine's own compiler stays as it is.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::steps::{Outcome, cargo, command, output, root, run};

/// The `rust-version` of the workspace.
const VERSION: &str = "1.85";

/// Builds what is shipped, where Debian has such a compiler.
pub(crate) fn check() -> anyhow::Result<Outcome> {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    if !manifest.contains(&format!("rust-version = \"{VERSION}\"")) {
        bail!("Cargo.toml promises another version than {VERSION}");
    }
    let directory = root().join("target/msrv");
    let Some(compiler) = compiler(&directory)? else {
        return Ok(Outcome::Skipped(format!(
            "Debian's package lists here hold no rustc {VERSION}"
        )));
    };
    let libraries = ["usr/lib/x86_64-linux-gnu", "usr/lib/llvm-19/lib"]
        .map(|path| directory.join("root").join(path).display().to_string());
    let mut check = cargo(&["check", "--locked", "--package", "mape-proto"]);
    check
        .env("RUSTC", compiler)
        .env("LD_LIBRARY_PATH", libraries.join(":"))
        .env("CARGO_TARGET_DIR", directory.join("target"))
        .env_remove("RUSTC_WORKSPACE_WRAPPER");
    run(check)?;
    Ok(Outcome::Passed)
}

/// The path of the compiler, unpacked on the first call.
fn compiler(directory: &Path) -> anyhow::Result<Option<String>> {
    let compiler = directory.join("root/usr/bin/rustc");
    if !compiler.exists() {
        let Some(version) = debian_version()? else { return Ok(None) };
        fs::create_dir_all(directory)?;
        let exact = |package: &str| format!("{package}={version}");
        let library = format!("libstd-rust-web-{VERSION}");
        let mut download = command("apt-get", &["download", "--quiet"]);
        download
            .current_dir(directory)
            .args([exact("rustc-web"), exact("libstd-rust-web-dev"), exact(&library)])
            .arg("libllvm19");
        run(download)?;
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                let mut unpack = command("dpkg", &["-x"]);
                unpack.arg(path).arg(directory.join("root"));
                run(unpack)?;
            }
        }
    }
    Ok(Some(compiler.to_str().context("the path is not text")?.to_owned()))
}

/// The version of Debian's package, `None` where there is none.
fn debian_version() -> anyhow::Result<Option<String>> {
    let find = || -> anyhow::Result<Option<String>> {
        let table = output(command("apt-cache", &["madison", "rustc-web"]))?;
        let mut versions = table.lines().filter_map(|line| line.split('|').nth(1).map(str::trim));
        Ok(versions.find(|version| version.starts_with(VERSION)).map(str::to_owned))
    };
    if let Some(version) = find()? {
        return Ok(Some(version));
    }
    // A fresh machine has no lists yet.
    crate::packages::refresh_lists()?;
    find()
}
