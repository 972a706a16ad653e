//! What was loaded last for an interface: `IFACE.loaded`, beside its state file.
//!
//! A cache and never a proof. If nft refuses newer rules, the loader tries these once more. Without
//! the file it cannot.

use std::fs;
use std::path::{Path, PathBuf};

use mape_system::{files, json, record};

use crate::interface_state::State;

record! {
    /// The content of the file.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(super) struct Record {
        /// The index of the device that the rules were bound to.
        pub(super) index: u32 = required,
        pub(super) state: State = required,
    }
}

impl Record {
    pub(super) fn read(directory: &Path, interface: &str) -> Option<Self> {
        let text = files::text(path(directory, interface)).ok()?;
        let record: Self = json::read(&text).ok()?;
        (record.state.is_of_this_format() && record.state.interface() == interface)
            .then_some(record)
    }

    /// Writes the file. If that fails, the older file is removed, because its rules could open a
    /// port forward that was withdrawn since.
    pub(super) fn write(&self, directory: &Path, interface: &str) {
        let text = json::write(self) + "\n";
        if files::write(&path(directory, interface), &text).is_err() {
            Self::remove(directory, interface);
        }
    }

    pub(super) fn remove(directory: &Path, interface: &str) {
        let _ = fs::remove_file(path(directory, interface));
    }

    /// Removes the records of all interfaces that are not `known`.
    pub(super) fn remove_others(directory: &Path, known: impl Fn(&str) -> bool) {
        for path in files::paths(directory) {
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
