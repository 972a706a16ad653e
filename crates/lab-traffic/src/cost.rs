//! Measures the cost of a command: processor time of it and its children, or the programs it
//! executes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::signal::Signal;
use nix::sys::time::TimeValLike as _;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::Result;
use crate::report::Report;

/// Runs the command and prints the processor time of it and of all it has waited for.
pub(crate) fn cost(mut words: impl Iterator<Item = String>) -> Result<()> {
    let program = words.next().ok_or("cost of what?")?;
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null());
    let before = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let start = Instant::now();
    let status = command.status()?;
    let wall = start.elapsed();
    let after = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let spent = |what: fn(&Usage) -> nix::sys::time::TimeVal| {
        what(&after).num_microseconds() - what(&before).num_microseconds()
    };
    Report::new("cost")
        .number("status", status.code().unwrap_or(-1))
        .number("user_us", spent(Usage::user_time))
        .number("system_us", spent(Usage::system_time))
        .number("wall_us", wall.as_micros())
        .print();
    Ok(())
}

/// The processes that the command started.
#[derive(Default)]
struct Tree {
    processes: BTreeSet<Pid>,
    /// Programs executed, by name, and the largest memory of any run in kB.
    programs: BTreeMap<String, (usize, u64)>,
}

/// Runs the command under `ptrace` and prints what it executes: how many programs and processes,
/// and each program's largest resident memory. Slow, so no time is measured.
pub(crate) fn trace(mut words: impl Iterator<Item = String>) -> Result<()> {
    let program = words.next().ok_or("trace what?")?;
    // A shell that reports that it runs, waits until it is traced, and then executes the command.
    let mut command = Command::new("sh");
    command.args(["-c", "echo; read -r go && exec \"$@\" >/dev/null", "sh", &program]).args(words);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdout.take().ok_or("no pipe")?.read_exact(&mut [0])?;
    let tree = follow(child)?;
    let executed: usize = tree.programs.values().map(|(runs, _)| runs).sum();
    let list: Vec<String> = tree
        .programs
        .iter()
        .map(|(name, (runs, peak))| {
            format!("{{\"program\":\"{name}\",\"runs\":{runs},\"peak_kb\":{peak}}}")
        })
        .collect();
    Report::new("trace")
        .number("executed", executed)
        .number("processes", tree.processes.len())
        .number("programs", format_args!("[{}]", list.join(",")))
        .print();
    Ok(())
}

fn follow(mut child: Child) -> Result<Tree> {
    let root = Pid::from_raw(i32::try_from(child.id())?);
    let options = Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXIT;
    ptrace::seize(root, options)?;
    child.stdin.take().ok_or("no pipe")?.write_all(b"go\n")?;
    let mut tree = Tree::default();
    loop {
        match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::PtraceEvent(pid, signal, event)) => {
                tree.event(pid, event);
                // A stop of the whole group looks like an event, and would never end.
                let passed_on = (event == STOP && signal != Signal::SIGTRAP).then_some(signal);
                resume(pid, passed_on)?;
            }
            Ok(WaitStatus::Stopped(pid, signal)) => resume(pid, Some(signal))?,
            Ok(_) => {}
            Err(Errno::ECHILD) => return Ok(tree),
            Err(error) => return Err(error.into()),
        }
    }
}

/// `PTRACE_EVENT_EXEC`, `_EXIT` and `_STOP`; the others are new processes, which then stop by
/// themselves.
const EXEC: i32 = 4;
const EXIT: i32 = 6;
const STOP: i32 = 128;

impl Tree {
    fn event(&mut self, pid: Pid, event: i32) {
        self.processes.insert(pid);
        match event {
            EXEC => self.programs.entry(name(pid)).or_default().0 += 1,
            EXIT => {
                if let Some((_, most)) = self.programs.get_mut(&name(pid)) {
                    *most = (*most).max(peak(pid));
                }
            }
            _ => {}
        }
    }
}

/// One that was killed in the meantime is no error.
fn resume(pid: Pid, signal: Option<Signal>) -> Result<()> {
    match ptrace::cont(pid, signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn name(pid: Pid) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    text.trim().chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect()
}

/// In kB; 0 if the kernel does not report it.
fn peak(pid: Pid) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
