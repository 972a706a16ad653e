//! `watch`: brings the line up and keeps it so, whatever changes.

use std::io::Write;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mape_core::{Code, Failure};

use crate::config::Config;
use crate::events::{Event, Events};
use crate::system::System;
use crate::up::up_and_tell;

/// After a failure that no event may end (a module that is loaded later, a lock).
const RETRY: Duration = Duration::from_secs(30);

/// Follows the machine until it is killed; the line stays up then. After SIGUSR1 the program's file
/// is run in the place of this process, so that a newer version goes on with the line as it is.
///
/// The configuration is read again each time, so that a changed one counts from the next change on
/// the machine at the latest. Each thing is said once.
///
/// # Errors
/// The kernel reports no changes, or the configuration is wrong at the start.
pub fn watch(file: Option<&Path>, system: &System, log: &mut dyn Write) -> Failure {
    // Before the first look: what changes during it is seen by the second one.
    let events = match Events::new() {
        Ok(events) => events,
        Err(error) => return error.into(),
    };
    if let Err(error) = Config::read(file) {
        return error;
    }
    let mut said = String::new();
    // A provider that refused is not asked again at each event.
    let mut silent_until: Option<Instant> = None;
    loop {
        let tells = silent_until.is_none_or(|until| until <= Instant::now());
        let result = Config::read(file).and_then(|config| up_and_tell(&config, system, tells));
        let (text, wait) = match result {
            Ok(done) => {
                if tells {
                    silent_until = done.again.map(|again| Instant::now() + again);
                }
                let rest = silent_until.map(|until| until.duration_since(Instant::now()));
                (done.to_string().replacen(" up already,", " up,", 1), rest)
            }
            Err(failure) => {
                let waits = failure.code == Code::NoIpv6Yet;
                (failure.text(), (!waits).then_some(RETRY))
            }
        };
        if text != said {
            // Whoever supervises this reads it, or has closed it.
            let _ = log.write_all(text.as_bytes()).and_then(|()| log.flush());
            said = text;
        }
        if events.wait(wait) == Event::Renewal {
            // It comes back only with an error; then this version goes on.
            let error = renew();
            let _ = writeln!(log, "the program cannot be started again: {error}");
        }
    }
}

/// Runs the program again with the words that it was started with.
fn renew() -> std::io::Error {
    let mut words = std::env::args_os();
    Command::new(words.next().unwrap_or_default()).args(words).exec()
}
