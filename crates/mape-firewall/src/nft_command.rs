//! Runs nft: queries, checks (`nft -c`) and loads. `mape-import` alone runs nft elsewhere, to list
//! tables. Status commands read the loaded rules through netlink (`mape_kernel::nft_state`).

use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mape_nft::{ObjectNames, Transaction};
use mape_system::program::{End, Ended, Program, ProgramError};
use nix::fcntl::Flock;

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

    /// Whether this text is loaded. If only the fast path is missing, as after a firewall4 reload,
    /// it is loaded again.
    pub(super) fn has(&self, transaction: &Transaction) -> Result<bool, FirewallError> {
        if !self.is_marked(transaction)? {
            return Ok(false);
        }
        if self.answers(transaction, &transaction.query())? {
            return Ok(true);
        }
        let found = self.answers(transaction, &transaction.query_without_short_cuts())?;
        if found {
            self.checked(&["-f", "-"], Some(&transaction.short_cuts()))?;
        }
        Ok(found)
    }

    /// Returns the text that `has` or [`Self::load`] would load; `None` if nothing is missing.
    /// Changes nothing. If a query fails, its object counts as missing.
    pub(super) fn missing(&self, transaction: &Transaction) -> Option<String> {
        let answers = |query: &str| self.answers(transaction, query).unwrap_or_default();
        if self.is_marked(transaction).unwrap_or_default() {
            if answers(&transaction.query()) {
                return None;
            }
            if answers(&transaction.query_without_short_cuts()) {
                return Some(transaction.short_cuts());
            }
        }
        let chains = self.checked(&["list", "chains"], None).unwrap_or_default();
        Some(transaction.text(&chains))
    }

    /// Whether each table has the marker of this text.
    fn is_marked(&self, transaction: &Transaction) -> Result<bool, FirewallError> {
        for chain in transaction.marked_chains() {
            let output = self.run(&["-t", &chain], None)?;
            if !transaction.is_marked(&String::from_utf8_lossy(&output.stdout)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn answers(&self, transaction: &Transaction, query: &str) -> Result<bool, FirewallError> {
        let output = self.run(&[query], None)?;
        let tables = String::from_utf8_lossy(&output.stdout);
        Ok(output.end == End::Exit(0) && transaction.is_answered_by(&tables))
    }

    /// Whether another program has a flowtable, as firewall4 does with flow offload enabled.
    pub(super) fn offloads(&self) -> Result<bool, FirewallError> {
        let output = self.run(&["list", "flowtables"], None)?;
        // A kernel without flowtables lists none.
        Ok(has_foreign_flowtable(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Loads the text: all of it or nothing.
    pub(super) fn load(&self, transaction: &Transaction) -> Result<(), FirewallError> {
        self.checked(&["-f", "-"], Some(&self.whole(transaction)?))?;
        Ok(())
    }

    /// Returns what nft prints of tables that may be another program's.
    ///
    /// # Errors
    /// [`FirewallError`]
    pub fn list(&self, words: &[&str]) -> Result<String, FirewallError> {
        let printed = Self::end(self.program(words).printing(MAX_LIST))?.success();
        Ok(String::from_utf8_lossy(&printed.map_err(verdict)?).into_owned())
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

/// Whether a table that is not ours has a flowtable, in the output of `nft list flowtables`.
fn has_foreign_flowtable(text: &str) -> bool {
    let mut foreign = false;
    text.lines().any(|line| {
        if line.starts_with("table ") {
            foreign = line.split_whitespace().nth(2) != Some(ObjectNames::TABLE);
        }
        foreign && line.trim_start().starts_with("flowtable ")
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FirewallError, Nft, has_foreign_flowtable};
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

    #[test]
    fn our_own_flowtable_does_not_count() {
        let ours = "table inet mape_rs {\n\tflowtable no_offload {\n\t}\n}\n";
        let theirs = "table inet fw4 {\n\tflowtable ft {\n\t}\n}\n";
        assert!(!has_foreign_flowtable("") && !has_foreign_flowtable(ours));
        assert!(!has_foreign_flowtable("table inet fw4 {\n}\n"));
        assert!(
            has_foreign_flowtable(theirs) && has_foreign_flowtable(&(ours.to_owned() + theirs))
        );
    }
}
