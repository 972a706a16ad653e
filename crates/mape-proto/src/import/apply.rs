//! Changing the section: through the `uci` program, and with a look at the result before it counts.

use std::process::Command;
use std::time::Duration;

use mape_core::Quoted;

use super::changes::{Changes, batch};
use super::router::Router;
use crate::files;
use crate::program::{Program, ProgramError};
use crate::uci::{CHANGES, CONFIG, Package, UciError};

/// A commit writes the flash, which takes a slow one a second, and some while it is being cleaned up.
const PATIENCE: Duration = Duration::from_secs(15);

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
    let mut command = Command::new(&router.places.uci);
    if router.places.is_a_copy() {
        let root = &router.places.root;
        let inside = |path| {
            files::below(root, path).map_err(|error| UciError::unreadable(&root.join(path), &error))
        };
        command.arg("-c").arg(inside(CONFIG)?).arg("-t").arg(inside(CHANGES)?);
    }
    command.args(arguments);
    match Program::new(command, PATIENCE).reading(input.as_bytes()).output() {
        Ok(_) => Ok(()),
        Err(ProgramError::Refused { said, .. }) => Err(UciError::Program(said)),
        Err(error) => Err(UciError::Program(Quoted::new(&error.to_string()))),
    }
}
