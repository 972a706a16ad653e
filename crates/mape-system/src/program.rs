//! Running another program: it has a deadline, a limit on what it prints, and an end.
//!
//! No shell and no thread is involved. Input and output move at the same time, so a program that
//! prints before it has read all of its input blocks neither side.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use mape_core::{IntoVec as _, Quoted};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

pub use super::command::Command;
use super::command::{Streams, null, pipe};

/// Bytes moved at once. A pipe that is ready takes this many without blocking (`PIPE_BUF`).
const CHUNK: usize = 4096;
/// Shortest and longest pause between two looks at whether the program has ended. Output ends the
/// pause.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(128));
/// How long a killed program may take to end. The kernel lets one finish the system call it is in.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);
/// What a program may print where the caller says nothing else, in bytes for each of its two
/// outputs: several times the rules of a full router.
const LIMIT: usize = 4 << 20;

/// A program that is to be run.
#[derive(Debug)]
pub struct Program<'a> {
    command: Command,
    input: &'a [u8],
    deadline: Duration,
    limit: usize,
    is_silent: bool,
    lock: Option<BorrowedFd<'a>>,
}

/// How a program has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status: the only end that is the program's own verdict.
    Exit(i32),
    /// By this signal, from elsewhere: the kernel without memory, an administrator, a fault of its
    /// own.
    Signal(i32),
    /// It was still running after this time and was killed.
    Deadline(Duration),
    /// One of its outputs was longer than this many bytes, and it was killed.
    TooLong(usize),
    /// It has ended, and the kernel does not tell how: what started this program ignores `SIGCHLD`,
    /// and so does this one. A real-time signal counts as this end, too.
    Unseen,
}

/// What a program has printed until its end.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub end: End,
    /// Never longer than the limit.
    pub stdout: Vec<u8>,
    /// Never longer than the limit.
    pub stderr: Vec<u8>,
}

/// Why a program has not done what it was run for.
///
/// [`Self::Refused`] is the program's verdict on what it was given. The other two say nothing about
/// that: the same call may succeed later.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is missing, must not be run, or there is no memory for a process.
    #[error("{0}")]
    NotStarted(io::Error),
    /// It was ended before it could give a verdict; never [`End::Exit`].
    #[error("it {0}")]
    Stopped(End),
    /// It ended with a status other than 0.
    #[error("{}", .said.text())]
    Refused {
        /// The status, 1 to 255.
        status: i32,
        /// The first line of its complaints, or its status in words.
        said: Quoted,
    },
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(status) => write!(f, "ended with status {status}"),
            Self::Signal(signal) => write!(f, "was killed by signal {signal}"),
            Self::Deadline(time) => {
                // Not as a floating-point number: those that print one take 9 kB of code.
                let seconds = format!("{}.{:03}", time.as_secs(), time.subsec_millis());
                let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
                write!(f, "did not end within {seconds} seconds and was killed")
            }
            Self::TooLong(limit) => write!(f, "printed more than {limit} bytes and was killed"),
            Self::Unseen => write!(f, "ended unseen, as SIGCHLD is ignored here (`trap - CHLD`)"),
        }
    }
}

impl<'a> Program<'a> {
    /// The command has to end within the deadline. It reads nothing, and may print 4 MiB.
    #[must_use]
    pub const fn new(command: Command, deadline: Duration) -> Self {
        Self { command, input: &[], deadline, limit: LIMIT, is_silent: false, lock: None }
    }

    /// With this text as its standard input.
    #[must_use]
    pub fn reading(self, input: &'a [u8]) -> Self {
        Self { input, ..self }
    }

