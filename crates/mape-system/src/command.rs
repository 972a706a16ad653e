//! What a program is started with, and its start.
//!
//! std's `Command` can also change directories and users, and keeps the environment in a map. The
//! program needs neither, and is smaller without them.

use std::ffi::{CString, OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;

use nix::fcntl::OFlag;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawnp};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, pipe2};

/// A program, its arguments, and what its environment has beside this program's.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program comes first.
    words: Vec<OsString>,
    /// Each one is `NAME=VALUE`.
    variables: Vec<OsString>,
}

impl Command {
    /// Returns the command without arguments. A name without `/` is looked up in `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self { words: vec![program.as_ref().to_owned()], variables: Vec::new() }
    }

    /// Adds an argument.
    pub fn arg(&mut self, word: impl AsRef<OsStr>) -> &mut Self {
        self.words.push(word.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, words: &[&str]) -> &mut Self {
        for word in words {
            self.arg(word);
        }
        self
    }

    /// Returns the arguments, without the program.
    #[must_use]
    pub fn arguments(&self) -> &[OsString] {
        self.words.get(1..).unwrap_or_default()
    }

    /// Returns the program.
    #[must_use]
    pub fn program(&self) -> &OsStr {
        self.words.first().map(OsString::as_os_str).unwrap_or_default()
    }

    /// Returns the same call of another program.
    #[must_use]
    pub fn with_program(&self, program: impl AsRef<OsStr>) -> Self {
        let arguments = self.arguments().iter().cloned();
        let words = std::iter::once(program.as_ref().to_owned()).chain(arguments).collect();
        Self { words, variables: self.variables.clone() }
    }

    /// Sets a variable of the environment.
    pub fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.variables.push(format!("{name}={value}").into());
        self
    }

    /// Starts the program in a process group of its own, without signals that this program blocks
    /// or ignores.
    pub(crate) fn start(&self, streams: &Streams) -> io::Result<Pid> {
        let mut files = PosixSpawnFileActions::init()?;
        for (number, file) in (0..).zip([&streams.stdin, &streams.stdout, &streams.stderr]) {
            files.add_dup2(file.as_raw_fd(), number)?;
        }
        let mut signals = SigSet::empty();
        let mut attributes = PosixSpawnAttr::init()?;
        attributes.set_sigmask(&signals)?;
        // Rust's start code ignores it.
        signals.add(Signal::SIGPIPE);
        attributes.set_sigdefault(&signals)?;
        attributes.set_pgroup(Pid::from_raw(0))?;
        attributes.set_flags(
            PosixSpawnFlags::POSIX_SPAWN_SETPGROUP
                | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF
                | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK,
        )?;
        let words = c_strings(self.words.clone())?;
        let program = words.first().map(CString::as_c_str).unwrap_or_default();
        Ok(posix_spawnp(program, &files, &attributes, &words, &c_strings(self.environment())?)?)
    }

    /// Returns this program's environment with the changes.
    fn environment(&self) -> Vec<OsString> {
        let mut all = self.variables.clone();
        for (mut variable, value) in std::env::vars_os() {
            variable.push("=");
            let name = variable.as_encoded_bytes();
            if !self.variables.iter().any(|own| own.as_encoded_bytes().starts_with(name)) {
                variable.push(value);
                all.push(variable);
            }
        }
        all
    }
}

fn c_strings(words: Vec<OsString>) -> io::Result<Vec<CString>> {
    let mut all = Vec::new();
    for word in words {
        all.push(CString::new(word.into_vec())?);
    }
    Ok(all)
}

/// The standard streams of a program.
pub(crate) struct Streams {
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// Returns both ends of a pipe, the one to read from first. A program has neither of them, unless
/// it is one of its [`Streams`].
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe2(OFlag::O_CLOEXEC)?)
}

/// Returns a file that is empty and takes everything.
pub(crate) fn null() -> io::Result<OwnedFd> {
    let file: File = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    Ok(file.into())
}
