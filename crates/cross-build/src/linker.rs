//! The linker of the shipped programs: LLVM's, of the same release as the compiler's LLVM.
//!
//! It comes from Debian's package, unpacked beside the compiler. zig links everything else, but
//! does not accept the two options for which LLVM's linker is used.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::libc;
use super::targets::Target;
use host_tools::compiler::Compiler;
use host_tools::debian::{BOOKWORM, Debian};
use host_tools::steps::run;
use host_tools::tools::cache_directory;

/// Merges equal functions, and places similar functions side by side, because `gzip` finds
/// repetitions only within 32 KiB.
///
/// Merging is safe as long as the program does not compare addresses of functions, about which Rust
/// promises nothing.
const OPTIONS: &str = "--icf=all --bp-compression-sort=both";

/// Writes a script that rustc calls with a linker's arguments (`-Clinker-flavor=ld.lld`) and that
/// links with the C library of `target`'s routers. Returns its path.
///
/// # Errors
///
/// The download of the linker or the build of the C library fails.
pub(super) fn of(target: &Target) -> anyhow::Result<PathBuf> {
    let directory = cache_directory().join("cross/linker").join(&target.rust);
    fs::create_dir_all(&directory)?;
    let script = directory.join("ld.lld");
    let words = words(&lld()?, target, &libc::root(target)?.join(libc::LIBRARIES));
    fs::write(&script, format!("#!/bin/sh\nexec {words}\n"))?;
    run(Command::new("chmod").arg("755").arg(&script))?;
    Ok(script)
}

/// rustc's arguments come first, because one of them selects the flavour of LLVM's linker.
fn words(lld: &Path, target: &Target, libraries: &Path) -> String {
    let (lld, libraries) = (lld.display(), libraries.display());
    let loader = &target.loader;
    format!(
        "'{lld}' \"$@\" {OPTIONS} --dynamic-linker {loader} -L'{libraries}' '{libraries}/Scrt1.o'"
    )
}

/// Returns the path of the linker. Its shared libraries are those of the compiler.
fn lld() -> anyhow::Result<PathBuf> {
    let release = Compiler::newest()?.llvm()?;
    let package = format!("lld-{release}");
    let files = Debian::native(BOOKWORM)?.unpacked(&package)?;
    Ok(files.join(format!("usr/lib/llvm-{release}/bin/lld")))
}
