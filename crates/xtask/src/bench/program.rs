//! Measures the cost of one plan: in process, and as a command.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::{Value, json};

use host_tools::steps::{cargo, output, root, run};

const ROUNDS: usize = 11;
const CALLS: u32 = 40;
const PREFIX: &str = "240b:10:3261:6400::/56";

/// Measures one plan in process, then one command.
///
/// # Errors
///
/// A build or a call fails.
pub(crate) fn measure() -> anyhow::Result<Value> {
    println!("One plan in process (shipped profile); bound 5 us:");
    let bench = ["bench", "--quiet", "--locked", "--package", "mape-core", "--bench", "plan"];
    let in_process = output(cargo(&bench))?;
    print!("{in_process}");

    run(cargo(&["build", "--release", "--locked", "--package", "mape-proto"]))?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let program = target.join("release/mape-proto");
    println!(
        "\nWhole command, {CALLS} calls in each of {ROUNDS} rounds, the three in turn; bound 3 ms:"
    );
    let mut plan = || call(Command::new(&program).args(["plan", "--json", PREFIX]));
    let mut version = || call(Command::new(&program).arg("--version"));
    let mut nothing = || call(&mut Command::new("true"));
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let calls: [&mut dyn FnMut() -> anyhow::Result<Duration>; 3] =
            [&mut nothing, &mut version, &mut plan];
        for (times, call) in times.iter_mut().zip(calls) {
            let mut total = Duration::ZERO;
            for _ in 0..CALLS {
                total += call()?;
            }
            times.push(total / CALLS);
        }
    }
    let [nothing, version, plan] = times.map(Spread::of);
    let bytes = std::fs::metadata(&program)?.len();
    println!("  true                       {nothing}");
    println!("  mape-proto --version       {version}  x {:.2} of true", version.ratio(&nothing));
    println!("  mape-proto plan --json     {plan}  x {:.2} of true", plan.ratio(&nothing));
    println!("  the program is {bytes} bytes (x86_64, glibc, dynamic)");
    Ok(json!({
        "in_process": in_process.lines().map(str::trim).collect::<Vec<_>>(),
        "true_ms": nothing.json(),
        "version_ms": version.json(),
        "plan_ms": plan.json(),
        "glibc_bytes": bytes,
    }))
}

fn call(command: &mut Command) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let status = command.stdout(Stdio::null()).status()?;
    let taken = start.elapsed();
    if !status.success() {
        bail!("{command:?}: {status}");
    }
    Ok(taken)
}

/// Measures the time of a command, over several rounds of calls.
///
/// # Errors
///
/// A call fails.
pub(super) fn timed(
    rounds: usize,
    calls: u32,
    command: impl Fn() -> Command,
) -> anyhow::Result<Spread> {
    let mut times = Vec::new();
    for _ in 0..rounds {
        let mut total = Duration::ZERO;
        for _ in 0..calls {
            total += call(&mut command())?;
        }
        times.push(total / calls);
    }
    Ok(Spread::of(times))
}

/// Median and range of several rounds.
pub(super) struct Spread {
    least: Duration,
    median: Duration,
    most: Duration,
}

impl Spread {
    fn of(mut rounds: Vec<Duration>) -> Self {
        rounds.sort_unstable();
        let at = |index: usize| rounds.get(index).copied().unwrap_or_default();
        Self {
            least: at(0),
            median: at(rounds.len() / 2),
            most: at(rounds.len().saturating_sub(1)),
        }
    }

    /// Returns the median in milliseconds.
    pub(super) fn ms(&self) -> f64 {
        self.median.as_secs_f64() * 1000.0
    }

    pub(super) fn json(&self) -> Value {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        json!({ "median": ms(self.median), "least": ms(self.least), "most": ms(self.most) })
    }

    fn ratio(&self, base: &Self) -> f64 {
        self.median.as_secs_f64() / base.median.as_secs_f64()
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(f, "{:.3} ms ({:.3} to {:.3})", ms(self.median), ms(self.least), ms(self.most))
    }
}
