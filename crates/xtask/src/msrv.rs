//! Builds with the oldest supported compiler, which is that of the older package feeds.

use std::fs;

use anyhow::bail;

use host_tools::compiler::Compiler;
use host_tools::steps::{Outcome, cargo, root, run};
use host_tools::tools::cache_directory;

/// The `rust-version` of the workspace.
const VERSION: &str = "1.85";

/// Checks the shipped program with that compiler, if Debian has it.
pub(crate) fn check() -> anyhow::Result<Outcome> {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    if !manifest.contains(&format!("rust-version = \"{VERSION}\"")) {
        bail!("Cargo.toml promises another version than {VERSION}");
    }
    let Some(compiler) = Compiler::of_version(VERSION)? else {
        return Ok(Outcome::Skipped(format!("Debian has no rustc {VERSION}")));
    };
    let mut check = cargo(&["check", "--locked", "--package", "mape-proto"]);
    check.env("CARGO_TARGET_DIR", cache_directory().join("msrv"));
    run(compiler.equip(&mut check)?)?;
    Ok(Outcome::Passed)
}
