//! `cargo xtask cross [ARCH]`: builds the shipped program for each OpenWrt architecture.
//!
//! The program is linked dynamically with the router's musl, has a std of its own, and is stripped
//! to the bytes that are loaded. The targets are in `cross/targets.tsv`, the sizes in
//! `cross/sizes.tsv`.

mod emulated;
mod libc;
mod linker;
mod machine;
pub mod programs;
pub mod report;
mod reproducible;
pub mod sizes;
mod stock;
pub mod targets;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::bail;

use host_tools::compiler::Compiler;
use host_tools::steps::{Outcome, Steps, root, run, skip_or_fail};
use host_tools::tools::cache_directory;
use host_tools::{elf, musl, paths};
use targets::Target;

/// Options for a small program that is the same from every build machine: no backtraces in std, a
/// panic aborts, no unwind tables, no source locations.
const FLAGS: &str = "-Clinker-flavor=ld.lld -Clink-self-contained=no \
    -Ctarget-feature=-crt-static -Zunstable-options -Cpanic=immediate-abort \
    -Cforce-unwind-tables=no -Zlocation-detail=none";

/// LLVM's options beside `opt-level = "z"`, which on MIPS still prefers speed in these cases. LLVM
/// does not promise to keep the options: a compiler that lacks one builds without it.
const LLVM_OPTIONS: &[&str] = &[
    // Loads a constant where it is used instead of keeping it in a register that has to be saved.
    "-disable-machine-licm",
    // Does not move instructions to the place where their result is used.
    "-disable-machine-sink",
    // Keeps blocks in order: rotating a loop for speed duplicates its condition.
    "-disable-block-placement",
    // Does not add a register for each address in a loop.
    "-disable-lsr",
    // Orders instructions for few registers instead of few wait states.
    "-pre-RA-sched=list-burr",
    // Does not copy registers in blocks of their own on the way into a loop.
    "-disable-phi-elim-edge-splitting",
    // Prefers fewer copies to cheaper ones where a value does not stay in one register.
    "-split-spill-mode=size",
    // Rust tests divisors itself.
    "-mno-check-zero-division",
    // Copies more than two words with `memcpy` instead of a load and a store for each word.
    "-max-store-memcpy=2",
];

/// The architectures that every test builds. The others, such as the big-endian ones, take minutes
/// each.
const ALWAYS: &[&str] = &["mipsel_24kc"];

/// The steps of `cargo xtask test`, with all targets only for `--long`. Comparing two builds is a
/// command of its own (`cross --check`).
pub fn steps(steps: &mut Steps, long: bool) {
    let names = if long { &[][..] } else { ALWAYS };
    steps.step("OpenWrt's processors, emulated", || match musl::prepare() {
        Ok(()) => emulated::check_all(names).map(Outcome::from),
        Err(error) => skip_or_fail("compiler for them", error),
    });
    steps.step("a line on a MIPS machine", || match machine::prepare() {
        Ok(()) => machine::boot(&[]).map(Outcome::from),
        Err(error) => skip_or_fail("MIPS machine", error),
    });
}

/// `cargo xtask cross [--check | --stock | --list | --boot [SCRIPT...]]`, or
/// `cargo xtask cross [--run | --out DIRECTORY] [ARCH...]`
///
/// # Errors
///
/// An argument is wrong, or a build fails.
pub fn command(words: &[&str]) -> anyhow::Result<()> {
    match words {
        ["--check"] => return reproducible::check(),
        ["--stock"] => return stock::measure(),
        ["--boot", script @ ..] => return machine::boot(script),
        ["--run", names @ ..] => return emulated::check_all(names),
        ["--list"] => {
            println!("{}", serde_json::to_string(&targets::built(&targets::all()?))?);
            return Ok(());
        }
        ["--out", directory, names @ ..] => return programs::keep(directory.as_ref(), names),
        _ => {}
    }
    let mut programs = programs::Programs::default();
    for target in targets::chosen(words)? {
        let program = programs.of(&target)?;
        let size = sizes::Size::of(&program)?;
        let flash = sizes::Flash::of(&program)?;
        println!("{:<26} {size}, {flash}  {}", target.arch, target.devices);
        sizes::record(&target.arch, &size, &flash)?;
    }
    Ok(())
}

/// Builds the program of `target` from this repository's sources, or takes it from the directory
/// `MAPE_PROGRAMS`.
///
/// # Errors
///
/// A package cannot be installed, the build fails, or a router could not run the program.
pub fn build(target: &Target) -> anyhow::Result<PathBuf> {
    if let Some(program) = programs::given(target)? {
        return Ok(program);
    }
    build_in(&root(), &directory(), target)
}

/// Returns cargo's target directory. Targets that differ only in their name share it.
fn directory() -> PathBuf {
    cache_directory().join("cross")
}

/// Builds the sources in `source`, in the directory `work`.
fn build_in(source: &Path, work: &Path, target: &Target) -> anyhow::Result<PathBuf> {
    finished(target, &link("mape-proto", &["--no-default-features"], source, work, target)?)
}

/// Makes the shipped program from the linker's output.
fn finished(target: &Target, unstripped: &Path) -> anyhow::Result<PathBuf> {
    let program = unstripped.with_file_name("mape-proto.stripped");
    let image = elf::Image::read(unstripped)?;
    fs::write(&program, image.stripped()?)?;
    run(std::process::Command::new("chmod").arg("755").arg(&program))?;
    check(target, &image, &program)?;
    Ok(program)
}

/// Builds one of the workspace's programs, with its symbols.
fn link(
    package: &str,
    arguments: &[&str],
    source: &Path,
    work: &Path,
    target: &Target,
) -> anyhow::Result<PathBuf> {
    let (linker, options) = (linker::of(target)?, llvm_options()?);
    let flags = format!("{FLAGS} {options} {} {}", target.flags, paths::remapped(source)?);
    let mut build = musl::cargo(package, &target.rust, &linker, &flags, work)?;
    build.args(arguments).current_dir(source);
    // The linker's output keeps its symbols for the report. The shipped file has none.
    run(build.env("CARGO_PROFILE_RELEASE_STRIP", "none"))?;
    Ok(work.join(&target.rust).join("release").join(package))
}

/// Returns those of [`LLVM_OPTIONS`] that the compiler knows, for `RUSTFLAGS`, and prints the
/// others, because the program is larger without them.
fn llvm_options() -> anyhow::Result<String> {
    let compiler = Compiler::newest()?;
    let mut flags = Vec::new();
    for option in LLVM_OPTIONS {
        let flag = format!("-Cllvm-args={option}");
        if compiler.accepts(&flag)? {
            flags.push(flag);
        } else {
            eprintln!("this compiler's LLVM does not know {option}: the program is larger");
        }
    }
    Ok(flags.join(" "))
}

/// Checks that the program needs only the router's loader and C library.
fn check(target: &Target, image: &elf::Image, program: &Path) -> anyhow::Result<()> {
    let (loader, needed) = (image.interpreter()?, image.needed()?);
    if loader.as_deref() != Some(target.loader.as_str()) || needed != ["libc.so"] {
        bail!("{}: loader {loader:?}, libraries {needed:?}", target.arch);
    }
    paths::check(program)
}
