//! Tests our files in an OpenWrt root, under its ubusd, netifd and firewall4, in a VM.
//!
//! `cargo xtask openwrt --rootfs DIRECTORY|TARBALL [--kernel NAME] [--json FILE] [SCENARIO...]`,
//! or `tests/openwrt/run` with the same arguments. `tests/openwrt/README.md` lists the files that
//! the root needs. With `--stand-in` instead of a root, programs of our own imitate OpenWrt's.
//! `--quick` repeats and waits as little as `cargo xtask test`.

mod pages;
mod report;
mod rootfs;
mod stand_in;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::initramfs::Initramfs;
use crate::kernel::Kernel;
use crate::provision;
use crate::vm::Vm;
use host_tools::steps::root;
use host_tools::tools;
pub use pages::command as pages;
use report::Report;
pub use report::Verdict;
use rootfs::RootFs;
pub use stand_in::{soak, soak_steps, steps};

/// The path of the root in the machine.
const INSIDE: &str = "openwrt";

/// More than a scenario takes on a slow machine. The limit only ends one that hangs.
const LIMIT_EACH: Duration = Duration::from_secs(900);

/// More than a scenario with `--quick` takes.
const LIMIT_ONCE_MORE: Duration = Duration::from_secs(30);

/// The settings of `cargo xtask test`. A hundred flaps take an hour and are for a real root.
const QUICK: Extent = Extent {
    flaps: 2,
    cycles: 2,
    late: 15,
    more: "LAB_TWICE=1 SETUP_KILLS='0.1 0.6 1.5' TEARDOWN_KILLS=0.2 OPTION_STEP=5",
};

/// Prefixes of a scenario's name. `control:`: a part of ours is missing, so the scenario must fail.
/// `offload:`: firewall4 offloads flows in software.
const PREFIXES: [&str; 2] = ["control:", "offload:"];

/// The scenario with a DNS and a web server, which come from the host.
const PROVISION: &str = "provision";

struct Words<'words> {
    /// `None` for the stand-in.
    rootfs: Option<&'words Path>,
    kernel: &'words str,
    json: Option<&'words Path>,
    /// Whether to repeat and wait as little as `cargo xtask test`.
    quick: bool,
    /// Whether no scenario is named.
    all: bool,
    scenarios: Vec<String>,
}

/// How often scenarios repeat their checks, and how long they wait.
#[derive(Clone, Copy)]
struct Extent {
    flaps: u32,
    cycles: u32,
    /// Seconds until the late prefix comes.
    late: u32,
    /// Further settings of the scenarios, as arguments of `export`.
    more: &'static str,
}

/// `cargo xtask openwrt`
///
/// # Errors
///
/// An argument is wrong, or the machine cannot be started. The results of the scenarios are in the
/// verdict.
pub fn command(words: &[&str]) -> anyhow::Result<Verdict> {
    let words = Words::parse(words)?;
    crate::prepare()?;
    let mut report = Report::new(words.kernel);
    let mut scenarios = words.scenarios;
    let rootfs = match words.rootfs {
        Some(path) => {
            let rootfs = RootFs::open(path)?;
            report.missing = rootfs.missing();
            if words.all {
                for (what, names) in rootfs.cannot_run() {
                    println!("not run, as the root has no {what}: {}", names.join(" "));
                    scenarios.retain(|name| !names.contains(&name.as_str()));
                }
            }
            rootfs
        }
        None => RootFs::open(&stand_in::build()?)?,
    };
    if report.missing.is_empty() {
        let started = Instant::now();
        let extent = if words.quick { QUICK } else { Extent::from_environment()? };
        let on_line = |line: &str| println!("{:6.1} {line}", started.elapsed().as_secs_f32());
        run(&rootfs, &scenarios, extent, &mut report, on_line)?;
    }
    for missing in &report.missing {
        println!("not in the root: {missing}");
    }
    if let Some(file) = words.json {
        std::fs::write(file, report.json()).with_context(|| file.display().to_string())?;
    }
    let verdict = report.verdict();
    println!("{}", report.summary());
    Ok(verdict)
}

/// Runs the scenarios in a real root, and returns what the machine printed.
///
/// # Errors
///
/// The root lacks something, the machine cannot be started, or a scenario failed.
pub fn printed(root: &Path, kernel: &str, scenarios: &[&str]) -> anyhow::Result<Vec<String>> {
    crate::prepare()?;
    let rootfs = RootFs::open(root)?;
    let missing = rootfs.missing();
    if !missing.is_empty() {
        bail!("not in the root: {}", missing.join(", "));
    }
    let scenarios: Vec<String> = scenarios.iter().map(ToString::to_string).collect();
    let (mut report, mut lines) = (Report::new(kernel), Vec::new());
    let add = |line: &str| lines.push(line.to_owned());
    run(&rootfs, &scenarios, Extent::from_environment()?, &mut report, add)?;
    if report.verdict() != Verdict::Passed {
        bail!("{}\n{}", report.summary(), lines.join("\n"));
    }
    Ok(lines)
}

