//! `cargo xtask plane --kernels [NAME...]`: what each kernel does with the line's packets under
//! firewall4's software flow offload, as a table.
//!
//! The script `plane-kernels.sh` measures one cell after the other in the machine. Here is what
//! each cell must be. A row of ours must carry TCP and UDP both ways, with no wrong packet at the
//! border relay and nothing but IPv6 on the uplink. Rules that a kernel is known to carry wrongly
//! are measured too, and must be found.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};

use super::{LIMIT, Log, lock};
use crate::kernel::Kernel;
use crate::vm::Vm;
use host_tools::steps::root;
use host_tools::tools;

/// The kernels of a run without names.
const KERNELS: &[&str] = &["6.1", "uml-6.12", "uml-like-6.18", "uml-like-7.1", "uml-7.2", "uml-7"];

/// The loader's rules on each edge, without and with flow offload.
const OWN: &[&str] =
    &["netdev:off", "netdev:on", "postrouting:off", "postrouting:on", "plain:off", "plain:on"];

/// What a cell must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// Right, and both directions are offloaded.
    Offloaded,
    /// Right, and only the direction from LAN to line is offloaded.
    Outward,
    /// Right, and every packet takes the usual path.
    Usual,
    /// Wrong in some way.
    Wrong,
    /// Wrong, and internal ports are on the uplink.
    Internal,
}

/// One line of the script.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cell {
    /// Rules and offload: `netdev:on`.
    name: String,
    works: bool,
    /// How packets go, from LAN to line and back: `offloaded`, `usual` or `partly`.
    paths: [String; 2],
    wrong: u64,
    frames: u64,
    /// Of these frames, those with the shared address and an internal port.
    internal: u64,
}

/// Version of a kernel: the first two numbers of its release.
type Version = (u32, u32);

fn version(release: &str) -> anyhow::Result<Version> {
    let mut numbers = release.split(['.', '-', '+']).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => bail!("{release} is no release of a kernel"),
    }
}

/// Returns the cells of this kernel and what they must be. Those that can end the machine are last.
fn expected(kernel: Version) -> Vec<(&'static str, Expected)> {
    let own = OWN.iter().map(|&cell| (cell, of_our_rules(kernel, cell)));
    own.chain(known_bad(kernel).iter().copied()).collect()
}

fn of_our_rules(kernel: Version, cell: &str) -> Expected {
    // From 7.0 on the tunnel has a forward path, with which no kernel offloads IPv4 rightly.
    match cell {
        "netdev:on" | "plain:on" if kernel < (7, 0) => Expected::Offloaded,
        _ => Expected::Usual,
    }
}

/// Returns rules by hand that show what a kernel does without our measures.
fn known_bad(kernel: Version) -> &'static [(&'static str, Expected)] {
    match kernel {
        // `OpenWrt` has the change of 7.2 in it. The bridge is no device of a path.
        (6, 18) => &[
            ("range:on", Expected::Usual),
            ("bridge-netdev:on", Expected::Usual),
            ("own-postrouting:on", Expected::Wrong),
        ],
        (..=6, _) => &[
            ("range:on", Expected::Outward),
            ("bridge-netdev:on", Expected::Offloaded),
            ("own-postrouting:on", Expected::Wrong),
        ],
        (7, 0) => &[("range:on", Expected::Wrong)],
        (7, 1) => &[
            ("range:on", Expected::Wrong),
            ("bare-plain:on", Expected::Wrong),
            ("own-netdev:on", Expected::Internal),
            ("own-plain:on", Expected::Wrong),
            ("decoy-netdev:on", Expected::Usual),
        ],
        (7, 2) => &[
            ("range:on", Expected::Wrong),
            ("bare-plain:on", Expected::Wrong),
            ("own-netdev:on", Expected::Wrong),
            ("own-plain:on", Expected::Wrong),
            ("decoy-netdev:on", Expected::Wrong),
        ],
        _ => &[("range:on", Expected::Usual), ("own-netdev:on", Expected::Usual)],
    }
}

impl Cell {
    /// Reads a line `cell NAME works=yes out=usual in=usual wrong=0 frames=0 internal=0`.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("cell ")?.split_whitespace();
        let name = words.next()?.to_owned();
        let mut value = |key| words.next()?.strip_prefix(key)?.strip_prefix('=');
        Some(Self {
            name,
            works: value("works")? == "yes",
            paths: [value("out")?.to_owned(), value("in")?.to_owned()],
            wrong: value("wrong")?.parse().ok()?,
            frames: value("frames")?.parse().ok()?,
            internal: value("internal")?.parse().ok()?,
        })
    }

    const fn is_right(&self) -> bool {
        self.works && self.wrong == 0 && self.frames == 0 && self.internal == 0
    }

    fn is(&self, expected: Expected) -> bool {
        let paths = match expected {
            Expected::Offloaded => ["offloaded", "offloaded"],
            Expected::Outward => ["offloaded", "usual"],
            Expected::Usual => ["usual", "usual"],
            Expected::Wrong => return !self.is_right(),
            Expected::Internal => return self.internal > 0,
        };
        self.is_right() && self.paths == paths
    }
}

