//! Running nft.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use mape_core::Quoted;
use mape_nft::Transaction;

use super::FirewallError;

/// The program.
pub(super) struct Nft<'path>(pub(super) &'path Path);

impl Nft<'_> {
    /// Whether this text is what is loaded. Where only the short cuts are missing, as after a reload of
    /// firewall4, they are brought back.
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

    /// What `has` or [`Self::load`] would load; `None` where nothing is missing. Only asks, and whatever it is not told
    /// is not there.
    #[cfg(feature = "linux")]
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

    /// Whether each of the tables is the one that was loaded with this text.
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
        Ok(output.status.success() && transaction.is_answered_by(&tables))
    }

    /// Whether somebody else has a flowtable, as firewall4 has with flow offload switched on.
    pub(super) fn offloads(&self) -> Result<bool, FirewallError> {
        let output = self.run(&["list", "flowtables"], None)?;
        // A kernel that knows no flowtables has none.
        Ok(has_foreign_flowtable(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Loads the text: all of it or nothing.
    pub(super) fn load(&self, transaction: &Transaction) -> Result<(), FirewallError> {
        self.checked(&["-f", "-"], Some(&self.whole(transaction)?))?;
        Ok(())
    }

    /// Whether [`Self::load`] would do it. Changes nothing.
    pub(super) fn would_load(&self, transaction: &Transaction) -> Result<(), FirewallError> {
        self.check(&self.whole(transaction)?)
    }

    fn whole(&self, transaction: &Transaction) -> Result<String, FirewallError> {
        Ok(transaction.text(&self.checked(&["list", "chains"], None)?))
    }

    /// Deletes every table of ours, in one transaction.
    pub(super) fn unload(&self) -> Result<(), FirewallError> {
        let tables = self.checked(&["list", "tables"], None)?;
        let text = mape_nft::unload_text(&tables);
        if !text.is_empty() {
            self.checked(&["-f", "-"], Some(&text))?;
        }
        Ok(())
    }

    /// Whether the text would be accepted. Changes nothing.
    pub(super) fn check(&self, text: &str) -> Result<(), FirewallError> {
        self.checked(&["-c", "-f", "-"], Some(text))?;
        Ok(())
    }

    fn checked(&self, arguments: &[&str], input: Option<&str>) -> Result<String, FirewallError> {
        let output = self.run(arguments, input)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let error = String::from_utf8_lossy(&output.stderr);
        let line = error.lines().find(|line| !line.trim().is_empty());
        let line = line.map_or_else(|| output.status.to_string(), str::to_owned);
        Err(FirewallError::Rejected(Quoted::new(&line)))
    }

    fn run(&self, arguments: &[&str], input: Option<&str>) -> Result<Output, FirewallError> {
        let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
        let mut child = Command::new(self.0)
            .args(arguments)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(FirewallError::NoNft)?;
        if let (Some(mut stdin), Some(text)) = (child.stdin.take(), input) {
            // nft reads all of its input before it writes anything. Where it ends early, its
            // message says more than the broken pipe.
            match stdin.write_all(text.as_bytes()) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    return Err(FirewallError::NoNft(error));
                }
                _ => {}
            }
        }
        child.wait_with_output().map_err(FirewallError::NoNft)
    }
}

/// Whether a table that is not ours has a flowtable, in the output of `nft list flowtables`.
fn has_foreign_flowtable(text: &str) -> bool {
    let mut foreign = false;
    text.lines().any(|line| {
        if line.starts_with("table ") {
            foreign = line.split_whitespace().nth(2) != Some("mape_rs");
        }
        foreign && line.trim_start().starts_with("flowtable ")
    })
}

#[cfg(test)]
mod tests {
    use super::has_foreign_flowtable;

    #[test]
    fn our_own_flowtable_does_not_count() {
        let ours = "table inet mape_rs {\n\tflowtable slow {\n\t}\n}\n";
        let theirs = "table inet fw4 {\n\tflowtable ft {\n\t}\n}\n";
        assert!(!has_foreign_flowtable("") && !has_foreign_flowtable(ours));
        assert!(!has_foreign_flowtable("table inet fw4 {\n}\n"));
        assert!(
            has_foreign_flowtable(theirs) && has_foreign_flowtable(&(ours.to_owned() + theirs))
        );
    }
}
