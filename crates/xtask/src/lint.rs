//! `cargo xtask lint`: the checks that do not run the program.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::{house, licences, msrv, workflows};
use host_tools::packages;
use host_tools::steps::{Steps, cargo, command, output, root, run};
use host_tools::tools::cache_directory;

/// Runs all checks.
pub(crate) fn all(steps: &mut Steps) {
    steps.step("rules of the house", house::check);
    steps.step("format", || run(cargo(&["fmt", "--all", "--check"])));
    steps.step("clippy", || {
        let arguments =
            ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        run(cargo(&arguments))
    });
    steps.step("clippy without plain Linux, as for OpenWrt", || {
        let words = ["clippy", "--package", "mape-proto", "--no-default-features", "--all-targets"];
        let mut clippy = cargo(&words);
        clippy.args(["--locked", "--", "-D", "warnings"]);
        run(clippy)
    });
    steps.step("documentation", || {
        let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
        doc.env("RUSTDOCFLAGS", "-D warnings");
        run(doc)
    });
    steps.step("shellcheck", shellcheck);
    steps.step("workflows", workflows::lint);
    steps.step("licences", licences::check);
    steps.step("oldest compiler", msrv::check);
}

/// Checks every tracked shell script, found by its name or by its first line.
fn shellcheck() -> anyhow::Result<()> {
    packages::ensure(&["shellcheck"])?;
    let tracked = output(command("git", &["ls-files"]))?;
    let scripts: Vec<&str> = tracked.lines().filter(|path| is_script(path)).collect();
    if scripts.is_empty() {
        bail!("no script found, not even .ci/run");
    }
    let mut shellcheck = command("shellcheck", &["--external-sources"]);
    shellcheck.args(scripts);
    run(shellcheck)?;
    // The script that the first boot of an image writes. shellcheck does not see it inside the
    // other script's text.
    let first_boot = root().join("openwrt-feed/first-boot.sh");
    let text = fs::read_to_string(&first_boot)?;
    let hook = written_script(&text).context("first-boot.sh writes no script")?;
    let file = cache_directory().join("first-boot-hook.sh");
    fs::create_dir_all(cache_directory())?;
    fs::write(&file, hook)?;
    run(Command::new("shellcheck").arg(file))
}

/// Returns the first text of a script between `<<'EOT'` and `EOT`.
fn written_script(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<<'EOT'\n")?;
    rest.split_once("\nEOT\n").map(|(script, _)| script)
}

fn is_script(path: &str) -> bool {
    // Copies of other people's scripts, as found on routers.
    if path.starts_with("tests/netifd/import/") {
        return false;
    }
    if Path::new(path).extension().is_some_and(|extension| extension == "sh") {
        return true;
    }
    let text = fs::read(root().join(path)).unwrap_or_default();
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    first.starts_with(b"#!") && first.ends_with(b"sh")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_of_the_first_boot_is_found() {
        let text = fs::read_to_string(root().join("openwrt-feed/first-boot.sh")).unwrap();
        let script = written_script(&text).unwrap();
        assert!(script.starts_with("#!/bin/sh\n") && script.ends_with("logger -t mape-rs &"));
        assert_eq!(written_script("cat <<-EOT\nEOT\n"), None);
    }
}
