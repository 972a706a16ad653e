//! Tools from the npm registry. Each set has a directory with `package.json` and a lock file.

use std::process::Command;

use crate::packages;
use crate::steps::{command, output, run};

/// A directory with a set of tools.
pub struct Npm {
    directory: &'static str,
}

impl Npm {
    /// Names a directory below the root of the repository.
    #[must_use]
    pub const fn of(directory: &'static str) -> Self {
        Self { directory }
    }

    /// Installs node, npm, and the packages in the lock file, once for all steps.
    ///
    /// # Errors
    ///
    /// A package cannot be installed.
    pub fn prepare(&self) -> anyhow::Result<()> {
        // If node is installed from another source, Debian's node is not installed as well.
        let here = output(command("node", &["--version"])).is_ok();
        if !here || output(self.command(&["--version"])).is_err() {
            packages::ensure(&["nodejs", "npm"])?;
        }
        if output(self.command(&["ls"])).is_ok() {
            return Ok(());
        }
        // The packages' own scripts are not run: none of these tools needs them.
        run(self.command(&["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))
    }

    /// Runs a script of the `package.json`.
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
