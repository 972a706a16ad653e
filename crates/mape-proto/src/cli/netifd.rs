//! `mape-proto setup|renew|teardown|hotplug|open|provision`: called by our own files and by procd
//! only, so they are not in the list of commands. They print as they go, since they may wait.

use std::ffi::OsString;
use std::io::Read as _;

use mape_core::Failure;
use mape_firewall::Env;
use mape_netifd::status::note;
use mape_netifd::{
    Event, TEARDOWN_TIMEOUT, TIMEOUT, bus, bus_within, connect, hotplug, open, provision, renew,
    setup, teardown,
};
use mape_nft::InterfaceName;
use mape_system::logger;

use super::arguments::{Argument, Arguments, UsageError};
use super::exit::ExitStatus;

/// As much as an argument could hold, in bytes.
const MAX_OPTIONS: u64 = 1 << 17;

/// Runs the command if it is one of these. Its messages go to the log.
pub(super) fn run(arguments: &[OsString]) -> Option<ExitStatus> {
    let command = arguments.first()?.to_str()?;
    if !matches!(command, "setup" | "renew" | "teardown" | "hotplug" | "open" | "provision") {
        return None;
    }
    let env = Env::default();
    logger::start(Some(&env.syslog));
    let mut rest = Arguments::new(arguments.get(1..)?.to_vec());
    Some(match dispatch(&env, command, &mut rest) {
        Ok(()) => ExitStatus::Fine,
        Err(Logged::Yes(failure)) => ExitStatus::of(&failure),
        Err(Logged::No(failure)) => {
            log::error!("{}", failure.line());
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

fn dispatch(env: &Env, command: &str, rest: &mut Arguments) -> Result<(), Logged> {
    let first = word(rest)?;
    let second = match command {
        "hotplug" | "provision" => word(rest)?,
        "setup" | "renew" => options(),
        _ => String::new(),
    };
    if command == "hotplug" {
        let mut bus = connect(env, TIMEOUT)?;
        let event = Event { action: first, interface: second };
        let done = hotplug(&mut bus, env, &event).map_err(Logged::Yes);
        note(env);
        return done;
    }
    let interface: InterfaceName = first.parse()?;
    let mut bus = match command {
        "teardown" => bus_within(env, TEARDOWN_TIMEOUT),
        _ => bus(env, TIMEOUT),
    };
    match command {
        "setup" => setup(&mut bus, env, &interface, &second).map_err(Logged::Yes),
        "open" => open(&mut bus, env, &interface).map_err(Logged::Yes),
        "renew" => renew(&mut bus, env, &interface, &second).map_err(Logged::Yes),
        "provision" => {
            let until = second.parse().unwrap_or(0);
            provision(&mut bus, env, &interface, until).map_err(Logged::No)
        }
        _ => {
            teardown(&mut bus, env, &interface);
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

fn word(rest: &mut Arguments) -> Result<String, Failure> {
    match rest.next()? {
        Some(Argument::Plain(word)) => Ok(word),
        Some(Argument::Option(option)) => Err(UsageError::option(&option).into()),
        None => Err(UsageError::NoWord.into()),
    }
}
