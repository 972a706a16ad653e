//! `mape-proto firewall`: called by our own files only, so it is not in the list of commands.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use mape_core::Quoted;

use super::arguments::{Argument, Arguments, UsageError};
use super::{help, json};
use crate::conntrack::forget;
use crate::failure::Failure;
use crate::firewall::{Places, foresee, load};
use crate::servers;

/// That it was done; for programs.
#[derive(serde::Serialize)]
struct Done {
    schema: u8,
}

pub(super) fn answer(arguments: &mut Arguments) -> Result<String, Failure> {
    let mut places = Places::default();
    let mut former = None;
    let mut loads = true;
    let mut is_json = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            Argument::Option(name) => match name.as_str() {
                // Where tests have their files.
                "state-dir" => places.state = arguments.value()?.into(),
                "device-dir" => places.devices = arguments.value()?.into(),
                "root" => places.servers = servers::Places::below(arguments.value()?.as_ref()),
                "nft-program" => places.nft = arguments.value()?.into(),
                "forget" => former = Some(address(&arguments.value()?)?),
                // For the script of `up --dry-run`, which has loaded what no state file tells yet.
                "only-forget" => (former, loads) = (Some(address(&arguments.value()?)?), false),
                "json" => is_json = true,
                "help" => return Ok(help::FIREWALL.to_owned()),
                _ => return Err(UsageError::option(&name).into()),
            },
            Argument::Plain(text) => return Err(UsageError::Surplus(Quoted::new(&text)).into()),
        }
    }
    let mut text = String::new();
    if loads {
        text = load(&places)?.to_string();
        foresee(&places);
    }
    if let Some(former) = former {
        let deleted = forget(former, |_, _| false)?;
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "{former}: {deleted} connections forgotten");
    }
    Ok(if is_json { json::line(&Done { schema: json::SCHEMA }) } else { text })
}

fn address(text: &str) -> Result<Ipv4Addr, UsageError> {
    text.parse().map_err(|_| UsageError::Address(Quoted::new(text)))
}
