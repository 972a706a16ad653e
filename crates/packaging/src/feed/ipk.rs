//! Packages of opkg, the package manager of OpenWrt up to 24.10: archives of archives.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;

use super::recipe::Recipe;
use super::{File, source_date};
use host_tools::steps::run;
use host_tools::tools::cache_directory;

/// A finished package.
pub(super) struct Package {
    pub(super) file_name: String,
    pub(super) bytes: Vec<u8>,
    /// The file `control` in it.
    pub(super) control: String,
}

impl Package {
    /// Makes a package of `files`.
    ///
    /// # Errors
    ///
    /// `tar` or `gzip` fails.
    pub(super) fn build(recipe: &Recipe, arch: &str, files: &[File]) -> anyhow::Result<Self> {
        // Tests make packages in parallel, so each has a directory of its own.
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ipk-{}-{number}", std::process::id());
        let work = cache_directory().join(name);
        if work.exists() {
            fs::remove_dir_all(&work)?;
        }
        let size: usize = files.iter().map(|file| file.bytes.len()).sum();
        let text = recipe.control(arch, &size.to_string());
        let mut control = vec![File::new("control", text.clone().into_bytes())];
        for (name, text) in recipe.scripts() {
            control.push(File { path: name, bytes: text.into_bytes(), executable: true });
        }
        for (part, files) in [("data", files), ("control", &control)] {
            for file in files {
                put(file, &work.join(part))?;
            }
            archive(&work.join(part), &["."], &work.join(format!("{part}.tar.gz")))?;
        }
        fs::write(work.join("debian-binary"), "2.0\n")?;
        let members = ["./debian-binary", "./data.tar.gz", "./control.tar.gz"];
        let package = work.join("package");
        archive(&work, &members, &package)?;
        let bytes = fs::read(package)?;
        fs::remove_dir_all(work)?;
        Ok(Self { file_name: recipe.file_name(arch), bytes, control: text })
    }
}

fn put(file: &File, directory: &Path) -> anyhow::Result<()> {
    let to = directory.join(&file.path);
    fs::create_dir_all(to.parent().context("a file without directory")?)?;
    fs::write(&to, &file.bytes)?;
    let mode = if file.executable { 0o755 } else { 0o644 };
    fs::set_permissions(&to, fs::Permissions::from_mode(mode))?;
    Ok(())
}

/// Packs files with `tar` so that the same files give the same bytes, on every machine and at any
/// time.
fn archive(directory: &Path, names: &[&str], file: &Path) -> anyhow::Result<()> {
    let mut tar = Command::new("tar");
    tar.args(["--create", "--format=gnu", "--sort=name", "--owner=0", "--group=0"])
        .args(["--numeric-owner", "--mode=u+rwX,go+rX,go-w"])
        .arg(format!("--mtime=@{}", source_date()?))
        .args(["--use-compress-program", "gzip -9 --no-name", "--file"])
        .arg(file)
        .arg("--directory")
        .arg(directory);
    run(tar.args(names))
}
