//! Makes and reads the two key pairs of a feed: `cargo xtask keys --out DIR`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};

use super::index::hex;
use super::{signing, usign};
use host_tools::tools::cache_directory;

/// The public key that signs indexes for opkg, as a feed has it.
pub(super) const USIGN_PUBLIC: &str = "mape-rs.pub";
/// The public key that signs indexes and packages for apk, as a feed has it.
pub(super) const APK_PUBLIC: &str = "mape-rs.pem";
const USIGN_SECRET: &str = "mape-rs-usign.sec";
const APK_SECRET: &str = "mape-rs-apk.sec";

/// `cargo xtask keys --out DIR`: makes both pairs and prints the digests of the public halves.
///
/// # Errors
///
/// A key exists already, or a file cannot be written.
pub fn command(words: &[&str]) -> anyhow::Result<()> {
    let ["--out", directory] = words else {
        bail!("`cargo xtask keys --out DIR` makes the keys of a feed; it knows no {words:?}");
    };
    let directory = Path::new(directory);
    fs::create_dir_all(directory)?;
    let (opkg, apk) = (usign::Key::generate()?, signing::Key::generate()?);
    keep(&directory.join(USIGN_SECRET), &opkg.to_text(), 0o600)?;
    keep(&directory.join(APK_SECRET), &apk.to_pem()?, 0o600)?;
    for (name, text) in [(USIGN_PUBLIC, opkg.public_text()), (APK_PUBLIC, apk.public_pem()?)] {
        keep(&directory.join(name), &text, 0o644)?;
        println!("{}  {name}", hex(&Sha256::digest(&text)));
    }
    println!(
        "secret, keep them out of the repository: {USIGN_SECRET}, {APK_SECRET} in {}",
        directory.display()
    );
    Ok(())
}

/// Reads the secret key of apk.
///
/// # Errors
///
/// The file does not exist, or holds no such key.
pub(super) fn read(path: &Path) -> anyhow::Result<signing::Key> {
    text(path).and_then(|text| signing::Key::from_pem(&text)).with_context(|| place(path))
}

/// Reads the secret key of usign.
///
/// # Errors
///
/// The file does not exist, or holds no such key.
pub(super) fn read_usign(path: &Path) -> anyhow::Result<usign::Key> {
    text(path).and_then(|text| usign::Key::from_text(&text)).with_context(|| place(path))
}

/// Returns the key of this clone, which signs packages that are not for a feed. It is made at first
/// use.
///
/// # Errors
///
/// The file cannot be written, or holds no key.
pub(super) fn own() -> anyhow::Result<signing::Key> {
    let path = cache_directory().join("keys").join(APK_SECRET);
    if !path.exists() {
        fs::create_dir_all(path.parent().context("a file without directory")?)?;
        keep(&path, &signing::Key::generate()?.to_pem()?, 0o600)?;
    }
    read(&path)
}

fn text(path: &Path) -> anyhow::Result<String> {
    Ok(fs::read_to_string(path)?)
}

fn place(path: &Path) -> String {
    path.display().to_string()
}

/// Writes a new file, and never replaces an existing key.
fn keep(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(path);
    let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
    Ok(file.write_all(text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_read_back() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = std::env::temp_dir().join(format!("mape-keys-{}", std::process::id()));
        let words = ["--out", directory.to_str().unwrap()];
        command(&words).unwrap();
        let (secret, other) = (directory.join(USIGN_SECRET), directory.join(APK_SECRET));
        for path in [&secret, &other] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let public = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
        assert_eq!(read_usign(&secret).unwrap().public_text(), public(USIGN_PUBLIC));
        assert_eq!(read(&other).unwrap().public_pem().unwrap(), public(APK_PUBLIC));
        let error = format!("{:#}", command(&words).unwrap_err());
        assert!(error.contains("cannot make") && error.contains(USIGN_SECRET), "{error}");
        // A key of the other kind.
        let error = format!("{:#}", read(&secret).map(|_| ()).unwrap_err());
        assert!(error.contains(USIGN_SECRET) && error.contains("P-256"), "{error}");
        fs::remove_dir_all(directory).unwrap();
    }
}
