//! Debian packages of a chosen release and processor, on any Debian-like machine.
//!
//! apt reads lists below the cache, checks them with Debian's keys, and downloads from the archive
//! that this machine's apt is configured with. Packages are unpacked below the cache and never
//! installed, so this machine does not change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::packages;
use crate::steps::{output, run};
use crate::tools::cache_directory;

/// The older supported release. Its programs also run on every later one. It is the last release
/// with 32-bit MIPS.
pub const BOOKWORM: &str = "bookworm";
/// The release after it.
pub const TRIXIE: &str = "trixie";
/// Newer versions of some packages for that release.
pub const TRIXIE_BACKPORTS: &str = "trixie-backports";

const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Lists older than this are downloaded again: the archive deletes files that old lists name.
const LISTS_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Held while lists are downloaded and packages unpacked, because parallel steps need the same
/// ones.
static LISTS: Mutex<()> = Mutex::new(());

/// The lists of one release, and the packages unpacked with them.
pub struct Debian {
    directory: PathBuf,
    release: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Binary { security: bool },
    Source,
}

impl Debian {
    /// Prepares packages for this machine's processor, with the release's security updates.
    ///
    /// # Errors
    ///
    /// apt is not installed, or cannot read the lists.
    pub fn native(release: &'static str) -> anyhow::Result<Self> {
        Self::new(release, &native_architecture()?, Kind::Binary { security: true })
    }

    /// Prepares packages for `architecture`, without updates.
    ///
    /// # Errors
    ///
    /// As [`Self::native`].
    pub fn foreign(release: &'static str, architecture: &str) -> anyhow::Result<Self> {
        Self::new(release, architecture, Kind::Binary { security: false })
    }

    /// Prepares source packages.
    ///
    /// # Errors
    ///
    /// As [`Self::native`].
    pub fn sources(release: &'static str) -> anyhow::Result<Self> {
        Self::new(release, &native_architecture()?, Kind::Source)
    }

    fn new(release: &'static str, architecture: &str, kind: Kind) -> anyhow::Result<Self> {
        packages::ensure(&["debian-archive-keyring"])?;
        let _one = LISTS.lock().unwrap_or_else(PoisonError::into_inner);
        let name = match kind {
            Kind::Binary { .. } => format!("{release}-{architecture}"),
            Kind::Source => format!("{release}-source"),
        };
        let debian = Self { directory: cache_directory().join("debian").join(name), release, kind };
        let directory = &debian.directory;
        for part in ["state/lists/partial", "cache/archives/partial", "files", "none"] {
            fs::create_dir_all(directory.join(part))?;
        }
        fs::write(directory.join("status"), "")?;
        // The file contains the path of this directory, which may have been moved.
        fs::write(directory.join("apt.conf"), configuration(directory, architecture))?;
        let age = fs::metadata(directory.join("ready")).and_then(|file| file.modified());
        if age.is_ok_and(|when| when.elapsed().unwrap_or_default() < LISTS_AGE) {
            return Ok(debian);
        }
        match debian.refresh() {
            // Without a network the old lists are used: the packages they name may be in the cache.
            Err(error) if directory.join("ready").exists() => {
                eprintln!("the lists of Debian {release} stay as they were: {error:#}");
            }
            result => result?,
        }
        Ok(debian)
    }

    /// Downloads the lists.
    fn refresh(&self) -> anyhow::Result<()> {
        let archives = Archives::of_this_machine()?;
        let file = self.directory.join("sources.list");
        fs::write(&file, archives.sources(self.release, self.kind, true))?;
        if let Err(error) = self.update() {
            // Not every mirror has the security updates.
            let without = archives.sources(self.release, self.kind, false);
            ensure!(archives.security_is_guessed() && fs::read_to_string(&file)? != without, error);
            fs::write(&file, without)?;
            self.update()?;
        }
        fs::write(self.directory.join("ready"), "")?;
        Ok(())
    }

