//! The state files of all interfaces.

use mape_core::IntoVec as _;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use mape_system::files;

use crate::env::Env;
use crate::interface_state::State;

/// Returns the valid states by interface.
#[must_use]
pub fn states(directory: &Path) -> Vec<(String, State)> {
    let named = |path: PathBuf| {
        let name = path.file_stem()?.to_str()?.to_owned();
        Some((name, State::read(&path).ok()?))
    };
    state_files(directory).into_iter().filter_map(named).into_vec()
}

/// Returns the paths of all state files, in order.
pub(crate) fn state_files(directory: &Path) -> Vec<PathBuf> {
    let mut paths = files::paths(directory);
    paths.retain(|path| path.extension() == Some(OsStr::new("json")));
    paths
}

/// Returns the device's index. It is never 0, and the kernel does not use it for a later device.
#[must_use]
pub fn device_index(env: &Env, device: &str) -> Option<u32> {
    let text = fs::read_to_string(env.devices.join(device).join("ifindex")).ok()?;
    text.trim().parse().ok().filter(|index| *index != 0)
}
