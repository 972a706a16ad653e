//! Replays the fuzzing seeds and every input that ever broke a parser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::panic,
    dead_code,
    unreachable_pub,
    reason = "shared with the fuzz targets"
)]

#[path = "../../../tests/fuzz/provision_checks.rs"]
mod network;

use std::fs;
use std::path::Path;

/// Runs the check on the files of both folders and returns how many of them were understood.
fn replay<T>(target: &str, check: impl Fn(&str) -> Option<T>) -> usize {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let folders = ["fuzz/seeds", "crashers"].map(|folder| tests.join(folder).join(target));
    let files = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let contents = files.map(|file| fs::read(file.unwrap().path()).unwrap());
    contents.filter(|bytes| check(&String::from_utf8_lossy(bytes)).is_some()).count()
}

#[test]
fn no_input_breaks_a_parser() {
    assert!(replay("txt", network::txt) >= 3);
    assert!(replay("hb46pp", network::hb46pp) >= 4);
    assert!(replay("get_rules", network::get_rules) >= 2);
    assert!(replay("basic_map_rules", network::basic_map_rules) >= 3);
    assert!(replay("redirect", network::redirect) >= 3);
}
