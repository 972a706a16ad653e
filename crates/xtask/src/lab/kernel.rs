//! Kernels to boot: Debian's own, downloaded and unpacked into the cache, never installed.
//!
//! The host's kernel is whatever it is (a container host often lacks `ip6_tunnel`), so tests that
//! must be true run on kernels of the series that routers use. The newest build that apt knows is
//! taken: a fixed point release disappears from the mirrors within weeks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::packages;
use crate::steps::{output, run};

/// What the lab's topology, judge and every ruleset under test need, without dependencies.
const MODULES: &[&str] = &[
    // libcrc32c asks the crypto layer for it, which modinfo does not tell.
    "crc32c_generic",
    "virtio_pci",
    "virtio_blk",
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
    "nft_redir",
    "nft_reject_inet",
];

/// Modules of their own in 6.1, part of `nf_tables` in 6.12.
const OPTIONAL_MODULES: &[&str] = &["nft_objref"];

/// One unpacked kernel.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// What `uname -r` says when it runs.
    pub release: String,
    /// The file for `qemu -kernel`.
    pub image: PathBuf,
    /// The emulator and its machine.
    pub qemu: &'static [&'static str],
    modules: PathBuf,
}

/// With a thread for each processor, one executes code that another has just patched: the kernel
/// oopses ("int3") where it switches a static key, or hangs.
const PC: &[&str] = &[
    "qemu-system-x86_64",
    "-accel",
    "tcg,thread=single",
    "-cpu",
    "max",
    "-smp",
    "2",
    "-m",
    "1024",
];

/// The board that Debian's MIPS kernels are for, with the processor of most MIPS routers: no FPU.
const MALTA: &[&str] = &["qemu-system-mipsel", "-machine", "malta", "-cpu", "24Kc", "-m", "512"];

/// A module's file name in load order and its (uncompressed) content.
pub(crate) type Module = (String, Vec<u8>);

impl Kernel {
    /// The newest kernel of `series` (such as `6.1`), from the cache or downloaded into it.
    ///
    /// # Errors
    ///
    /// apt knows none, the download fails, or the package is not laid out as expected.
    pub(crate) fn obtain(series: &str, cache: &Path) -> anyhow::Result<Self> {
        let mut package = newest_package(series)?;
        if package.is_none() {
            packages::refresh_lists()?;
            package = newest_package(series)?;
        }
        let package = package.with_context(|| {
            format!("apt knows no kernel {series}; Debian 12 with bookworm-security or -backports has it")
        })?;
        let unpacked = cache.join("kernels").join(&package);
        if !unpacked.is_dir() && unpack(&package, &unpacked).is_err() {
            // Old lists name files that the mirror no longer has.
            packages::refresh_lists()?;
            unpack(&package, &unpacked)?;
        }
        Self::in_directory(&unpacked)
    }

    /// Debian's kernel for little-endian MIPS, as downloaded.
    ///
    /// # Errors
    ///
    /// The package is not laid out as expected.
    pub(crate) fn malta(unpacked: &Path) -> anyhow::Result<Self> {
        Ok(Self { qemu: MALTA, ..Self::in_directory(unpacked)? })
    }

    fn in_directory(unpacked: &Path) -> anyhow::Result<Self> {
        // Debian 13 moved /lib into /usr.
        let modules = ["lib/modules", "usr/lib/modules"].map(|sub| unpacked.join(sub));
        let modules = modules.iter().find(|dir| dir.is_dir()).context("no modules directory")?;
        let entry = std::fs::read_dir(modules)?.next().context("no kernel release")??;
        let release = entry.file_name().to_string_lossy().into_owned();
        // The second on processors whose boot loaders unpack nothing.
        let images = ["vmlinuz", "vmlinux"].map(|name| format!("boot/{name}-{release}"));
        let mut images = images.iter().map(|name| unpacked.join(name));
        let image = images.find(|image| image.is_file());
        let image = image.with_context(|| format!("no image of kernel {release}"))?;
        Ok(Self { release, image, qemu: PC, modules: entry.path() })
    }

    /// The modules the lab needs, each after the ones it depends on.
    ///
    /// # Errors
    ///
    /// A module is neither in the package nor built in, or cannot be read.
    pub(crate) fn modules(&self) -> anyhow::Result<Vec<Module>> {
        let mut files = BTreeMap::new();
        find_modules(&self.modules.join("kernel"), &mut files)?;
        let builtin = std::fs::read_to_string(self.modules.join("modules.builtin"))?;
        let builtin = builtin.lines().map(|line| module_name(Path::new(line))).collect();
        let mut resolver = Resolver { files, done: builtin, ordered: Vec::new() };
        for name in MODULES {
            resolver.add(name).with_context(|| format!("kernel {}", self.release))?;
        }
        for name in OPTIONAL_MODULES {
            if resolver.files.contains_key(*name) {
                resolver.add(name)?;
            }
        }
        Ok(resolver.ordered)
    }
}

/// The package of the newest kernel of `series`. The cloud flavour has every module needed here at
/// a third of the size; a signed and an unsigned package of one version differ in nothing for qemu.
fn newest_package(series: &str) -> anyhow::Result<Option<String>> {
    let pattern =
        format!(r"^linux-image-{}\..*-cloud-amd64(-unsigned)?$", series.replace('.', r"\."));
    let found = output(Command::new("apt-cache").args(["search", "--names-only", &pattern]))?;
    let names = found.lines().filter_map(|line| line.split(' ').next());
    let key = |name: &&str| (numbers(name), !name.ends_with("-unsigned"));
    Ok(names.max_by_key(key).map(str::to_owned))
}

/// Every number in `text`, so that 6.1.0-9 sorts before 6.1.0-10.
pub(crate) fn numbers(text: &str) -> Vec<u64> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

fn unpack(package: &str, destination: &Path) -> anyhow::Result<()> {
    eprintln!("lab: downloading {package}");
    let partial = destination.with_extension("partial");
    if partial.exists() {
        std::fs::remove_dir_all(&partial)?;
    }
    std::fs::create_dir_all(&partial)?;
    // As root, apt would download as a user who cannot write here, and warn about it.
    let sandbox = ["-o", "APT::Sandbox::User=root"];
    let mut download = Command::new("apt-get");
    run(download.args(sandbox).args(["--quiet", "download", package]).current_dir(&partial))?;
    let entry = std::fs::read_dir(&partial)?.next().context("apt-get download left no file")??;
    run(Command::new("dpkg").arg("--extract").args([entry.path(), partial.clone()]))?;
    std::fs::remove_file(entry.path())?;
    // Only a complete directory gets the final name.
    std::fs::rename(&partial, destination)?;
    Ok(())
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

/// What the module's own `.modinfo` section names. The packages carry no modules.dep (their
/// installation script would run depmod), and the strings are right here.
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
    fn newer_builds_sort_last() {
        assert!(
            numbers("linux-image-6.1.0-10-cloud-amd64")
                > numbers("linux-image-6.1.0-9-cloud-amd64")
        );
        assert!(
            numbers("linux-image-6.12.100+deb12-amd64") > numbers("linux-image-6.12.9+bpo-amd64")
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