    /// With another limit for each of its two outputs, in bytes.
    #[must_use]
    pub fn printing(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// With both outputs going nowhere: what it starts in the background can outlive this program.
    #[must_use]
    pub fn silent(self) -> Self {
        Self { is_silent: true, ..self }
    }

    /// With this file open in it. An `flock` on the file then lasts until the program has ended
    /// too, so that no other caller works beside a program whose starter was killed.
    #[must_use]
    pub fn holding(self, lock: Option<BorrowedFd<'a>>) -> Self {
        Self { lock, ..self }
    }

    /// Runs it and takes what it prints.
    ///
    /// # Errors
    /// [`ProgramError`]: anything but exit status 0.
    pub fn output(self) -> Result<Vec<u8>, ProgramError> {
        self.run().map_err(ProgramError::NotStarted)?.success()
    }

    /// Runs it to its end, whatever that is. Nothing is left running but what it has put into the
    /// background and was not killed with it.
    ///
    /// # Errors
    /// It cannot be started, or the system fails to tell about it.
    pub fn run(self) -> io::Result<Ended> {
        let Self { command, input, deadline, limit, is_silent, lock } = self;
        let (stdin, to) = if input.is_empty() { (null()?, None) } else { piped(pipe()?) };
        let output =
            || if is_silent { Ok((null()?, None)) } else { pipe().map(reversed).map(piped) };
        let ((stdout, out), (stderr, err)) = (output()?, output()?);
        let until = Instant::now() + deadline;
        let streams = Streams { stdin, stdout, stderr };
        let started = inherit(lock, true).and_then(|()| command.start(&streams));
        inherit(lock, false)?;
        let child = started?;
        // The program alone has the other ends: it ends them.
        drop(streams);
        let mut pipes = Pipes {
            stdin: to,
            input,
            stdout: Pipe { from: out, bytes: Vec::new() },
            stderr: Pipe { from: err, bytes: Vec::new() },
        };
        let end = match follow(child, &mut pipes, until, limit) {
            Ok(Some(end)) => end,
            Ok(None) => {
                end_now(child);
                End::Deadline(deadline)
            }
            Err(error) => {
                end_now(child);
                return Err(error);
            }
        };
        let [mut stdout, mut stderr] = [pipes.stdout.bytes, pipes.stderr.bytes];
        stdout.truncate(limit);
        stderr.truncate(limit);
        Ok(Ended { end, stdout, stderr })
    }
}

impl Ended {
    /// What it has printed, where it ended with status 0.
    ///
    /// # Errors
    /// Any other end.
    pub fn success(self) -> Result<Vec<u8>, ProgramError> {
        match self.end {
            End::Exit(0) => Ok(self.stdout),
            End::Exit(status) => {
                let said = self.complaint().unwrap_or_else(|| format!("exit status: {status}"));
                Err(ProgramError::Refused { status, said: Quoted::new(&said) })
            }
            end => Err(ProgramError::Stopped(end)),
        }
    }

    /// The first line of its complaints, without a full stop.
    fn complaint(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.stderr);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        Some(line.trim_end_matches('.').to_owned())
    }
}

/// Lets programs that are started from now on have the file, or no longer.
fn inherit(file: Option<BorrowedFd<'_>>, inherited: bool) -> io::Result<()> {
    let Some(file) = file else { return Ok(()) };
    let flags = if inherited { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    fcntl(file, FcntlArg::F_SETFD(flags)).map(drop).map_err(io::Error::from)
}

/// Returns the end that the program has, and the end that this program has.
fn piped((theirs, ours): (OwnedFd, OwnedFd)) -> (OwnedFd, Option<File>) {
    (theirs, Some(ours.into()))
}

fn reversed((from, to): (OwnedFd, OwnedFd)) -> (OwnedFd, OwnedFd) {
    (to, from)
}

struct Pipes<'a> {
    stdin: Option<File>,
    /// What is still to be written.
    input: &'a [u8],
    stdout: Pipe,
    stderr: Pipe,
}

struct Pipe {
    /// `None` after its end.
    from: Option<File>,
    bytes: Vec<u8>,
}

