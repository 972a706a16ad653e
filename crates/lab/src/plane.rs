//! The data plane on real kernels: the generated rules, and known-bad ones that must fail.
//!
//! `cargo xtask plane [--long] [--kernel SERIES | --host] [SCRIPT...]` runs scripts `plane-*.sh` of
//! `tests/vm`, several in one machine. On the host they run in its own namespaces, which takes
//! seconds where a machine takes minutes; but the host's kernel may lack the tunnel (a veth pair
//! stands for it then) and is none that routers have.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::SERIES;
use crate::initramfs::Initramfs;
use crate::kernel::Kernel;
use crate::vm::{self, Vm};
use host_tools::steps::{Outcome, Steps, output, root, skip_or_fail};
use host_tools::tools;

/// One script with its arguments, as the shell takes it.
struct Script {
    words: &'static str,
    when: When,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// In every test run.
    Always,
    /// In every test run, on Debian's kernels only: it takes minutes, or what other kernels lack.
    Machine,
    /// With `--long` only: other lines and edges, and more of everything.
    Long,
}

const fn script(words: &'static str, when: When) -> Script {
    Script { words, when }
}

const SCRIPTS: &[Script] = &[
    script("plane-bad.sh", When::Machine),
    script("plane-capacity.sh v6plus:postrouting ocn:netdev", When::Machine),
    script("plane-icmp.sh v6plus:netdev ocn:postrouting", When::Always),
    script("plane-reload.sh v6plus:netdev v6plus:postrouting", When::Machine),
    script("plane-loader.sh v6plus:netdev", When::Always),
    script("plane-reserved.sh v6plus:netdev", When::Always),
    script("plane-servers.sh v6plus:netdev", When::Always),
    script("plane-plain.sh v6plus:plain", When::Always),
    script("plane-status.sh v6plus:netdev", When::Always),
    script("plane-scale.sh 20000 netdev", When::Machine),
    script("plane-offload.sh", When::Machine),
    script("plane-capacity.sh v6plus:netdev ocn:postrouting", When::Long),
    script("plane-icmp.sh v6plus:postrouting ocn:netdev", When::Long),
    script("plane-reload.sh ocn:netdev ocn:postrouting", When::Long),
    script("plane-loader.sh v6plus:postrouting ocn:netdev", When::Long),
    script("plane-reserved.sh v6plus:postrouting ocn:netdev", When::Long),
    script("plane-servers.sh v6plus:postrouting ocn:netdev", When::Long),
    script("plane-plain.sh ocn:plain", When::Long),
    script("plane-status.sh v6plus:postrouting v6plus:plain ocn:netdev", When::Long),
    script("plane-scale.sh 100000", When::Long),
];

/// More than all scripts take on a slow machine; this only catches one that hangs.
const LIMIT: Duration = Duration::from_secs(2400);

/// The step of `cargo xtask test` in namespaces of this machine.
pub fn host_steps(steps: &mut Steps, long: bool) {
    steps.step("data plane in the host's namespaces", || match host_can() {
        Ok(()) => on_host(&scripts(long, false)),
        Err(error) => skip_or_fail("namespaces with nft", error),
    });
}

/// The step of `cargo xtask test` on Debian's kernels.
pub fn steps(steps: &mut Steps, long: bool) {
    steps.step("data plane on Debian's kernels", || match crate::prepare() {
        Ok(()) => on_kernels(SERIES, &scripts(long, true), &[], &|_| Ok(())),
        Err(error) => skip_or_fail("VM lab", error),
    });
}

/// `cargo xtask plane`
///
/// # Errors
///
/// A wrong word, or a script failed.
pub fn command(words: &[&str]) -> anyhow::Result<()> {
    let (long, words) = match words {
        ["--long", rest @ ..] => (true, rest),
        _ => (false, words),
    };
    let (series, words) = match words {
        ["--host", rest @ ..] => (&[][..], rest),
        ["--kernel", series, rest @ ..] => (one_series(series)?, rest),
        _ => (SERIES, words),
    };
    let machine = !series.is_empty();
    let chosen = if words.is_empty() { scripts(long, machine) } else { words.to_vec() };
    if series.is_empty() {
        host_can()?;
        on_host(&chosen).map(drop)
    } else {
        on_kernels(series, &chosen, &[], &|_| Ok(())).map(drop)
    }
}

