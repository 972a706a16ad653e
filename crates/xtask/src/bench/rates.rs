//! Compares the cost of rulesets with plain masquerade, measured by `tests/vm/rate.sh`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

use host_tools::packages;
use host_tools::steps::{output, root};
use host_tools::tools;
use lab::kernel::Kernel;
use lab::vm::Vm;

/// A kind of traffic.
struct Kind {
    /// Its name in lab-traffic.
    name: &'static str,
    heading: &'static str,
    unit: &'static str,
    /// The number of operations in one unit.
    size: f64,
    /// The bound for the two-stage rules on the bare path.
    bound: &'static str,
}

const fn packets(name: &'static str, heading: &'static str, bound: &'static str) -> Kind {
    Kind { name, heading, unit: "per second", size: 1.0, bound }
}

const fn megabytes(name: &'static str, heading: &'static str, bound: &'static str) -> Kind {
    Kind { name, heading, unit: "MB per second", size: 1e6, bound }
}

const KINDS: &[Kind] = &[
    packets("connect", "TCP open and close", ">= 0.96"),
    packets("udp", "new UDP flows", ""),
    packets("out", "64 bytes out", ">= 0.94"),
    packets("in", "64 bytes in", ">= 0.94"),
    megabytes("bulk", "TCP download", ">= 0.98"),
    // A stricter case: every 64 kB end in a small packet.
    megabytes("blocks", "64 kB at a time", ""),
];

/// The script's candidates with their descriptions. The others are compared with the first.
const CANDIDATES: &[(&str, &str)] = &[
    ("masquerade", "plain masquerade"),
    ("again", "the same once more"),
    ("control", "the same and 500 idle rules"),
    ("inet", "masquerade in a table inet"),
    ("snat", "plain snat"),
    ("contiguous", "240 contiguous ports"),
    ("own-netdev", "mape-rs, netdev edge"),
    ("own-postrouting", "mape-rs, postrouting edge"),
    ("ports", "folk: numgen, one port each"),
    ("numgen", "folk: numgen, one range each"),
    ("ranges", "folk: one rule for each range"),
    ("marks", "folk: a mark for each range"),
];

/// The least cost of the control, and the largest difference of two equal rulesets.
const RESOLUTION: f64 = 0.03;

/// Measures in namespaces of this machine, on the bare path, where the ruleset's share is largest.
///
/// # Errors
///
/// Privileges, tools or kernel modules are missing.
pub(crate) fn on_this_kernel() -> anyhow::Result<Value> {
    println!("Data plane on this machine, bare veth path, beside plain masquerade");
    packages::ensure(&["iproute2", "nftables"])?;
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    for program in ["lab-traffic", "mape-proto"] {
        let file = tools::build_static(program)?;
        let directory = file.parent().context("a program without directory")?.to_owned();
        let rest = std::env::split_paths(&path).collect::<Vec<PathBuf>>();
        path = std::env::join_paths(std::iter::once(directory).chain(rest))?;
    }
    let mut script = Command::new("sh");
    script.arg(root().join("tests/vm/rate.sh")).env("PATH", path).env("LAB_LINK", "veth");
    script.env("LAB_NS", format!("rate{}", std::process::id()));
    let text = output(script).context("this needs root, network namespaces and nft")?;
    report(&text)
}

/// Tables so large that hardly two entries share a place: a packet that meets another entry on its
/// way costs more, and which packets do depends on the ruleset's place in the run.
const KERNEL_WORDS: &str = "nokaslr thash_entries=131072 uhash_entries=16384";

/// Measures in the emulated machine whose clock counts instructions, so that a rate is the inverse
/// of a number of instructions. Returns the script's output.
///
/// # Errors
///
/// The lab is not available, or the script failed.
pub(super) fn counted(link: &str, candidates: &str) -> anyhow::Result<String> {
    let kernel = Kernel::obtain("6.12")?.repeated(KERNEL_WORDS);
    let mut files = lab::initramfs(&kernel, &root().join("tests/vm"))?;
    files.add_file("usr/bin/mape-proto", 0o755, &tools::build_static("mape-proto")?)?;
    let commands = format!(
        "export LAB_LINK={link} RATE_ROUNDS=3 RATE_SCALE=12 RATE_OWN_KERNEL=1\n\
         RATE_CANDIDATES='{candidates}' exec sh ./rate.sh\n"
    );
    let mut text = String::new();
    let status =
        Vm::boot(&kernel, files, &commands, Duration::from_secs(3600))?.finish(|line| {
            text.push_str(line);
            text.push('\n');
        })?;
    if status != 0 {
        bail!("status {status}: {text}");
    }
    Ok(text)
}

/// The rounds of one candidate divided by those of the first.
struct Ratio {
    median: f64,
    least: f64,
    most: f64,
}

/// The results of one kind of traffic.
struct Row {
    kind: &'static Kind,
    /// Median of the first candidate, in operations per second.
    base: f64,
    ratios: Vec<Ratio>,
    lost: Vec<u64>,
}

impl Row {
    /// Whether the run is valid: the control differs, and equal rulesets do not.
    fn is_void(&self, names: &[&str]) -> bool {
        let median = |name: &str| {
            let index = names.iter().position(|candidate| *candidate == name);
            index.and_then(|index| self.ratios.get(index)).map_or(f64::NAN, |ratio| ratio.median)
        };
        let moved = median("control") < 1.0 - RESOLUTION;
        let steady = (median("again") - 1.0).abs() < RESOLUTION;
        !(moved && steady)
    }
}

