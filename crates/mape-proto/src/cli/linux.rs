//! `up`, `down`, `status`, `doctor`, `watch`, and the files that `plan` prints for plain Linux.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use mape_core::{Failure, Quoted};
use mape_firewall::{Env, look_into};
use mape_linux::{Config, Parts, System, ifupdown};
use mape_netifd::status::Report;
use mape_system::logger;

use super::answer::Answer;
use super::arguments::{Argument, Arguments, UsageError};
use super::{help, json};

/// The words of this module.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Up,
    Down,
    Status,
    Doctor,
    Watch,
    /// Started by `watch` only, so it is not in the list of commands.
    RequestRule,
}

impl Word {
    pub(super) fn new(word: &str) -> Option<Self> {
        Some(match word {
            "up" => Self::Up,
            "down" => Self::Down,
            "status" => Self::Status,
            "doctor" => Self::Doctor,
            "watch" => Self::Watch,
            mape_linux::REQUEST => Self::RequestRule,
            _ => return None,
        })
    }
}

/// Whether `status` or `doctor` means the line of a configuration file, and not netifd's
/// interfaces: a file is named, or nothing else is asked for and there is no netifd.
pub(super) fn is_asked_for_status(words: &[OsString]) -> bool {
    let rest = words.get(1..).unwrap_or_default();
    let plain = rest.iter().all(|word| word == "--json" || word == "--help" || word == "-h");
    let netifd = Env::default().has_ubus();
    rest.iter().any(|word| word == "--config") || (plain && !netifd)
}

pub(super) fn answer(word: Word, arguments: &mut Arguments) -> Result<Answer, Failure> {
    let answered = Answer::fine;
    let mut file: Option<PathBuf> = None;
    let (mut dry_run, mut as_json) = (false, false);
    while let Some(argument) = arguments.next_of_machine()? {
        match argument {
            Argument::Option(name) => match name.as_str() {
                "config" => file = Some(arguments.value()?.into()),
                "dry-run" if word == Word::Up => dry_run = true,
                "json" if matches!(word, Word::Status | Word::Doctor) => as_json = true,
                "help" => return Ok(answered(help::LINUX.to_owned())),
                _ => return Err(UsageError::option(&name).into()),
            },
            Argument::Plain(text) => return Err(UsageError::Surplus(Quoted::new(&text)).into()),
        }
    }
    let system = System::new(arguments.env().clone());
    if matches!(word, Word::Status | Word::Doctor) {
        look_into(&system.env.run)?;
    }
    let config = || Config::read(file.as_deref());
    if matches!(word, Word::Up | Word::Watch | Word::RequestRule) {
        logger::start(None);
    }
    let (text, is_fine) = match word {
        Word::Watch => return Err(mape_linux::watch(file.as_deref(), &system)),
        Word::RequestRule => {
            mape_linux::request_rule(&config()?, &system);
            (String::new(), true)
        }
        Word::Down => (mape_linux::down(file.as_deref(), &system)?, true),
        Word::Up if dry_run => (mape_linux::dry_run(&config()?, &system)?, true),
        Word::Up => (mape_linux::up(&config()?, &system)?.to_string(), true),
        Word::Status => {
            let line = mape_linux::status(&config()?, &system)?;
            Report::collect(&system.env, None).note(&system.env);
            (if as_json { json::status(&line) } else { line.to_string() }, line.is_up())
        }
        Word::Doctor => {
            let report = crate::doctor::linux::doctor(&config()?, &system)?;
            (if as_json { json::line(&report) } else { report.to_string() }, report.is_fine())
        }
    };
    Ok(Answer::checked(text, is_fine))
}

/// The files of `plan --ifupdown`: written into the directory, or printed one after the other.
pub(super) fn files(parts: &Parts, directory: Option<&Path>) -> Result<String, Failure> {
    // The files name each other by absolute paths: ifupdown's working directory is not known.
    let directory = directory.map(named).transpose()?;
    let files = ifupdown(parts, directory.as_deref().unwrap_or(Path::new("/etc/mape-rs")));
    let mut text = String::new();
    for (name, content) in &files {
        if let Some(directory) = &directory {
            let path = directory.join(name);
            let written =
                std::fs::create_dir_all(directory).and_then(|()| std::fs::write(&path, content));
            written.map_err(|error| mape_linux::LinuxError::File {
                file: path.to_string_lossy().into_owned(),
                error,
            })?;
            // Writing into a `String` cannot fail.
            let _ = writeln!(text, "{}", path.display());
        } else {
            let _ = writeln!(text, "# ==> {name} <==\n{content}");
        }
    }
    Ok(text)
}

/// Returns the absolute path of the directory, if neither shell nor ifupdown needs quotes for it.
fn named(directory: &Path) -> Result<PathBuf, mape_linux::LinuxError> {
    let refused = || mape_linux::LinuxError::Directory(Quoted::new(&directory.to_string_lossy()));
    let path = std::path::absolute(directory).map_err(|_| refused())?;
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-".contains(letter);
    let plain = path.to_str().is_some_and(|text| text.chars().all(is_plain));
    if plain { Ok(path) } else { Err(refused()) }
}
