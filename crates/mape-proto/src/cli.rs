//! The command line.

use std::ffi::OsString;
use std::io::{self, Write};

use mape_core::{Failure, IntoVec as _};

mod answer;
mod arguments;
#[cfg(feature = "linux")]
mod completion;
mod detect;
mod doctor;
mod exit;
mod firewall;
mod forward;
mod help;
mod history;
mod human;
mod import;
mod json;
#[cfg(feature = "linux")]
mod linux;
mod netifd;
mod plan;
mod ports;
mod rules;
mod shell;
mod status;
mod suggestion;
mod terminal;
mod units;

use answer::Answer;
use arguments::{Arguments, UsageError};
pub use exit::ExitStatus;
use terminal::Color;
pub use terminal::Terminals;

/// Runs the program with these arguments (without the program's name).
///
/// The answer goes to `out`. What went wrong goes to `err` as text, or to `out` as JSON where
/// `--json` is among the arguments; never to both. A terminal gets colour and wrapped lines.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    terminals: Terminals,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitStatus {
    let mut arguments = spelled_out(arguments.into_iter().into_vec());
    if let Some(status) = netifd::run(&arguments) {
        return status;
    }
    let taken = Color::take(&mut arguments);
    let color = *taken.as_ref().unwrap_or(&Color::Auto);
    let plain = is_plain_linux(&arguments);
    let json = arguments.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    let word = arguments.first().and_then(|word| word.to_str()).unwrap_or_default().to_owned();
    match taken.and_then(|_| dispatch(arguments, plain)) {
        Ok(Answer { text, status }) => {
            let text = if json { text } else { terminal::answer(text, &word, color, terminals) };
            match write_all(out, &text) {
                Ok(()) => status,
                Err(error) => output_failed(&error, err),
            }
        }
        Err(failure) => {
            let failure = with_its_help(failure, &word);
            // Where this fails too, the exit status still says it.
            let _ = if json {
                write_all(out, &json::failure(&failure))
            } else {
                write_all(err, &terminal::failure(failure.text(), color, terminals))
            };
            ExitStatus::of(&failure)
        }
    }
}

/// Names the command whose help is the next step.
fn with_its_help(mut failure: Failure, word: &str) -> Failure {
    let is_command = || help::commands(&help::program()).iter().any(|(name, _)| *name == word);
    if failure.hint == arguments::SEE_HELP && is_command() {
        failure.hint = format!("see mape-proto {word} --help");
    }
    failure
}

/// Turns `help COMMAND` into `COMMAND --help`.
fn spelled_out(mut arguments: Vec<OsString>) -> Vec<OsString> {
    match arguments.as_mut_slice() {
        [word, command] if *word == "help" => {
            std::mem::swap(word, command);
            *command = "--help".into();
        }
        _ => {}
    }
    arguments
}

/// The answer could not be written. Who closed the pipe knows already.
fn output_failed(error: &io::Error, err: &mut dyn Write) -> ExitStatus {
    if error.kind() != io::ErrorKind::BrokenPipe {
        let text = format!("mape-proto: the output could not be written: {error}.\n");
        let _ = write_all(err, &text);
    }
    ExitStatus::Failed
}

const VERSION: &str = concat!("mape-proto ", env!("CARGO_PKG_VERSION"), "\n");

/// Whether advice is for a machine without OpenWrt: found out here, and nowhere else.
#[cfg(feature = "linux")]
fn is_plain_linux(arguments: &[OsString]) -> bool {
    mape_linux::is_here(arguments)
}

#[cfg(not(feature = "linux"))]
const fn is_plain_linux(_: &[OsString]) -> bool {
    false
}

/// With the next step that suits the machine.
fn advised(failure: Failure, plain: bool) -> Failure {
    #[cfg(feature = "linux")]
    if plain {
        return mape_linux::advised(failure);
    }
    let _ = plain;
    failure
}

fn dispatch(arguments: Vec<OsString>, plain: bool) -> Result<Answer, Failure> {
    #[cfg(feature = "linux")]
    let is_linux_status = linux::is_asked_for_status(&arguments);
    #[cfg(feature = "linux")]
    let no_router = mape_linux::NoRouter::of(&arguments).filter(|_| plain);
    let mut arguments = Arguments::new(arguments);
    #[cfg(feature = "linux")]
    if plain {
        arguments = arguments.with_env(mape_linux::environment());
    }
    let word = arguments.command()?;
    #[cfg(feature = "linux")]
    if let Some(word) = word.as_deref().and_then(linux::Word::new) {
        let both = matches!(word, linux::Word::Status | linux::Word::Doctor);
        if !both || is_linux_status {
            let mut arguments = arguments.with_env(mape_linux::environment());
            return linux::answer(word, &mut arguments);
        }
    }
    #[cfg(feature = "linux")]
    if let Some(error) = no_router {
        return Err(error.into());
    }
    on_any_machine(word.as_deref(), arguments, plain).map_err(|failure| advised(failure, plain))
}

fn on_any_machine(
    word: Option<&str>,
    mut arguments: Arguments,
    plain: bool,
) -> Result<Answer, Failure> {
    let text = match word {
        Some("plan") => plan::answer(&mut arguments),
        Some("rules") => rules::answer(&mut arguments),
        Some("status") => return status::answer(&mut arguments),
        Some("detect") => return detect::answer(&mut arguments, plain),
        Some("doctor") => return doctor::answer(&mut arguments),
        Some("ports") => ports::answer(&mut arguments),
        Some("forward") => return forward::answer(&mut arguments),
        Some("import") => return import::answer(&mut arguments),
        Some("firewall") => return firewall::answer(&mut arguments),
        #[cfg(feature = "linux")]
        Some("completion") => completion::answer(&mut arguments),
        Some("help") => arguments.end().map(|()| help::program()),
        Some("version") => arguments.end().map(|()| VERSION.to_owned()),
        Some(other) => Err(UsageError::command(other).into()),
        None => Err(UsageError::NoCommand.into()),
    };
    text.map(Answer::fine)
}

fn write_all(stream: &mut dyn Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes()).and_then(|()| stream.flush())
}
