//! Static programs against musl, with a std of their own.
//!
//! Debian's compiler ([`Compiler::newest`]) has the matching source of std. zig (from `PyPI`) is
//! the linker and has musl, for every processor. The machine's own toolchain does not change.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::compiler::Compiler;
use crate::packages;
use crate::paths;
use crate::steps::{command, output, root, run};
use crate::tools;

const PACKAGES: &[&str] = &["python3-venv"];

/// The flags of shipped programs: std without backtraces, a panic aborts. With build-std rustc has
/// no start files of its own.
const FLAGS: &str = "-Clink-self-contained=no -Ctarget-feature=+crt-static \
                     -Zunstable-options -Cpanic=immediate-abort";

/// A processor, with its names in Rust, zig and Debian.
pub struct Processor {
    rust: &'static str,
    zig: &'static str,
    /// The name in Debian's packages.
    pub debian: &'static str,
    /// The program that runs its binaries on another processor.
    pub qemu: Option<&'static str>,
}

/// PCs, such as an APU2.
pub const X86_64: Processor = Processor {
    rust: "x86_64-unknown-linux-musl",
    zig: "x86_64-linux-musl",
    debian: "amd64",
    qemu: None,
};

/// 64-bit ARM.
pub const AARCH64: Processor = Processor {
    rust: "aarch64-unknown-linux-musl",
    zig: "aarch64-linux-musl",
    debian: "arm64",
    qemu: Some("qemu-aarch64-static"),
};

/// Builds mape-proto with further arguments for cargo, and returns the path of the binary.
///
/// # Errors
///
/// A package cannot be installed, or the build fails.
pub fn build(processor: &Processor, arguments: &[&str]) -> anyhow::Result<PathBuf> {
    let directory = tools::cache_directory().join("musl");
    let linker = linker(processor.zig, &format!("-target {}", processor.zig))?;
    let flags = format!("{FLAGS} {}", paths::remapped(&root())?);
    let mut build = cargo("mape-proto", processor.rust, &linker, &flags, &directory)?;
    run(build.args(arguments))?;
    let program = directory.join(processor.rust).join("release/mape-proto");
    paths::check(&program)?;
    Ok(program)
}

/// Installs the packages for a build, and downloads the compiler.
///
/// # Errors
///
/// A package cannot be installed.
pub fn prepare() -> anyhow::Result<()> {
    packages::ensure(PACKAGES)
        .with_context(|| format!("needs the Debian packages {}", PACKAGES.join(" ")))?;
    Compiler::newest().map(drop)
}

/// Returns the command that builds `package` and std with Debian's compiler.
///
/// # Errors
///
/// A package cannot be installed.
pub fn cargo(
    package: &str,
    target: &str,
    linker: &Path,
    flags: &str,
    directory: &Path,
) -> anyhow::Result<Command> {
    prepare()?;
    let variable = target.to_uppercase().replace('-', "_");
    let compiler = Compiler::newest()?;
    let mut build = command(compiler.cargo(), &["build", "--quiet", "--release", "--locked"]);
    compiler
        .equip(&mut build)?
        .args(["--package", package, "--target", target])
        .args(["-Z", "build-std=std,panic_abort", "-Z", "build-std-features=optimize_for_size"])
        .arg("--target-dir")
        .arg(directory)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", flags)
        .env(format!("CARGO_TARGET_{variable}_LINKER"), linker);
    Ok(build)
}

/// Writes a script that runs zig as C compiler and linker with further words, and returns its path.
///
/// # Errors
///
/// ziglang cannot be installed.
pub fn linker(name: &str, words: &str) -> anyhow::Result<PathBuf> {
    let zig = zig()?;
    let script = tools::cache_directory().join("musl").join(format!("linker-{name}"));
    // zig does not know Rust's name of the target, and the option with the linker's target is not
    // needed.
    let text = format!(
        "#!/bin/sh\nfor word; do\n\tshift\n\tcase $word in --target=*|-Wl,-melf_*) ;; *) set -- \"$@\" \"$word\" ;; esac\ndone\n\
         exec '{}' cc {words} \"$@\"\n",
        zig.display()
    );
    std::fs::write(&script, text)?;
    run(Command::new("chmod").arg("755").arg(&script))?;
    Ok(script)
}

/// Returns the path of zig, which has its `lib` beside it.
///
/// # Errors
///
/// ziglang cannot be installed.
pub fn zig() -> anyhow::Result<PathBuf> {
    prepare()?;
    let directory = tools::cache_directory().join("musl");
    let venv = directory.join("venv");
    let python = venv.join("bin/python");
    if !venv.join("ready").exists() {
        std::fs::create_dir_all(&directory)?;
        run(Command::new("/usr/bin/python3").args(["-m", "venv"]).arg(&venv))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "ziglang"]))
            .context("needs ziglang from PyPI")?;
        std::fs::write(venv.join("ready"), "")?;
    }
    // A build of a C library calls zig a thousand times, so it is not started through Python.
    let place = "import os, ziglang; print(os.path.dirname(ziglang.__file__))";
    Ok(PathBuf::from(output(Command::new(&python).args(["-c", place]))?.trim()).join("zig"))
}
