//! `mape-proto doctor` on a router.

use std::io::IsTerminal as _;

use mape_core::{Failure, Quoted};
use mape_firewall::look_into;

use super::answer::Answer;
use super::arguments::{Argument, Arguments, UsageError};
use super::status::{NoInterface, Options};
use super::{help, json};
use crate::doctor::{ActiveProbes, doctor, redact};

pub(super) fn answer(arguments: &mut Arguments) -> Result<Answer, Failure> {
    let mut options = Options::default();
    let mut probes = ActiveProbes::default();
    let mut mask = None;
    while let Some(argument) = arguments.next_of_machine()? {
        if options.take(&argument)? {
            continue;
        }
        let Argument::Option(name) = argument else { continue };
        match name.as_str() {
            "target" => {
                let text = arguments.value()?;
                let bad = || UsageError::Target(Quoted::new(&text));
                probes.target = Some(text.parse().map_err(|_| bad())?);
            }
            "ask-gateway" => probes.gateway = true,
            "masked" => mask = Some(true),
            "unmasked" => mask = Some(false),
            _ => return Err(UsageError::option(&name).into()),
        }
    }
    if options.help {
        return Ok(Answer::fine(help::DOCTOR.to_owned()));
    }
    let env = arguments.env();
    look_into(&env.run)?;
    let report = doctor(env, options.interface.as_ref(), &probes)?;
    let missing = || NoInterface(options.interface.as_ref().map(|it| Quoted::new(it.as_str())));
    let report = report.ok_or_else(missing)?;
    let text = if options.json { json::line(&report) } else { report.to_string() };
    // Programs do not show what they read to strangers; people send what they redirect.
    let hide = mask.unwrap_or(!options.json && !std::io::stdout().is_terminal());
    Ok(Answer::checked(if hide { redact(&text) } else { text }, report.is_fine()))
}
