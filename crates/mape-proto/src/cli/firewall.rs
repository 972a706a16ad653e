//! `mape-proto firewall`: called by our own files only, so it is not in the list of commands.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use mape_core::{Failure, Quoted};
use mape_firewall::{Report, capability_cache, load};
use mape_kernel::conntrack::forget;

use super::answer::Answer;
use super::arguments::{Argument, Arguments, UsageError};
use super::{help, json};

/// That it was done; for programs.
#[derive(serde::Serialize)]
struct Done<'done> {
    schema: u8,
    /// What could not be done, a line each.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    faults: &'done [String],
}

/// Exit status 1 where not all is as it should be: an interface with a state is not open, say.
pub(super) fn answer(arguments: &mut Arguments) -> Result<Answer, Failure> {
    let mut former = None;
    let mut loads = true;
    let mut is_json = false;
    while let Some(argument) = arguments.next_of_machine()? {
        match argument {
            Argument::Option(name) => match name.as_str() {
                "forget" => former = Some(address(&arguments.value()?)?),
                // For the script of `up --dry-run`, which has loaded what no state file tells yet.
                "only-forget" => (former, loads) = (Some(address(&arguments.value()?)?), false),
                "json" => is_json = true,
                "help" => {
                    return Ok(Answer::fine(help::FIREWALL.to_owned()));
                }
                _ => return Err(UsageError::option(&name).into()),
            },
            Argument::Plain(text) => return Err(UsageError::Surplus(Quoted::new(&text)).into()),
        }
    }
    let mut report = Report::default();
    let mut text = String::new();
    if loads {
        report = load(arguments.env())?;
        text = report.to_string();
        capability_cache::fill(arguments.env());
    }
    if let Some(former) = former {
        let deleted = forget(former, |_, _| false)?;
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "{former}: {deleted} connections forgotten");
    }
    if is_json {
        text = json::line(&Done { schema: json::SCHEMA, faults: report.faults() });
    }
    let fine = report.faults().is_empty();
    Ok(Answer::checked(text, fine))
}

fn address(text: &str) -> Result<Ipv4Addr, Failure> {
    text.parse().map_err(|_| UsageError::Address(Quoted::new(text)).into())
}
