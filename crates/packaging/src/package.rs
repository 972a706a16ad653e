//! `cargo xtask package linux`: static binaries, a Debian package, and Alpine's `package` step.
//!
//! Debian does not have Alpine's tools. So the APKBUILD's function `package` runs in a shell that
//! stops at the first error, and the test compares its tree with the expected one.

mod copyright;
mod debian;
mod lintian;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::vectors;
use host_tools::musl::{self, AARCH64, Processor, X86_64};
use host_tools::packages;
use host_tools::steps::{output, root, run};
use host_tools::tools::cache_directory;

/// `cargo xtask package linux [--out DIRECTORY]`: builds for both processors, and tests every
/// package.
///
/// # Errors
///
/// A build or a test fails.
pub fn command(directory: Option<&Path>) -> anyhow::Result<()> {
    let out = directory.map_or_else(|| cache_directory().join("packages"), Path::to_owned);
    fs::create_dir_all(&out)?;
    for processor in [&X86_64, &AARCH64] {
        let program = musl::build(processor, &[])?;
        test_program(&program, processor)?;
        let binary = out.join(format!("mape-proto-{}", processor.debian));
        fs::copy(&program, &binary)?;
        let package = debian::build(&program, processor, &out)?;
        println!(
            "{}: {} bytes, {}: {} bytes",
            binary.display(),
            fs::metadata(&binary)?.len(),
            package.display(),
            fs::metadata(&package)?.len()
        );
    }
    test_packages(&musl::build(&X86_64, &[])?)
}

/// Tests the packages with a program that has been built.
///
/// # Errors
///
/// A test fails.
pub fn test_packages(program: &Path) -> anyhow::Result<()> {
    let scratch = cache_directory().join("packages-test");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(&scratch)?;
    debian::test(program, &scratch)?;
    let tree = alpine(program, &scratch)?;
    let expected = [
        "etc/init.d/mape-rs",
        "etc/mape-rs.conf",
        "usr/sbin/mape-proto",
        "usr/share/bash-completion/completions/mape-proto",
        "usr/share/fish/vendor_completions.d/mape-proto.fish",
        "usr/share/licenses/mape-rs/LICENSE-APACHE",
        "usr/share/licenses/mape-rs/LICENSE-MIT",
        "usr/share/licenses/mape-rs/NOTICE",
        "usr/share/man/man8/mape-proto.8",
        "usr/share/zsh/site-functions/_mape-proto",
    ];
    let found = files(&tree)?;
    ensure!(found.iter().eq(expected.iter()), "the APKBUILD packs {found:?}");
    let scripts = files(&alpine_scripts(&scratch))?;
    ensure!(
        scripts.iter().eq([".post-upgrade", ".pre-deinstall"]),
        "the APKBUILD's scripts are {scripts:?}"
    );
    test_alpine(&tree)?;
    let rows = vectors::check(|| Command::new(program))?;
    println!("Debian package and APKBUILD: as they should be; {rows} known answers");
    Ok(())
}

/// Checks that the program is static and gives every known answer.
fn test_program(program: &Path, processor: &Processor) -> anyhow::Result<()> {
    let file = fs::read(program)?;
    // A dynamic program has the path of its loader in an ELF program header.
    let loader = b"/lib/ld-musl";
    ensure!(!file.windows(loader.len()).any(|part| part == loader), "not static");
    if processor.qemu.is_some() {
        packages::ensure(&["qemu-user-static"])?;
    }
    let rows = vectors::check(|| match processor.qemu {
        Some(qemu) => {
            let mut emulated = Command::new(qemu);
            emulated.arg(program);
            emulated
        }
        None => Command::new(program),
    })?;
    println!("{}: {rows} known answers", processor.debian);
    Ok(())
}

/// Tests the package in a root with only busybox: the program runs, and busybox's shell reads the
/// service.
fn test_alpine(tree: &Path) -> anyhow::Result<()> {
    add_busybox(tree)?;
    test_in_root(tree)?;
    output(in_root(tree, &["sh", "-n", "/etc/init.d/mape-rs"])?)?;
    output(in_root(tree, &["sh", "-c", "test -x /etc/init.d/mape-rs"])?).map(drop)
}

/// Adds busybox: a shell and its tools, in one file.
fn add_busybox(root: &Path) -> anyhow::Result<()> {
    let busybox = host_tools::tools::find_program("busybox")?;
    install(&busybox, &root.join("bin/busybox"), 0o755)?;
    std::os::unix::fs::symlink("busybox", root.join("bin/sh"))?;
    Ok(())
}

