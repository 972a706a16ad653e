//! `mape-proto completion`: a script that completes commands, options and values in a shell.
//!
//! Commands and options come from the texts of `--help`, so a new option is completed without
//! further work. Builds for OpenWrt have no such command: their shell cannot complete.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use mape_core::{Failure, IntoVec as _, Quoted};

use super::arguments::{Argument, Arguments, UsageError};
use super::help;

/// Options whose value is one of a few words, with these words.
const VALUES: &[(&str, &str)] = &[
    ("--color", "auto always never"),
    ("--edge", "auto netdev postrouting plain"),
    ("--layout", "draft03 rfc7597"),
    ("--proto", "tcp udp tcp,udp"),
    ("--provider", "auto v6plus ocn biglobe nuro manual"),
];

/// Options whose value is a file or a directory.
const FILES: &[&str] = &["--ca", "--config", "--dir", "--root", "--rules"];

/// Commands whose first argument is one of a few words, with these words.
const WORDS: &[(&str, &str)] = &[("completion", "bash fish zsh"), ("forward", "add list remove")];

/// Answers `completion SHELL` with the script.
pub(super) fn answer(arguments: &mut Arguments) -> Result<String, Failure> {
    let script = match arguments.next()? {
        Some(Argument::Plain(shell)) => match shell.as_str() {
            "bash" => bash(),
            "fish" => fish(),
            "zsh" => zsh(),
            _ => return Err(UsageError::Shell(Quoted::new(&shell)).into()),
        },
        Some(Argument::Option(name)) if name == "help" => help::COMPLETION.to_owned(),
        Some(Argument::Option(name)) => return Err(UsageError::option(&name).into()),
        None => return Err(UsageError::NoWord.into()),
    };
    arguments.end()?;
    Ok(script)
}

/// The options that a help text names, sorted. What it says in backquotes is another command's.
fn options(help: &str) -> BTreeSet<&str> {
    let is_of_a_name = |letter: char| letter.is_ascii_lowercase() || letter == '-';
    let own = help.split('`').step_by(2);
    let words = own.flat_map(|part| part.split(|letter| !is_of_a_name(letter)));
    words.filter(|word| word.len() > 2 && word.starts_with("--")).collect()
}

/// The words that may follow a command: its options and, for some commands, a first argument.
fn offers(command: &str) -> String {
    let text = help::of(command);
    let mut words: Vec<&str> = options(&text).into_iter().into_vec();
    words.extend(WORDS.iter().filter(|(word, _)| *word == command).map(|(_, words)| words));
    words.join(" ")
}

fn bash() -> String {
    let all = help::program();
    let names: Vec<&str> = help::commands(&all).into_iter().map(|(name, _)| name).into_vec();
    let mut script = String::from(
        "# bash completion for mape-proto\n_mape_proto() {\n    local offers=\n    \
         case ${COMP_WORDS[COMP_CWORD-1]} in\n",
    );
    for (option, values) in VALUES {
        let _ = writeln!(script, "    {option}) offers='{values}' ;;");
    }
    let _ = writeln!(script, "    {})\n        COMPREPLY=()\n        return ;;", FILES.join("|"));
    script.push_str("    *)\n        case $COMP_CWORD:${COMP_WORDS[1]} in\n");
    let _ = writeln!(script, "        1:*) offers='{} --help --version' ;;", names.join(" "));
    for name in &names {
        let _ = writeln!(script, "        *:{name}) offers='{}' ;;", offers(name));
    }
    script.push_str(
        "        esac ;;\n    esac\n    \
         mapfile -t COMPREPLY < <(compgen -W \"$offers\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n}\n\
         complete -o default -F _mape_proto mape-proto\n",
    );
    script
}

fn zsh() -> String {
    let all = help::program();
    let mut script = String::from(
        "#compdef mape-proto\n_mape-proto() {\n    local -a offers\n    \
         case ${words[CURRENT-1]} in\n",
    );
    for (option, values) in VALUES {
        let _ = writeln!(script, "    {option}) offers=({values}) ;;");
    }
    let _ = writeln!(script, "    {})\n        _files\n        return ;;", FILES.join("|"));
    script.push_str("    *)\n        if (( CURRENT == 2 )); then\n            offers=(\n");
    for (name, description) in help::commands(&all) {
        let _ = writeln!(script, "                '{name}:{description}'");
    }
    script.push_str(
        "            )\n            _describe command offers\n            return\n        fi\n        \
         case ${words[2]} in\n",
    );
    for (name, _) in help::commands(&all) {
        let _ = writeln!(script, "        {name}) offers=({}) ;;", offers(name));
    }
    script.push_str(
        "        esac ;;\n    esac\n    compadd -a offers\n}\n\
         # Loaded by `fpath`, the file is the function's body; read with `source`, it registers it.\n\
         if [ \"$funcstack[1]\" = _mape-proto ]; then\n    _mape-proto \"$@\"\nelse\n    \
         compdef _mape-proto mape-proto\nfi\n",
    );
    script
}

fn fish() -> String {
    let all = help::program();
    let mut script = String::from("# fish completion for mape-proto\ncomplete -c mape-proto -f\n");
    for (name, description) in help::commands(&all) {
        let _ = writeln!(
            script,
            "complete -c mape-proto -n __fish_use_subcommand -a {name} -d '{description}'"
        );
    }
    for (name, _) in help::commands(&all) {
        let text = help::of(name);
        let seen = format!("complete -c mape-proto -n '__fish_seen_subcommand_from {name}'");
        for option in options(&text) {
            let value = match VALUES.iter().find(|(known, _)| *known == option) {
                Some((_, values)) => format!(" -x -a '{values}'"),
                None if FILES.contains(&option) => " -r -F".to_owned(),
                None => String::new(),
            };
            let _ = writeln!(script, "{seen} -l {}{value}", option.trim_start_matches('-'));
        }
        if let Some((_, words)) = WORDS.iter().find(|(word, _)| *word == name) {
            let _ = writeln!(script, "{seen} -a '{words}'");
        }
    }
    script
}
