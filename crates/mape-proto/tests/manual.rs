//! The manual page names the commands that the program has, with options that it takes.
#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::process::Command;

/// What the program prints for these words.
fn said(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_mape-proto")).args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The page as plain text, without requests of macros that stand alone.
fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../files/linux/mape-proto.8");
    std::fs::read_to_string(path).unwrap().replace("\\-", "-")
}

/// The words behind the marks of paragraphs in the section of the commands.
fn commands_of_the_page(page: &str) -> BTreeSet<String> {
    let (_, section) = page.split_once(".SH COMMANDS\n").unwrap();
    let (section, _) = section.split_once(".SH ").unwrap();
    let mut lines = section.lines();
    let mut found = BTreeSet::new();
    while lines.any(|line| line == ".TP") {
        found.extend(lines.next().unwrap().split_whitespace().nth(1).map(str::to_owned));
    }
    found
}

/// The first words of the lines in `--help` that begin with two spaces and a small letter; `up,
/// down` are two.
fn commands_of_the_program(help: &str) -> BTreeSet<String> {
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let names = list.lines().filter_map(|line| {
        let rest = line.strip_prefix("  ")?;
        rest.starts_with(|letter: char| letter.is_ascii_lowercase()).then_some(rest)
    });
    let mut found = BTreeSet::new();
    for line in names {
        for word in line.split_whitespace() {
            found.insert(word.trim_end_matches(',').to_owned());
            if !word.ends_with(',') {
                break;
            }
        }
    }
    found
}

#[test]
fn the_page_has_the_commands_of_the_program() {
    let program = commands_of_the_program(&said(&["--help"]));
    assert!(program.contains("down") && program.len() >= 11, "{program:?}");
    assert_eq!(commands_of_the_page(&page()), program);
}

#[test]
fn the_page_names_options_that_there_are() {
    let commands = commands_of_the_program(&said(&["--help"]));
    let mut help = said(&["--help"]);
    for command in &commands {
        help.push_str(&said(&[command, "--help"]));
    }
    let page = page();
    // `--now` is an option of systemctl.
    for word in page.split(|letter: char| !(letter.is_ascii_lowercase() || letter == '-')) {
        if word.starts_with("--") && word.len() > 2 && word != "--now" {
            assert!(help.contains(word), "{word}");
        }
    }
}

#[test]
fn the_page_has_the_exit_statuses_of_the_program() {
    let help = said(&["--help"]);
    let (_, statuses) = help.split_once("Exit status: ").unwrap();
    assert!(page().contains(statuses.trim()), "{statuses}");
}
