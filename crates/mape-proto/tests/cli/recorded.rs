//! A recorded line in use, for `status`, `ports` and `doctor`.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// A copy of a recorded line, since looking writes peaks.
pub(super) struct Line(pub(super) PathBuf);

impl Line {
    pub(super) fn new(test: &str) -> Self {
        let copy = std::env::temp_dir().join(format!("mape-status-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&copy);
        copy_directory(&vectors("v6plus"), &copy);
        Self(copy)
    }

    pub(super) fn arguments(&self, words: &str) -> Vec<String> {
        let places = [
            ("state-dir", "state"),
            ("device-dir", "sys"),
            ("proc-dir", "proc"),
            ("recorded", "recorded"),
            ("ubus-socket", "ubus.sock"),
        ];
        let places =
            places.map(|(option, place)| format!("--{option}={}", self.0.join(place).display()));
        words.split_whitespace().map(str::to_owned).chain(places).collect()
    }

    pub(super) fn call(&self, words: &str) -> Called {
        call(&self.arguments(words))
    }

    /// The first interface of a valid answer.
    pub(super) fn status(&self) -> (ExitStatus, Value) {
        let called = self.call("status --json");
        assert_valid(&schema("status"), &called.json());
        (called.status, called.json()["interfaces"][0].clone())
    }

    /// With the record of rules that publish something: `game` or `web`.
    pub(super) fn publish(&self, what: &str) {
        copy_directory(&self.0.join("servers").join(what), &self.0.join("recorded"));
    }

    pub(super) fn remove(&self, file: &str) {
        fs::remove_file(self.0.join(file)).unwrap();
    }

    pub(super) fn write(&self, file: &str, content: &str) {
        fs::write(self.0.join(file), content).unwrap();
    }

    /// Changes the interface in netifd's answer.
    pub(super) fn netifd(&self, change: impl Fn(&mut Value)) {
        let file = self.0.join("recorded/netifd.json");
        let mut dump: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        change(&mut dump["interface"][1]);
        fs::write(file, dump.to_string()).unwrap();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn vectors(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/status").join(name)
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