/// Returns a command that runs inside a root.
fn in_root(root: &Path, words: &[&str]) -> anyhow::Result<Command> {
    let mut command = packages::as_root("chroot")?;
    command.arg(root).args(words).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    Ok(command)
}

/// Checks that the installed program prints its version and a plan, and accepts its configuration.
fn test_in_root(root: &Path) -> anyhow::Result<()> {
    let text = output(in_root(root, &["mape-proto", "--version"])?)?;
    ensure!(text.trim() == concat!("mape-proto ", env!("CARGO_PKG_VERSION")), "it says {text}");
    let text = output(in_root(root, &["mape-proto", "plan", "240b:10:3261:6400::/56"])?)?;
    ensure!(text.contains("240 ports of 106.72.50.97"), "it says {text}");
    // After reading the configuration the program stops, because `ip` is missing.
    let said = in_root(root, &["mape-proto", "up"])?.output()?;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    ensure!(said.contains("install iproute2"), "without ip it says {said}");
    Ok(())
}

/// Runs the APKBUILD's `package`, as abuild does after `build`, and returns the packed tree. The
/// package's scripts are then in [`alpine_scripts`].
///
/// # Errors
///
/// A command of the function fails.
pub fn alpine(program: &Path, scratch: &Path) -> anyhow::Result<PathBuf> {
    let source = scratch.join("alpine-source");
    let tree = scratch.join("alpine-package");
    let scripts = alpine_scripts(scratch);
    for directory in [&source, &tree, &scripts] {
        if directory.exists() {
            fs::remove_dir_all(directory)?;
        }
        fs::create_dir_all(directory)?;
    }
    install(program, &source.join("target/release/mape-proto"), 0o755)?;
    for entry in ["files", "LICENSE-MIT", "LICENSE-APACHE"] {
        run(Command::new("cp").arg("-r").arg(root().join(entry)).arg(&source))?;
    }
    let busybox = host_tools::tools::find_program("busybox")?;
    let mut shell = Command::new(busybox);
    // busybox's shell and tools, as in Alpine's build root.
    shell
        .args(["sh", "-euc", ALPINE, "sh"])
        .arg(root().join("files/linux/alpine/APKBUILD"))
        .arg(env!("CARGO_PKG_VERSION"))
        .arg(&scripts)
        .env("pkgdir", &tree)
        .current_dir(&source);
    output(shell)?;
    Ok(tree)
}

/// The shell text of [`alpine`]. Its arguments are APKBUILD, version, and a directory for the
/// scripts, which get their names in a package.
const ALPINE: &str = "\
. \"$1\"
test \"$pkgver\" = \"$2\"
package
for script in $install; do
	install -m755 \"${1%/*}/$script\" \"$3/${script#\"$pkgname\"}\"
done";

/// Returns the package's scripts, by their names in the package.
#[must_use]
pub fn alpine_scripts(scratch: &Path) -> PathBuf {
    scratch.join("alpine-scripts")
}

fn install(from: &Path, to: &Path, mode: u32) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode))?;
    Ok(())
}

/// Returns every file below a directory, by its path in it.
fn files(directory: &Path) -> anyhow::Result<BTreeSet<String>> {
    let text = output(Command::new("find").args([".", "!", "-type", "d"]).current_dir(directory))?;
    let files = text.lines().map(|line| line.trim_start_matches("./").to_owned());
    let files: BTreeSet<String> = files.collect();
    if files.is_empty() {
        bail!("{} is empty", directory.display());
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abuild_would_accept_the_apkbuild() {
        let directory = root().join("files/linux/alpine");
        let text = fs::read_to_string(directory.join("APKBUILD")).unwrap();
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        // The maintainer has a name and an address.
        let (name, address) = value("# Maintainer: ").split_once(" <").unwrap();
        assert!(!name.is_empty() && address.contains('@') && address.ends_with('>'), "{address}");
        assert_eq!(value("pkgver="), env!("CARGO_PKG_VERSION"));
        // The first step downloads the crates, and the build needs no others.
        assert_eq!(value("options="), "\"net\"");
        // abuild refuses a manual page outside of a `-doc` package.
        assert!(value("subpackages=").contains("$pkgname-doc"));
        let commands: Vec<&str> =
            text.lines().map(str::trim).filter(|line| line.starts_with("cargo ")).collect();
        let [fetch, others @ ..] = commands.as_slice() else { panic!("{text}") };
        assert_eq!(*fetch, "cargo fetch --locked");
        assert!(others.iter().all(|line| line.contains(" --frozen ")), "{others:?}");
        for script in value("install=").trim_matches('"').split(' ') {
            let script = script.replace("$pkgname", "mape-rs");
            assert!(directory.join(&script).exists(), "{script}");
        }
    }
}
