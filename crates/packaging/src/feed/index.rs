//! The index of a feed for opkg: `Packages`, and the same compressed.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use super::ipk::Package;
use host_tools::steps::run;

/// Writes `Packages` and `Packages.gz` for `packages`. Returns the text, which is signed.
///
/// # Errors
///
/// A file cannot be written, or `gzip` fails.
pub(super) fn write(packages: &[&Package], directory: &Path) -> anyhow::Result<String> {
    let text = text(packages)?;
    let file = directory.join("Packages");
    fs::write(&file, &text)?;
    run(Command::new("gzip").args(["-9", "--no-name", "--keep", "--force"]).arg(file))?;
    Ok(text)
}

/// Returns the fields of every package, in the order of the file names.
fn text(packages: &[&Package]) -> anyhow::Result<String> {
    let mut sorted = packages.to_vec();
    sorted.sort_by(|one, other| one.file_name.cmp(&other.file_name));
    let mut text = String::new();
    for package in sorted {
        let parts = package.control.split_once("Description:");
        let (fields, description) = parts.context("a package without description")?;
        let (name, sum) = (&package.file_name, hex(&Sha256::digest(&package.bytes)));
        // Writing into a `String` cannot fail.
        let _ = writeln!(
            text,
            "{fields}Filename: {name}\nSize: {}\nSHA256sum: {sum}\nDescription:{description}",
            package.bytes.len()
        );
    }
    Ok(text)
}

/// Formats bytes in hexadecimal, as in checksum files.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing into a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
