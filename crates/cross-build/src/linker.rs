//! The linker of the shipped programs: LLVM's, of the same release as the compiler's LLVM.
//!
//! It is Debian's package, unpacked beside the compiler. zig links everything else, and refuses the
//! two options that this one is for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::libc;
use super::targets::Target;
use host_tools::compiler::Compiler;
use host_tools::debian::{BOOKWORM, Debian};
use host_tools::steps::run;
use host_tools::tools::cache_directory;

/// Equal functions are one function, and functions that resemble each other are neighbours: `gzip`
/// finds a repetition within 32 KiB only.
///
/// The first is right as long as the program compares no addresses of functions. Rust promises
/// nothing about them.
const OPTIONS: &str = "--icf=all --bp-compression-sort=both";

/// A script that rustc calls with a linker's arguments (`-Clinker-flavor=ld.lld`). It links against
/// the C library of `target`'s routers.
///
/// # Errors
///
/// The linker or the C library cannot be had.
pub(super) fn of(target: &Target) -> anyhow::Result<PathBuf> {
    let directory = cache_directory().join("cross/linker").join(&target.rust);
    fs::create_dir_all(&directory)?;
    let script = directory.join("ld.lld");
    let words = words(&lld()?, target, &libc::root(target)?.join(libc::LIBRARIES));
    fs::write(&script, format!("#!/bin/sh\nexec {words}\n"))?;
    run(Command::new("chmod").arg("755").arg(&script))?;
    Ok(script)
}

/// rustc's own words come first, as one of them says which linker LLVM's is to be.
fn words(lld: &Path, target: &Target, libraries: &Path) -> String {
    let (lld, libraries) = (lld.display(), libraries.display());
    let loader = &target.loader;
    format!(
        "'{lld}' \"$@\" {OPTIONS} --dynamic-linker {loader} -L'{libraries}' '{libraries}/Scrt1.o'"
    )
}

/// The program. Its shared libraries are the compiler's.
fn lld() -> anyhow::Result<PathBuf> {
    let release = Compiler::newest()?.llvm()?;
    let package = format!("lld-{release}");
    let files = Debian::native(BOOKWORM)?.unpacked(&package)?;
    Ok(files.join(format!("usr/lib/llvm-{release}/bin/lld")))
}
