//! `cargo xtask cross [ARCH]`: the program of each OpenWrt architecture, as shipped.
//!
//! Dynamic against the router's musl, with a std of its own, stripped to what is loaded. The
//! targets are the table `cross/targets.tsv`; what came out is the table `cross/sizes.tsv`.

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

/// What makes it small, and the same on every machine: no backtraces (std), a panic only aborts, no
/// tables to unwind with, no place in the source named.
const FLAGS: &str = "-Clinker-flavor=ld.lld -Clink-self-contained=no \
    -Ctarget-feature=-crt-static -Zunstable-options -Cpanic=immediate-abort \
    -Cforce-unwind-tables=no -Zlocation-detail=none";

/// What LLVM is told beside `opt-level = "z"`, which on MIPS leaves these in favour of speed. The
/// options have no promise of LLVM's: a compiler that lacks one builds without it.
const LLVM_OPTIONS: &[&str] = &[
    // A constant is loaded where it is used, and not kept in a register that has to be saved.
    "-disable-machine-licm",
    // The same for instructions that would be moved to where their result is used.
    "-disable-machine-sink",
    // Blocks stay in order: turning a loop around for speed duplicates its condition.
    "-disable-block-placement",
    // A loop counts with what it has, and not with one more register for each address in it.
    "-disable-lsr",
    // Instructions stand so that few registers are in use, and not so that they wait least.
    "-pre-RA-sched=list-burr",
    // More than two words are copied by `memcpy`, and not by a load and a store for each word.
    "-max-store-memcpy=2",
];

/// What every test builds; the others, the other order of bytes among them, take minutes each.
const ALWAYS: &[&str] = &["mipsel_24kc"];

/// The steps of `cargo xtask test`; all targets only with `--long`. Two builds are compared by hand
/// (`cross --check`).
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
/// A wrong word, or a target that does not build.
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

/// Builds the program of `target`, from this repository's sources; or takes the one that
/// `MAPE_PROGRAMS` has.
///
/// # Errors
///
/// What is missing cannot be installed, it does not build, or it is not what a router runs.
pub fn build(target: &Target) -> anyhow::Result<PathBuf> {
    if let Some(program) = programs::given(target)? {
        return Ok(program);
    }
    build_in(&root(), &directory(), target)
}

/// Where cargo works. Targets that differ in nothing but their name share what is built there.
fn directory() -> PathBuf {
    cache_directory().join("cross")
}

/// Builds the sources in `source`, in the directory `work`.
fn build_in(source: &Path, work: &Path, target: &Target) -> anyhow::Result<PathBuf> {
    finished(target, &link("mape-proto", &["--no-default-features"], source, work, target)?)
}

/// The program as shipped, of the one that the linker has written.
fn finished(target: &Target, unstripped: &Path) -> anyhow::Result<PathBuf> {
    let program = unstripped.with_file_name("mape-proto.stripped");
    let image = elf::Image::read(unstripped)?;
    fs::write(&program, image.stripped()?)?;
    run(std::process::Command::new("chmod").arg("755").arg(&program))?;
    check(target, &image, &program)?;
    Ok(program)
}

/// One of the workspace's programs, with its symbols.
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
    // Symbols stay in what the linker writes, for the report; the file that is shipped has none.
    run(build.env("CARGO_PROFILE_RELEASE_STRIP", "none"))?;
    Ok(work.join(&target.rust).join("release").join(package))
}

/// Those of [`LLVM_OPTIONS`] that the compiler knows, for `RUSTFLAGS`. The others are named: the
/// program is larger without them.
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

/// What a router asks of the file: its own loader, its own C library and nothing else.
fn check(target: &Target, image: &elf::Image, program: &Path) -> anyhow::Result<()> {
    let (loader, needed) = (image.interpreter()?, image.needed()?);
    if loader.as_deref() != Some(target.loader.as_str()) || needed != ["libc.so"] {
        bail!("{}: loader {loader:?}, libraries {needed:?}", target.arch);
    }
    paths::check(program)
}
