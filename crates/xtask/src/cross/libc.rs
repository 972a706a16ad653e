//! The C library that routers have and this machine does not: musl for one target, from Debian's
//! source package, so that the very file that is shipped can be run.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use super::targets::Target;
use crate::foreign::Debian;
use crate::lab::tools::cache_directory;
use crate::musl;
use crate::packages;
use crate::steps::{output, run};

/// A root with the dynamic loader in its place, for `qemu -L` and for a machine's files.
///
/// # Errors
///
/// What is missing cannot be installed, or it does not build.
pub(crate) fn root(target: &Target) -> anyhow::Result<PathBuf> {
    let root = cache_directory().join("cross/libc").join(&target.rust);
    let loader = root.join(target.loader.trim_start_matches('/'));
    if loader.exists() {
        return Ok(root);
    }
    packages::ensure(&["make"])?;
    let archive = Debian::new("mipsel")?.source("musl")?;
    let work = root.with_extension("build");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let mut unpack = Command::new("tar");
    unpack.arg("-xf").arg(archive).arg("--strip-components=1").arg("-C").arg(&work);
    run(unpack)?;
    let compiler = musl::linker(&format!("{}-libc", target.rust), &target.zig)?;
    // What the processor has no instructions for; musl does not link zig's own by itself.
    let (zig, runtime) = (musl::zig()?, work.join("libcompiler_rt.a"));
    let mut build = Command::new(&zig);
    build.arg("build-lib").arg(zig.with_file_name("lib").join("compiler_rt.zig"));
    build.args(target.zig.split(' ')).args(["-OReleaseSmall", "-fPIC", "--name", "compiler_rt"]);
    run(build.arg(format!("-femit-bin={}", runtime.display())))?;
    let mut configure = Command::new("./configure");
    configure.args(["--disable-static", &format!("--target={}", musl_name(&target.loader))]);
    configure.env("CC", &compiler).env("LIBCC", &runtime).current_dir(&work);
    // One that is not asked for its archives is not needed: there is no static library.
    output(configure.env("AR", "true").env("RANLIB", "true"))?;
    let mut make = Command::new("make");
    output(make.args(["--jobs=2", "lib/libc.so"]).current_dir(&work))?;
    fs::create_dir_all(loader.parent().context("a loader without directory")?)?;
    fs::rename(work.join("lib/libc.so"), &loader)?;
    fs::remove_dir_all(&work)?;
    Ok(root)
}

/// What musl's own build calls the target, from its loader's name: `mipsel-sf` is `mipsel-linux-muslsf`.
fn musl_name(loader: &str) -> String {
    let name = loader.trim_start_matches("/lib/ld-musl-").trim_end_matches(".so.1");
    match name.split_once('-') {
        Some((processor, variant)) => format!("{processor}-linux-musl{variant}"),
        None if name == "armhf" => "arm-linux-musleabihf".to_owned(),
        None => format!("{name}-linux-musl"),
    }
}
