//! Debian's kernels, downloaded and unpacked into the cache, never installed.
//!
//! The host's kernel may lack modules (in a container often `ip6_tunnel`), so the tests run on
//! kernels of the series that routers use. Each is of a Debian release: the kernel itself, which is
//! emulated, or its source, built as a program of this machine. The newest version is taken,
//! because mirrors delete older ones within weeks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::user_mode;
use host_tools::debian::{BOOKWORM, Debian, TRIXIE, TRIXIE_BACKPORTS};

/// A kernel that the lab knows.
struct Source {
    /// The word after `--kernel`.
    name: &'static str,
    release: &'static str,
    kind: Kind,
    /// The name of the package, as an extended regular expression. Of several, the one with the
    /// highest numbers is taken.
    package: &'static str,
}

enum Kind {
    Emulated,
    UserMode(Option<&'static user_mode::Variant>),
}

const fn emulated(name: &'static str, release: &'static str, package: &'static str) -> Source {
    Source { name, release, kind: Kind::Emulated, package }
}

const fn user_mode(name: &'static str, release: &'static str, package: &'static str) -> Source {
    Source { name, release, kind: Kind::UserMode(None), package }
}

/// Only the source of 7.2 is changed.
const fn variant(name: &'static str, variant: &'static user_mode::Variant) -> Source {
    let kind = Kind::UserMode(Some(variant));
    Source { name, release: TRIXIE_BACKPORTS, kind, package: r"^linux-source-7\.2$" }
}

// The cloud flavour has every module needed here at a third of the size. For qemu, a signed and an
// unsigned package are equal.
const SOURCES: &[Source] = &[
    user_mode("uml-6.12", TRIXIE, r"^linux-source-6\.12$"),
    user_mode("uml-7", TRIXIE_BACKPORTS, r"^linux-source-7\.[0-9]+$"),
    user_mode("uml-7.2", TRIXIE_BACKPORTS, r"^linux-source-7\.2$"),
    variant("uml-like-6.18", &user_mode::WITHOUT_FORWARD_PATH),
    variant("uml-like-7.1", &user_mode::WITHOUT_THE_DEVICE),
    emulated("6.1", BOOKWORM, r"^linux-image-6\.1\..*-cloud-amd64(-unsigned)?$"),
    emulated("6.12", TRIXIE, r"^linux-image-6\.12\..*-cloud-amd64(-unsigned)?$"),
    emulated("7", TRIXIE_BACKPORTS, r"^linux-binary-7\..*-cloud-amd64$"),
];

/// Returns the words that `--kernel` accepts.
pub fn names() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().map(|source| source.name)
}

/// The modules that the lab's topology, its judge and the tested rulesets need, without
/// dependencies.
const MODULES: &[&str] = &[
    // libcrc32c requests it from the crypto layer; modinfo does not list it.
    "crc32c_generic",
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "veth",
    "bridge",
    "dummy",
    "ip6_tunnel",
    "sch_netem",
    "nf_tables",
    "nf_conntrack",
    "nf_conntrack_netlink",
    "nf_flow_table_inet",
    "nf_log_syslog",
    "nft_chain_nat",
    "nft_connlimit",
    "nft_ct",
    "nft_dup_netdev",
    "nft_fib_inet",
    "nft_flow_offload",
    "nft_fwd_netdev",
    "nft_hash",
    "nft_limit",
    "nft_log",
    "nft_masq",
    "nft_nat",
    "nft_numgen",
    "nft_objref",
    "nft_redir",
    "nft_reject_inet",
];

/// Modules of 6.1 that later kernels have in others.
const OPTIONAL_MODULES: &[&str] = &["crc32c_generic", "nft_objref"];

/// One unpacked kernel.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The output of `uname -r` in the VM.
    pub release: String,
    /// The kernel's file.
    pub image: PathBuf,
    /// What runs it.
    pub machine: Machine,
    /// `None` if all are part of the kernel.
    modules: Option<PathBuf>,
}

