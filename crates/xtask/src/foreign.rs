//! Debian's packages of other architectures, and sources: what this machine's own lists do not hold.
//!
//! apt reads lists of its own below the cache, so nothing is added to the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::lab::tools::cache_directory;
use crate::packages::refresh_lists;
use crate::steps::{output, run};

/// The last release with every architecture that is needed here.
const RELEASE: &str = "bookworm";
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// One architecture's lists.
pub(crate) struct Debian {
    directory: PathBuf,
}

impl Debian {
    /// Lists of `architecture`, read once.
    ///
    /// # Errors
    ///
    /// apt is not here, or cannot read them.
    pub(crate) fn new(architecture: &str) -> anyhow::Result<Self> {
        let debian = Self { directory: cache_directory().join("foreign").join(architecture) };
        if debian.directory.join("ready").exists() {
            return Ok(debian);
        }
        let directory = &debian.directory;
        for part in ["state/lists/partial", "cache/archives/partial", "files"] {
            fs::create_dir_all(directory.join(part))?;
        }
        fs::write(directory.join("status"), "")?;
        let place = format!("[signed-by={KEYS}] {} {RELEASE} main", archive()?);
        fs::write(directory.join("sources.list"), format!("deb {place}\ndeb-src {place}\n"))?;
        let root = directory.display();
        let configuration = format!(
            "APT::Architecture \"{architecture}\";\nAPT::Architectures {{ \"{architecture}\"; }};\n\
             Dir::State \"{root}/state\";\nDir::State::status \"{root}/status\";\n\
             Dir::Cache \"{root}/cache\";\nDir::Etc::sourcelist \"{root}/sources.list\";\n\
             Dir::Etc::sourceparts \"-\";\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n"
        );
        fs::write(directory.join("apt.conf"), configuration)?;
        run(debian.apt("apt-get").args(["--quiet", "--quiet", "update"]))?;
        fs::write(directory.join("ready"), "")?;
        Ok(debian)
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", self.directory.join("apt.conf"));
        command.current_dir(self.directory.join("files"));
        command
    }

    /// The package with the highest number among those whose name matches.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(crate) fn newest(&self, pattern: &str) -> anyhow::Result<String> {
        let found = output(self.apt("apt-cache").args(["search", "--names-only", pattern]))?;
        let names = found.lines().filter_map(|line| line.split(' ').next());
        let newest = names.max_by_key(|name| crate::lab::kernel::numbers(name));
        newest.map(str::to_owned).with_context(|| format!("Debian has no package {pattern}"))
    }

    /// A directory with what a package holds, downloaded once.
    ///
    /// # Errors
    ///
    /// The package cannot be had.
    pub(crate) fn unpacked(&self, package: &str) -> anyhow::Result<PathBuf> {
        let directory = self.directory.join("unpacked").join(package);
        if directory.is_dir() {
            return Ok(directory);
        }
        run(self.apt("apt-get").args(["--quiet", "--quiet", "download", package]))?;
        let file = self.file(&format!("{package}_"), ".deb")?;
        let partial = partial(&directory)?;
        run(Command::new("dpkg").arg("--extract").arg(&file).arg(&partial))?;
        fs::remove_file(file)?;
        fs::rename(&partial, &directory)?;
        Ok(directory)
    }

    /// Packages and all they depend on, unpacked over each other.
    ///
    /// # Errors
    ///
    /// One cannot be had.
    pub(crate) fn tree(&self, packages: &[&str]) -> anyhow::Result<PathBuf> {
        let tree = self.directory.join("tree").join(packages.join("+"));
        if tree.is_dir() {
            return Ok(tree);
        }
        let mut plan = self.apt("apt-get");
        plan.args(["--quiet", "--quiet", "--yes", "--no-install-recommends", "--simulate"]);
        let text = output(plan.arg("install").args(packages))?;
        let wanted = text.lines().filter_map(|line| line.strip_prefix("Inst "));
        let names: Vec<&str> = wanted.filter_map(|line| line.split(' ').next()).collect();
        ensure!(!names.is_empty(), "apt would install nothing for {packages:?}");
        run(self.apt("apt-get").args(["--quiet", "--quiet", "download"]).args(&names))?;
        let partial = partial(&tree)?;
        for name in names {
            let file = self.file(&format!("{name}_"), ".deb")?;
            run(Command::new("dpkg").arg("--extract").arg(&file).arg(&partial))?;
            fs::remove_file(file)?;
        }
        fs::rename(&partial, &tree)?;
        Ok(tree)
    }

    /// The upstream archive of a source package.
    ///
    /// # Errors
    ///
    /// It cannot be had.
    pub(crate) fn source(&self, package: &str) -> anyhow::Result<PathBuf> {
        let (start, end) = (format!("{package}_"), ".orig.tar.gz");
        if let Ok(file) = self.file(&start, end) {
            return Ok(file);
        }
        let words = ["--quiet", "--quiet", "source", "--download-only", package];
        run(self.apt("apt-get").args(words))?;
        self.file(&start, end)
    }

    fn file(&self, start: &str, end: &str) -> anyhow::Result<PathBuf> {
        for entry in fs::read_dir(self.directory.join("files"))? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with(start) && name.ends_with(end) {
                return Ok(path);
            }
        }
        anyhow::bail!("apt has left no file {start}*{end}")
    }
}

/// An empty directory beside `whole`, which gets that name when everything is in it.
fn partial(whole: &Path) -> anyhow::Result<PathBuf> {
    let partial = whole.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    Ok(partial)
}

/// Where this machine has the release from itself.
fn archive() -> anyhow::Result<String> {
    let find = || {
        let format = "$(REPO_URI) $(CODENAME) $(COMPONENT)";
        let known = output(Command::new("apt-get").args(["indextargets", "--format", format]))?;
        let place = known.lines().find_map(|line| line.strip_suffix(&format!(" {RELEASE} main")));
        place.map(str::to_owned).with_context(|| format!("no source of Debian {RELEASE} in apt's"))
    };
    // A fresh machine has read no lists, and knows no code names before.
    find().or_else(|_| refresh_lists().and_then(|()| find()))
}
