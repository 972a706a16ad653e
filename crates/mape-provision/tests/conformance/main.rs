//! The conformance suite: every script of `tests/provision/machine` on a virtual clock.
//!
//! What a script may say stands in `tests/provision/README.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#![allow(clippy::indexing_slicing, reason = "a test: a key that is missing in a script shall fail")]

mod script;
mod soak;
mod wire;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

/// A file or folder of `tests/provision`.
fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/provision").join(name)
}

fn json(name: &str) -> Value {
    let path = data(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The names of a folder's JSON files, in order.
fn files(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(data(folder))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .map(|name| format!("{folder}/{name}"))
        .collect();
    names.sort();
    names
}

#[test]
fn every_script_plays_as_written() {
    let mut played = 0;
    for file in files("machine") {
        for case in json(&file).as_array().unwrap() {
            let name = case["name"].as_str().unwrap();
            script::play(case, &format!("{file}: {name}"));
            played += 1;
        }
    }
    assert!(played >= 80, "only {played} scripts were found");
}
