//! `watch`: brings the line up, and again after each change.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use log::Level;
use mape_core::{Code, Failure};
use mape_kernel::uptime::uptime;

use crate::config::Config;
use crate::contract::Postponed;
use crate::events::{Event, Events};
use crate::forwards;
use crate::provisioning::Schedule;
use crate::system::System;
use crate::up::up_and_tell;

/// After a failure whose cause may end without an event (a module that is loaded later, a lock).
const RETRY: Duration = Duration::from_secs(30);
/// The word of the command line that sends a request which is due, and ends.
pub const REQUEST: &str = "request-rule";
/// The word that runs this module.
const WATCH: &str = "watch";

/// Runs until it is killed; the line stays up then. After SIGUSR1 the process executes the file of
/// the program again, so a newer version continues with the line as it is.
///
/// The configuration and the forwards are read again after each event. The result is logged only if
/// it changes. A request to a provisioning server is sent by a process of its own, so the line
/// is looked after meanwhile, however slow the server is.
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
    // An update that a provider refused is not sent again at each event: which, and until when.
    let mut silent: Option<(String, u64)> = None;
    let mut asking = Asking::default();
    loop {
        let now = now(system);
        silent = silent.filter(|(_, until)| *until > now);
        let postponed = silent.as_ref().map(|(update, _)| update.as_str());
        asking.forget_if_ended();
        let config = Config::read(file);
        let result = config.clone().and_then(|config| up_and_tell(&config, system, postponed));
        let (lines, wait) = match result {
            Ok(done) => {
                if let Some(Postponed { fingerprint, wait }) = &done.postponed {
                    silent = Some((fingerprint.clone(), now + wait));
                }
                let rest = silent.as_ref().map(|(_, until)| Duration::from_secs(until - now));
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
        mape_netifd::status::note(&system.env);
        let next = config.ok().and_then(|config| asking.start_if_due(&config, system));
        let wait = [wait, next].into_iter().flatten().min();
        if events.wait(wait, asking.ended()) == Event::Renewal {
            // `exec` returns only with an error. Then this version continues.
            let error = renew();
            log::warn!("the program cannot be started again: {error}");
        }
    }
}

/// Seconds since the machine's start: a clock that does not jump when the time becomes known.
fn now(system: &System) -> u64 {
    uptime(&system.env.proc).unwrap_or(0)
}

/// The process that sends a request. No thread does: its programs would inherit the line's lock.
#[derive(Default)]
struct Asking {
    child: Option<Child>,
    /// No other request before this time in seconds of [`now`], even if the last one could keep
    /// nothing.
    not_before: u64,
}

impl Asking {
    /// Starts a request that is due; returns after which time the next one is.
    fn start_if_due(&mut self, config: &Config, system: &System) -> Option<Duration> {
        if self.child.is_some() {
            return None;
        }
        let schedule = Schedule::of(config, system);
        let now = now(system);
        match (schedule, self.not_before.saturating_sub(now)) {
            (Schedule::Idle, _) => None,
            (Schedule::In(wait), _) => Some(wait),
            (Schedule::Due(_), pause @ 1..) => Some(Duration::from_secs(pause)),
            (Schedule::Due(_), 0) => {
                self.not_before = now + RETRY.as_secs();
                let started = again(|word| if word == WATCH { REQUEST.into() } else { word })
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .spawn();
                match started {
                    Ok(child) => {
                        self.child = Some(child);
                        None
                    }
                    Err(error) => {
                        log::warn!("provisioning: no request can be sent: {error}");
                        Some(RETRY)
                    }
                }
            }
        }
    }

    /// The end of the process's output. It prints nothing.
    fn ended(&self) -> Option<BorrowedFd<'_>> {
        self.child.as_ref()?.stdout.as_ref().map(|output| output.as_fd())
    }

    fn forget_if_ended(&mut self) {
        let runs = |child: &mut Child| matches!(child.try_wait(), Ok(None));
        self.child = self.child.take().and_then(|mut child| runs(&mut child).then_some(child));
    }
}

/// Returns this program with the same arguments, each as `change` makes it.
fn again(change: impl Fn(OsString) -> OsString) -> Command {
    let mut words = std::env::args_os();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words.map(change));
    command
}

/// Executes the program again with the same arguments.
fn renew() -> io::Error {
    again(|word| word).exec()
}
