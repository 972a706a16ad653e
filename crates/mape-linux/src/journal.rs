//! Records what a line adds to this machine outside its own device, before it is added.
//!
//! A call can be killed at any moment. The next call finds here what may have to be removed, and
//! reads from the machine whether it exists. Tunnel and address need no entry: they go with the
//! device, whose name is ours. Routes do, because another program may have added some.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mape_nft::InterfaceName;
use mape_system::files;
use serde::{Deserialize, Serialize};

use crate::desired::{DesiredLine, OwnedAddress};
use crate::error::LinuxError;
use crate::spec::{InputChain, RouteOption};

const SCHEMA: u8 = 1;
/// Not `json`: the loader reads those files as states of interfaces.
const EXTENSION: &str = "linux";

/// The journal of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    schema: u8,
    /// The configuration that the line came from last.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// The line that was brought up last, complete or not.
    pub line: Option<DesiredLine>,
    /// Whose rule the line was made from, by the name of [`mape_provision::Source`].
    #[serde(default)]
    pub rule_source: Option<String>,
    /// CE addresses that were added, or were about to be added.
    pub owned: Vec<OwnedAddress>,
    /// Tables and metrics of default routes that were added, or were about to be added.
    #[serde(default)]
    pub routes: Vec<RouteOption>,
    /// Fingerprint, without the password, of the last update to the provider of a fixed-IPv4
    /// contract.
    #[serde(default)]
    pub update_sent: Option<String>,
    /// Why the last update failed, and the next step.
    #[serde(default)]
    pub update_failure: Option<(String, String)>,
    /// Chains of the host's firewall that were extended, or were about to be extended.
    pub chains: Vec<InputChain>,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            file: None,
            line: None,
            rule_source: None,
            owned: Vec::new(),
            routes: Vec::new(),
            chains: Vec::new(),
            update_sent: None,
            update_failure: None,
        }
    }
}

impl Journal {
    /// Returns the journal; an empty one if it cannot be read.
    pub fn read(directory: &Path, name: &InterfaceName) -> Self {
        let text = files::text(path(directory, name)).unwrap_or_default();
        let journal: Option<Self> = serde_json::from_str(&text).ok();
        journal.filter(|journal| journal.schema == SCHEMA).unwrap_or_default()
    }

    /// Returns the lines that came from this configuration, ordered by name.
    pub fn lines_from(directory: &Path, file: &Path) -> Vec<InterfaceName> {
        let mut lines = Self::lines(directory);
        lines.retain(|name| Self::read(directory, name).file.as_deref() == Some(file));
        lines
    }

    /// Returns the line with this tunnel device, and its configuration.
    pub fn with_device(directory: &Path, device: &str) -> Option<(InterfaceName, Option<PathBuf>)> {
        Self::lines(directory).into_iter().find_map(|name| {
            let journal = Self::read(directory, &name);
            (journal.line?.device == device).then_some((name, journal.file))
        })
    }

    /// Returns the lines that have a journal, ordered by name.
    fn lines(directory: &Path) -> Vec<InterfaceName> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let name = |path: PathBuf| {
            path.extension().filter(|extension| *extension == EXTENSION)?;
            path.file_stem()?.to_str()?.parse().ok()
        };
        let mut lines: Vec<InterfaceName> =
            entries.filter_map(|entry| name(entry.path())).collect();
        lines.sort_unstable();
        lines
    }

    /// Writes the journal atomically.
    pub fn write(&self, directory: &Path, name: &InterfaceName) -> Result<(), LinuxError> {
        let path = path(directory, name);
        let text = serde_json::to_string(self).map_err(io::Error::from);
        let written = text.and_then(|text| files::write(&path, &(text + "\n")));
        written.map(drop).map_err(|error| failed(&path, error))
    }

    /// Removes the journal, and unfinished files of killed calls.
    pub fn remove(directory: &Path, name: &InterfaceName) -> Result<(), LinuxError> {
        let path = path(directory, name);
        let unfinished = |what: &str| directory.join(format!("{name}.{what}.new"));
        for file in [unfinished(EXTENSION), unfinished("json"), path] {
            files::remove(&file).map_err(|error| failed(&file, error))?;
        }
        Ok(())
    }
}

pub(super) fn failed(path: &Path, error: io::Error) -> LinuxError {
    LinuxError::File { file: path.to_string_lossy().into_owned(), error }
}

pub(super) fn path(directory: &Path, name: &InterfaceName) -> PathBuf {
    directory.join(format!("{name}.{EXTENSION}"))
}
