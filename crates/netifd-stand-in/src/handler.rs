//! Shell protocol handlers: the descriptions that netifd reads when it starts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::config::Kind;
use crate::process;

/// The contents of a protocol's `dump`.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "netifd's own flags")]
pub(crate) struct Handler {
    /// The file, relative to the directory of all handlers, which is also its working directory.
    pub(crate) script: String,
    pub(crate) directory: PathBuf,
    pub(crate) options: Vec<(String, Kind)>,
    /// The handler may end without a message, and has no process to watch.
    pub(crate) no_proto_task: bool,
    /// Its interfaces do not use the section's device.
    pub(crate) no_device: bool,
    /// They can be set up without a device.
    pub(crate) available: bool,
    pub(crate) renew: bool,
    /// Errors stay after the next setup; only the last one is kept.
    pub(crate) last_error: bool,
}

/// Runs `dump` of every executable script in the directory. If a script fails or prints invalid
/// JSON, only its protocols are missing.
pub(crate) fn load(directory: &Path) -> BTreeMap<String, Handler> {
    let mut handlers = BTreeMap::new();
    for script in
        process::scripts(directory, |name| Path::new(name).extension() == Some("sh".as_ref()))
    {
        let output = Command::new("sh")
            .args(["-c", &format!("./{script} '' dump")])
            .current_dir(directory)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        for line in text.unwrap_or_default().lines() {
            match parse(line, directory, &script) {
                Some((name, handler)) => drop(handlers.insert(name, handler)),
                None => eprintln!("netifd: {script}: not a protocol: {line}"),
            }
        }
    }
    handlers
}

fn parse(line: &str, directory: &Path, script: &str) -> Option<(String, Handler)> {
    let dump: Value = line.parse().ok()?;
    let flag = |name: &str| dump.get(name).and_then(Value::as_bool).unwrap_or(false);
    let option = |pair: &Value| {
        let kind = Kind::new(pair.get(1)?.as_i64()?)?;
        // In `NAME:CHECK`, the second part is for LuCI and uci.
        let name = pair.get(0)?.as_str()?.split(':').next()?;
        Some((name.to_owned(), kind))
    };
    let options = dump.get("config").and_then(Value::as_array).into_iter().flatten();
    let handler = Handler {
        script: format!("./{script}"),
        directory: directory.to_owned(),
        options: options.filter_map(option).collect(),
        no_proto_task: flag("no-proto-task"),
        no_device: flag("no-device"),
        available: flag("available"),
        renew: flag("renew-handler"),
        last_error: flag("lasterror"),
    };
    Some((dump.get("name")?.as_str()?.to_owned(), handler))
}
