//! Programs that are built once, for several targets or on another machine. A release builds each
//! program on a separate machine, and makes and signs the packages on one that does not compile.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::targets::{self, Target};
use super::{build, finished};

/// The programs of targets. Targets with the same program share one build.
#[derive(Default)]
pub struct Programs(HashMap<String, PathBuf>);

impl Programs {
    /// # Errors
    ///
    /// The build fails.
    pub fn of(&mut self, target: &Target) -> anyhow::Result<PathBuf> {
        if let Some(program) = self.0.get(&target.program) {
            return Ok(program.clone());
        }
        let program = build(target)?;
        self.0.insert(target.program.clone(), program.clone());
        Ok(program)
    }
}

/// The variable with the directory of finished programs.
const VARIABLE: &str = "MAPE_PROGRAMS";

/// `cargo xtask cross --out DIRECTORY [ARCH...]`: builds programs and writes each to a file with
/// the name of its architecture.
///
/// # Errors
///
/// A build fails, or a file cannot be written.
pub(super) fn keep(directory: &Path, names: &[&str]) -> anyhow::Result<()> {
    let mut programs = Programs::default();
    for target in targets::chosen(names)? {
        let to = place(directory, &target);
        fs::create_dir_all(to.parent().context("a file without directory")?)?;
        // With symbols: the shipped program is made from this file, and its checks need them.
        let program = programs.of(&target)?.with_file_name("mape-proto");
        fs::copy(program, &to).with_context(|| to.display().to_string())?;
        println!("{}", to.display());
    }
    Ok(())
}

/// Returns the program of `target` if the variable names a directory. It is checked like one that
/// was built here.
///
/// # Errors
///
/// The file is missing, or is not a program for such routers.
pub(super) fn given(target: &Target) -> anyhow::Result<Option<PathBuf>> {
    let Some(directory) = std::env::var_os(VARIABLE) else { return Ok(None) };
    given_in(Path::new(&directory), target).map(Some)
}

fn given_in(directory: &Path, target: &Target) -> anyhow::Result<PathBuf> {
    let program = place(directory, target);
    ensure!(
        program.is_file(),
        "{VARIABLE} has no {}; `cargo xtask cross --out` puts it there",
        program.display()
    );
    finished(target, &program)
}

/// Architectures with the program of another one share its file.
fn place(directory: &Path, target: &Target) -> PathBuf {
    directory.join(&target.program).join("mape-proto")
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_tools::tools::cache_directory;

    #[test]
    fn a_program_that_is_missing_or_of_another_kind_is_refused() {
        let directory = cache_directory().join("programs-test");
        let _ = fs::remove_dir_all(&directory);
        let target = targets::chosen(&["mipsel_74kc"]).unwrap().remove(0);
        let missing = given_in(&directory, &target).unwrap_err().to_string();
        assert!(missing.contains("mipsel_24kc/mape-proto"), "{missing}");
        let program = place(&directory, &target);
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        // A program of this machine, which has another loader.
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let other = given_in(&directory, &target).unwrap_err().to_string();
        assert!(other.contains("loader"), "{other}");
    }
}
