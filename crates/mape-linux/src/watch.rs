//! `watch`: brings the line up, and again after each change.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use log::Level;
use mape_core::{Code, Failure};

use crate::config::Config;
use crate::events::{Event, Events};
use crate::forwards;
use crate::system::System;
use crate::up::up_and_tell;

/// After a failure whose cause may end without an event (a module that is loaded later, a lock).
const RETRY: Duration = Duration::from_secs(30);

/// Runs until it is killed; the line stays up then. After SIGUSR1 the process executes the file of
/// the program again, so a newer version continues with the line as it is.
///
/// The configuration and the forwards are read again after each event. The result is logged only if
/// it changes.
///
/// # Errors
/// The kernel reports no changes, or the configuration is wrong at the start.
#[must_use]
pub fn watch(file: Option<&Path>, system: &System) -> Failure {
    // Subscribe first: a change during the first `up` causes a second one.
    let events = match Events::new(&system.env.root.join(forwards::FILE)) {
        Ok(events) => events,
        Err(error) => return error.into(),
    };
    if let Err(error) = Config::read(file) {
        return error;
    }
    let mut said = Vec::new();
    // A provider that refused is not asked again at each event.
    let mut silent_until: Option<Instant> = None;
    loop {
        let tells = silent_until.is_none_or(|until| until <= Instant::now());
        let result = Config::read(file).and_then(|config| up_and_tell(&config, system, tells));
        let (lines, wait) = match result {
            Ok(done) => {
                if tells {
                    silent_until = done.again.map(|again| Instant::now() + again);
                }
                let rest = silent_until.map(|until| until.duration_since(Instant::now()));
                (done.log_lines(), rest)
            }
            Err(failure) => {
                let waits = failure.code == Code::NoIpv6Yet;
                (vec![(Level::Error, failure.line())], (!waits).then_some(RETRY))
            }
        };
        if lines != said {
            for (level, line) in &lines {
                log::log!(*level, "{line}");
            }
            said = lines;
        }
        if events.wait(wait) == Event::Renewal {
            // `exec` returns only with an error. Then this version continues.
            let error = renew();
            log::warn!("the program cannot be started again: {error}");
        }
    }
}

/// Executes the program again with the same arguments.
fn renew() -> std::io::Error {
    let mut words = std::env::args_os();
    Command::new(words.next().unwrap_or_default()).args(words).exec()
}
