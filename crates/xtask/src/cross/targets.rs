//! The table of targets.

use std::fs;

use anyhow::{Context as _, bail};

use crate::steps::root;

/// One line of `cross/targets.tsv`.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// OpenWrt's name of the architecture, the one in a package's file name.
    pub(crate) arch: String,
    /// Rust's name of it.
    pub(crate) rust: String,
    /// What rustc is told beside that, for smaller code.
    pub(crate) flags: String,
    /// What zig is told to make code for it.
    pub(crate) zig: String,
    /// The dynamic loader that routers of this architecture have.
    pub(crate) loader: String,
    /// The program that runs its binaries here; `None` for this machine's own.
    pub(crate) qemu: Option<String>,
    /// Examples.
    pub(crate) devices: String,
}

/// Every target, in the table's order.
///
/// # Errors
///
/// The table cannot be read.
pub(crate) fn all() -> anyhow::Result<Vec<Target>> {
    let text = fs::read_to_string(root().join("cross/targets.tsv"))?;
    parse(&text)
}

/// Those named; all of them where none is.
///
/// # Errors
///
/// One is not in the table.
pub(crate) fn chosen(names: &[&str]) -> anyhow::Result<Vec<Target>> {
    let all = all()?;
    if names.is_empty() {
        return Ok(all);
    }
    let find = |name: &&str| {
        let target = all.iter().find(|target| target.arch == *name).cloned();
        target.with_context(|| {
            let known: Vec<&str> = all.iter().map(|target| target.arch.as_str()).collect();
            format!("no architecture {name:?}; known are {}", known.join(", "))
        })
    };
    names.iter().map(find).collect()
}

/// Whether these are architectures of the table, and at least one.
pub(crate) fn known(names: &[&str]) -> bool {
    !names.is_empty() && chosen(names).is_ok()
}

fn parse(text: &str) -> anyhow::Result<Vec<Target>> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let target = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[arch, rust, flags, zig, loader, qemu, devices] = columns.as_slice() else {
            bail!("cross/targets.tsv: not seven columns: {line}");
        };
        Ok(Target {
            arch: arch.to_owned(),
            rust: rust.to_owned(),
            flags: given(flags).unwrap_or_default().to_owned(),
            zig: zig.to_owned(),
            loader: loader.to_owned(),
            qemu: given(qemu).map(str::to_owned),
            devices: devices.to_owned(),
        })
    };
    lines.map(target).collect()
}

/// `None` for the dash that stands for nothing.
fn given(column: &str) -> Option<&str> {
    Some(column).filter(|column| *column != "-")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_holds_each_architecture_once() {
        let all = all().unwrap();
        let names: BTreeSet<&str> = all.iter().map(|target| target.arch.as_str()).collect();
        assert_eq!(names.len(), all.len());
        for arch in ["mipsel_24kc", "mips_24kc", "aarch64_cortex-a53", "x86_64"] {
            assert!(names.contains(arch), "{arch}");
        }
        for target in all {
            assert!(target.loader.starts_with("/lib/ld-musl-"), "{target:?}");
            assert!(target.rust.contains("-linux-musl"), "{target:?}");
            assert!(target.zig.starts_with("-target "), "{target:?}");
            assert!(!target.devices.is_empty(), "{target:?}");
        }
    }

    #[test]
    fn a_name_that_is_none_is_an_error_that_lists_them() {
        let error = chosen(&["mipsel_74kc"]).unwrap_err().to_string();
        assert!(error.contains("mipsel_74kc") && error.contains("mipsel_24kc"), "{error}");
        assert!(parse("a\tb\tc").is_err());
    }
}