impl<'words> Words<'words> {
    fn parse(words: &[&'words str]) -> anyhow::Result<Self> {
        let (mut rootfs, mut kernel, mut json) = (None, None::<&'words str>, None);
        let (mut stand_in, mut quick) = (false, false);
        let mut scenarios = Vec::new();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || words.next().copied().with_context(|| format!("{word} what?"));
            match word {
                "--rootfs" => rootfs = Some(Path::new(value()?)),
                "--stand-in" => stand_in = true,
                "--quick" => quick = true,
                "--json" => json = Some(Path::new(value()?)),
                "--kernel" => kernel = Some(value()?),
                _ if word.starts_with('-') => bail!("unknown option {word}"),
                _ => scenarios.push(word.to_owned()),
            }
        }
        if rootfs.is_some() == stand_in {
            bail!("either --rootfs DIRECTORY or TARBALL is needed, or --stand-in");
        }
        let known = known_scenarios()?;
        let is_known = |word: &str| known.iter().any(|name| name == word);
        let name = |word: &str| {
            let rest = PREFIXES.iter().find_map(|prefix| word.strip_prefix(prefix));
            rest.unwrap_or(word).to_owned()
        };
        let unknown = |word: &&String| !is_known(&name(word));
        if let Some(unknown) = scenarios.iter().find(unknown) {
            bail!("no scenario {unknown}; there are: {}", known.join(" "));
        }
        let all = scenarios.is_empty();
        if all {
            scenarios = known;
            scenarios
                .retain(|name| name != stand_in::SOAK && (!stand_in || stand_in::can_run(name)));
        }
        let kernel: &str = kernel.unwrap_or_else(|| crate::usual_one());
        Ok(Self { rootfs, kernel, json, quick, all, scenarios })
    }
}

impl Extent {
    /// Returns the settings from `FLAPS`, `CYCLES` and `LATE`, or their defaults.
    fn from_environment() -> anyhow::Result<Self> {
        let count = |name: &str, default: u32| match std::env::var(name) {
            Ok(text) => text.parse().with_context(|| format!("{name}={text} is not a number")),
            Err(_) => Ok(default),
        };
        Ok(Self {
            flaps: count("FLAPS", 8)?,
            cycles: count("CYCLES", 10)?,
            late: count("LATE", 60)?,
            more: "",
        })
    }
}

/// Returns the names of the files in `tests/openwrt/scenarios`, sorted.
fn known_scenarios() -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join("tests/openwrt/scenarios"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".sh").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Runs the scenarios in one machine, with the report's kernel.
fn run(
    rootfs: &RootFs,
    scenarios: &[String],
    extent: Extent,
    report: &mut Report,
    mut on_line: impl FnMut(&str),
) -> anyhow::Result<()> {
    let kernel = Kernel::obtain(report.series())?;
    report.kernel.clone_from(&kernel.release);
    let mut files = files(&kernel, rootfs)?;
    if scenarios.iter().any(|name| name == PROVISION) {
        provision::prepare_servers()?;
        provision::add_servers(&mut files)?;
        provision::add_users(&mut files);
    }
    let Extent { flaps, cycles, late, more } = extent;
    let commands = format!(
        "export FLAPS={flaps} CYCLES={cycles} LATE={late} {more}\nexec sh ./openwrt/main.sh {}\n",
        scenarios.join(" ")
    );
    // A flap or a cycle takes seconds.
    let limit = LIMIT_EACH * u32::try_from(scenarios.len())? + LIMIT_ONCE_MORE * (flaps + cycles);
    let status = Vm::boot(&kernel, files, &commands, limit)?.finish(|line| {
        on_line(line);
        report.read(line);
    });
    report.finish(scenarios, status);
    Ok(())
}

/// Collects everything that the machine of a root has.
fn files(kernel: &Kernel, rootfs: &RootFs) -> anyhow::Result<Initramfs> {
    let mut files = crate::initramfs(kernel, &root().join("tests/vm"))?;
    files.add_tree("lab/openwrt", &root().join("tests/openwrt"))?;
    add_root(&mut files, rootfs)?;
    Ok(files)
}

/// Collects the root, with our files as the package installs them.
fn add_root(files: &mut Initramfs, rootfs: &RootFs) -> anyhow::Result<()> {
    files.add_tree(INSIDE, rootfs.directory())?;
    add_files(files, rootfs, &root().join("files"), Path::new(""))?;
    let program = tools::build_for_router()?;
    files.add_file(&inside(rootfs, Path::new("usr/sbin/mape-proto")), 0o755, &program)?;
    let uplink = root().join("tests/openwrt/labwan.sh");
    files.add_file(&inside(rootfs, Path::new("lib/netifd/proto/labwan.sh")), 0o755, &uplink)
}

/// Collects the files below a directory of ours, each at its place below `to` in the root.
fn add_files(files: &mut Initramfs, rootfs: &RootFs, ours: &Path, to: &Path) -> anyhow::Result<()> {
    let mut directories = vec![ours.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.strip_prefix(ours)?;
            // Files for plain Linux, which no package installs on a router.
            if name == Path::new("linux") {
                continue;
            }
            if path.is_dir() {
                directories.push(path);
            } else {
                let text = std::fs::read(&path)?;
                let mode = if text.starts_with(b"#!") { 0o755 } else { 0o644 };
                files.add_bytes(&inside(rootfs, &to.join(name)), mode, &text);
            }
        }
    }
    Ok(())
}

/// Returns the path in the archive of a file of the root, whose directory may be a link.
fn inside(rootfs: &RootFs, name: &Path) -> String {
    format!("{INSIDE}/{}", rootfs.place(name).display())
}
