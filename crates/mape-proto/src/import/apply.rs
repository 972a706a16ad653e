//! Changing the section: through the `uci` program, and with a look at the result before it counts.

use std::io::{self, Write as _};
use std::process::{Command, Output, Stdio};

use mape_core::Quoted;

use super::changes::{Changes, batch};
use super::router::Router;
use crate::uci::{Package, UciError};

/// The package that `import` changes.
const NETWORK: &str = "network";

/// Makes the changes and commits them. Where there are none, nothing is done.
///
/// # Errors
/// [`UciError::Pending`] where somebody else has changes of the package that are not committed:
/// they would be committed too. [`UciError::NotAsMeant`] where the result was not the intended one. After any
/// error all has been taken back.
pub fn apply(router: &Router, changes: &Changes) -> Result<(), UciError> {
    apply_to(router, NETWORK, changes)
}

/// The same for any package.
pub(crate) fn apply_to(router: &Router, name: &str, changes: &Changes) -> Result<(), UciError> {
    if changes.is_empty() {
        return Ok(());
    }
    let package = || Quoted::new(name);
    if router.directories().changes(name)?.is_some() {
        return Err(UciError::Pending(package()));
    }
    let unreadable = || UciError::Program(Quoted::new("there is no such configuration"));
    let mut meant = router.package(name).cloned().ok_or_else(unreadable)?;
    for command in &changes.commands {
        meant.change(&command.as_change());
    }
    // `uci batch` goes on after a line that fails and ends with 0, so its word is not enough.
    let done = uci(router, &["batch"], &batch(&changes.commands)).and_then(|()| {
        let now = router.directories().read(name)?;
        let same = |now: Package| now.sections() == meant.sections();
        if now.is_some_and(same) { Ok(()) } else { Err(UciError::NotAsMeant(package())) }
    });
    // What stays uncommitted would be read by every reader of the configuration, and be committed by the next one who
    // commits anything: also where only the flash was full.
    done.and_then(|()| uci(router, &["commit", name], "")).or_else(|error| {
        uci(router, &["revert", name], "")?;
        Err(error)
    })
}

fn uci(router: &Router, arguments: &[&str], input: &str) -> Result<(), UciError> {
    let failed = |reason: &str| UciError::Program(Quoted::new(reason));
    let output = run(router, arguments, input).map_err(|error| failed(&error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().map_or_else(|| output.status.to_string(), str::to_owned);
    Err(failed(&said))
}

fn run(router: &Router, arguments: &[&str], input: &str) -> io::Result<Output> {
    let mut command = Command::new(&router.places.uci);
    if router.places.is_a_copy() {
        let directories = router.directories();
        command.arg("-c").arg(directories.config).arg("-t").arg(directories.changes);
    }
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(input.as_bytes()) {
            // Its message says more than the broken pipe.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    child.wait_with_output()
}
