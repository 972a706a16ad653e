//! Compares the cost of one set-up with OpenWrt's `map`: processor time, executed programs, memory.
//! If the firewall has not started before, the first set-up also asks nft.
//!
//! `tests/bench/setup.sh` runs both in turn on the same stand-in for netifd. This module builds the
//! programs and reads the script's lines.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

use super::router;
use host_tools::musl::{self, X86_64};
use host_tools::packages;
use host_tools::steps::{output, root};
use host_tools::tools;

/// A plan's number of ranges, and the bound for our share of `map`'s processor time.
const LINES: [(&str, f64); 2] = [("15", 1.0 / 10.0), ("63", 1.0 / 25.0)];

/// Bounds for one set-up: programs executed, and the largest resident memory of our own in kB.
const PROGRAMS: i64 = 3;
const MEMORY: i64 = 1200;

/// The largest difference of two medians of the same side, as a fraction, and the largest
/// difference between the control's extra cost and the cost of its burden alone.
const UNSTEADY: f64 = 0.25;
const BLIND: f64 = 0.30;

/// `cargo xtask bench setup --upstream DIR|--rootfs DIR [--json FILE]`. With a root, also the costs
/// on a whole router.
///
/// # Errors
///
/// An argument is wrong, privileges are missing, or files of `map` are missing.
pub(crate) fn command(words: &[&str]) -> anyhow::Result<()> {
    let (mut upstream, mut rootfs, mut file) = (None, None, None);
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        let value = words.next().copied().with_context(|| format!("{word} what?"))?;
        match word {
            "--upstream" => upstream = Some(Path::new(value)),
            "--rootfs" => rootfs = Some(Path::new(value)),
            "--json" => file = Some(Path::new(value)),
            _ => bail!("unknown option {word}"),
        }
    }
    // A root with the package `map` has its files too.
    let upstream = upstream
        .or(rootfs)
        .context("--upstream or --rootfs DIRECTORY is needed: OpenWrt's files with `map`")?;
    let mut figures = measure(upstream)?;
    if let (Some(rootfs), Some(figures)) = (rootfs, figures.as_object_mut()) {
        figures.insert("router".to_owned(), router::measure(rootfs)?);
    }
    if let Some(file) = file {
        std::fs::write(file, format!("{figures:#}\n"))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// The files that `map` needs. `mapcalc`, `jshn` and `ubus` are programs, in any directory for
/// programs.
const FILES: [&str; 5] = [
    "lib/netifd/proto/map.sh",
    "lib/functions.sh",
    "lib/functions/network.sh",
    "lib/netifd/netifd-proto.sh",
    "usr/share/libubox/jshn.sh",
];
const PROGRAM_NAMES: [&str; 3] = ["mapcalc", "jshn", "ubus"];

fn measure(upstream: &Path) -> anyhow::Result<Value> {
    let upstream = upstream.canonicalize().with_context(|| upstream.display().to_string())?;
    let is_there = |name: &str| upstream.join(name).symlink_metadata().is_ok();
    let mut missing: Vec<&str> = FILES.into_iter().filter(|name| !is_there(name)).collect();
    let places = ["usr/sbin", "usr/bin", "sbin", "bin"];
    missing.extend(
        PROGRAM_NAMES
            .iter()
            .filter(|program| !places.iter().any(|place| is_there(&format!("{place}/{program}")))),
    );
    if !missing.is_empty() {
        bail!("not in {}: {}", upstream.display(), missing.join(", "));
    }
    packages::ensure(&["iproute2", "nftables", "busybox-static"])?;
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    for program in ["lab-traffic", "netifd-stand-in"] {
        let file = tools::build_static(program)?;
        let directory = file.parent().context("a program without directory")?.to_owned();
        let rest = std::env::split_paths(&path).collect::<Vec<PathBuf>>();
        path = std::env::join_paths(std::iter::once(directory).chain(rest))?;
    }
    // As on a router.
    let ours = musl::build(&X86_64, &["--no-default-features"])?;
    let mut script = Command::new("sh");
    script.arg(root().join("tests/bench/setup.sh")).env("PATH", path);
    script.env("UPSTREAM", upstream).env("MAPE_PROTO", ours);
    let text = output(script).context("this needs root, overlayfs and network namespaces")?;
    report(&text)
}

/// The rounds of one side on one line, in microseconds of processor time.
fn rounds(text: &str, side: &str, ranges: &str) -> anyhow::Result<Vec<f64>> {
    let mut rounds = Vec::new();
    for line in lines(text, side, ranges) {
        let line: Value = line.parse()?;
        if number(&line, "status")? != 0 {
            bail!("{side}: {line}");
        }
        let time = number(&line, "user_us")? + number(&line, "system_us")?;
        rounds.push(u32::try_from(time)?.into());
    }
    if rounds.is_empty() {
        bail!("no rounds of {side} with {ranges} ranges");
    }
    rounds.sort_by(f64::total_cmp);
    Ok(rounds)
}

fn number(value: &Value, name: &str) -> anyhow::Result<i64> {
    value.get(name).and_then(Value::as_i64).with_context(|| format!("no {name}: {value}"))
}

fn lines<'text>(
    text: &'text str,
    side: &'text str,
    ranges: &'text str,
) -> impl Iterator<Item = &'text str> {
    text.lines().filter_map(move |line| {
        line.strip_prefix(side)?.strip_prefix(' ')?.strip_prefix(ranges)?.strip_prefix(' ')
    })
}

