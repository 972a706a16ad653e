//! Why a configuration cannot be read or changed.

use std::io;
use std::path::Path;

use mape_core::{Code, Explain, Explanation, Quoted};

/// The configuration cannot be read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UciError {
    /// A line of a file is not UCI's.
    #[error("line {line} of the configuration {package}: {reason}")]
    Line {
        /// The package.
        package: Quoted,
        /// Where the command begins, from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A file is there but cannot be read.
    #[error("the file {file} cannot be read: {reason}")]
    Unreadable {
        /// Its path.
        file: Quoted,
        /// What the system says.
        reason: String,
        /// The next step.
        next: &'static str,
    },
    /// The program `uci` fails.
    #[error("uci cannot change the configuration: {}", .0.text())]
    Program(Quoted),
    /// Another program has changes that are not committed yet.
    #[error("the configuration {0} has changes that are not committed yet")]
    Pending(Quoted),
    /// What was changed is not what was meant to be.
    #[error(
        "the configuration {0} is not as it was meant to be after the change, which was taken back"
    )]
    NotAsMeant(Quoted),
}

impl UciError {
    /// Returns the error of a file that the system does not let us read.
    #[must_use]
    pub fn unreadable(file: &Path, reason: &io::Error) -> Self {
        let file = Quoted::new(&file.to_string_lossy());
        let next = match reason.kind() {
            io::ErrorKind::PermissionDenied => "run this as root on the router",
            _ => "put a regular file of at most 1 MiB in its place, or remove it",
        };
        Self::Unreadable { file, reason: reason.to_string(), next }
    }
}

impl Explain for UciError {
    fn explain(&self) -> Explanation {
        match self {
            Self::Line { package, line, .. } => {
                let package = package.text();
                let hint = format!("`uci export {package}` must work first; correct that line");
                Explanation::new(Code::Uci, hint).text("package", &package).param("line", line)
            }
            Self::Unreadable { file, next, .. } => {
                Explanation::new(Code::Uci, *next).text("file", &file.text())
            }
            Self::Pending(package) => {
                let package = package.text();
                let hint = format!(
                    "look at them with `uci changes {package}`, then `uci commit {package}` or \
                     `uci revert {package}`"
                );
                Explanation::new(Code::Uci, hint).text("package", &package)
            }
            Self::Program(reason) => Explanation::new(
                Code::Uci,
                "run this as root on the router, and see that its flash is not full (`df /etc`)",
            )
            .text("reason", &reason.text()),
            Self::NotAsMeant(package) => {
                let package = package.text();
                let hint = format!(
                    "see whether another program changes it (`uci changes {package}`), then try again"
                );
                Explanation::new(Code::Uci, hint).text("package", &package)
            }
        }
    }
}
