//! Replays the fuzzing seeds and every input that ever broke a parser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]
#![allow(
    clippy::cast_possible_truncation,
    unreachable_pub,
    reason = "shared with the fuzz targets"
)]

#[path = "../../../tests/fuzz/checks.rs"]
mod checks;

use std::fs;
use std::path::Path;

/// Runs the check on the files of both folders and returns how many there were.
fn replay<T>(target: &str, check: impl Fn(&str) -> Option<T>) -> usize {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let folders = ["fuzz/seeds", "crashers"].map(|folder| tests.join(folder).join(target));
    let files = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let mut count = 0;
    for file in files {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        check(&String::from_utf8_lossy(&bytes));
        count += 1;
    }
    count
}

#[test]
fn no_input_breaks_a_parser() {
    assert!(replay("prefix", checks::prefix) >= 5);
    assert!(replay("rule", checks::rule) >= 3);
    assert!(replay("map_rules", checks::map_rules) >= 2);
    assert!(replay("rule_file", checks::rule_file) >= 2);
    assert!(replay("port_list", checks::port_list) >= 3);
}
