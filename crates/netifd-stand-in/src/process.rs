//! Starts, watches and kills child processes. The end of each is an event.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::Sender;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::serve::Event;

/// A child process. Two are never equal, although the kernel reuses process ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    number: u64,
    pid: Pid,
}

impl Task {
    /// Sends a signal to the process but not to its children. netifd does the same, so the children
    /// of a killed script continue.
    pub(crate) fn signal(self, signal: Signal) {
        let _ = kill(self.pid, signal);
    }
}

/// Starts processes and reports their ends.
#[derive(Debug)]
pub(crate) struct Processes {
    sender: Sender<Event>,
    next: u64,
}

impl Processes {
    pub(crate) const fn new(sender: Sender<Event>) -> Self {
        Self { sender, next: 0 }
    }

    /// Starts a command. Its output goes to the log after `label`. Returns `None` if it cannot be
    /// started.
    pub(crate) fn start(&mut self, mut command: Command, label: &str) -> Option<Task> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().inspect_err(|error| eprintln!("netifd: {label}: {error}")).ok()?;
        self.next += 1;
        let pid = Pid::from_raw(i32::try_from(child.id()).ok()?);
        let task = Task { number: self.next, pid };
        let prefix = format!("netifd: {label} ({pid}): ");
        if let Some(output) = child.stdout.take() {
            log_lines(output, prefix.clone());
        }
        if let Some(output) = child.stderr.take() {
            log_lines(output, prefix);
        }
        let sender = self.sender.clone();
        std::thread::spawn(move || {
            // A process that a signal ended has no exit code; netifd reads 0 then.
            let code = child.wait().ok().and_then(|status| status.code()).unwrap_or(0);
            let _ = sender.send(Event::Ended(task, code));
        });
        Some(task)
    }
}

fn log_lines(output: impl std::io::Read + Send + 'static, prefix: String) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            eprintln!("{prefix}{line}");
        }
    });
}

/// Returns the directory and the matching scripts in it, sorted by name.
pub(crate) fn scripts(directory: &Path, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| fits(name)).collect();
    names.sort();
    names
}
