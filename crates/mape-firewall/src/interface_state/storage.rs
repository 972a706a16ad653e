//! The files of states: `IFACE.json`, and `IFACE.former` between a teardown and the next set-up.

use std::path::{Path, PathBuf};
use std::{fs, io};

use mape_nft::InterfaceName;
use mape_system::{files, json};

use super::{SCHEMA, State, StateError};

impl State {
    /// Writes `DIRECTORY/IFACE.json` in one step, so that no reader sees half of it.
    ///
    /// # Errors
    /// The error of the file system.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        let text = json::write(self) + "\n";
        files::write(&file(directory, &self.interface), &text)?;
        // The new file replaces `IFACE.former`.
        files::remove(&former(directory, &self.interface))
    }

    /// Removes the file of an interface, if there is one.
    ///
    /// # Errors
    /// The error of the file system, except that there is no such file.
    pub fn remove(directory: &Path, name: &InterfaceName) -> io::Result<()> {
        files::remove(&file(directory, name))
    }

    /// Renames the file of an interface that may come back to `IFACE.former`. Its next state is
    /// made [after](Self::after) the [last](Self::last) one.
    ///
    /// # Errors
    /// As [`Self::remove`].
    pub fn retire(directory: &Path, name: &InterfaceName) -> io::Result<()> {
        match fs::rename(file(directory, name), former(directory, name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Returns the state of an interface, or that in `IFACE.former`.
    #[must_use]
    pub fn last(directory: &Path, name: &InterfaceName) -> Option<Self> {
        Self::read(&file(directory, name)).or_else(|_| Self::read(&former(directory, name))).ok()
    }

    /// Removes `IFACE.former` of an interface that does not come back.
    pub fn forget(directory: &Path, name: &InterfaceName) {
        let _ = fs::remove_file(former(directory, name));
    }

    /// Reads a state file.
    ///
    /// # Errors
    /// [`StateError`] where it cannot be read or is not whole.
    pub fn read(path: &Path) -> Result<Self, StateError> {
        let text = files::text(path).map_err(|error| StateError(error.to_string().into()))?;
        let state: Self =
            json::read(&text).map_err(|error| StateError(error.to_string().into()))?;
        if !state.is_of_this_format() {
            return Err(StateError(format!("it has format {}, not {SCHEMA}", state.schema).into()));
        }
        Ok(state)
    }

    /// Whether the loader can open the interface with its file: it exists, is complete and has this
    /// format.
    #[must_use]
    pub fn is_usable(directory: &Path, name: &InterfaceName) -> bool {
        Self::read(&directory.join(format!("{name}.json")))
            .is_ok_and(|state| state.validate().is_ok())
    }
}

fn file(directory: &Path, name: impl std::fmt::Display) -> PathBuf {
    directory.join(format!("{name}.json"))
}

/// This is no name of a state file, so the loader ignores it.
fn former(directory: &Path, name: impl std::fmt::Display) -> PathBuf {
    directory.join(format!("{name}.former"))
}