/// What runs a kernel.
#[derive(Debug, Clone, Copy)]
pub enum Machine {
    /// An emulator.
    Emulator(Emulator),
    /// The emulator, each time with the same random numbers, date and addresses, and with more
    /// words for the kernel.
    Repeated(&'static str),
    /// This machine: the kernel is a program (`user_mode.rs`).
    Process,
}

/// An emulator, the board that it emulates, and the board's clock.
#[derive(Debug, Clone, Copy)]
pub struct Emulator {
    /// The first words of the command.
    pub(crate) words: &'static [&'static str],
    /// The words for its clock, which counts instructions, one per nanosecond: the load of the host
    /// changes no measured times. With `sleep=off` the clock jumps to the next timer when the
    /// machine is idle, so waiting costs no time.
    pub(crate) clock: &'static [&'static str],
}

/// One processor. With two emulated ones in two threads, one executes code that the other has just
/// patched: the kernel oopses ("int3") when it switches a static key, or hangs. Two in one thread
/// took 110 s of processor time for a script that takes 78 s on one, and kernel 6.1 does not start
/// the second one while instructions are counted.
pub(crate) const PC: Emulator = Emulator {
    words: &["qemu-system-x86_64", "-accel", "tcg,thread=single", "-cpu", "max", "-m", "1024"],
    clock: &["-icount", "shift=0,sleep=off"],
};

/// The board that Debian's MIPS kernels are for, with the processor of most MIPS routers: no FPU.
///
/// Its clock does not jump. With one that does, qemu 7.2 hung in 4 of 8 runs, in an endless loop:
/// the timer of this processor expired for ever at the same moment. With this clock 1 of 22 hung.
/// The kernel measures its frequency by the board's RTC, so that one counts instructions too.
const MALTA: Emulator = Emulator {
    words: &["qemu-system-mipsel", "-machine", "malta", "-cpu", "24Kc", "-m", "512"],
    clock: &["-icount", "shift=0,sleep=on", "-rtc", "base=2026-01-01,clock=vm"],
};

/// A module's file name in load order and its (uncompressed) content.
pub type Module = (String, Vec<u8>);

impl Kernel {
    /// Returns the kernel of this name, from the cache or downloaded (and built) into it.
    ///
    /// # Errors
    ///
    /// The name is unknown, the download or the build fails, or the package has another layout than
    /// expected.
    pub fn obtain(name: &str) -> anyhow::Result<Self> {
        let source = SOURCES.iter().find(|source| source.name == name);
        let source = source.with_context(|| {
            format!("no kernel {name}; there are: {}", names().collect::<Vec<_>>().join(" "))
        })?;
        let debian = Debian::native(source.release)?;
        match source.kind {
            Kind::Emulated => {
                let image = debian.newest(source.package)?;
                // From 7.0 on, a kernel has three packages.
                let packages = match image.strip_prefix("linux-binary-") {
                    Some(version) => {
                        let [base, modules] =
                            ["base", "modules"].map(|part| format!("linux-{part}-{version}"));
                        debian.together(&[&image, &base, &modules])
                    }
                    None => debian.unpacked(&image),
                };
                Self::in_directory(&packages?)
            }
            Kind::UserMode(variant) => {
                let (image, release) = user_mode::build(&debian, source.package, variant)?;
                Ok(Self { release, image, machine: Machine::Process, modules: None })
            }
        }
    }

    /// Returns the same kernel for a machine that does the same in each run, as far as it can. An
    /// emulated kernel takes `words` on its command line, in addition.
    #[must_use]
    pub fn repeated(self, words: &'static str) -> Self {
        match self.machine {
            Machine::Emulator(_) => Self { machine: Machine::Repeated(words), ..self },
            Machine::Repeated(_) | Machine::Process => self,
        }
    }

    /// Reads Debian's kernel for little-endian MIPS from its unpacked package.
    ///
    /// # Errors
    ///
    /// The package has another layout than expected.
    pub fn malta(unpacked: &Path) -> anyhow::Result<Self> {
        Ok(Self { machine: Machine::Emulator(MALTA), ..Self::in_directory(unpacked)? })
    }