/// Reads the words after `plane --kernels`, prints the table, and fails if a cell is wrong.
///
/// # Errors
///
/// The lab is not available, or a cell is not as expected.
pub(super) fn command(names: &[&str]) -> anyhow::Result<()> {
    crate::prepare()?;
    let program = tools::build_static("mape-proto")?;
    let names = if names.is_empty() { KERNELS } else { names };
    let mut machines = Vec::new();
    for &name in names {
        let kernel = Kernel::obtain(name)?;
        let cells = expected(version(&kernel.release)?);
        machines.push((name, kernel, cells));
    }
    let (rows, wrong) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for (place, (name, kernel, cells)) in machines.iter().enumerate() {
            let (rows, wrong, program) = (&rows, &wrong, program.as_path());
            scope.spawn(move || match measure(name, kernel, cells, program) {
                Ok((text, problems)) => {
                    lock(rows).push((place, text));
                    lock(wrong).extend(problems);
                }
                Err(error) => lock(wrong).push(format!("kernel {name}: {error:#}")),
            });
        }
    });
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    rows.sort_unstable();
    println!(
        "| kernel | rules | works | LAN to line | line to LAN | wrong packets | other frames | \
         with internal ports |\n\
         |---|---|---|---|---|---|---|---|"
    );
    for (_, text) in &rows {
        print!("{text}");
    }
    let wrong = lock(&wrong);
    if !wrong.is_empty() {
        bail!("{}", wrong.join("; "));
    }
    Ok(())
}

/// Returns the rows of one kernel, and what is wrong with them.
fn measure(
    name: &str,
    kernel: &Kernel,
    cells: &[(&str, Expected)],
    program: &Path,
) -> anyhow::Result<(String, Vec<String>)> {
    let mut files = crate::initramfs(kernel, &root().join("tests/vm"))?;
    files.add_file("usr/sbin/mape-proto", 0o755, program)?;
    let words: Vec<&str> = cells.iter().map(|(cell, _)| *cell).collect();
    let commands = format!("exec sh ./plane-kernels.sh {}\n", words.join(" "));
    let mut log = Log::new(&format!("kernels-{name}"));
    let mut found = Vec::new();
    let machine = Vm::boot(kernel, files, &commands, LIMIT)?;
    // A kernel that panics ends the machine. The cell is then missing.
    let ended = machine.finish(|line| {
        log.add(line);
        found.extend(Cell::read(line));
    });
    let (text, problems) = table(&kernel.release, cells, &found);
    if !problems.is_empty() {
        log.print();
    }
    // The script decides nothing, so any other status than 0 is a fault of the script.
    if let Ok(status @ 1..) = ended {
        return Err(anyhow::anyhow!("exit status {status}")).context(problems.join("; "));
    }
    Ok((text, problems))
}

fn table(release: &str, cells: &[(&str, Expected)], found: &[Cell]) -> (String, Vec<String>) {
    let (mut text, mut problems) = (String::new(), Vec::new());
    for (name, expected) in cells {
        let cell = found.iter().find(|cell| cell.name == *name);
        let (row, is_as_expected) = match cell {
            Some(cell) => {
                let Cell { works, paths: [outward, inward], wrong, frames, internal, .. } = cell;
                let works = if *works { "yes" } else { "no" };
                let row =
                    format!("{works} | {outward} | {inward} | {wrong} | {frames} | {internal}");
                (row, cell.is(*expected))
            }
            None => ("no: the machine ended | | | | |".to_owned(), *expected == Expected::Wrong),
        };
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "| {release} | {name} | {row} |");
        if !is_as_expected {
            problems.push(format!("{release}: {name} is not {expected:?}"));
        }
    }
    (text, problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str =
        "cell  netdev:on works=yes out=offloaded in=offloaded wrong=0 frames=0 internal=0";

    #[test]
    fn every_fault_of_a_cell_is_found() {
        let right = Cell::read(RIGHT).unwrap();
        assert!(right.is(Expected::Offloaded) && !right.is(Expected::Wrong));
        for (from, to) in [
            ("works=yes", "works=no"),
            ("out=offloaded", "out=usual"),
            ("in=offloaded", "in=usual"),
            ("wrong=0", "wrong=1"),
            ("frames=0", "frames=7"),
            ("internal=0", "internal=7"),
        ] {
            let cell = Cell::read(&RIGHT.replace(from, to)).unwrap();
            assert!(!cell.is(Expected::Offloaded), "{to}");
            let (text, problems) = table("6.12.1", &[("netdev:on", Expected::Offloaded)], &[cell]);
            assert_eq!((text.lines().count(), problems.len()), (1, 1), "{to}");
        }
        assert_eq!(Cell::read("cell  netdev:on works=yes"), None);
        let leak = Cell::read(&RIGHT.replace("internal=0", "internal=7")).unwrap();
        assert!(leak.is(Expected::Internal) && !right.is(Expected::Internal));
    }

    #[test]
    fn a_machine_that_ended_is_wrong() {
        for (expected, problems) in [(Expected::Wrong, 0), (Expected::Usual, 1)] {
            assert_eq!(table("7.0.4", &[("range:on", expected)], &[]).1.len(), problems);
        }
    }

    #[test]
    fn each_kernel_has_all_edges_and_a_comparison() {
        for release in [
            "6.1.0-44-cloud-amd64",
            "6.12.117",
            "6.18.0-from-7.2",
            "7.0.4+deb13",
            "7.1.0-from-7.2",
            "7.2.12",
            "7.3.4",
        ] {
            let cells = expected(version(release).unwrap());
            assert!(cells.len() > OWN.len(), "{release}");
            for (cell, expected) in &cells[..OWN.len()] {
                let is_right = !matches!(expected, Expected::Wrong | Expected::Internal);
                assert!(is_right, "{release} {cell}");
            }
        }
        assert!(version("linux").is_err());
    }
}
