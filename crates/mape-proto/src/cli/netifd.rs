//! `mape-proto setup|renew|teardown|hotplug|provision`: called by our own files only, so they are
//! not in the list of commands. They print as they go, since they may wait.

use std::ffi::OsString;
use std::io::{Read as _, Write};

use mape_core::Failure;
use mape_firewall::Env;
use mape_netifd::status::note;
use mape_netifd::{
    Event, TEARDOWN_TIMEOUT, TIMEOUT, bus, bus_within, connect, hotplug, provision, renew, setup,
    teardown,
};
use mape_nft::InterfaceName;

use super::arguments::{Argument, Arguments, UsageError};
use super::exit::ExitStatus;

/// As much as an argument could hold, in bytes.
const MAX_OPTIONS: u64 = 1 << 17;

/// Runs the command if it is one of these. netifd's log takes what goes to `log`.
pub(super) fn run(arguments: &[OsString], log: &mut dyn Write) -> Option<ExitStatus> {
    let command = arguments.first()?.to_str()?;
    if !matches!(command, "setup" | "renew" | "teardown" | "hotplug" | "provision") {
        return None;
    }
    let mut rest = Arguments::new(arguments.get(1..)?.to_vec());
    let result = dispatch(command, &mut rest, log);
    Some(match result {
        Ok(()) => ExitStatus::Fine,
        Err(Logged::Yes(failure)) => ExitStatus::of(&failure),
        Err(Logged::No(failure)) => {
            // Nothing is left to tell where this fails too.
            let _ = log.write_all(failure.text().as_bytes());
            ExitStatus::of(&failure)
        }
    })
}

/// A failure, and whether it is in the log already.
enum Logged {
    Yes(Failure),
    No(Failure),
}

impl<E> From<E> for Logged
where
    Failure: From<E>,
{
    fn from(error: E) -> Self {
        Self::No(error.into())
    }
}

fn dispatch(command: &str, rest: &mut Arguments, log: &mut dyn Write) -> Result<(), Logged> {
    let env = Env::default();
    let first = word(rest)?;
    let second = match command {
        "hotplug" | "provision" => word(rest)?,
        "setup" | "renew" => options(),
        _ => String::new(),
    };
    if command == "hotplug" {
        let mut bus = connect(&env, TIMEOUT)?;
        let event = Event { action: first, interface: second };
        let done = hotplug(&mut bus, &env, &event, log).map_err(Logged::Yes);
        note(&env);
        return done;
    }
    let interface: InterfaceName = first.parse()?;
    let mut bus = match command {
        "teardown" => bus_within(&env, TEARDOWN_TIMEOUT),
        _ => bus(&env, TIMEOUT),
    };
    match command {
        "setup" => setup(&mut bus, &env, &interface, &second, log).map_err(Logged::Yes),
        "renew" => renew(&mut bus, &env, &interface, &second, log).map_err(Logged::Yes),
        "provision" => {
            let until = second.parse().unwrap_or(0);
            provision(&mut bus, &env, &interface, until, log).map_err(Logged::No)
        }
        _ => {
            teardown(&mut bus, &env, &interface, log);
            Ok(())
        }
    }
}

/// What netifd passes, from standard input: every user of the machine can read the arguments of a
/// process, and there are passwords in it. What cannot be read has no options, which the set-up
/// refuses.
fn options() -> String {
    let mut options = String::new();
    let _ = std::io::stdin().take(MAX_OPTIONS).read_to_string(&mut options);
    options
}

fn word(rest: &mut Arguments) -> Result<String, UsageError> {
    match rest.next()? {
        Some(Argument::Plain(word)) => Ok(word),
        Some(Argument::Option(option)) => Err(UsageError::option(&option)),
        None => Err(UsageError::NoWord),
    }
}