/// The slice of [`SERIES`] with this one.
///
/// # Errors
///
/// It is none of them.
pub fn one_series(series: &str) -> anyhow::Result<&'static [&'static str]> {
    let known = SERIES.iter().position(|known| *known == series);
    let known = known.and_then(|at| SERIES.get(at..=at));
    known.with_context(|| format!("--kernel is one of {}", SERIES.join(", ")))
}

fn scripts(long: bool, machine: bool) -> Vec<&'static str> {
    let chosen = SCRIPTS.iter().filter(|script| match script.when {
        When::Always => true,
        When::Machine => machine,
        When::Long => long,
    });
    chosen.map(|script| script.words).collect()
}

/// Shell text that runs all scripts, one after the other, and fails if one of them failed twice.
#[must_use]
pub fn commands(scripts: &[&str]) -> String {
    format!("failed=\n{}{VERDICT}", calls(scripts))
}

/// The same with a boot of the machine in between: what stands in `/keep` is there again after it,
/// and nothing else is. `again` are the scripts of the second boot.
fn commands_of_two_boots(scripts: &[&str], again: &[&str]) -> String {
    format!(
        "set -u; . ./disk.sh\nfailed=\nif disk_is_new; then\n{}disk_keep \"$failed\"\n\
         echo '== the machine boots again'\necho {}\nsleep 600\nfi\n\
         disk_restore || exit 1\nfailed=$(cat /keep/failed)\n{}{VERDICT}",
        calls(scripts),
        vm::AGAIN,
        calls(again)
    )
}

/// The last lines: what failed.
const VERDICT: &str = "test -z \"$failed\" || { echo \"FAILED:$failed\"; exit 1; }\n";

fn calls(scripts: &[&str]) -> String {
    let mut text = String::new();
    for script in scripts {
        // Writing into a `String` cannot fail.
        let _ = write!(
            text,
            "echo '== {script}'; start=$(cut -d. -f1 /proc/uptime)\n\
             sh ./twice.sh ./{script} 2>&1 || {{ echo \"FAIL  {script}: exit status $?\"; failed=\"$failed {script}\"; }}\n\
             echo \"== {script}: $(($(cut -d. -f1 /proc/uptime) - start)) s\"\n"
        );
    }
    text
}

/// All series at the same time: emulated machines wait a lot, so that two fit on two cores. Scripts
/// in `again` run after another boot of the machine. `extra` adds files to each machine.
///
/// # Errors
///
/// There is no lab to be had, or a script failed.
pub fn on_kernels(
    series: &[&str],
    scripts: &[&str],
    again: &[&str],
    extra: &dyn Fn(&mut Initramfs) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    crate::prepare()?;
    let program = tools::build_static("mape-proto")?;
    let mut machines = Vec::new();
    for &name in series {
        let kernel = Kernel::obtain(name)?;
        let mut files = crate::initramfs(&kernel, &root().join("tests/vm"))?;
        files.add_file("usr/sbin/mape-proto", 0o755, &program)?;
        extra(&mut files)?;
        let machine = if again.is_empty() {
            Vm::boot(&kernel, files, &commands(scripts), LIMIT)?
        } else {
            Vm::boot_with_disk(&kernel, files, &commands_of_two_boots(scripts, again), LIMIT)?
        };
        machines.push((name, machine));
    }
    let (failed, unsteady) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for (name, machine) in machines {
            let (failed, unsteady) = (&failed, &unsteady);
            scope.spawn(move || {
                let mut log = Log::new(name);
                let result = machine.finish(|line| log.add(line));
                let problem = match result {
                    Ok(0) => None,
                    Ok(status) => Some(format!("exit status {status}")),
                    Err(error) => Some(format!("{error:#}")),
                };
                if let Some(problem) = problem {
                    log.print();
                    lock(failed).push(format!("kernel {name}: {problem}{}", log.failures()));
                }
                lock(unsteady).extend(log.unsteady());
            });
        }
    });
    let failed = lock(&failed);
    if !failed.is_empty() {
        bail!("{}", failed.join("; "));
    }
    Ok(Outcome::of(std::mem::take(&mut lock(&unsteady))))
}

