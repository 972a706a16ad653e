//! The table of sizes, written by `cargo xtask cross` and committed: growth is seen in review.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::steps::{output, root};

const HEAD: &str = "\
# mape-proto as shipped: bytes on the router, and packed (gzip -9). Written by `cargo xtask cross`.
# arch\tbytes\tpacked
";

/// Of one program, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) bytes: u64,
    /// By `gzip -9`, as in a package.
    pub(crate) packed: u64,
}

impl Size {
    /// # Errors
    ///
    /// There is no such file, or no gzip.
    pub(crate) fn of(program: &Path) -> anyhow::Result<Self> {
        let mut gzip = std::process::Command::new("sh");
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

/// Replaces one line of the committed table. It is read anew each time: a build takes minutes, and
/// others may have written theirs.
///
/// # Errors
///
/// The table cannot be read or written.
pub(crate) fn record(arch: &str, size: &Size) -> anyhow::Result<()> {
    let mut sizes = Sizes::read()?;
    sizes.replace(arch, size);
    sizes.write()
}

/// The table.
struct Sizes(BTreeMap<String, Size>);

impl Sizes {
    fn read() -> anyhow::Result<Self> {
        Self::parse(&fs::read_to_string(path())?)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut table = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let columns: Vec<&str> = line.split('\t').collect();
            let &[arch, bytes, packed] = columns.as_slice() else {
                bail!("cross/sizes.tsv: not three columns: {line}");
            };
            let number = |text: &str| text.parse().with_context(|| format!("no number: {text}"));
            table.insert(arch.to_owned(), Size { bytes: number(bytes)?, packed: number(packed)? });
        }
        Ok(Self(table))
    }

    fn replace(&mut self, arch: &str, size: &Size) {
        self.0.insert(arch.to_owned(), size.clone());
    }

    fn write(&self) -> anyhow::Result<()> {
        fs::write(path(), self.text()).context("cross/sizes.tsv")
    }

    fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        for (arch, Size { bytes, packed }) in &self.0 {
            // Writing into a `String` cannot fail.
            let _ = writeln!(text, "{arch}\t{bytes}\t{packed}");
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
        let known = crate::cross::targets::all().unwrap();
        for arch in sizes.0.keys() {
            assert!(known.iter().any(|target| target.arch == *arch), "{arch}");
        }
    }

    #[test]
    fn a_line_replaces_the_one_of_its_architecture() {
        let mut sizes = Sizes::parse("x86_64\t5\t3\n").unwrap();
        sizes.replace("x86_64", &Size { bytes: 7, packed: 4 });
        assert!(sizes.text().ends_with("\nx86_64\t7\t4\n"), "{}", sizes.text());
        assert!(Sizes::parse("x86_64\t5\n").is_err());
        assert!(Sizes::parse("x86_64\tfive\t3\n").is_err());
    }
}