/// Prints the table with the bounds, and returns the figures.
fn report(text: &str) -> anyhow::Result<Value> {
    let names = text.lines().find_map(|line| line.strip_prefix("candidates "));
    let names: Vec<&str> = names.context("no candidates")?.split(' ').collect();
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("{\"test\":\"rate\"")) {
        let value: Value = serde_json::from_str(line)?;
        rows.push(row(&value).context("a line that is not understood")?);
    }
    print!("{}", table(&names, &rows));
    let mut kinds = Map::new();
    for row in &rows {
        let candidates =
            names.iter().zip(row.ratios.iter().zip(&row.lost)).map(|(name, (r, lost))| {
                let figures =
                    json!({ "median": r.median, "least": r.least, "most": r.most, "lost": lost });
                ((*name).to_owned(), figures)
            });
        let void = row.is_void(&names);
        let candidates: Map<String, Value> = candidates.collect();
        let Kind { name, bound, .. } = row.kind;
        let row = json!({ "base_per_second": row.base, "void": void, "bound": bound, "ratios": candidates });
        kinds.insert((*name).to_owned(), row);
    }
    Ok(Value::Object(kinds))
}

fn row(value: &Value) -> Option<Row> {
    let name = value.get("kind")?.as_str()?;
    let kind = KINDS.iter().find(|kind| kind.name == name)?;
    let lists = value.get("rates")?.as_array()?;
    let rates = lists.iter().map(|list| {
        let numbers = list.as_array()?.iter().map(Value::as_f64);
        numbers.collect::<Option<Vec<f64>>>()
    });
    let rates = rates.collect::<Option<Vec<Vec<f64>>>>()?;
    let base = rates.first()?;
    let ratios = rates.iter().map(|rates| {
        let mut ratios: Vec<f64> = rates.iter().zip(base).map(|(own, base)| own / base).collect();
        ratios.sort_by(f64::total_cmp);
        let at = |index: usize| ratios.get(index).copied().unwrap_or(f64::NAN);
        Ratio {
            median: at(ratios.len() / 2),
            least: at(0),
            most: at(ratios.len().saturating_sub(1)),
        }
    });
    let mut sorted = base.clone();
    sorted.sort_by(f64::total_cmp);
    let lost = value.get("lost")?.as_array()?.iter().map(Value::as_u64);
    Some(Row {
        kind,
        base: sorted.get(sorted.len() / 2).copied()?,
        ratios: ratios.collect(),
        lost: lost.collect::<Option<Vec<u64>>>()?,
    })
}

/// Returns a table with a line per candidate and a column per kind of traffic.
fn table(names: &[&str], rows: &[Row]) -> String {
    const NAME: usize = 30;
    const CELL: usize = 20;
    let mut text = String::new();
    let mut line = |name: &str, cells: Vec<String>| {
        // Writing into a `String` cannot fail.
        let _ = write!(text, "  {name:<NAME$}");
        for cell in cells {
            let _ = write!(text, "{cell:>CELL$}");
        }
        text.push('\n');
    };
    line("", rows.iter().map(|row| row.kind.heading.to_owned()).collect());
    line("", rows.iter().map(|row| row.kind.unit.to_owned()).collect());
    for (index, name) in names.iter().enumerate() {
        let long = CANDIDATES.iter().find(|known| known.0 == *name).map_or(*name, |known| known.1);
        let cells = rows.iter().map(|row| match row.ratios.get(index) {
            _ if index == 0 => format!("{:.0}", row.base / row.kind.size),
            Some(ratio) => format!("{:.3} ({:.2}-{:.2})", ratio.median, ratio.least, ratio.most),
            None => String::new(),
        });
        line(long, cells.collect());
    }
    line("bound for mape-rs", rows.iter().map(|row| row.kind.bound.to_owned()).collect());
    let verdict = |row: &Row| if row.is_void(names) { "VOID" } else { "valid" }.to_owned();
    line("this run", rows.iter().map(verdict).collect());
    for row in rows {
        for (name, lost) in names.iter().zip(&row.lost).filter(|(_, lost)| **lost > 0) {
            let _ = writeln!(text, "  {} lost {lost} of \"{}\"", name, row.kind.heading);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &str = "candidates masquerade again control netdev\n";

    fn line(again: u32, control: u32) -> String {
        format!(
            "{NAMES}{{\"test\":\"rate\",\"kind\":\"connect\",\"rates\":[[1000,2000,1000],\
             [{again},2000,1000],[{control},1800,{control}],[950,1800,980]],\"lost\":[0,0,0,7]}}\n"
        )
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let figures = report(&line(1000, 900)).unwrap();
        let connect = &figures["connect"];
        assert_eq!(connect["base_per_second"], 1000.0);
        assert_eq!(connect["ratios"]["netdev"]["median"], 0.95);
        assert_eq!(connect["ratios"]["netdev"]["least"], 0.9);
        assert_eq!(connect["ratios"]["netdev"]["most"], 0.98);
        assert_eq!(connect["ratios"]["netdev"]["lost"], 7);
        assert_eq!(connect["void"], false);
    }

    #[test]
    fn a_blind_or_unsteady_run_is_void() {
        assert_eq!(report(&line(1000, 990)).unwrap()["connect"]["void"], true);
        let unsteady = line(1000, 900).replace("[1000,2000,1000],[900", "[1100,2200,1100],[900");
        assert_eq!(report(&unsteady).unwrap()["connect"]["void"], true);
        assert!(report("candidates a\n{\"test\":\"rate\",\"kind\":\"connect\"}").is_err());
    }
}