/// Moves input and output until the program has ended; `None` where the time is up before.
///
/// A program can close its outputs and stay, and what it has started can keep them open after it:
/// so neither an end of output nor an end of the program alone is taken for the other.
fn follow(
    child: Pid,
    pipes: &mut Pipes<'_>,
    until: Instant,
    limit: usize,
) -> io::Result<Option<End>> {
    let mut pause = PAUSES.0;
    let mut exited: Option<End> = None;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        // After its end nothing is waited for: what is in the pipes is there.
        let wait = if exited.is_some() { Duration::ZERO } else { pause.min(left) };
        if pipes.move_once(wait)? {
            if pipes.stdout.bytes.len().max(pipes.stderr.bytes.len()) > limit {
                // What an ended program has left behind is not ours to kill.
                if exited.is_none() {
                    end_now(child);
                }
                return Ok(Some(End::TooLong(limit)));
            }
            pause = PAUSES.0;
        } else if exited.is_some() {
            return Ok(exited);
        } else {
            exited = ended(child);
            pause = PAUSES.1.min(pause * 2);
        }
        if left.is_zero() && exited.is_none() {
            return Ok(None);
        }
    }
}

impl Pipes<'_> {
    /// Waits until one of the pipes is ready and serves those that are. Whether any was.
    fn move_once(&mut self, wait: Duration) -> io::Result<bool> {
        let stdin = self.stdin.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::POLLOUT));
        let stdout = self.stdout.from.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::POLLIN));
        let stderr = self.stderr.from.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::POLLIN));
        let pipes = [stdin, stdout, stderr];
        let mut waited: Vec<PollFd<'_>> =
            pipes.iter().flatten().map(|(pipe, flags)| PollFd::new(*pipe, *flags)).into_vec();
        // Rounded up, so that a short rest is waited for and not polled for.
        let wait = PollTimeout::try_from(wait + Duration::from_micros(999));
        match poll(&mut waited, wait.unwrap_or(PollTimeout::MAX)) {
            Ok(0) | Err(Errno::EINTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut waited = waited.iter().map(|pipe| pipe.any().unwrap_or(true));
        let ready = pipes.map(|pipe| pipe.is_some() && waited.next().unwrap_or(false));
        let [stdin, stdout, stderr] = ready;
        if stdin {
            self.write();
        }
        if stdout {
            self.stdout.read();
        }
        if stderr {
            self.stderr.read();
        }
        Ok(true)
    }

    /// Ends the input where all is written, or where the program reads no more: its exit status
    /// says more than a broken pipe.
    fn write(&mut self) {
        let Some(pipe) = &mut self.stdin else { return };
        let written = pipe.write(self.input.get(..CHUNK).unwrap_or(self.input));
        match written.map(|written| self.input.get(written..).unwrap_or_default()) {
            Ok(rest) if !rest.is_empty() => self.input = rest,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => self.stdin = None,
        }
    }
}

impl Pipe {
    fn read(&mut self) {
        let Some(pipe) = &mut self.from else { return };
        let mut chunk = [0; CHUNK];
        match pipe.read(&mut chunk).map(|count| chunk.get(..count).unwrap_or_default()) {
            Ok(read) if !read.is_empty() => self.bytes.extend_from_slice(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What was read before an error is all there is.
            _ => self.from = None,
        }
    }
}

/// How the program has ended; `None` while it runs.
fn ended(child: Pid) -> Option<End> {
    match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::Exited(_, status)) => Some(End::Exit(status)),
        Ok(WaitStatus::Signaled(_, signal, _)) => Some(End::Signal(signal as i32)),
        Ok(_) | Err(Errno::EINTR) => None,
        Err(_) => Some(End::Unseen),
    }
}

/// Kills the program and what is in its group, and waits for its end, but not for ever.
fn end_now(child: Pid) {
    let _ = killpg(child, Signal::SIGKILL);
    // It may have left its group.
    let _ = kill(child, Signal::SIGKILL);
    let until = Instant::now() + EXIT_TIMEOUT;
    while ended(child).is_none() && Instant::now() < until {
        std::thread::sleep(PAUSES.0);
    }
}

#[cfg(test)]
mod tests;
