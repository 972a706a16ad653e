//! What was loaded last for an interface: `IFACE.loaded`, beside its state file.
//!
//! A cache and never a proof. If nft refuses newer rules, the loader tries these once more. Without
//! the file it cannot.

use std::fs;
use std::path::{Path, PathBuf};

use mape_system::files;
use serde::{Deserialize, Serialize};

use crate::interface_state::State;

/// The content of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The index of the device that the rules were bound to.
    pub(super) index: u32,
    pub(super) state: State,
}

impl Record {
    pub(super) fn read(directory: &Path, interface: &str) -> Option<Self> {
        let text = files::text(path(directory, interface)).ok()?;
        let record: Self = mape_system::json::read(&text).ok()?;
        (record.state.is_of_this_format() && record.state.interface() == interface)
            .then_some(record)
    }

    /// Writes the file. If that fails, the older file is removed, because its rules could open a
    /// port forward that was withdrawn since.
    pub(super) fn write(&self, directory: &Path, interface: &str) {
        let text = serde_json::to_string(self).map_err(std::io::Error::from);
        if text.and_then(|text| files::write(&path(directory, interface), &(text + "\n"))).is_err()
        {
            Self::remove(directory, interface);
        }
    }

    pub(super) fn remove(directory: &Path, interface: &str) {
        let _ = fs::remove_file(path(directory, interface));
    }

    /// Removes the records of all interfaces that are not `known`.
    pub(super) fn remove_others(directory: &Path, known: impl Fn(&str) -> bool) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            if path.extension().is_some_and(|it| it == "loaded") && !known(&name) {
                let _ = fs::remove_file(&path);
            }
        }
    }
}

fn path(directory: &Path, interface: &str) -> PathBuf {
    directory.join(format!("{interface}.loaded"))
}
