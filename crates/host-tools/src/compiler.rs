//! Debian's compilers, of the older release, unpacked and never installed. The newest one builds
//! the shipped programs, the oldest one checks the `rust-version` of the workspace. Every developer
//! gets the same ones, and the developer's own toolchain does not change.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::debian::{BOOKWORM, Debian};
use crate::steps::output;
use crate::tools::cache_directory;

/// An unpacked compiler.
pub struct Compiler {
    root: PathBuf,
}

impl Compiler {
    /// Returns the newest compiler, with cargo and the source of std.
    ///
    /// # Errors
    ///
    /// The download fails, or the archive has no such package.
    pub fn newest() -> anyhow::Result<Self> {
        let debian = Debian::native(BOOKWORM)?;
        let versions = debian.versions("rustc-web")?;
        let version = versions.first().context("Debian has no rustc-web")?;
        Self::unpacked(&debian, version, &["cargo-web", "rust-web-src"])
    }

    /// Returns the newest compiler of a version such as `1.85`, without cargo, or `None` if Debian
    /// has none.
    ///
    /// # Errors
    ///
    /// The download fails.
    pub fn of_version(wanted: &str) -> anyhow::Result<Option<Self>> {
        let debian = Debian::native(BOOKWORM)?;
        let versions = debian.versions("rustc-web")?;
        let version = versions.iter().find(|version| version.starts_with(&format!("{wanted}.")));
        version.map(|version| Self::unpacked(&debian, version, &[])).transpose()
    }

    fn unpacked(debian: &Debian, version: &str, more: &[&str]) -> anyhow::Result<Self> {
        let root = cache_directory().join("compiler").join(version);
        if !root.is_dir() {
            debian.beside_this_machine(&root, &packages(version, more))?;
        }
        Ok(Self { root })
    }

    /// Returns the path of rustc.
    #[must_use]
    pub fn rustc(&self) -> PathBuf {
        self.root.join("usr/bin/rustc")
    }

    /// Returns the path of cargo.
    #[must_use]
    pub fn cargo(&self) -> PathBuf {
        self.root.join("usr/bin/cargo")
    }

    /// Returns the directory with the source of std.
    ///
    /// # Errors
    ///
    /// rustc does not run on this machine, or the source is not there.
    pub fn std(&self) -> anyhow::Result<PathBuf> {
        let mut rustc = Command::new(self.rustc());
        let sysroot = output(self.equip(&mut rustc)?.args(["--print", "sysroot"]))?;
        let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
        source.canonicalize().with_context(|| source.display().to_string())
    }

    /// Returns the major version of its LLVM: the 22 of `22.1.8`.
    ///
    /// # Errors
    ///
    /// rustc does not run on this machine, or prints no version of LLVM.
    pub fn llvm(&self) -> anyhow::Result<String> {
        let mut rustc = Command::new(self.rustc());
        let version = output(self.equip(&mut rustc)?.args(["--version", "--verbose"]))?;
        release_of_llvm(&version).context("rustc names no version of LLVM")
    }

    /// Returns whether rustc accepts a flag.
    ///
    /// # Errors
    ///
    /// rustc does not run on this machine.
    pub fn accepts(&self, flag: &str) -> anyhow::Result<bool> {
        let mut rustc = Command::new(self.rustc());
        let asked = self.equip(&mut rustc)?.args(["--print", "cfg", flag]).output()?;
        Ok(asked.status.success())
    }

    /// Sets the environment of `command`, which is this compiler or starts it, so that it finds the
    /// compiler and its libraries.
    ///
    /// # Errors
    ///
    /// The package has another layout than expected.
    pub fn equip<'a>(&self, command: &'a mut Command) -> anyhow::Result<&'a mut Command> {
        let libraries = output(Command::new("sh").args(["-c", LIBRARIES]).current_dir(&self.root))?;
        let directories = libraries.lines().map(|line| self.root.join(line));
        Ok(command
            .env("RUSTC", self.rustc())
            .env("LD_LIBRARY_PATH", std::env::join_paths(directories)?)
            // For the compiler of the cargo that runs this program.
            .env_remove("RUSTC_WORKSPACE_WRAPPER")
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO"))
    }
}

/// Returns the names of all packages of this version of the compiler, and of `more`. The
/// dependencies are named too: apt would leave out a package that this machine has installed, but
/// rustc looks for std beside its own libraries.
fn packages(version: &str, more: &[&str]) -> Vec<String> {
    let series: Vec<&str> = version.splitn(3, '.').take(2).collect();
    let library = format!("libstd-rust-web-{}", series.join("."));
    let names = ["rustc-web", "libstd-rust-web-dev", &library];
    names.iter().chain(more).map(|name| format!("{name}={version}")).collect()
}

/// Reads the major version of LLVM in the output of `rustc --version --verbose`.
fn release_of_llvm(version: &str) -> Option<String> {
    let number = version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    number.split('.').next().map(str::to_owned)
}

/// The directories with shared libraries. LLVM's library has a directory of its own.
const LIBRARIES: &str =
    "ls -d usr/lib/*-linux-gnu lib/*-linux-gnu usr/lib/llvm-*/lib 2>/dev/null || true";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_of_llvm_names_its_linker() {
        let text = "rustc 1.96.0 (built from a source tarball)\nLLVM version: 22.1.8\n";
        assert_eq!(release_of_llvm(text).as_deref(), Some("22"));
        assert_eq!(release_of_llvm("rustc 1.96.0"), None);
    }

    #[test]
    fn std_is_of_the_compiler_and_not_of_this_machine() {
        assert_eq!(
            packages("1.85.0+dfsg3-1", &["cargo-web"]),
            [
                "rustc-web=1.85.0+dfsg3-1",
                "libstd-rust-web-dev=1.85.0+dfsg3-1",
                "libstd-rust-web-1.85=1.85.0+dfsg3-1",
                "cargo-web=1.85.0+dfsg3-1",
            ]
        );
    }
}
