//! `mape-proto import`.

use mape_core::{Failure, Quoted, ReceivedPrefix};
use mape_import::{Import, Router, apply};

use super::answer::Answer;
use super::arguments::{Argument, Arguments, UsageError};
use super::help;

mod json;
mod text;

#[derive(Default)]
struct Options {
    interface: Option<String>,
    prefix: Option<ReceivedPrefix>,
    apply: bool,
    json: bool,
    help: bool,
}

pub(super) fn answer(arguments: &mut Arguments) -> Result<Answer, Failure> {
    let options = Options::read(arguments)?;
    if options.help {
        return Ok(Answer::fine(help::IMPORT.to_owned()));
    }
    let interface = options.interface.ok_or(UsageError::NoInterface)?;
    let router = Router::read(arguments.env().clone())?;
    let import = Import::of(&interface, &router, options.prefix)?;
    if options.apply {
        apply(&router, &import.changes)?;
    }
    let env = arguments.env();
    let text = if options.json {
        json::import(&import, options.apply)
    } else {
        let copy = env.is_a_copy().then(|| env.root.to_string_lossy());
        text::import(&import, options.apply, copy.as_deref())
    };
    let clear = import.leftovers.is_empty();
    Ok(Answer::checked(text, clear))
}

impl Options {
    fn read(arguments: &mut Arguments) -> Result<Self, Failure> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next_of_machine()? {
            match argument {
                Argument::Plain(name) if options.interface.is_none() => {
                    options.interface = Some(name);
                }
                Argument::Plain(text) => {
                    return Err(UsageError::Surplus(Quoted::new(&text)).into());
                }
                Argument::Option(name) => match name.as_str() {
                    "apply" => options.apply = true,
                    "prefix" => options.prefix = Some(arguments.value()?.parse()?),
                    "json" => options.json = true,
                    "help" => options.help = true,
                    _ => return Err(UsageError::option(&name).into()),
                },
            }
        }
        Ok(options)
    }
}
