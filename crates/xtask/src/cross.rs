//! `cargo xtask cross [ARCH]`: the program of each OpenWrt architecture, as shipped.
//!
//! Dynamic against the router's musl, with a std of its own, stripped to what is loaded. The
//! targets are the table `cross/targets.tsv`; what came out is the table `cross/sizes.tsv`.

pub(crate) mod elf;
mod emulated;
mod libc;
mod machine;
pub(crate) mod programs;
pub(crate) mod report;
mod reproducible;
pub(crate) mod sizes;
mod stock;
pub(crate) mod targets;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::lab::tools::cache_directory;
use crate::steps::{Outcome, Steps, root, run, skip_or_fail};
use crate::{musl, paths};
use targets::Target;

/// What makes it small, and the same on every machine: no backtraces (std), a panic only aborts, no
/// tables to unwind with, no place in the source named, constants loaded where they are used.
///
/// Without `crt-static` and `-dynamic`, rustc and zig each assume what the other does not, and
/// thread locals crash on MIPS.
const FLAGS: &str = "-Clink-self-contained=no -Ctarget-feature=-crt-static -Zunstable-options \
    -Cpanic=immediate-abort -Cforce-unwind-tables=no -Zlocation-detail=none \
    -Cllvm-args=-disable-machine-licm -Clink-arg=-Wl,-z,nocopyreloc";

/// What every test builds; the others, the other order of bytes among them, take minutes each.
const ALWAYS: &[&str] = &["mipsel_24kc"];

/// The steps of `cargo xtask test`; all targets only with `--long`. Two builds are compared by hand
/// (`cross --check`).
pub(crate) fn steps(steps: &mut Steps, long: bool) {
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

/// `cargo xtask cross [--check | --stock | --list | --boot [SCRIPT...] | [--run | --out DIRECTORY] ARCH...]`
///
/// # Errors
///
/// A wrong word, or a target that does not build.
pub(crate) fn command(words: &[&str]) -> anyhow::Result<()> {
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
        println!("{:<26} {size}  {}", target.arch, target.devices);
        sizes::record(&target.arch, &size)?;
    }
    Ok(())
}

/// Builds the program of `target`, from this repository's sources; or takes the one that
/// `MAPE_PROGRAMS` has.
///
/// # Errors
///
/// What is missing cannot be installed, it does not build, or it is not what a router runs.
pub(crate) fn build(target: &Target) -> anyhow::Result<PathBuf> {
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
    let linker = dynamic_linker(target)?;
    let flags = format!("{FLAGS} {} {}", target.flags, paths::remapped(source)?);
    let mut build = musl::cargo(package, &target.rust, &linker, &flags, work)?;
    build.args(arguments).current_dir(source);
    // Symbols stay in what the linker writes, for the report; the file that is shipped has none.
    run(build.env("CARGO_PROFILE_RELEASE_STRIP", "none"))?;
    Ok(work.join(&target.rust).join("release").join(package))
}

/// Links against the router's libc, with `environ` in the program.
fn dynamic_linker(target: &Target) -> anyhow::Result<PathBuf> {
    let environ = root().join("cross/environ.c");
    let words = format!("{} -dynamic '{}'", target.zig, environ.display());
    musl::linker(&format!("{}-dynamic", target.rust), &words)
}

/// What a router asks of the file: its own loader, its own C library and nothing else.
fn check(target: &Target, image: &elf::Image, program: &Path) -> anyhow::Result<()> {
    let (loader, needed) = (image.interpreter()?, image.needed()?);
    if loader.as_deref() != Some(target.loader.as_str()) || needed != ["libc.so"] {
        bail!("{}: loader {loader:?}, libraries {needed:?}", target.arch);
    }
    paths::check(program)
}
