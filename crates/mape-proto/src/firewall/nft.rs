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
    /// Whether this text is what is loaded.
    pub(super) fn has(&self, transaction: &Transaction) -> Result<bool, FirewallError> {
        let output = self.run(&[&transaction.query()], None)?;
        let tables = String::from_utf8_lossy(&output.stdout);
        Ok(output.status.success() && transaction.is_answered_by(&tables))
    }

    /// Loads the text: all of it or nothing.
    pub(super) fn load(&self, transaction: &Transaction) -> Result<(), FirewallError> {
        let tables = self.checked(&["list", "tables"], None)?;
        self.checked(&["-f", "-"], Some(&transaction.text(&tables)))?;
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
