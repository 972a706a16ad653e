//! Builds the C library of routers, musl, for one target from Debian's source package. The shipped
//! program is linked against it and can run with it on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::targets::Target;
use host_tools::debian::{BOOKWORM, Debian};
use host_tools::musl;
use host_tools::packages;
use host_tools::steps::{output, run};
use host_tools::tools::cache_directory;

/// The directory of the linker's files, below [`root`].
pub(super) const LIBRARIES: &str = "usr/lib";

/// Builds a root with the dynamic loader in its place, for `qemu -L` and for a machine's files, and
/// with [`LIBRARIES`] for the linker: `Scrt1.o`, `libc.so`, and an empty `libgcc_s.a`. std links a
/// library for unwinding, which a program whose panics abort does not call.
///
/// # Errors
///
/// A package cannot be installed, or the build fails.
pub(crate) fn root(target: &Target) -> anyhow::Result<PathBuf> {
    let root = cache_directory().join("cross/libc").join(&target.rust);
    let loader = root.join(target.loader.trim_start_matches('/'));
    let libraries = root.join(LIBRARIES);
    if libraries.is_dir() {
        return Ok(root);
    }
    packages::ensure(&["make"])?;
    let archive = Debian::sources(BOOKWORM)?.source("musl")?;
    let work = root.with_extension("build");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let mut unpack = Command::new("tar");
    unpack.arg("-xf").arg(archive).arg("--strip-components=1").arg("-C").arg(&work);
    run(unpack)?;
    let compiler = musl::linker(&format!("{}-libc", target.rust), &target.zig)?;
    let runtime = runtime(target, &work)?;
    let mut configure = Command::new("./configure");
    configure.args(["--disable-static", &format!("--target={}", musl_name(&target.loader))]);
    configure.env("CC", &compiler).env("LIBCC", &runtime).current_dir(&work);
    // The archiver is not needed, because no static library is built.
    output(configure.env("AR", "true").env("RANLIB", "true"))?;
    let mut make = Command::new("make");
    output(make.args(["--jobs=2", "lib/libc.so", "lib/Scrt1.o"]).current_dir(&work))?;
    fs::create_dir_all(loader.parent().context("a loader without directory")?)?;
    fs::rename(work.join("lib/libc.so"), &loader)?;
    fs::hard_link(&loader, work.join("lib/libc.so"))?;
    fs::write(work.join("lib/libgcc_s.a"), EMPTY_ARCHIVE)?;
    fs::create_dir_all(libraries.parent().context("libraries without directory")?)?;
    // Only a complete directory gets the final name.
    fs::rename(work.join("lib"), &libraries)?;
    fs::remove_dir_all(&work)?;
    Ok(root)
}

/// An archive without members.
const EMPTY_ARCHIVE: &str = "!<arch>\n";

/// The patch of zig's compiler runtime: only divisions of unsigned numbers stay hidden.
const VISIBILITY: &str = ".visibility = if (std.mem.startsWith(u8, name, \"__aeabi_u\") or \
    std.mem.startsWith(u8, name, \"__udiv\")) .hidden else .default";

/// Builds the library of operations for which the processor has no instructions. zig links its own
/// one to programs only.
///
/// In zig's library the symbols are hidden, and some have the names of musl's functions, which
/// would then be hidden in musl too. Divisions stay hidden, because the loader divides before it
/// has relocated its own symbols (ARM has no instruction for it).
fn runtime(target: &Target, work: &Path) -> anyhow::Result<PathBuf> {
    let (zig, library) = (musl::zig()?, work.join("libcompiler_rt.a"));
    let sources = work.join("runtime");
    fs::create_dir_all(&sources)?;
    let mut copy = Command::new("cp");
    copy.arg("-r").arg(zig.with_file_name("lib").join("compiler_rt")).arg(&sources);
    run(copy)?;
    let text = fs::read_to_string(zig.with_file_name("lib").join("compiler_rt.zig"))?;
    let shown = text.replace(".visibility = .hidden", VISIBILITY);
    ensure!(text != shown, "this zig's compiler_rt.zig is not the one that is known");
    fs::write(sources.join("compiler_rt.zig"), shown)?;
    let mut build = Command::new(&zig);
    build.arg("build-lib").arg(sources.join("compiler_rt.zig")).args(target.zig.split(' '));
    build.args(["-OReleaseSmall", "-fPIC", "-fno-compiler-rt", "--name", "compiler_rt"]);
    run(build.arg(format!("-femit-bin={}", library.display())))?;
    Ok(library)
}

/// Returns the target's name in musl's build, from the name of the loader: `mipsel-sf` is
/// `mipsel-linux-muslsf`.
fn musl_name(loader: &str) -> String {
    let name = loader.trim_start_matches("/lib/ld-musl-").trim_end_matches(".so.1");
    match name.split_once('-') {
        Some((processor, variant)) => format!("{processor}-linux-musl{variant}"),
        None if name == "armhf" => "arm-linux-musleabihf".to_owned(),
        None => format!("{name}-linux-musl"),
    }
}
