//! The table of sizes. `cargo xtask cross` writes it, and it is committed, so that a review shows
//! growth.
//!
//! The tests fail if a program is one percent larger than the table says. A change that adds as
//! much has to change the table too.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use host_tools::packages;
use host_tools::steps::{output, root};
use host_tools::tools::cache_directory;

const HEAD: &str = "\
# mape-proto as shipped, in bytes: the file, packed (gzip -9), and an image with nothing else in it for flash that is
# written (jffs2 with zlib, 64 KiB erase blocks) and for a firmware's own (squashfs with xz, 256 KiB blocks).
# Written by `cargo xtask cross`.
# arch\tbytes\tpacked\tjffs2\tsquashfs
";

/// The growth that needs a change of the table, as a fraction of the size.
const LIMIT: f64 = 0.01;

/// The sizes of one program, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// The size of the file.
    pub bytes: u64,
    /// The size after `gzip -9`, as in a package.
    pub packed: u64,
}

impl Size {
    /// # Errors
    ///
    /// The file does not exist, or gzip is not installed.
    pub fn of(program: &Path) -> anyhow::Result<Self> {
        let mut gzip = Command::new("sh");
        gzip.args(["-c", "gzip -9 --no-name --stdout \"$1\" | wc -c", "sh"]).arg(program);
        let packed = output(gzip)?.trim().parse()?;
        Ok(Self { bytes: fs::metadata(program)?.len(), packed })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8} bytes, {:>7} packed", self.bytes, self.packed)
    }
}

/// The flash that the program needs, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flash {
    /// Installed on a router with small flash, whose overlay is jffs2.
    jffs2: u64,
    /// Built into a firmware image.
    squashfs: u64,
}

impl Flash {
    /// Measures images with only the program in them.
    ///
    /// # Errors
    ///
    /// The two tools cannot be installed, or fail.
    pub fn of(program: &Path) -> anyhow::Result<Self> {
        packages::ensure(&["mtd-utils", "squashfs-tools"])?;
        let work = cache_directory().join("cross/flash");
        if work.exists() {
            fs::remove_dir_all(&work)?;
        }
        let root = work.join("root");
        fs::create_dir_all(&root)?;
        fs::copy(program, root.join("mape-proto"))?;
        let (jffs2, squashfs) = (work.join("jffs2"), work.join("squashfs"));
        let mut write = Command::new("/usr/sbin/mkfs.jffs2");
        write.args(["--little-endian", "--eraseblock=64KiB", "--no-cleanmarkers", "--squash"]);
        write.args(["--disable-compressor=lzo", "--disable-compressor=rtime"]);
        output(write.arg("--root").arg(&root).arg("--output").arg(&jffs2))?;
        let mut write = Command::new("/usr/bin/mksquashfs");
        write.arg(&root).arg(&squashfs).args(["-comp", "xz", "-b", "256k", "-all-root", "-nopad"]);
        output(write.args(["-noappend", "-no-progress", "-quiet"]))?;
        let flash =
            Self { jffs2: fs::metadata(&jffs2)?.len(), squashfs: fs::metadata(&squashfs)?.len() };
        fs::remove_dir_all(&work)?;
        Ok(flash)
    }
}

impl fmt::Display for Flash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>7} jffs2, {:>7} squashfs", self.jffs2, self.squashfs)
    }
}

/// Replaces one line of the committed table. The table is read each time, because another build may
/// have written its line during this one.
///
/// # Errors
///
/// The table cannot be read or written.
pub fn record(arch: &str, size: &Size, flash: &Flash) -> anyhow::Result<()> {
    let mut sizes = Sizes::read()?;
    sizes.replace(arch, size, flash);
    sizes.write()
}

/// Fails if the program is one percent larger than the committed table says.
///
/// # Errors
///
/// The program has grown, or the table cannot be read.
pub fn is_said(arch: &str, size: &Size) -> anyhow::Result<()> {
    Sizes::read()?.is_said(arch, size)
}

/// The table.
struct Sizes(BTreeMap<String, (Size, Option<Flash>)>);

