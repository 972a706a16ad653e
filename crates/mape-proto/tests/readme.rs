//! The README's examples print what it says they print.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fs;
use std::path::Path;

/// The commands that need more than this program; `cargo xtask` runs this very test.
const ELSEWHERE: [&str; 3] =
    ["cargo xtask demo", "cargo xtask test", "cargo xtask package mipsel_24kc"];

/// Command and expected text of every `console` block.
fn examples(file: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    let text = fs::read_to_string(path).unwrap();
    let blocks = text.split("```console\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    let pairs = blocks.map(|block| block.split_once('\n').unwrap());
    pairs.map(|(command, printed)| (command.to_owned(), printed.to_owned())).collect()
}

fn run(command: &str) -> Option<String> {
    let command = command.strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {command}"));
    if ELSEWHERE.contains(&command) {
        return None;
    }
    let arguments = command
        .strip_prefix("cargo run --quiet --package mape-proto -- ")
        .unwrap_or_else(|| panic!("not tested anywhere: {command}"));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    mape_proto::run(arguments.split(' ').map(Into::into), &mut out, &mut err);
    Some(String::from_utf8(if out.is_empty() { err } else { out }).unwrap())
}

#[test]
fn every_example_is_true() {
    for (file, count) in [("README.md", 4), ("README.ja.md", 3), ("docs/install.md", 1)] {
        let examples = examples(file);
        assert_eq!(examples.len(), count, "{file}");
        for (command, expected) in examples {
            // An example may leave its output out.
            let Some(printed) = run(&command) else { continue };
            assert!(expected.is_empty() || printed == expected, "{file}: {command}\n{printed}");
            assert!(!printed.is_empty());
        }
    }
}
