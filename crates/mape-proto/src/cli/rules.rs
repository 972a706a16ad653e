//! `mape-proto rules`.

use mape_core::{Failure, Quoted};

use super::arguments::{Argument, Arguments, UsageError};
use super::{help, human, json};

pub(super) fn answer(arguments: &mut Arguments) -> Result<String, Failure> {
    let mut json = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            Argument::Option(name) if name == "json" => json = true,
            Argument::Option(name) if name == "help" => {
                return arguments.end().map(|()| help::RULES.to_owned());
            }
            Argument::Option(name) => return Err(UsageError::option(&name).into()),
            Argument::Plain(text) => return Err(UsageError::Surplus(Quoted::new(&text)).into()),
        }
    }
    Ok(if json { json::rules() } else { human::rules() })
}