/// What a thread that panicked left behind is still a list of lines.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In namespaces of this machine.
fn on_host(scripts: &[&str]) -> anyhow::Result<Outcome> {
    // Those that go into machines.
    let mut path = Vec::new();
    for package in ["mape-proto", "lab-traffic"] {
        let program = tools::build_static(package)?;
        path.extend(program.parent().map(Path::to_owned));
    }
    path.dedup();
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    path.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let mut shell = Command::new("sh");
    shell.args(["-c", &commands(scripts)]).current_dir(root().join("tests/vm"));
    shell.env("PATH", std::env::join_paths(path)?);
    // Names of its own: someone may be using the lab's.
    shell.env("LAB_LINK", "veth").env("LAB_NS", format!("plane{}", std::process::id()));
    let mut log = Log::new("host");
    let mut child = shell.stdout(Stdio::piped()).spawn().context("cannot run sh")?;
    let lines = BufReader::new(child.stdout.take().context("no output")?);
    for line in lines.split(b'\n') {
        log.add(&String::from_utf8_lossy(&line?));
    }
    let status = child.wait()?;
    if !status.success() {
        log.print();
        bail!("on the host: {status}{}", log.failures());
    }
    Ok(Outcome::of(log.unsteady()))
}

/// Whether namespaces and rules can be made here.
fn host_can() -> anyhow::Result<()> {
    host_tools::packages::ensure(crate::initramfs::PACKAGES)?;
    let attempt = "nft add table inet mape_attempt && nft delete table inet mape_attempt";
    output(Command::new("unshare").args(["--net", "sh", "-c", attempt])).map(drop)
}

/// What a run printed: the verdicts at once, everything if it failed. Everything is in a file of
/// the cache too, as it comes: a run that is cut short is told from it.
pub(crate) struct Log {
    name: String,
    started: Instant,
    lines: Vec<String>,
    file: Option<std::fs::File>,
}

/// The end of what `tests/vm/twice.sh` says of a script that failed first.
const SECOND: &str = "passed the second time only";

/// Whether a line with name and time begins with one of these.
fn is_verdict(line: &str, words: &[&str]) -> bool {
    let text = line.get(13..).unwrap_or_default();
    words.iter().any(|word| text.starts_with(word))
}

impl Log {
    pub(crate) fn new(name: &str) -> Self {
        let file = std::fs::File::create(tools::cache_directory().join(format!("{name}.log"))).ok();
        Self { name: name.to_owned(), started: Instant::now(), lines: Vec::new(), file }
    }

    pub(crate) fn add(&mut self, line: &str) {
        let line = format!("{:>5} {:6.1} {line}", self.name, self.started.elapsed().as_secs_f32());
        if is_verdict(&line, &["==", "FAIL", "time", "note"]) {
            println!("{line}");
        }
        if let Some(file) = &mut self.file {
            // It only helps; the lines are kept here as well.
            let _ = writeln!(file, "{line}");
        }
        self.lines.push(line);
    }

    /// The checks that failed, each with the line before it (a script may have ended at an error of
    /// the shell), as lines to end a message with.
    pub(crate) fn failures(&self) -> String {
        let mut text = String::new();
        let mut before = "";
        for line in &self.lines {
            if is_verdict(line, &["FAIL"]) {
                let _ = write!(text, "\n  {before}\n  {line}");
            }
            before = line;
        }
        text
    }

    /// The same for a run that passed: what had to be run twice for it (`tests/vm/twice.sh`).
    pub(crate) fn unsteady(&self) -> Vec<String> {
        let twice =
            self.lines.iter().any(|line| is_verdict(line, &["note"]) && line.ends_with(SECOND));
        if !twice {
            return Vec::new();
        }
        let told = self.lines.iter().filter(|line| {
            is_verdict(line, &["FAIL"]) || is_verdict(line, &["note"]) && line.ends_with(SECOND)
        });
        told.cloned().collect()
    }

    pub(crate) fn print(&self) {
        println!("-- everything that {} printed:", self.name);
        for line in &self.lines {
            println!("{line}");
        }
    }
}

#[cfg(test)]
mod tests;
