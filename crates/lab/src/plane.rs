//! Tests the data plane on real kernels: the generated rules, and known-bad ones that must fail.
//!
//! `cargo xtask plane [--long] [--kernel NAME | --host] [SCRIPT...]` runs scripts `plane-*.sh` of
//! `tests/vm`, several in one machine. With `--host` they run in namespaces of the host, in seconds
//! instead of minutes. But the host's kernel is not one of a router, and may lack the tunnel; a
//! veth pair replaces it then. `plane --kernels` makes a table of several kernels (`kernels.rs`).

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

mod kernels;

use crate::initramfs::Initramfs;
use crate::kernel::Kernel;
use crate::vm::{self, Vm};
use host_tools::steps::{Outcome, Steps, output, root, skip_or_fail};
use host_tools::tools;

/// A script with its arguments, as shell words.
struct Script {
    words: &'static str,
    when: When,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// In every test run.
    Always,
    /// In every test run, but not in namespaces: it takes minutes, or needs what other kernels
    /// lack.
    Machine,
    /// With `--long` only: other lines and edges, more connections.
    Long,
}

const fn script(words: &'static str, when: When) -> Script {
    Script { words, when }
}

const SCRIPTS: &[Script] = &[
    script("plane-bad.sh", When::Machine),
    script("plane-two-lines.sh", When::Machine),
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

/// More than all scripts take on a slow machine. The limit only ends one that hangs.
const LIMIT: Duration = Duration::from_secs(2400);

/// The step of `cargo xtask test` in namespaces of this machine.
pub fn host_steps(steps: &mut Steps, long: bool) {
    steps.step("data plane in the host's namespaces", || match host_can() {
        Ok(()) => on_host(&scripts(long, false)),
        Err(error) => skip_or_fail("namespaces with nft", error),
    });
}

/// The step of `cargo xtask test` on the usual kernels.
pub fn steps(steps: &mut Steps, long: bool) {
    steps.step("data plane on kernels 6.12 and 7", || match crate::prepare() {
        Ok(()) => on_kernels(&crate::usual(), &scripts(long, true), &[], &|_| Ok(())),
        Err(error) => skip_or_fail("VM lab", error),
    });
}

/// What every test runs on an older kernel of Debian: packets, errors, and every load of rules.
const EMULATED: &[&str] = &["plane-icmp.sh v6plus:netdev", "plane-loader.sh v6plus:netdev"];

/// The step of `cargo xtask test` on kernels as Debian ships them.
pub fn emulated_steps(steps: &mut Steps, long: bool) {
    steps.step("data plane on Debian's own kernels, emulated", || match crate::prepare() {
        Ok(()) if long => on_kernels(&crate::EMULATED, &scripts(true, true), &[], &|_| Ok(())),
        Ok(()) => on_kernels(&["6.1"], EMULATED, &[], &|_| Ok(())),
        Err(error) => skip_or_fail("VM lab", error),
    });
}

/// The step of `cargo xtask test` with a border relay that is not ours. It needs a kernel with huge
/// pages.
pub fn relay_steps(steps: &mut Steps) {
    steps.step("data plane behind another border relay", || {
        if std::env::var_os(RELAY).is_none() {
            return Ok(Outcome::Skipped(format!("{RELAY} names no program")));
        }
        let scripts = ["plane-lwaftr.sh v6plus:netdev lw4o6:postrouting"];
        on_kernels(&["6.12"], &scripts, &[], &add_relay)
    });
}

/// `cargo xtask plane`
///
/// # Errors
///
/// An argument is wrong, or a script failed.
pub fn command(words: &[&str]) -> anyhow::Result<()> {
    if let ["--kernels", names @ ..] = words {
        return kernels::command(names);
    }
    let (long, words) = match words {
        ["--long", rest @ ..] => (true, rest),
        _ => (false, words),
    };
    if let ["--host", words @ ..] = words {
        host_can()?;
        return on_host(&chosen(words, long, false)).map(drop);
    }
    let (kernels, words) = kernels(words);
    on_kernels(&kernels, &chosen(words, long, true), &[], &add_relay).map(drop)
}

/// Names Snabb's program, for `plane-lwaftr.sh`. Debian has no package of it.
const RELAY: &str = "MAPE_LWAFTR";

/// Adds the border relay that is not ours, if there is one.
fn add_relay(files: &mut Initramfs) -> anyhow::Result<()> {
    match std::env::var_os(RELAY) {
        Some(program) => files.add_program("usr/bin/snabb", Path::new(&program)),
        None => Ok(()),
    }
}

/// Reads `--kernel NAME` at the start of a command's words: the kernels, and the other words.
#[must_use]
pub fn kernels<'words>(words: &'words [&'words str]) -> (Vec<&'words str>, &'words [&'words str]) {
    match words {
        ["--kernel", name, rest @ ..] => (vec![name], rest),
        _ => (crate::usual().to_vec(), words),
    }
}

