//! `cargo xtask cross --run [ARCH...]`: runs the shipped programs under emulation and compares each
//! output with that of this machine's program, byte by byte.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use super::programs::Programs;
use super::{libc, sizes, targets, targets::Target};
use host_tools::packages;
use host_tools::steps::{output, root};
use host_tools::tools;

/// Prefixes beside those of the known answers. Each gives another error, in every output format.
const REFUSED: &[&str] =
    &["240b:10:3261:6401::/64", "2409:10:1234:5600::/56", "2001:db8::/32", "x"];

/// Output formats of a plan.
const FORMS: &[&[&str]] = &[&["--json"], &["--nft", "--edge", "netdev"], &["--sh"], &[]];

/// Runs `target`'s program and compares its output.
///
/// # Errors
///
/// The program does not run on this machine, or an output differs.
pub(crate) fn check(target: &Target, program: &Path) -> anyhow::Result<()> {
    let here = Runner { words: vec![native()?.display().to_string()] };
    let there = Runner::of(target, program)?;
    let mut compared = 0;
    for arguments in workload()? {
        let (expected, found) = (here.says(&arguments)?, there.says(&arguments)?);
        if expected != found {
            bail!("{}: {arguments:?} says\n{found}\nand not\n{expected}", target.arch);
        }
        compared += 1;
    }
    let (expected, found) = (here.on_a_bus()?, there.on_a_bus()?);
    ensure!(expected == found, "{}: on a bus\n{found}\nand not\n{expected}", target.arch);
    // The comparison is void unless bus and nft answered.
    ensure!(found.contains("the guard loaded"), "on a bus: {found}");
    ensure!(found.contains("\"interface\":\"wan6mape\""), "on a bus: {found}");
    println!("{:<26} {compared} answers and one through ubus: the same bytes as here", target.arch);
    Ok(())
}

/// Builds this machine's program of the same sources, without the feature `linux`.
fn native() -> anyhow::Result<PathBuf> {
    tools::build_for_router()
}

/// Checks the program of each named architecture, or of all in the table.
///
/// # Errors
///
/// A build fails, an output differs, or a program is larger than the table of sizes says.
pub(crate) fn check_all(names: &[&str]) -> anyhow::Result<()> {
    let mut programs = Programs::default();
    for target in targets::chosen(names)? {
        let program = programs.of(&target)?;
        sizes::is_said(&target.arch, &sizes::Size::of(&program)?)?;
        check(&target, &program)?;
    }
    Ok(())
}

/// The command that starts a program.
struct Runner {
    words: Vec<String>,
}

impl Runner {
    fn of(target: &Target, program: &Path) -> anyhow::Result<Self> {
        let root = libc::root(target)?;
        let loader = root.join(target.loader.trim_start_matches('/'));
        let text = |path: &Path| path.display().to_string();
        if target.qemu.is_empty() {
            // The loader starts the program.
            return Ok(Self { words: vec![text(&loader), text(program)] });
        }
        packages::ensure(&["qemu-user-static"])?;
        let mut words = target.qemu.clone();
        words.extend(["-L".to_owned(), text(&root), text(program)]);
        Ok(Self { words })
    }

    /// Returns exit status and output.
    fn says(&self, arguments: &[String]) -> anyhow::Result<String> {
        let mut words = self.words.iter().chain(arguments);
        let mut command = Command::new(words.next().context("nothing to run")?);
        let result = command.args(words).output()?;
        let mut said = format!("{}\n", result.status);
        for bytes in [result.stdout, result.stderr] {
            let _ = writeln!(said, "{}", String::from_utf8(bytes)?);
        }
        Ok(said)
    }

    /// Returns the output of `status` beside netifd's stand-in, in namespaces of its own for mounts
    /// and network.
    fn on_a_bus(&self) -> anyhow::Result<String> {
        let stand_in = tools::build_static("netifd-stand-in")?;
        let work = tools::cache_directory().join("cross/bus");
        fs::create_dir_all(work.join("handlers"))?;
        fs::write(work.join("config"), BUS)?;
        let mut shell = packages::as_root("unshare")?;
        shell.args(["--mount", "--net", "sh", "-euc", IN_PRIVATE, "sh"]);
        shell.arg(stand_in).arg(work).args(&self.words);
        output(shell)
    }
}

/// The configuration of the stand-in, with an interface whose protocol has no handler.
const BUS: &str = r#"{"wan6": {"proto": "static", "device": "lo", "ip6addr": ["240b:10:3261:6400::1/64"],
    "ip6prefix": ["240b:10:3261:6400::/56"], "ip6gw": "fe80::1"}, "wan6mape": {"proto": "mape"}}"#;

const IN_PRIVATE: &str = r#"
stand_in=$1 work=$2
shift 2
mount -t tmpfs none /run
mkdir /run/ubus
"$stand_in" serve --socket /run/ubus/ubus.sock --config "$work/config" --handlers "$work/handlers" --dry \
    >/run/log 2>&1 &
daemon=$!
trap 'kill "$daemon"' EXIT
tries=0
until "$stand_in" ubus call network.interface.wan6 status >/run/answer 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { cat /run/log /run/answer; exit 1; }
    sleep 0.1
done
# qemu-user knows no netlink to nf_tables, which is asked about offloaded flows.
"$@" status --json | sed 's/"flow_offload":{[^}]*},//'
"$@" hotplug ifup wan6 || echo "status $?"
# Starts another program, which no answer above does.
"$@" firewall || echo "status $?"
"#;

/// Returns the arguments of all runs: plans of every known answer, errors, the table, and sections
/// of other programs.
fn workload() -> anyhow::Result<Vec<Vec<String>>> {
    let table = fs::read_to_string(root().join("tests/vectors/known-answers.tsv"))?;
    let inputs = table.lines().skip(1).filter_map(|line| line.split('\t').nth(1));
    let mut workload = Vec::new();
    for prefix in inputs.chain(REFUSED.iter().copied()) {
        for form in FORMS {
            let words = ["plan"].iter().chain(*form).copied().chain([prefix]);
            workload.push(words.map(str::to_owned).collect());
        }
    }
    ensure!(workload.len() > 300, "too few known answers");
    workload.push(vec!["rules".to_owned(), "--json".to_owned()]);
    let copies = fs::read_dir(root().join("tests/netifd/import"))?;
    let mut copies: Vec<PathBuf> =
        copies.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
    copies.sort();
    for copy in copies {
        let copy = copy.join("root");
        let network = fs::read_to_string(copy.join("etc/config/network")).unwrap_or_default();
        for line in network.lines() {
            let Some(name) = line.strip_prefix("config interface ") else { continue };
            let name = name.trim_matches(['\'', '"']);
            let words = ["import", name, "--json", "--root", &copy.display().to_string()];
            workload.push(words.map(str::to_owned).to_vec());
        }
    }
    Ok(workload)
}
