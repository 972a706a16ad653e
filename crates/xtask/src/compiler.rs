//! Debian's compilers of the older release, unpacked and never installed: one builds what is shipped, one is
//! the oldest that is promised. Every developer has the same, and their own toolchain stays as it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::debian::{BOOKWORM, Debian};
use crate::lab::tools::cache_directory;
use crate::steps::output;

/// One of them.
pub(crate) struct Compiler {
    root: PathBuf,
}

impl Compiler {
    /// The newest one, with cargo and the source of std.
    ///
    /// # Errors
    ///
    /// It cannot be had.
    pub(crate) fn newest() -> anyhow::Result<Self> {
        let debian = Debian::native(BOOKWORM)?;
        let versions = debian.versions("rustc-web")?;
        let version = versions.first().context("Debian has no rustc-web")?;
        Self::unpacked(&debian, version, &["rustc-web", "cargo-web", "rust-web-src"])
    }

    /// The newest one of a version such as `1.85`, without cargo. `None` where Debian has none.
    ///
    /// # Errors
    ///
    /// It cannot be had.
    pub(crate) fn of_version(wanted: &str) -> anyhow::Result<Option<Self>> {
        let debian = Debian::native(BOOKWORM)?;
        let versions = debian.versions("rustc-web")?;
        let version = versions.iter().find(|version| version.starts_with(&format!("{wanted}.")));
        let of = |version| Self::unpacked(&debian, version, &["rustc-web", "libstd-rust-web-dev"]);
        version.map(|version| of(version)).transpose()
    }

    fn unpacked(debian: &Debian, version: &str, packages: &[&str]) -> anyhow::Result<Self> {
        let root = cache_directory().join("compiler").join(version);
        if !root.is_dir() {
            let exact = |package: &&str| format!("{package}={version}");
            let packages: Vec<String> = packages.iter().map(exact).collect();
            debian.beside_this_machine(&root, &packages)?;
        }
        Ok(Self { root })
    }

    /// The file of rustc.
    pub(crate) fn rustc(&self) -> PathBuf {
        self.root.join("usr/bin/rustc")
    }

    /// The file of cargo.
    pub(crate) fn cargo(&self) -> PathBuf {
        self.root.join("usr/bin/cargo")
    }

    /// Where the source of std is.
    ///
    /// # Errors
    ///
    /// rustc does not run here, or has none.
    pub(crate) fn std(&self) -> anyhow::Result<PathBuf> {
        let mut rustc = Command::new(self.rustc());
        let sysroot = output(self.equip(&mut rustc)?.args(["--print", "sysroot"]))?;
        let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
        source.canonicalize().with_context(|| source.display().to_string())
    }

    /// Lets `command`, which is this compiler or starts it, find it and its libraries.
    ///
    /// # Errors
    ///
    /// It is not unpacked as expected.
    pub(crate) fn equip<'a>(&self, command: &'a mut Command) -> anyhow::Result<&'a mut Command> {
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

/// The directories with shared libraries; LLVM's is beside the usual one.
const LIBRARIES: &str =
    "ls -d usr/lib/*-linux-gnu lib/*-linux-gnu usr/lib/llvm-*/lib 2>/dev/null || true";
