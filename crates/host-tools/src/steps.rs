//! Runs several steps: all of them are run, each is reported, and the last line has the counts.

use std::borrow::BorrowMut;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, bail};

/// The steps run so far.
#[derive(Default)]
pub struct Steps {
    passed: usize,
    skipped: usize,
    failed: Vec<(&'static str, String)>,
    unsteady: Vec<String>,
}

/// The outcome of a step that did not fail.
pub enum Outcome {
    /// The step passed.
    Passed,
    /// The step passed; these lines name the parts that failed first and passed the second time.
    Unsteady(Vec<String>),
    /// The step cannot run on this machine; the reason.
    Skipped(String),
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Passed
    }
}

impl Outcome {
    /// Returns the outcome of a run that passed, with the parts that ran twice.
    #[must_use]
    pub fn of(unsteady: Vec<String>) -> Self {
        if unsteady.is_empty() { Self::Passed } else { Self::Unsteady(unsteady) }
    }
}

impl Steps {
    /// Runs steps and prints how many passed.
    ///
    /// # Errors
    ///
    /// At least one step failed.
    pub fn run(all: impl FnOnce(&mut Self)) -> anyhow::Result<()> {
        let mut steps = Self::default();
        all(&mut steps);
        let Self { passed, skipped, failed, unsteady } = &steps;
        println!("\n{passed} passed, {} failed, {skipped} skipped", failed.len());
        if !unsteady.is_empty() {
            println!("passed the second time only:\n  {}", unsteady.join("\n  "));
        }
        // The errors are repeated in one place, at the end of a long output.
        for (name, error) in failed {
            println!("{name}: {error}");
        }
        if !failed.is_empty() {
            let names: Vec<_> = failed.iter().map(|(name, _)| *name).collect();
            bail!("failed: {}", names.join(", "));
        }
        Ok(())
    }

    /// Runs two groups of steps at the same time, because machines and browsers often wait.
    pub fn beside(&mut self, one: impl FnOnce(&mut Self), other: impl FnOnce(&mut Self) + Send) {
        let mut more = Self::default();
        std::thread::scope(|scope| {
            scope.spawn(|| other(&mut more));
            one(self);
        });
        self.passed += more.passed;
        self.skipped += more.skipped;
        self.failed.append(&mut more.failed);
        self.unsteady.append(&mut more.unsteady);
    }

    /// Runs one step.
    pub fn step<T: Into<Outcome>>(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> anyhow::Result<T>,
    ) {
        println!("\n== {name}");
        let start = Instant::now();
        let result = step().map(Into::into);
        let seconds = start.elapsed().as_secs_f32();
        match result {
            Ok(outcome @ (Outcome::Passed | Outcome::Unsteady(_))) => {
                println!("== {name}: ok ({seconds:.0} s)");
                self.passed += 1;
                if let Outcome::Unsteady(lines) = outcome {
                    self.unsteady.extend(lines);
                }
            }
            Ok(Outcome::Skipped(why)) => {
                println!("== {name}: SKIPPED: {why}");
                self.skipped += 1;
            }
            Err(error) => {
                println!("== {name}: FAILED ({seconds:.0} s): {error:#}");
                self.failed.push((name, format!("{error:#}")));
            }
        }
    }
}

/// Skips a step that cannot run on this machine. In CI (`MAPE_CI=1`) this is an error.
///
/// # Errors
///
/// In CI, always.
pub fn skip_or_fail(what: &str, error: anyhow::Error) -> anyhow::Result<Outcome> {
    if std::env::var_os("MAPE_CI").is_some_and(|value| value == "1") {
        return Err(error.context(format!("MAPE_CI=1, but there is no {what}")));
    }
    Ok(Outcome::Skipped(format!("there is no {what}: {error:#}")))
}

/// Returns the root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.ancestors().nth(2).unwrap_or(xtask).to_owned()
}

/// Returns a command that runs in the root of the repository.
pub fn command(program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

/// Returns a command for the cargo that built this program.
#[must_use]
pub fn cargo(arguments: &[&str]) -> Command {
    command(env!("CARGO"), arguments)
}

/// Runs a command and waits for its end.
///
/// # Errors
///
/// The command cannot be started, or its exit status is not 0.
pub fn run(mut command: impl BorrowMut<Command>) -> anyhow::Result<()> {
    let command = command.borrow_mut();
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?}: {status}");
    }
    Ok(())
}

/// Runs a command and returns its standard output.
///
/// # Errors
///
/// As [`run`], or the output is not text.
pub fn output(mut command: impl BorrowMut<Command>) -> anyhow::Result<String> {
    let command = command.borrow_mut();
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?}: {}: {}", output.status, errors.trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_beside_others_count_as_those_in_turn() {
        let run = |fails: bool| {
            Steps::run(|steps| {
                steps.beside(
                    |one| one.step("one", || anyhow::Ok(())),
                    |other| {
                        other.step("other", || anyhow::Ok(()));
                        other.step("last", || {
                            anyhow::ensure!(!fails, "broken");
                            anyhow::Ok(())
                        });
                    },
                );
                assert_eq!((steps.passed, steps.failed.len()), if fails { (2, 1) } else { (3, 0) });
            })
        };
        assert!(run(false).is_ok());
        assert_eq!(run(true).unwrap_err().to_string(), "failed: last");
    }
}