    fn update(&self) -> anyhow::Result<()> {
        let strict = ["-o", "APT::Update::Error-Mode=any"];
        output(self.apt("apt-get").args(strict).args(["--quiet", "--quiet", "update"])).map(drop)
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", self.directory.join("apt.conf"));
        command.current_dir(self.directory.join("files"));
        command
    }

    /// Returns the matching package with the highest version number; of a signed and an unsigned
    /// kernel of one version, the signed one.
    ///
    /// # Errors
    ///
    /// No package matches.
    pub fn newest(&self, pattern: &str) -> anyhow::Result<String> {
        let found = output(self.apt("apt-cache").args(["search", "--names-only", pattern]))?;
        let names = found.lines().filter_map(|line| line.split(' ').next());
        let newest = names.max_by_key(|name| (numbers(name), !name.ends_with("-unsigned")));
        newest
            .map(str::to_owned)
            .with_context(|| format!("Debian {} has no package named like {pattern}", self.release))
    }

    /// Returns the versions of a package, the newest one first.
    ///
    /// # Errors
    ///
    /// apt fails.
    pub fn versions(&self, package: &str) -> anyhow::Result<Vec<String>> {
        let table = output(self.apt("apt-cache").args(["madison", package]))?;
        let versions = table.lines().filter_map(|line| line.split('|').nth(1));
        Ok(versions.map(|version| version.trim().to_owned()).collect())
    }

    /// Returns a directory with the contents of a package, which is downloaded once.
    ///
    /// # Errors
    ///
    /// The download or the unpacking fails.
    pub fn unpacked(&self, package: &str) -> anyhow::Result<PathBuf> {
        self.together(&[package])
    }

    /// Unpacks packages into one directory, without their dependencies.
    ///
    /// # Errors
    ///
    /// The download or the unpacking of a package fails.
    pub fn together(&self, packages: &[&str]) -> anyhow::Result<PathBuf> {
        let directory = self.directory.join("unpacked").join(packages.join("+"));
        let packages: Vec<String> = packages.iter().map(ToString::to_string).collect();
        self.download_into(&directory, &packages)?;
        Ok(directory)
    }

    /// Unpacks packages and all their dependencies into one directory.
    ///
    /// # Errors
    ///
    /// The download or the unpacking of a package fails.
    pub fn tree(&self, packages: &[&str]) -> anyhow::Result<PathBuf> {
        let tree = self.directory.join("tree").join(packages.join("+"));
        if !tree.is_dir() {
            let packages: Vec<String> = packages.iter().map(ToString::to_string).collect();
            let names = self.dependencies(&packages, &self.directory.join("status"))?;
            self.download_into(&tree, &names)?;
        }
        Ok(tree)
    }

    /// Unpacks packages into the directory `tree`, with those dependencies that are not installed
    /// on this machine.
    ///
    /// # Errors
    ///
    /// The download or the unpacking of a package fails.
    pub fn beside_this_machine(&self, tree: &Path, packages: &[String]) -> anyhow::Result<()> {
        let mut names = self.dependencies(packages, Path::new("/var/lib/dpkg/status"))?;
        // The packages that are installed on this machine too.
        let missing = |name: &&String| {
            let name = name.split('=').next();
            !names.iter().any(|known| known.split('=').next() == name)
        };
        let missing: Vec<String> = packages.iter().filter(missing).cloned().collect();
        names.extend(missing);
        self.download_into(tree, &names)
    }

    /// Returns `packages` and the dependencies that apt would install on a machine with the
    /// installed packages listed in `status`.
    fn dependencies(&self, packages: &[String], status: &Path) -> anyhow::Result<Vec<String>> {
        let mut plan = self.apt("apt-get");
        plan.args(["--quiet", "--quiet", "--yes", "--no-install-recommends", "--simulate"]);
        // This machine may have newer ones; nothing is installed.
        plan.arg("--allow-downgrades");
        plan.arg("-o").arg(format!("Dir::State::status={}", status.display()));
        let text = output(plan.arg("install").args(packages))?;
        let names: Vec<String> = text.lines().filter_map(to_be_installed).collect();
        Ok(names)
    }

