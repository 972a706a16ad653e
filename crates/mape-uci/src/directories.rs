//! Where the packages are: a router's own root directory, or a copy of one.

use std::io;
use std::path::{Path, PathBuf};

use mape_system::files;

use crate::error::UciError;
use crate::package::Package;

/// Where the packages are.
#[derive(Clone, Debug)]
pub struct Directories {
    root: PathBuf,
}

/// The directory of the packages, below the root.
pub const CONFIG: &str = "etc/config";
/// A package here replaces the one of the same name in [`CONFIG`].
const INSTEAD: &str = "var/run/uci";
/// The directory of uncommitted changes, below the root.
pub const CHANGES: &str = "tmp/.uci";

impl Directories {
    /// Those below this root directory.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Reads a package with its uncommitted changes; `None` where there is no such file.
    ///
    /// # Errors
    /// [`UciError`] where a file cannot be read or understood.
    pub fn read(&self, package: &str) -> Result<Option<Package>, UciError> {
        let text = match self.file(INSTEAD, package)? {
            None => self.file(CONFIG, package)?,
            text => text,
        };
        let Some(text) = text else {
            return Ok(None);
        };
        let mut package = Package::parse(package, &text)?;
        if let Some(changes) = self.changes(&package.name)? {
            package.change(&changes);
        }
        Ok(Some(package))
    }

    /// The uncommitted changes of a package, if there are any.
    ///
    /// # Errors
    /// [`UciError::Unreadable`]
    pub fn changes(&self, package: &str) -> Result<Option<String>, UciError> {
        Ok(self.file(CHANGES, package)?.filter(|text| !text.trim().is_empty()))
    }

    /// The text of a file that may be missing. Bytes that are not UTF-8 are replaced: they only
    /// occur in descriptions.
    fn file(&self, directory: &str, name: &str) -> Result<Option<String>, UciError> {
        let path = Path::new(directory).join(name);
        match files::below(&self.root, &path).and_then(files::bytes) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(UciError::unreadable(&self.root.join(path), &error)),
        }
    }
}
