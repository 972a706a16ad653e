//! The directory of a machine made of scripts: their answers, and the changes they were called for.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// Goes with its directory.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Takes over a directory.
    pub(crate) fn of(directory: PathBuf) -> Self {
        Self(directory)
    }

    /// The changes that the scripts have written into `ran` since the last call.
    ///
    /// # Panics
    /// It cannot be removed.
    pub(crate) fn ran(&self) -> String {
        let file = self.join("ran");
        let Ok(text) = fs::read_to_string(&file) else { return String::new() };
        fs::remove_file(file).unwrap();
        text
    }
}

impl Deref for Scratch {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
