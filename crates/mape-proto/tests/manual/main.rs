//! The manual page: its section of commands is what `--help` prints, and `man` and `mandoc` accept
//! the page.
#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;
use std::process::Command;

mod roff;

/// What the program prints for these words.
fn said(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_mape-proto")).args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../files/linux/mape-proto.8"))
}

/// The page as plain text, without comments.
fn page() -> String {
    let text = std::fs::read_to_string(file()).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with(".\\\""));
    lines.fold(String::new(), |page, line| page + line + "\n").replace("\\-", "-")
}

/// What precedes and follows the section that the help texts are.
const BEGIN: &str = ".SH COMMANDS\n";
const END: &str = ".SH FILES\n";

/// The section of the commands, from the texts of `--help`. Commands with one text share a section.
fn commands_section() -> String {
    let help = said(&["--help"]);
    assert!(commands_of_the_program(&help).len() >= 11, "{help}");
    let mut section = String::from(
        ".\\\" The help texts, by `MAPE_BLESS=1 cargo test -p mape-proto --test manual`.\n",
    );
    let mut sections: Vec<(Vec<String>, String)> = Vec::new();
    for command in commands_of_the_program(&help) {
        let text = said(&[&command, "--help"]);
        match sections.iter_mut().find(|(_, known)| *known == text) {
            Some((commands, _)) => commands.push(command),
            None => sections.push((vec![command], text)),
        }
    }
    for (commands, text) in &sections {
        section.extend([".SS ", &commands.join(", "), "\n", &roff::section(text)]);
    }
    section
}

/// The file is written by `MAPE_BLESS=1 cargo test`.
#[test]
fn the_page_has_the_texts_of_help() {
    let text = std::fs::read_to_string(file()).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let page = [before, BEGIN, &commands_section(), END, after].concat();
    if std::env::var_os("MAPE_BLESS").is_some() {
        std::fs::write(file(), &page).unwrap();
    }
    assert!(page == std::fs::read_to_string(file()).unwrap(), "MAPE_BLESS=1 writes the page again");
}

/// What a program that reads manual pages says of ours, or `None` where it is not installed.
fn judged(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    let Ok(output) = command.args(arguments).arg(file()).env("MANWIDTH", "80").output() else {
        let is_ci = std::env::var_os("MAPE_CI").is_some();
        assert!(!is_ci, "{program} is not installed; MAPE_CI=1 wants it");
        println!("{program} is not installed, so it did not read the page");
        return None;
    };
    assert!(output.status.success(), "{program}: {}", output.status);
    Some(String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
}

#[test]
fn mandoc_accepts_the_page() {
    let Some(said) = judged("mandoc", &["-T", "lint", "-W", "warning"]) else { return };
    assert_eq!(said, "");
}

/// `man` renders each option, and no line is wider than the terminal.
#[test]
fn man_renders_the_page() {
    let Some(said) = judged("man", &["--warnings", "-E", "UTF-8", "-l"]) else { return };
    assert!(!said.contains("warning"), "{said}");
    for words in ["--dry-run", "--rule KEY=VALUE,...", "FILE is optional", "mape-proto plan --json"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    let wide: Vec<&str> = said.lines().filter(|line| line.chars().count() > 87).collect();
    assert!(wide.is_empty(), "{wide:#?}");
}

/// The first words of the lines in `--help` that begin with two spaces and a small letter; `up,
/// down` are two.
fn commands_of_the_program(help: &str) -> Vec<String> {
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let names = list.lines().filter_map(|line| {
        let rest = line.strip_prefix("  ")?;
        rest.starts_with(|letter: char| letter.is_ascii_lowercase()).then_some(rest)
    });
    let mut found = Vec::new();
    for line in names {
        for word in line.split_whitespace() {
            found.push(word.trim_end_matches(',').to_owned());
            if !word.ends_with(',') {
                break;
            }
        }
    }
    found
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