pub(super) fn median(rounds: &[f64]) -> f64 {
    rounds.get(rounds.len() / 2).copied().unwrap_or_default()
}

/// Prints the tables, and returns the figures.
fn report(text: &str) -> anyhow::Result<Value> {
    let mut figures = Map::new();
    for (ranges, bound) in LINES {
        println!("One set-up, {ranges} ranges: processor time in ms, median and range");
        let mut figure = processor_time(text, ranges, bound)?;
        figure.extend(programs(text, ranges)?);
        figures.insert(ranges.to_owned(), Value::Object(figure));
        println!();
    }
    Ok(Value::Object(figures))
}

const SIDES: [(&str, &str); 7] = [
    ("map", "OpenWrt's map"),
    ("mape", "mape-rs"),
    ("again", "the same once more"),
    ("options", "mape-rs with options"),
    ("asks", "mape-rs, asking nft"),
    ("control", "mape-rs with a burden"),
    ("busy", "the burden alone"),
];

fn processor_time(text: &str, ranges: &str, bound: f64) -> anyhow::Result<Map<String, Value>> {
    let mut sides = Map::new();
    let mut medians = Vec::new();
    for (side, what) in SIDES {
        let rounds = rounds(text, side, ranges)?;
        let ms = |value: Option<&f64>| value.copied().unwrap_or_default() / 1000.0;
        let (least, most) = (ms(rounds.first()), ms(rounds.last()));
        let median = median(&rounds) / 1000.0;
        println!("  {what:24}{median:8.2} ({least:.2} to {most:.2})");
        medians.push(median);
        let rounds = rounds.len();
        sides.insert(
            side.to_owned(),
            json!({ "median_ms": median, "least_ms": least, "most_ms": most, "rounds": rounds }),
        );
    }
    let [map, mape, again, options, asks, control, busy] = medians[..] else {
        bail!("seven sides")
    };
    let ours = f64::midpoint(mape, again);
    let is_void =
        (again / mape - 1.0).abs() > UNSTEADY || ((control - ours) / busy - 1.0).abs() > BLIND;
    let mut figure = Map::new();
    for (name, time) in [("usual", ours), ("options", options), ("asks", asks)] {
        let ratio = time / map;
        let is_met = ratio <= bound;
        let verdict = if is_void { "VOID, this run cannot tell" } else { met(is_met) };
        println!("  {name}: ratio {ratio:.3}, bound {bound:.3}: {verdict}");
        figure.insert(name.to_owned(), json!({ "ratio": ratio, "met": is_met && !is_void }));
    }
    figure.insert("cpu".to_owned(), Value::Object(sides));
    figure.insert("bound".to_owned(), json!(bound));
    figure.insert("void".to_owned(), json!(is_void));
    Ok(figure)
}