fn scripts(long: bool, machine: bool) -> Vec<&'static str> {
    let chosen = SCRIPTS.iter().filter(|script| match script.when {
        When::Always => true,
        When::Machine => machine,
        When::Long => long,
    });
    chosen.map(|script| script.words).collect()
}

fn chosen<'words>(words: &[&'words str], long: bool, machine: bool) -> Vec<&'words str> {
    if words.is_empty() { scripts(long, machine) } else { words.to_vec() }
}

/// Returns shell text that runs all scripts in sequence, and fails if one of them failed twice.
#[must_use]
pub fn commands(scripts: &[&str]) -> String {
    format!("failed=\n{}{VERDICT}", calls(scripts))
}

/// Returns the same with a reboot of the machine, after which only `/keep` has its old contents.
/// `again` are the scripts of the second boot.
fn commands_of_two_boots(scripts: &[&str], again: &[&str]) -> String {
    format!(
        "set -u; . ./disk.sh\nfailed=\nif disk_is_new; then\n{}disk_keep \"$failed\"\n\
         echo '== the machine boots again'\necho {}\nwhile :; do sleep 600; done\nfi\n\
         disk_restore || exit 1\nfailed=$(cat /keep/failed)\n{}{VERDICT}",
        calls(scripts),
        vm::AGAIN,
        calls(again)
    )
}

/// The last lines of the shell text, which print the failures.
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

/// Runs the scripts on all kernels at the same time: two machines fit on two cores. Scripts in
/// `again` run after a reboot of the machine. `extra` adds files to each machine.
///
/// # Errors
///
/// The lab is not available, or a script failed.
pub fn on_kernels(
    kernels: &[&str],
    scripts: &[&str],
    again: &[&str],
    extra: &dyn Fn(&mut Initramfs) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    crate::prepare()?;
    let program = tools::build_static("mape-proto")?;
    let mut machines = Vec::new();
    for &name in kernels {
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

/// Locks a list of lines, which a thread that panicked leaves valid.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the scripts in namespaces of this machine.
fn on_host(scripts: &[&str]) -> anyhow::Result<Outcome> {
    // The programs that are also in the machines.
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
    // Separate names: another run may be using the lab's names.
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

/// Checks that namespaces and rules can be made on this machine.
fn host_can() -> anyhow::Result<()> {
    host_tools::packages::ensure(crate::initramfs::PACKAGES)?;
    let attempt = "nft add table inet mape_attempt && nft delete table inet mape_attempt";
    output(Command::new("unshare").args(["--net", "sh", "-c", attempt])).map(drop)
}

/// The output of a run. The verdicts are printed at once, the rest only after a failure. A file in
/// the cache gets every line at once, so that an interrupted run leaves its output.
pub(crate) struct Log {
    name: String,
    started: Instant,
    lines: Vec<String>,
    file: Option<std::fs::File>,
}

/// The end of the line that `tests/vm/twice.sh` prints for a script that failed the first time.
const SECOND: &str = "passed the second time only";

/// Returns whether a line begins with one of these words, after its name and time.
fn is_verdict(line: &str, words: &[&str]) -> bool {
    let text = line.get(16..).unwrap_or_default();
    words.iter().any(|word| text.starts_with(word))
}

impl Log {
    pub(crate) fn new(name: &str) -> Self {
        let file = std::fs::File::create(tools::cache_directory().join(format!("{name}.log"))).ok();
        Self { name: name.to_owned(), started: Instant::now(), lines: Vec::new(), file }
    }

    pub(crate) fn add(&mut self, line: &str) {
        let line = format!("{:>8} {:6.1} {line}", self.name, self.started.elapsed().as_secs_f32());
        if is_verdict(&line, &["==", "FAIL", "time", "note"]) {
            println!("{line}");
        }
        if let Some(file) = &mut self.file {
            // The file is optional; the lines are also kept here.
            let _ = writeln!(file, "{line}");
        }
        self.lines.push(line);
    }

    /// Returns the checks that failed, each with the line before it (a script may have ended at an
    /// error of the shell), as lines for the end of a message.
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

    /// Returns the scripts of a run that passed only the second time (`tests/vm/twice.sh`).
    pub(crate) fn unsteady(&self) -> Vec<String> {
        let twice =
            self.lines.iter().any(|line| is_verdict(line, &["note"]) && line.ends_with(SECOND));
        if !twice {
            return Vec::new();
        }
        let repeated = self.lines.iter().filter(|line| {
            is_verdict(line, &["FAIL"]) || is_verdict(line, &["note"]) && line.ends_with(SECOND)
        });
        repeated.cloned().collect()
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