    fn in_directory(unpacked: &Path) -> anyhow::Result<Self> {
        // Debian 13 moved /lib into /usr.
        let modules = ["lib/modules", "usr/lib/modules"].map(|sub| unpacked.join(sub));
        let modules = modules.iter().find(|dir| dir.is_dir()).context("no modules directory")?;
        let entry = std::fs::read_dir(modules)?.next().context("no kernel release")??;
        let release = entry.file_name().to_string_lossy().into_owned();
        // The second name is for processors whose boot loaders do not decompress.
        let images = ["vmlinuz", "vmlinux"].map(|name| format!("boot/{name}-{release}"));
        let images = images.iter().map(|name| unpacked.join(name));
        // Packages of 7.0 and later have it beside the modules.
        let mut images = images.chain([entry.path().join("vmlinuz")]);
        let image = images.find(|image| image.is_file());
        let image = image.with_context(|| format!("no image of kernel {release}"))?;
        let machine = Machine::Emulator(PC);
        Ok(Self { release, image, machine, modules: Some(entry.path()) })
    }

    /// Returns the modules that the lab needs, each after its dependencies.
    ///
    /// # Errors
    ///
    /// A module is neither in the package nor built in, or it cannot be read.
    pub fn modules(&self) -> anyhow::Result<Vec<Module>> {
        let Some(modules) = &self.modules else { return Ok(Vec::new()) };
        let mut files = BTreeMap::new();
        find_modules(&modules.join("kernel"), &mut files)?;
        let builtin = std::fs::read_to_string(modules.join("modules.builtin"))?;
        let builtin = builtin.lines().map(|line| module_name(Path::new(line))).collect();
        let mut resolver = Resolver { files, done: builtin, ordered: Vec::new() };
        for name in MODULES {
            if resolver.files.contains_key(*name) || !OPTIONAL_MODULES.contains(name) {
                resolver.add(name).with_context(|| format!("kernel {}", self.release))?;
            }
        }
        Ok(resolver.ordered)
    }
}

fn module_name(path: &Path) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    file.split('.').next().unwrap_or_default().replace('-', "_")
}

fn find_modules(directory: &Path, files: &mut BTreeMap<String, PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            find_modules(&entry.path(), files)?;
        } else {
            files.insert(module_name(&entry.path()), entry.path());
        }
    }
    Ok(())
}

struct Resolver {
    files: BTreeMap<String, PathBuf>,
    done: BTreeSet<String>,
    ordered: Vec<Module>,
}

impl Resolver {
    fn add(&mut self, name: &str) -> anyhow::Result<()> {
        if !self.done.insert(name.to_owned()) {
            return Ok(());
        }
        let path = self.files.get(name).with_context(|| format!("no module {name}"))?;
        let content = if path.extension().is_some_and(|e| e == "xz") {
            let command = &mut Command::new("xz");
            let result = command.arg("--decompress").arg("--stdout").arg(path).output()?;
            if !result.status.success() {
                bail!("xz cannot read {}", path.display());
            }
            result.stdout
        } else {
            std::fs::read(path)?
        };
        for dependency in dependencies(&content) {
            self.add(&dependency)?;
        }
        self.ordered.push((format!("{name}.ko"), content));
        Ok(())
    }
}

/// Returns a field of the module's `.modinfo` section. The packages have no modules.dep, which
/// their installation script makes with depmod.
fn dependencies(module: &[u8]) -> Vec<String> {
    let mut strings = module.split(|byte| *byte == 0);
    let list = strings.find_map(|string| string.strip_prefix(b"depends="));
    let list = String::from_utf8_lossy(list.unwrap_or_default()).replace('-', "_");
    list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_of_the_tests_is_known() {
        for name in [crate::PROCESSES, crate::REPLACEMENTS, crate::EMULATED].concat() {
            assert!(names().any(|known| known == name), "{name}");
        }
    }

    #[test]
    fn an_unknown_kernel_is_an_error_with_the_names_of_all() {
        let error = Kernel::obtain("2.4").unwrap_err().to_string();
        assert_eq!(
            error,
            "no kernel 2.4; there are: uml-6.12 uml-7 uml-7.2 uml-like-6.18 uml-like-7.1 6.1 6.12 7"
        );
    }

    #[test]
    fn dependencies_come_from_modinfo() {
        let module = b"junk\0license=GPL\0depends=nf-tables,nf_nat\0name=nft_nat\0";
        assert_eq!(dependencies(module), ["nf_tables", "nf_nat"]);
        assert!(dependencies(b"depends=\0").is_empty());
        assert!(dependencies(b"").is_empty());
    }

    #[test]
    fn module_names_are_the_kernels() {
        assert_eq!(module_name(Path::new("a/nf-log_syslog.ko.xz")), "nf_log_syslog");
    }
}
