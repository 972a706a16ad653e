//! The table of targets.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, bail, ensure};

use host_tools::steps::root;

/// One line of `cross/targets.tsv`.
#[derive(Debug, Clone)]
pub struct Target {
    /// OpenWrt's name of the architecture, as in a package's file name.
    pub arch: String,
    /// The architecture that the program is built for: this one, or another one with the same
    /// program.
    pub program: String,
    /// Rust's name of the target.
    pub rust: String,
    /// Further options of rustc, for smaller code.
    pub flags: String,
    /// zig's options for the target.
    pub zig: String,
    /// The dynamic loader on routers of this architecture.
    pub loader: String,
    /// The command that emulates a router's processor on this machine; empty for this machine's
    /// processor.
    pub qemu: Vec<String>,
    /// Examples of devices.
    pub devices: String,
}

/// Returns every target, in the table's order.
///
/// # Errors
///
/// The table cannot be read.
pub fn all() -> anyhow::Result<Vec<Target>> {
    let text = fs::read_to_string(root().join("cross/targets.tsv"))?;
    parse(&text)
}

/// Returns the named targets, or all of them if no name is given.
///
/// # Errors
///
/// A name is not in the table.
pub fn chosen(names: &[&str]) -> anyhow::Result<Vec<Target>> {
    let all = all()?;
    if names.is_empty() {
        return Ok(all);
    }
    let find = |name: &&str| {
        let target = all.iter().find(|target| target.arch == *name).cloned();
        target.with_context(|| format!("no architecture {name:?}; {}", list(&all)))
    };
    names.iter().map(find).collect()
}

/// Returns the architectures that have a program of their own.
#[must_use]
pub fn built(targets: &[Target]) -> Vec<&str> {
    let built = targets.iter().filter(|target| target.program == target.arch);
    built.map(|target| target.arch.as_str()).collect()
}

/// Returns the error text for an unknown architecture: all architectures with their devices.
#[must_use]
pub fn list(targets: &[Target]) -> String {
    let mut text =
        "on a router `. /etc/openwrt_release; echo $DISTRIB_ARCH` prints its own:\n".to_owned();
    for target in targets {
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "  {:<26} {}", target.arch, target.devices);
    }
    text.push_str("`linux` stands for Debian and Alpine, `openwrt` for all architectures");
    text
}

fn parse(text: &str) -> anyhow::Result<Vec<Target>> {
    let mut targets = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let target = row(line, &targets).with_context(|| format!("cross/targets.tsv: {line}"))?;
        targets.push(target);
    }
    Ok(targets)
}

/// Parses one line. `before` has the targets of the lines before it.
fn row(line: &str, before: &[Target]) -> anyhow::Result<Target> {
    let columns: Vec<&str> = line.split('\t').collect();
    let &[arch, rust, flags, zig, loader, qemu, devices] = columns.as_slice() else {
        bail!("not seven columns");
    };
    let qemu = given(qemu).unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let (arch, devices) = (arch.to_owned(), devices.to_owned());
    let Some(other) = rust.strip_prefix('=') else {
        return Ok(Target {
            program: arch.clone(),
            arch,
            rust: rust.to_owned(),
            flags: given(flags).unwrap_or_default().to_owned(),
            zig: zig.to_owned(),
            loader: loader.to_owned(),
            qemu,
            devices,
        });
    };
    ensure!([flags, zig, loader] == ["-"; 3], "a program of {other} is built as that one's");
    let built = before.iter().find(|target| target.arch == other && target.program == other);
    let built = built.with_context(|| format!("no line before it builds {other}"))?;
    Ok(Target { arch, qemu, devices, ..built.clone() })
}

/// Returns `None` for a dash, which is an empty field.
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
        for arch in ["mipsel_24kc", "mips_24kc", "aarch64_cortex-a72", "x86_64"] {
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
    fn an_equal_program_is_that_of_a_line_before() {
        let built = "one\trust\t-\t-target x\t/lib/ld-musl-x.so.1\t-\tA\n";
        let parsed = parse(&format!("{built}two\t=one\t-\t-\t-\tqemu -cpu y\tB\n")).unwrap();
        let [one, two] = parsed.as_slice() else { panic!("{parsed:?}") };
        assert_eq!((one.program.as_str(), two.program.as_str()), ("one", "one"));
        assert_eq!((&two.rust, &two.zig, &two.loader), (&one.rust, &one.zig, &one.loader));
        assert_eq!((two.qemu.len(), two.devices.as_str()), (3, "B"));
        for wrong in [
            // The program of an unknown architecture, of a later line, of one without a program of
            // its own, and of one that is built differently.
            "two\t=none\t-\t-\t-\t-\tB\n",
            "two\t=three\t-\t-\t-\t-\tB\n",
            "two\t=one\t-\t-\t-\t-\tB\nthree\t=two\t-\t-\t-\t-\tC\n",
            "two\t=one\t-Cflag\t-\t-\t-\tB\n",
        ] {
            assert!(parse(&format!("{built}{wrong}")).is_err(), "{wrong}");
        }
    }

    /// The loader in OpenWrt's toolchain decides the calling convention (which registers have
    /// numbers): a program with another one does not start.
    #[test]
    fn the_loader_is_the_one_of_the_architecture() {
        let all = all().unwrap();
        for (prefix, loader) in [
            ("mipsel_", "mipsel-sf"),
            ("mips_", "mips-sf"),
            ("aarch64_", "aarch64"),
            ("arm_cortex-a7_neon-vfpv4", "armhf"),
            ("arm_cortex-a15_neon-vfpv4", "armhf"),
            ("arm_cortex-a9_vfpv3-d16", "armhf"),
            ("i386_", "i386"),
            ("x86_64", "x86_64"),
            ("riscv64_", "riscv64"),
        ] {
            let of: Vec<_> = all.iter().filter(|target| target.arch.starts_with(prefix)).collect();
            assert!(!of.is_empty(), "{prefix}");
            for target in of {
                assert_eq!(target.loader, format!("/lib/ld-musl-{loader}.so.1"), "{target:?}");
            }
        }
        let soft = all.iter().find(|target| target.arch == "arm_cortex-a9").unwrap();
        assert_eq!(soft.loader, "/lib/ld-musl-arm.so.1");
    }

    #[test]
    fn a_name_that_is_none_is_an_error_that_lists_them() {
        let error = chosen(&["mispel_24kc"]).unwrap_err().to_string();
        assert!(error.contains("mispel_24kc") && error.contains("mipsel_24kc"), "{error}");
        assert!(parse("a\tb\tc").is_err());
    }
}
