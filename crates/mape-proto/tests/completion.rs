//! The completion scripts: the files that packages install are what the program prints, and real
//! shells complete with them.
#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;
use std::process::Command;

/// The shells, with the file that packages install.
const SHELLS: &[(&str, &str)] =
    &[("bash", "mape-proto.bash"), ("fish", "mape-proto.fish"), ("zsh", "_mape-proto")];

fn file(name: &str) -> PathBuf {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../files/linux/completion");
    PathBuf::from(directory).join(name)
}

fn script(shell: &str) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_mape-proto"));
    let output = program.args(["completion", shell]).output().unwrap();
    assert!(output.status.success(), "{shell}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The files are written by `MAPE_BLESS=1 cargo test`.
#[test]
fn the_files_are_what_the_program_prints() {
    for (shell, name) in SHELLS {
        let (file, script) = (file(name), script(shell));
        if std::env::var_os("MAPE_BLESS").is_some() {
            std::fs::write(&file, &script).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), script, "{shell}");
    }
}

/// What bash offers for the last of these words.
fn bash_offers(words: &[&str]) -> Vec<String> {
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-euc"]);
    bash.arg(
        "file=$1; shift; complete() { :; }; . \"$file\"; COMP_WORDS=(\"$@\"); \
         COMP_CWORD=$(($# - 1)); _mape_proto; printf '%s\\n' \"${COMPREPLY[@]}\"",
    );
    let output = bash.arg("bash").arg(file("mape-proto.bash")).args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn bash_completes() {
    assert_eq!(bash_offers(&["mape-proto", "st"]), ["status"]);
    assert_eq!(bash_offers(&["mape-proto", "status", "--j"]), ["--json"]);
    assert_eq!(bash_offers(&["mape-proto", "forward", "add", "--po"]), ["--port"]);
    assert_eq!(bash_offers(&["mape-proto", "forward", "re"]), ["remove"]);
    assert_eq!(bash_offers(&["mape-proto", "plan", "--provider", "v"]), ["v6plus"]);
    assert_eq!(bash_offers(&["mape-proto", "up", "--dry"]), ["--dry-run"]);
    assert!(bash_offers(&["mape-proto", "down", "--dry"]).is_empty());
    assert!(bash_offers(&["mape-proto", "status", "--apply"]).is_empty());
    // bash itself offers the files then.
    assert!(bash_offers(&["mape-proto", "plan", "--rules", "x"]).is_empty());
}

/// Every command is offered, and every option that its help describes.
#[test]
fn nothing_is_missing() {
    let all = bash_offers(&["mape-proto", ""]);
    for command in all.iter().filter(|word| !word.starts_with('-')) {
        let output =
            Command::new(env!("CARGO_BIN_EXE_mape-proto")).args([command, "--help"]).output();
        let help = String::from_utf8(output.unwrap().stdout).unwrap();
        // On plain Linux five commands share one text, which does not say whose an option is.
        if help.starts_with("Usage: mape-proto up ") {
            continue;
        }
        let offers = bash_offers(&["mape-proto", command, "--"]);
        for line in help.lines().filter_map(|line| line.trim_start().strip_prefix("--")) {
            let Some((option, _)) = line.split_once([' ', ',']) else { continue };
            assert!(offers.contains(&format!("--{option}")), "{command}: --{option}");
        }
    }
    assert!(all.len() > 12, "{all:?}");
}

/// What a shell prints for a script, or `None` where it is not installed.
fn shell(name: &str, arguments: &[&str]) -> Option<String> {
    let Ok(output) = Command::new(name).args(arguments).output() else {
        let is_ci = std::env::var_os("MAPE_CI").is_some();
        assert!(!is_ci, "{name} is not installed; MAPE_CI=1 wants it");
        println!("{name} is not installed, so its script was not read");
        return None;
    };
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn fish_completes() {
    let commands = "source $argv[1]; complete -C 'mape-proto st'; \
                    complete -C 'mape-proto plan --provider v'; complete -C 'mape-proto forward re'";
    let path = file("mape-proto.fish");
    let offers = shell("fish", &["--no-config", "-c", commands, path.to_str().unwrap()]);
    let Some(offers) = offers else { return };
    assert_eq!(offers, "status\tshow interface state, address and port usage\nv6plus\nremove\n");
}

/// `compinit` finds the file by its first line, and `source` registers it too.
#[test]
fn zsh_completes() {
    let commands = "fpath=(${1:h} $fpath); autoload -Uz compinit; compinit -u -D; \
                    echo ${_comps[mape-proto]}; source $1; echo ${_comps[mape-proto]}";
    let path = file("_mape-proto");
    let found = shell("zsh", &["-fc", commands, "zsh", path.to_str().unwrap()]);
    let Some(found) = found else { return };
    assert_eq!(found, "_mape-proto\n_mape-proto\n");
    // `compadd` gets what is offered; zsh itself takes of that what begins with the last word.
    let commands = "compdef() { :; }; source $1; compadd() { print -r -- ${(P)2}; }; \
                    for words in 'mape-proto status --' 'mape-proto plan --provider x'; do \
                    words=(${=words}); CURRENT=${#words}; _mape-proto; done";
    let offers = shell("zsh", &["-fc", commands, "zsh", path.to_str().unwrap()]).unwrap();
    assert_eq!(offers, "--config --history --json\nauto v6plus ocn biglobe nuro manual\n");
}

/// A router's shell completes names of files alone, so there is no script for it, and the program
/// names the shells that have one.
#[test]
fn ash_has_none() {
    let known = "for word in complete compgen compdef compadd; do type $word; done 2>&1; echo end";
    let Some(words) = shell("busybox", &["ash", "-c", known]) else { return };
    assert_eq!(words.matches("not found").count(), 4, "{words}");
    let mut program = Command::new(env!("CARGO_BIN_EXE_mape-proto"));
    let output = program.args(["completion", "ash"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bash, fish and zsh have one"));
}
