//! Kernels that run as a process of this machine (user-mode Linux), built from Debian's sources.
//!
//! They execute the same network code as the kernels that Debian ships. A system call takes
//! microseconds instead of the hundreds that an emulator needs, so the tests take an eighth of
//! the processor time. What they cannot show is what depends on the processor or on the
//! configuration of a distribution; the emulated kernels are for that
//! ([decision 0068](../../../docs/decisions/0068-user-mode-kernels.md)).

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::initramfs::Initramfs;
use crate::kernel::Kernel;
use crate::vm::Vm;
use host_tools::debian::Debian;
use host_tools::packages;
use host_tools::steps::{output, run};
use host_tools::tools::cache_directory;

/// Compiler and tools of the kernel's build. The rest of what it needs is essential in Debian.
const PACKAGES: &[&str] = &["gcc", "libc6-dev", "make", "flex", "bison", "bc", "xz-utils"];

const MEMORY_MEGABYTES: u64 = 1024;

/// The machine's clock stands still while a process runs, and jumps to the next timer when all of
/// them wait. So the load of the host does not change measured times, and waiting costs no time.
/// The other side: a process that never waits stops the clock.
const WORDS: &[&str] = &[
    "time-travel=inf-cpu",
    "con=null",
    "con0=null,fd:1",
    "root=/dev/ram0",
    "quiet",
    "loglevel=3",
    "panic=-1",
];

const CONFIGURATION: &str = include_str!("user_mode.config");

/// The source files of other devices, which are half of the archive.
const UNUSED: &[&str] = &[
    "--exclude=*/drivers/gpu/*.[ch]",
    "--exclude=*/drivers/media/*.[ch]",
    "--exclude=*/sound/*.[ch]",
    "--exclude=*/Documentation/*",
    "--exclude=*/tools/testing/*",
];