/// Returns the executed programs, and the memory of our program.
fn programs(text: &str, ranges: &str) -> anyhow::Result<Map<String, Value>> {
    let mut executed = Map::new();
    for side in ["map", "mape", "options", "asks"] {
        let side_of_lines = format!("trace-{side}");
        let line = lines(text, &side_of_lines, ranges).next().context("no trace")?;
        let trace: Value = line.parse()?;
        let (programs, processes) = (number(&trace, "executed")?, number(&trace, "processes")?);
        println!("  {side} executes {programs} programs in {processes} processes");
        executed.insert(side.to_owned(), trace);
    }
    // The case that executes the most programs.
    let ours = executed.get("asks").context("no trace of ours")?;
    let count = number(ours, "executed")?;
    let all = ours.get("programs").and_then(Value::as_array).into_iter().flatten();
    let own = all.filter(|run| run.get("program").is_some_and(|name| name == "mape-proto"));
    let peak = own.map(|run| number(run, "peak_kb")).max_by_key(|peak| peak.as_ref().ok().copied());
    let peak = peak.context("mape-proto was not run")??;
    println!("  mape-rs: {count} programs, bound {PROGRAMS}: {}", met(count <= PROGRAMS));
    println!("  mape-rs: peak memory {peak} kB, bound {MEMORY} kB: {}", met(peak <= MEMORY));
    let mut figure = Map::new();
    figure.insert("peak_rss_kb".to_owned(), json!(peak));
    figure.insert("executed".to_owned(), Value::Object(executed));
    Ok(figure)
}

pub(super) fn met(is_met: bool) -> &'static str {
    if is_met { "met" } else { "MISSED" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(again: u32, control: u32) -> String {
        let trace = "{\"executed\":3,\"processes\":3,\"programs\":\
                     [{\"program\":\"mape-proto\",\"runs\":1,\"peak_kb\":800}]}";
        let mut lines = Vec::new();
        for ranges in ["15", "63"] {
            lines.extend(
                ["map", "mape", "options", "asks"]
                    .map(|side| format!("trace-{side} {ranges} {trace}")),
            );
            for (side, time) in [
                ("map", 60000),
                ("mape", 5000),
                ("again", again),
                ("options", 5000),
                ("asks", 1200),
                ("control", control),
                ("busy", 20000),
            ] {
                let line = |us| {
                    format!("{side} {ranges} {{\"status\":0,\"user_us\":{us},\"system_us\":0}}")
                };
                lines.extend([time, time * 3, time / 2].map(line));
            }
        }
        lines.join("\n")
    }

    #[test]
    fn the_ratio_is_that_of_medians() {
        let figures = report(&text(5000, 25000)).unwrap();
        assert_eq!(
            figures["15"]["usual"]["ratio"].as_f64().map(|ratio| (ratio * 1000.0).round()),
            Some(83.0)
        );
        assert_eq!(
            (&figures["15"]["usual"]["met"], &figures["15"]["void"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(figures["63"]["usual"]["met"], false);
        assert_eq!(figures["63"]["asks"]["met"], true);
        assert_eq!(figures["63"]["peak_rss_kb"], 800);
    }

    #[test]
    fn a_blind_or_unsteady_run_is_void() {
        assert_eq!(report(&text(5000, 6000)).unwrap()["15"]["void"], true);
        assert_eq!(report(&text(7000, 26000)).unwrap()["15"]["void"], true);
        let failed = text(5000, 25000).replacen("\"status\":0", "\"status\":1", 1);
        assert!(report(&failed).is_err());
        assert!(report("").is_err());
    }
}
