//! Changes the section through the `uci` program, and verifies the result before the commit.

use std::fmt::Display;
use std::fs::{self, DirBuilder, File};
use std::os::fd::AsFd as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::Duration;

use mape_core::Quoted;
use mape_firewall::lock;
use mape_system::files;
use mape_system::program::{Command, Program, ProgramError};
use mape_uci::{CONFIG, Package, UciError};
use nix::fcntl::Flock;

use super::changes::{Changes, batch};
use super::router::Router;

/// Timeout of the `uci` program. A commit writes to flash, which can take seconds during garbage
/// collection.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The package that `import` changes.
const NETWORK: &str = "network";
/// Directory of uncommitted changes, below the directory of the state files.
const CHANGES: &str = ".uci";

/// Makes the changes and commits them. Without changes, nothing is done.
///
/// # Errors
/// [`UciError::Pending`] if the package has uncommitted changes of another program, which would be
/// committed too. [`UciError::NotAsMeant`] if the result is not the intended one. After any error
/// all changes are reverted.
pub fn apply(router: &Router, changes: &Changes) -> Result<(), UciError> {
    let directory = directory(router)?;
    let lock = lock::take(&directory).map_err(|error| failed(&error))?;
    let done = apply_to(router, NETWORK, changes, &lock);
    if router.env.is_a_copy() {
        lock::remove(lock, &directory);
    }
    done
}

/// The same for any package. The caller must hold the loader's lock, because two concurrent calls
/// would commit each other's changes.
///
/// # Errors
/// [`UciError`]
pub fn apply_to(
    router: &Router,
    name: &str,
    changes: &Changes,
    lock: &Flock<File>,
) -> Result<(), UciError> {
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
    let staging = Staging::new(router, lock)?;
    // `uci batch` continues after a failed line and exits with 0, so the result is read back.
    staging.uci(&["batch"], &batch(&changes.commands))?;
    let now = staging.read(name)?;
    if !now.is_some_and(|now| now.sections() == meant.sections()) {
        return Err(UciError::NotAsMeant(package()));
    }
    staging.uci(&["commit", name], "")
}

/// Returns the directory of the changes. It is not `/tmp` itself, which is writable for all.
fn directory(router: &Router) -> Result<PathBuf, UciError> {
    if router.env.is_a_copy() { inside(router, "tmp/.mape-rs") } else { Ok(router.env.run.clone()) }
}

fn inside(router: &Router, path: &str) -> Result<PathBuf, UciError> {
    let root = &router.env.root;
    files::below(root, path).map_err(|error| UciError::unreadable(&root.join(path), &error))
}

fn failed(reason: &dyn Display) -> UciError {
    UciError::Program(Quoted::new(&reason.to_string()))
}

/// Uncommitted changes in a separate directory. Every program reads changes in `/tmp/.uci`, and the
/// next commit of any program would include them. With a separate directory, changes do not come
/// back after an interruption or after a failed write to flash.
struct Staging<'a> {
    router: &'a Router,
    changes: PathBuf,
    lock: &'a Flock<File>,
}

impl<'a> Staging<'a> {
    fn new(router: &'a Router, lock: &'a Flock<File>) -> Result<Self, UciError> {
        let changes = directory(router)?.join(CHANGES);
        // Left by a call that was killed.
        let _ = fs::remove_dir_all(&changes);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&changes);
        made.map_err(|error| failed(&error))?;
        Ok(Self { router, changes, lock })
    }

    /// The package with what is staged.
    fn read(&self, name: &str) -> Result<Option<Package>, UciError> {
        let mut package = self.router.directories().read(name)?;
        if let (Some(package), Ok(changes)) = (&mut package, files::text(self.changes.join(name))) {
            package.change(&changes);
        }
        Ok(package)
    }

    /// Runs `uci`, which inherits the lock: if this process is killed, the next caller waits.
    fn uci(&self, arguments: &[&str], input: &str) -> Result<(), UciError> {
        let mut command = Command::new(&self.router.env.uci);
        if self.router.env.is_a_copy() {
            command.arg("-c").arg(inside(self.router, CONFIG)?);
        }
        command.arg("-t").arg(&self.changes).args(arguments);
        let program = Program::new(command, TIMEOUT).reading(input.as_bytes());
        match program.holding(Some(self.lock.as_fd())).output() {
            Ok(_) => Ok(()),
            Err(ProgramError::Refused { said, .. }) => Err(UciError::Program(said)),
            Err(error) => Err(failed(&error)),
        }
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.changes);
        if self.router.env.is_a_copy() {
            let _ = self.changes.parent().map(fs::remove_dir);
        }
    }
}
