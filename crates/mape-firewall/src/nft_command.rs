//! Runs nft: queries, checks (`nft -c`) and loads. Nothing else in the program runs nft.
//!
//! What other programs have loaded is read as JSON ([`Nft::list`]) or through netlink
//! (`mape_kernel::nft_state`). Of nft's text, the program reads the headings of its own tables and
//! the marker in them (docs/decisions/0060-reading-rules-back.md).

use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use mape_nft::Transaction;
use mape_system::program::{Command, End, Ended, Program, ProgramError};
use nix::fcntl::Flock;
use serde::de::DeserializeOwned;

use crate::error::FirewallError;

/// Time limit of one call. A slow router needs some seconds for a thousand ports, and several times
/// that under load. A long list of another program's rules takes as long.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Limit of what [`Nft::list`] reads, in bytes. 100,000 rules are 16 MB as text and 50 MB as JSON.
const MAX_LIST: usize = 1 << 26;

/// The program nft, and the loader's lock, which its process inherits.
#[derive(Debug)]
pub struct Nft<'a> {
    program: &'a Path,
    lock: Option<BorrowedFd<'a>>,
    timeout: Duration,
}

impl<'a> Nft<'a> {
    /// Returns nft for a caller without the loader's lock.
    #[must_use]
    pub const fn new(program: &'a Path) -> Self {
        Self { program, lock: None, timeout: TIMEOUT }
    }

    /// Returns nft for a caller that holds the loader's lock. If the caller is killed, its nft
    /// process keeps the lock. The next loader waits for that process, so the older load cannot
    /// finish after the newer one.
    pub(super) fn holding(program: &'a Path, lock: &'a Flock<File>) -> Self {
        Self { lock: Some(lock.as_fd()), ..Self::new(program) }
    }

    /// Returns the text that [`Self::load`] would load. Changes nothing. If the query for chains
    /// fails, none counts as left over.
    pub(super) fn text(&self, transaction: &Transaction) -> String {
        transaction.text(&self.checked(&["list", "chains"], None).unwrap_or_default())
    }

    /// Loads the text: all of it or nothing.
    pub(super) fn load(&self, transaction: &Transaction) -> Result<(), FirewallError> {
        self.checked(&["-f", "-"], Some(&self.whole(transaction)?))?;
        Ok(())
    }

    /// Returns what `nft --json list WORDS` prints, as a value or a type for a part of it. Elements
    /// of sets and maps are left out.
    ///
    /// # Errors
    /// [`FirewallError`]; [`FirewallError::NoVerdict`] if nft prints no such JSON.
    pub fn list<T: DeserializeOwned>(&self, words: &[&str]) -> Result<T, FirewallError> {
        let words = [&["--json", "--terse", "list"], words].concat();
        let printed = Self::end(self.program(&words).printing(MAX_LIST))?.success();
        serde_json::from_slice(&printed.map_err(verdict)?)
            .map_err(|error| FirewallError::NoVerdict(format!("{}: {error}", words.join(" "))))
    }

    /// Loads a text as it is: all of it or nothing.
    ///
    /// # Errors
    /// [`FirewallError`]
    pub fn load_text(&self, text: &str) -> Result<(), FirewallError> {
        self.checked(&["-f", "-"], Some(text))?;
        Ok(())
    }

    /// Checks whether [`Self::load`] would succeed. Changes nothing.
    pub(super) fn would_load(&self, transaction: &Transaction) -> Result<(), FirewallError> {
        self.check(&self.whole(transaction)?)
    }

    fn whole(&self, transaction: &Transaction) -> Result<String, FirewallError> {
        Ok(transaction.text(&self.checked(&["list", "chains"], None)?))
    }

    /// Deletes all tables of mape-rs in one transaction.
    pub(super) fn unload(&self) -> Result<(), FirewallError> {
        let tables = self.checked(&["list", "tables"], None)?;
        let text = mape_nft::unload_text(&tables);
        if !text.is_empty() {
            self.checked(&["-f", "-"], Some(&text))?;
        }
        Ok(())
    }

    /// Checks whether nft accepts the text. Changes nothing.
    pub(super) fn check(&self, text: &str) -> Result<(), FirewallError> {
        self.checked(&["-c", "-f", "-"], Some(text))?;
        Ok(())
    }

    fn checked(&self, arguments: &[&str], input: Option<&str>) -> Result<String, FirewallError> {
        let printed = self.run(arguments, input)?.success().map_err(verdict)?;
        Ok(String::from_utf8_lossy(&printed).into_owned())
    }

    fn run(&self, arguments: &[&str], input: Option<&str>) -> Result<Ended, FirewallError> {
        Self::end(self.program(arguments).reading(input.unwrap_or_default().as_bytes()))
    }

    fn program(&self, arguments: &[&str]) -> Program<'a> {
        let mut command = Command::new(self.program);
        command.args(arguments);
        Program::new(command, self.timeout).holding(self.lock)
    }

    fn end(program: Program<'_>) -> Result<Ended, FirewallError> {
        let ended = program.run().map_err(FirewallError::NoNft)?;
        match ended.end {
            End::Exit(_) => Ok(ended),
            // This is an error for a query too: partial output would be read as "not loaded".
            end => Err(FirewallError::NoVerdict(ProgramError::Stopped(end).to_string())),
        }
    }
}

/// Distinguishes a refusal of the rules from a failure that has nothing to do with them.
fn verdict(error: ProgramError) -> FirewallError {
    match error {
        ProgramError::NotStarted(error) => FirewallError::NoNft(error),
        ProgramError::Refused { status, said } if is_verdict(status, &said.text()) => {
            FirewallError::Rejected(said)
        }
        error => FirewallError::NoVerdict(error.to_string()),
    }
}

/// Whether nft refused the rules. nft ends with status 1 if it or the kernel refuses the text, with
/// 2 without memory and with 3 without its netlink socket (`enum nft_exit_codes` in its sources).
/// If the kernel has no memory or a call is interrupted, the status is 1 too. The C library's
/// message then tells that the same text can be accepted later.
fn is_verdict(status: i32, said: &str) -> bool {
    let passing = [
        "Cannot allocate memory",
        "Out of memory",
        "Memory allocation failure",
        "No buffer space available",
        "Interrupted system call",
    ];
    status == 1 && !passing.iter().any(|words| said.contains(words))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FirewallError, Nft};
    use crate::executable::executable;

    /// A program that reads nothing and never ends.
    #[test]
    fn an_nft_that_hangs_says_nothing_of_the_rules() {
        let directory = std::env::temp_dir().join(format!("mape-hang-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let program = directory.join("nft");
        executable(&program, "#!/bin/sh\nexec sleep 100\n");
        let nft = Nft { timeout: Duration::from_millis(100), ..Nft::new(&program) };
        for done in [nft.load_text("table ip x"), nft.check("table ip x"), nft.unload()] {
            assert!(matches!(done, Err(FirewallError::NoVerdict(_))), "{done:?}");
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