/// A place of the source that a kernel is built without, and what replaces it.
#[derive(Debug)]
struct Change {
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

/// What a kernel is built with in addition.
#[derive(Debug)]
struct Difference {
    changes: &'static [Change],
    /// Further lines of the configuration.
    options: &'static str,
}

/// 6.12 has room for the registers of a processor with AVX-512, and copies them to the stack when a
/// signal comes. With AMX a process has four times as much, the host refuses a part of it, and the
/// first program of the machine ends with a signal. Later kernels ask the host for the size.
const REGISTERS: (&str, Difference) = (
    "linux-source-6.12",
    Difference {
        changes: &[Change {
            file: "arch/x86/um/user-offsets.c",
            from: "DEFINE_LONGS(HOST_FP_SIZE, 2696);",
            to: "DEFINE_LONGS(HOST_FP_SIZE, 12288);",
        }],
        options: "CONFIG_KERNEL_STACK_ORDER=4\n",
    },
);

/// A kernel that Debian does not have, of the source of one that it has. The changes are small ones
/// of this lab; the rest of the kernel is as in its source.
#[derive(Debug)]
pub(crate) struct Variant {
    /// What `uname -r` shows. The loader selects by its first two numbers what it does.
    release: &'static str,
    difference: Difference,
}

/// Of 7.2: a device that the flowtable does not have is an error, and nothing is offloaded. But the
/// tunnel has no forward path, as up to 6.19. `OpenWrt` has this in 6.18.
pub(crate) const WITHOUT_FORWARD_PATH: Variant = Variant {
    release: "6.18.0-from-7.2",
    difference: Difference {
        changes: &[Change {
            file: "net/ipv6/ip6_tunnel.c",
            from: "\t.ndo_fill_forward_path = ip6_tnl_fill_forward_path,\n",
            to: "",
        }],
        options: "",
    },
};

/// Of 7.1: a flow whose path ends in a device that the flowtable does not have is offloaded
/// nevertheless, and leaves by that device.
pub(crate) const WITHOUT_THE_DEVICE: Variant = Variant {
    release: "7.1.0-from-7.2",
    difference: Difference {
        changes: &[Change {
            file: "net/netfilter/nf_flow_table_path.c",
            from: "if (!nft_flowtable_find_dev(info.indev, ft))\n\t\treturn -ENOENT;",
            to: "route->tuple[dir].out.ifindex = info.outdev->ifindex;\n\
                 \tif (!nft_flowtable_find_dev(info.indev, ft))\n\t\treturn 0;",
        }],
        options: "",
    },
};

/// More than an idle machine needs to boot. The limit only ends one that hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Held while a kernel is built, because parallel steps need the same one.
static BUILDING: Mutex<()> = Mutex::new(());

/// Returns whether such kernels run on this machine; a container may forbid what they need, such
/// as `ptrace`. The first call boots one.
pub(crate) fn works() -> bool {
    static WORKS: OnceLock<bool> = OnceLock::new();
    *WORKS.get_or_init(|| match try_one() {
        Ok(()) => true,
        Err(error) => {
            eprintln!(
                "note: user-mode kernels do not run here, so kernels are emulated: {error:#}"
            );
            false
        }
    })
}

fn try_one() -> anyhow::Result<()> {
    let kernel = Kernel::obtain("uml-6.12")?;
    let files = Initramfs::new(&kernel)?;
    let status = Vm::boot(&kernel, files, "exit 42\n", LIMIT)?.finish(|_| ())?;
    ensure!(status == 42, "its shell ended with {status}");
    Ok(())
}

/// Returns the program of the newest kernel whose source package has a name like `pattern`, and its
/// release, from the cache or built into it.
///
/// # Errors
///
/// The source cannot be downloaded, or its build fails.
pub(crate) fn build(
    debian: &Debian,
    pattern: &str,
    variant: Option<&Variant>,
) -> anyhow::Result<(PathBuf, String)> {
    packages::ensure(PACKAGES)?;
    let _one = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let package = debian.newest(pattern)?;
    let of_package = (REGISTERS.0 == package).then_some(&REGISTERS.1);
    let of_variant = variant.map(|variant| &variant.difference);
    let differences: Vec<&Difference> = of_package.into_iter().chain(of_variant).collect();
    let release = variant.map(|variant| variant.release);
    let mut hash = DefaultHasher::new();
    (CONFIGURATION, debian.versions(&package)?).hash(&mut hash);
    for difference in &differences {
        for change in difference.changes {
            (change.to, difference.options).hash(&mut hash);
        }
    }
    if let Some(release) = release {
        release.hash(&mut hash);
    }
    let directory = cache_directory().join("user-mode");
    let program = directory.join(format!("{package}-{:016x}", hash.finish()));
    if !program.exists() {
        fs::create_dir_all(&directory)?;
        let tree = directory.join(format!("{package}.partial"));
        remove(&tree)?;
        unpack(&tree, &debian.unpacked(&package)?, &package)?;
        build_in(&tree, &differences, release).with_context(|| package)?;
        // Only a complete program gets the final name.
        fs::rename(tree.join("linux"), &program)?;
        remove(&tree)?;
    }
    let release = output(Command::new(&program).arg("--version"))?.trim().to_owned();
    Ok((program, release))
}

fn unpack(tree: &Path, unpacked: &Path, package: &str) -> anyhow::Result<()> {
    eprintln!("building {package} as a program (some minutes, once)");
    fs::create_dir_all(tree.join("Documentation"))?;
    let archive = unpacked.join(format!("usr/src/{package}.tar.xz"));
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--file").arg(archive).arg("--directory").arg(tree);
    run(tar.args(["--strip-components=1", "--xz"]).args(UNUSED))?;
    // The configuration includes these files of the directory that is left out.
    for file in ["Documentation/Kconfig", "Documentation/Makefile"] {
        fs::write(tree.join(file), "")?;
    }
    Ok(())
}

fn build_in(tree: &Path, differences: &[&Difference], release: Option<&str>) -> anyhow::Result<()> {
    let mut configuration = CONFIGURATION.to_owned();
    for difference in differences {
        for change in difference.changes {
            let file = tree.join(change.file);
            let text = fs::read_to_string(&file)?;
            fs::write(&file, change.made(&text)?)?;
        }
        configuration.push_str(difference.options);
    }
    fs::write(tree.join("lab.config"), &configuration)?;
    make(tree, &["allnoconfig", "KCONFIG_ALLCONFIG=lab.config"])?;
    let result = fs::read_to_string(tree.join(".config"))?;
    let missing: Vec<&str> = configuration.lines().filter(|line| !is_in(line, &result)).collect();
    ensure!(missing.is_empty(), "the kernel has no {}", missing.join(", "));
    let jobs = format!("-j{}", std::thread::available_parallelism()?);
    let release = release.map(|release| format!("KERNELRELEASE={release}"));
    let words: Vec<&str> = ["linux", &jobs].into_iter().chain(release.as_deref()).collect();
    make(tree, &words)
}

impl Change {
    /// Returns the text of the file with the change.
    fn made(&self, text: &str) -> anyhow::Result<String> {
        let places = text.matches(self.from).count();
        ensure!(places == 1, "{} has {places} times: {}", self.file, self.from);
        Ok(text.replace(self.from, self.to))
    }
}

/// Returns whether the line of a configuration is also in the text of another; true for comments.
fn is_in(line: &str, text: &str) -> bool {
    !line.starts_with("CONFIG_") || text.lines().any(|other| other == line)
}

fn make(tree: &Path, words: &[&str]) -> anyhow::Result<()> {
    let mut make = Command::new("make");
    make.args(["--silent", "ARCH=um", "LC_ALL=C"]).args(words).current_dir(tree);
    // Its warnings say nothing to us; a failure has all it printed.
    output(&mut make).map(drop).context("the kernel's build")
}

fn remove(directory: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Returns the command that boots the kernel, without its standard streams.
pub(crate) fn command(
    program: &Path,
    initramfs: &Path,
    disk: Option<&Path>,
    processor: Option<&Processor>,
) -> Command {
    let mut command = Command::new("setpriv");
    // The kernel ends the machine even if this process is killed and no destructor runs.
    command.args(["--pdeathsig", "KILL"]);
    if let Some(Processor(number)) = processor {
        command.args(["taskset", "--cpu-list", number]);
    }
    command.arg(program).args(WORDS);
    command.arg(format!("mem={MEMORY_MEGABYTES}M"));
    command.arg(format!("initrd={}", initramfs.display()));
    if let Some(disk) = disk {
        command.arg(format!("ubd0={}", disk.display()));
    }
    // Its own memory is all that differs between two machines, so both would draw the same random
    // numbers; `init.sh` mixes this in.
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    command.arg(format!("lab_seed={seed}"));
    command.env("TMPDIR", memory_directory());
    command
}

/// Returns a directory for the machine's memory, which is a file that the kernel maps: on a file
/// system in memory, if one has room.
fn memory_directory() -> PathBuf {
    let has_room = |directory: &&str| {
        let free = ["--output=avail", "--block-size=1M", directory];
        let text = output(Command::new("df").args(free)).unwrap_or_default();
        let megabytes = text.lines().last().and_then(|line| line.trim().parse::<u64>().ok());
        megabytes.is_some_and(|free| free > 2 * MEMORY_MEGABYTES)
    };
    ["/dev/shm", "/tmp"].iter().copied().find(has_room).map_or_else(cache_directory, PathBuf::from)
}

/// A processor that a machine keeps to. The kernel and the programs that it runs are processes of
/// this machine, and wait for each other. On two processors each change wakes a sleeping one, which
/// took up to nine times as long on an idle machine.
#[derive(Debug)]
pub(crate) struct Processor(String);

/// The processors that machines have, one entry for each machine.
static TAKEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Processor {
    /// Takes the processor that the fewest machines have, of those that this process may use.
    pub(crate) fn take() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let machines = |number: &String| taken.iter().filter(|other| *other == number).count();
        let number = numbers(list).into_iter().min_by_key(machines)?;
        taken.push(number.clone());
        Some(Self(number))
    }
}

impl Drop for Processor {
    fn drop(&mut self) {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.iter().position(|number| *number == self.0) {
            taken.remove(own);
        }
    }
}

/// Reads a list of the kernel, such as `0-3,8`. A part that is no number is left out.
fn numbers(text: &str) -> Vec<String> {
    let range = |part: &str| -> Option<std::ops::RangeInclusive<usize>> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
    };
    text.split(',').filter_map(range).flatten().map(|number| number.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_machine_has_the_processor_that_the_fewest_have() {
        assert_eq!(numbers("\t0-2,5\n"), ["0", "1", "2", "5"]);
        assert!(numbers("none").is_empty());
        let count = std::thread::available_parallelism().unwrap().get();
        let taken: Vec<_> = (0..count).filter_map(|_| Processor::take()).collect();
        let mut all: Vec<&str> = taken.iter().map(|one| one.0.as_str()).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), taken.len());
        drop(taken);
        assert!(TAKEN.lock().unwrap().is_empty());
    }

    #[test]
    fn a_change_has_one_place() {
        let change = Change { file: "a.c", from: "one();\n", to: "" };
        assert_eq!(change.made("one();\ntwo();\n").unwrap(), "two();\n");
        for (text, places) in [("two();\n", 0), ("one();\none();\n", 2)] {
            let error = change.made(text).unwrap_err().to_string();
            assert_eq!(error, format!("a.c has {places} times: one();\n"));
        }
    }

    #[test]
    fn a_configuration_has_its_lines_in_the_other() {
        let text = "CONFIG_A=y\n# CONFIG_B is not set\n";
        assert!(is_in("CONFIG_A=y", text) && is_in("# words", text) && is_in("", text));
        assert!(!is_in("CONFIG_B=y", text) && !is_in("CONFIG_A=m", text));
    }
}
