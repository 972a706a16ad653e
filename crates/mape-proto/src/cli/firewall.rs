//! `mape-proto firewall`: called by our own files only, so it is not in the list of commands.

use mape_core::Quoted;

use super::arguments::{Argument, Arguments, UsageError};
use super::help;
use crate::failure::Failure;
use crate::firewall::{Places, load};

pub(super) fn answer(arguments: &mut Arguments) -> Result<String, Failure> {
    let mut places = Places::default();
    while let Some(argument) = arguments.next()? {
        match argument {
            Argument::Option(name) => match name.as_str() {
                // Where tests have their files.
                "state-dir" => places.state = arguments.value()?.into(),
                "device-dir" => places.devices = arguments.value()?.into(),
                "nft-program" => places.nft = arguments.value()?.into(),
                "help" => return Ok(help::FIREWALL.to_owned()),
                _ => return Err(UsageError::option(&name).into()),
            },
            Argument::Plain(text) => return Err(UsageError::Surplus(Quoted::new(&text)).into()),
        }
    }
    Ok(load(&places)?.to_string())
}
