//! Debian's kernels, downloaded and unpacked into the cache, never installed.
//!
//! The host's kernel may lack modules (in a container often `ip6_tunnel`), so the tests run on
//! kernels of the series that routers use. Each is the kernel of a Debian release. The newest build
//! is taken, because mirrors delete older builds within weeks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use host_tools::debian::{BOOKWORM, Debian, TRIXIE};

/// The Debian release of each series.
const RELEASES: &[(&str, &str)] = &[("6.1", BOOKWORM), ("6.12", TRIXIE)];

/// The modules that the lab's topology, its judge and the tested rulesets need, without
/// dependencies.
const MODULES: &[&str] = &[
    // libcrc32c requests it from the crypto layer; modinfo does not list it.
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

/// Separate modules in 6.1, part of `nf_tables` in 6.12.
const OPTIONAL_MODULES: &[&str] = &["nft_objref"];

/// One unpacked kernel.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The output of `uname -r` in the VM.
    pub release: String,
    /// The file for `qemu -kernel`.
    pub image: PathBuf,
    /// The emulator and its machine.
    pub qemu: &'static [&'static str],
    modules: PathBuf,
}

/// One processor. With two emulated ones in two threads, one executes code that the other has just
/// patched: the kernel oopses ("int3") when it switches a static key, or hangs. Two in one thread
/// took 110 s of processor time for a script that takes 78 s on one, and kernel 6.1 does not start
/// the second one while instructions are counted.
const PC: &[&str] =
    &["qemu-system-x86_64", "-accel", "tcg,thread=single", "-cpu", "max", "-m", "1024"];

/// The board that Debian's MIPS kernels are for, with the processor of most MIPS routers: no FPU.
const MALTA: &[&str] = &["qemu-system-mipsel", "-machine", "malta", "-cpu", "24Kc", "-m", "512"];

/// A module's file name in load order and its (uncompressed) content.
pub type Module = (String, Vec<u8>);

impl Kernel {
    /// Returns the newest kernel of `series` (such as `6.1`), from the cache or downloaded into it.
    ///
    /// # Errors
    ///
    /// No release of Debian has it, the download fails, or the package has another layout than
    /// expected.
    pub fn obtain(series: &str) -> anyhow::Result<Self> {
        let release = RELEASES.iter().find(|(known, _)| *known == series);
        let (_, release) = release.with_context(|| format!("no release for kernel {series}"))?;
        let debian = Debian::native(release)?;
        // The cloud flavour has every module needed here at a third of the size. For qemu, a signed
        // and an unsigned package are equal.
        let series = series.replace('.', r"\.");
        let pattern = format!(r"^linux-image-{series}\..*-cloud-amd64(-unsigned)?$");
        Self::in_directory(&debian.unpacked(&debian.newest(&pattern)?)?)
    }

    /// Reads Debian's kernel for little-endian MIPS from its unpacked package.
    ///
    /// # Errors
    ///
    /// The package has another layout than expected.
    pub fn malta(unpacked: &Path) -> anyhow::Result<Self> {
        Ok(Self { qemu: MALTA, ..Self::in_directory(unpacked)? })
    }

    fn in_directory(unpacked: &Path) -> anyhow::Result<Self> {
        // Debian 13 moved /lib into /usr.
        let modules = ["lib/modules", "usr/lib/modules"].map(|sub| unpacked.join(sub));
        let modules = modules.iter().find(|dir| dir.is_dir()).context("no modules directory")?;
        let entry = std::fs::read_dir(modules)?.next().context("no kernel release")??;
        let release = entry.file_name().to_string_lossy().into_owned();
        // The second name is for processors whose boot loaders do not decompress.
        let images = ["vmlinuz", "vmlinux"].map(|name| format!("boot/{name}-{release}"));
        let mut images = images.iter().map(|name| unpacked.join(name));
        let image = images.find(|image| image.is_file());
        let image = image.with_context(|| format!("no image of kernel {release}"))?;
        Ok(Self { release, image, qemu: PC, modules: entry.path() })
    }

    /// Returns the modules that the lab needs, each after its dependencies.
    ///
    /// # Errors
    ///
    /// A module is neither in the package nor built in, or it cannot be read.
    pub fn modules(&self) -> anyhow::Result<Vec<Module>> {
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
    fn every_series_of_the_lab_has_a_release() {
        for series in crate::SERIES {
            assert!(RELEASES.iter().any(|(known, _)| known == series), "{series}");
        }
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
