//! Tools of the npm registry: each set has a directory with `package.json` and a lock file.

use std::process::Command;

use crate::packages;
use crate::steps::{command, output, run};

/// One directory of them.
pub struct Npm {
    directory: &'static str,
}

impl Npm {
    /// Names a directory below the root of the repository.
    #[must_use]
    pub const fn of(directory: &'static str) -> Self {
        Self { directory }
    }

    /// Installs node, npm, and what the lock file names; once for all steps.
    ///
    /// # Errors
    ///
    /// What is missing cannot be installed.
    pub fn prepare(&self) -> anyhow::Result<()> {
        // Who has node from elsewhere must not get Debian's beside it.
        let here = output(command("node", &["--version"])).is_ok();
        if !here || output(self.command(&["--version"])).is_err() {
            packages::ensure(&["nodejs", "npm"])?;
        }
        if output(self.command(&["ls"])).is_ok() {
            return Ok(());
        }
        // No package's own scripts: none of these tools needs them.
        run(self.command(&["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))
    }

    /// Runs a script of its `package.json`.
    ///
    /// # Errors
    ///
    /// As [`run`].
    pub fn script(&self, name: &str) -> anyhow::Result<()> {
        run(self.command(&["run", name]))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut npm = command("npm", &["--prefix", self.directory, "--silent"]);
        npm.args(arguments);
        npm
    }
}
