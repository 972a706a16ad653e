//! The files of a release page: those of the feed and of plain Linux side by side, the bill of
//! materials, and one list of checksums.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::sbom;
use crate::steps::output;

/// Collects them in `out`, which must not exist or be empty.
///
/// # Errors
///
/// A file cannot be read or written, or two of one name differ.
pub(crate) fn collect(site: &Path, linux: &Path, out: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(out)?;
    ensure!(fs::read_dir(out)?.next().is_none(), "{} is not empty", out.display());
    for format in ["opkg", "apk"] {
        let mut packages = 0;
        for directory in entries(&site.join(format))? {
            let arch = name(&directory);
            for file in entries(&directory)? {
                if let Some(to) = beside_others(&name(&file), &arch) {
                    place(&file, &out.join(to))?;
                    packages += 1;
                }
            }
        }
        ensure!(packages > 0, "no package in {}", site.join(format).display());
    }
    for file in entries(linux)? {
        place(&file, &out.join(name(&file)))?;
    }
    fs::write(out.join(sbom::FILE), sbom::text()?)?;
    let mut sums = Command::new("sha256sum");
    let names: Vec<String> = entries(out)?.iter().map(|file| name(file)).collect();
    let sums = output(sums.arg("--").args(names).current_dir(out))?;
    fs::write(out.join("SHA256SUMS"), sums)?;
    Ok(())
}

/// The name of a package where those of all architectures lie side by side; `None` for what is no
/// package. In a feed an `.apk` has no architecture in its name, because apk asks for it by name and
/// version.
fn beside_others(file: &str, arch: &str) -> Option<String> {
    let (package, format) = file.rsplit_once('.')?;
    match format {
        "ipk" => return Some(file.to_owned()),
        "apk" => {}
        _ => return None,
    }
    let arch = if package.starts_with("luci-") { "noarch" } else { arch };
    Some(format!("{package}_{arch}.apk"))
}

/// Copies a file; one that is there already is the same.
fn place(from: &Path, to: &Path) -> anyhow::Result<()> {
    if to.exists() {
        ensure!(
            fs::read(from)? == fs::read(to)?,
            "{} differs from {}",
            from.display(),
            to.display()
        );
        return Ok(());
    }
    fs::copy(from, to).with_context(|| from.display().to_string()).map(drop)
}

/// What is in a directory, by name.
fn entries(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::tools::cache_directory;

    #[test]
    fn packages_of_all_architectures_lie_side_by_side() {
        let work = cache_directory().join("release-test/assets");
        let _ = fs::remove_dir_all(&work);
        let (site, linux, out) = (work.join("site"), work.join("linux"), work.join("out"));
        let write = |path: &Path, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for arch in ["a", "b"] {
            let (opkg, apk) = (site.join("opkg").join(arch), site.join("apk").join(arch));
            write(&opkg.join(format!("mape-rs_1-r1_{arch}.ipk")), arch);
            write(&opkg.join("luci-app-mape_1-r1_all.ipk"), "pages");
            write(&opkg.join("Packages"), arch);
            write(&apk.join("mape-rs-1-r1.apk"), arch);
            write(&apk.join("luci-app-mape-1-r1.apk"), "pages");
            write(&apk.join("packages.adb"), arch);
        }
        write(&linux.join("mape-rs_1_amd64.deb"), "deb");
        collect(&site, &linux, &out).unwrap();
        let names: Vec<String> = entries(&out).unwrap().iter().map(|file| name(file)).collect();
        assert_eq!(
            names,
            [
                "SHA256SUMS",
                "luci-app-mape-1-r1_noarch.apk",
                "luci-app-mape_1-r1_all.ipk",
                "mape-rs-1-r1_a.apk",
                "mape-rs-1-r1_b.apk",
                sbom::FILE,
                "mape-rs_1-r1_a.ipk",
                "mape-rs_1-r1_b.ipk",
                "mape-rs_1_amd64.deb",
            ]
        );
        assert_eq!(fs::read_to_string(out.join("SHA256SUMS")).unwrap().lines().count(), 8);
        assert!(collect(&site, &linux, &out).unwrap_err().to_string().contains("not empty"));
        fs::remove_dir_all(&out).unwrap();
        write(&site.join("opkg/b/luci-app-mape_1-r1_all.ipk"), "others");
        assert!(collect(&site, &linux, &out).unwrap_err().to_string().contains("differs"));
    }
}
