//! Programs that tests write and run; a module of each test that does.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes a program by another process. Were it written here, whatever another thread starts at
/// that moment would have it open for writing too, and the kernel starts no such file ("Text file
/// busy").
///
/// # Panics
/// It cannot be written.
pub(crate) fn executable(path: &Path, text: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(path).stdin(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success(), "{} cannot be written", path.display());
}