impl Sizes {
    fn read() -> anyhow::Result<Self> {
        Self::parse(&fs::read_to_string(path())?)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut table = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let columns: Vec<&str> = line.split('\t').collect();
            let &[arch, bytes, packed, jffs2, squashfs] = columns.as_slice() else {
                bail!("cross/sizes.tsv: not five columns: {line}");
            };
            let number = |text: &str| text.parse().with_context(|| format!("no number: {text}"));
            let size = Size { bytes: number(bytes)?, packed: number(packed)? };
            // Dashes: the sources are older than these columns.
            let flash = match (jffs2, squashfs) {
                ("-", "-") => None,
                _ => Some(Flash { jffs2: number(jffs2)?, squashfs: number(squashfs)? }),
            };
            table.insert(arch.to_owned(), (size, flash));
        }
        Ok(Self(table))
    }

    fn replace(&mut self, arch: &str, size: &Size, flash: &Flash) {
        self.0.insert(arch.to_owned(), (size.clone(), Some(flash.clone())));
    }

    fn is_said(&self, arch: &str, size: &Size) -> anyhow::Result<()> {
        // A line without images comes from older sources.
        let Some((said, Some(_))) = self.0.get(arch) else { return Ok(()) };
        for (what, said, is) in
            [("bytes", said.bytes, size.bytes), ("bytes packed", said.packed, size.packed)]
        {
            #[allow(clippy::cast_precision_loss, reason = "far from 2^52 bytes")]
            let growth = is as f64 / said as f64 - 1.0;
            ensure!(
                growth < LIMIT,
                "{arch} has grown by {:.1} %: {is} {what}, and cross/sizes.tsv says {said}. \
                 Make the change smaller, or say so: `cargo xtask cross {arch}` writes the table",
                growth * 100.0
            );
        }
        Ok(())
    }

    fn write(&self) -> anyhow::Result<()> {
        fs::write(path(), self.text()).context("cross/sizes.tsv")
    }

    fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        for (arch, (Size { bytes, packed }, flash)) in &self.0 {
            let flash = flash.as_ref().map_or_else(
                || "-\t-".to_owned(),
                |Flash { jffs2, squashfs }| format!("{jffs2}\t{squashfs}"),
            );
            // Writing into a `String` cannot fail.
            let _ = writeln!(text, "{arch}\t{bytes}\t{packed}\t{flash}");
        }
        text
    }
}

fn path() -> PathBuf {
    root().join("cross/sizes.tsv")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_table_is_one_that_is_written() {
        let sizes = Sizes::read().unwrap();
        assert_eq!(fs::read_to_string(path()).unwrap(), sizes.text());
        let known = crate::targets::all().unwrap();
        for arch in sizes.0.keys() {
            assert!(known.iter().any(|target| target.arch == *arch), "{arch}");
        }
    }

    #[test]
    fn a_line_replaces_the_one_of_its_architecture() {
        let mut sizes = Sizes::parse("x86_64\t5\t3\t4\t2\n").unwrap();
        sizes.replace("x86_64", &Size { bytes: 7, packed: 4 }, &Flash { jffs2: 6, squashfs: 3 });
        assert!(sizes.text().ends_with("\nx86_64\t7\t4\t6\t3\n"), "{}", sizes.text());
        assert!(Sizes::parse("x86_64\t5\t3\n").is_err());
        assert!(Sizes::parse("x86_64\tfive\t3\t4\t2\n").is_err());
    }

    #[test]
    fn growth_of_one_percent_has_to_be_said() {
        let sizes = Sizes::parse("x86_64\t1000\t500\t0\t0\n").unwrap();
        let said = |bytes, packed| sizes.is_said("x86_64", &Size { bytes, packed });
        for (bytes, packed) in [(1000, 500), (1009, 504), (900, 400)] {
            assert!(said(bytes, packed).is_ok(), "{bytes} {packed}");
        }
        for (bytes, packed) in [(1010, 500), (1000, 505), (900, 600)] {
            let error = said(bytes, packed).unwrap_err().to_string();
            assert!(error.contains("`cargo xtask cross x86_64`"), "{error}");
        }
        let older = Sizes::parse("x86_64\t1000\t500\t-\t-\n").unwrap();
        assert!(older.is_said("x86_64", &Size { bytes: 2000, packed: 900 }).is_ok());
        // A program that is not in the table yet.
        assert!(sizes.is_said("mips_24kc", &Size { bytes: 1, packed: 1 }).is_ok());
    }
}