    /// Does nothing if the directory exists.
    fn download_into(&self, directory: &Path, packages: &[String]) -> anyhow::Result<()> {
        let _one = LISTS.lock().unwrap_or_else(PoisonError::into_inner);
        if directory.is_dir() {
            return Ok(());
        }
        eprintln!("downloading from Debian {}: {}", self.release, packages.join(" "));
        let partial = partial(directory)?;
        let download = || {
            let mut download = self.apt("apt-get");
            download.args(["--quiet", "--quiet", "download"]).args(packages);
            run(download.current_dir(&partial))
        };
        if download().is_err() {
            // Old lists may name files that the archive has deleted.
            self.refresh()?;
            download()?;
        }
        for entry in fs::read_dir(&partial)? {
            let file = entry?.path();
            if file.extension().is_some_and(|extension| extension == "deb") {
                run(Command::new("dpkg").arg("--extract").arg(&file).arg(&partial))?;
                fs::remove_file(file)?;
            }
        }
        // Only a complete directory gets the final name.
        fs::rename(&partial, directory)?;
        Ok(())
    }

    /// Returns the upstream archive of a source package.
    ///
    /// # Errors
    ///
    /// The download fails.
    pub fn source(&self, package: &str) -> anyhow::Result<PathBuf> {
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

/// Returns the options that make apt read and write below `directory` only. The proxy is still this
/// machine's.
fn configuration(directory: &Path, architecture: &str) -> String {
    let root = directory.display();
    format!(
        "APT::Architecture \"{architecture}\";\nAPT::Architectures {{ \"{architecture}\"; }};\n\
         Dir::State \"{root}/state\";\nDir::State::status \"{root}/status\";\n\
         Dir::Cache \"{root}/cache\";\nDir::Etc::sourcelist \"{root}/sources.list\";\n\
         Dir::Etc::sourceparts \"-\";\n\
         Dir::Etc::preferences \"{root}/status\";\nDir::Etc::preferencesparts \"{root}/none\";\n\
         APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n"
    )
}

/// Reads `bash=5.2` in a line `Inst bash (5.2 Debian:12 [amd64])`, which may have the installed
/// version before the parenthesis.
fn to_be_installed(line: &str) -> Option<String> {
    let name = line.strip_prefix("Inst ")?.split(' ').next()?;
    let version = line.split_once('(')?.1.split(' ').next()?;
    Some(format!("{name}={version}"))
}

/// Returns every number in `text`, so that 6.1.0-9 sorts before 6.1.0-10.
fn numbers(text: &str) -> Vec<u64> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

fn native_architecture() -> anyhow::Result<String> {
    let text = output(Command::new("dpkg").arg("--print-architecture"))?;
    Ok(text.trim().to_owned())
}

/// Creates an empty directory beside `whole`. It gets that name when it is complete.
fn partial(whole: &Path) -> anyhow::Result<PathBuf> {
    let mut name = whole.file_name().context("a directory without name")?.to_owned();
    name.push(".partial");
    let partial = whole.with_file_name(name);
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    Ok(partial)
}

mod archives;
use archives::Archives;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_sort_by_number_and_not_by_letter() {
        assert!(
            numbers("linux-image-6.1.0-10-cloud-amd64")
                > numbers("linux-image-6.1.0-9-cloud-amd64")
        );
        assert!(
            numbers("linux-image-6.12.100+deb12-amd64") > numbers("linux-image-6.12.9+bpo-amd64")
        );
    }

    #[test]
    fn the_version_that_apt_would_install_is_taken() {
        for (line, expected) in [
            ("Inst bash (5.2 Debian:12 [amd64])", Some("bash=5.2")),
            ("Inst dash [0.5] (0.6-1+b1 Debian:13 [amd64]) []", Some("dash=0.6-1+b1")),
            ("Conf bash (5.2 Debian:12 [amd64])", None),
            ("Remv rustc [1.85]", None),
        ] {
            assert_eq!(to_be_installed(line).as_deref(), expected, "{line}");
        }
    }
}
