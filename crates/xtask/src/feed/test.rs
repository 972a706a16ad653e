//! The package, looked at from outside and in a root of its own, with a program that is at hand.
//!
//! opkg itself is in no registry; `tests/packages/opkg.sh` does with a package what opkg-lede does.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::{apk, build, control, index, luci, router_files};
use crate::feed::recipe::Recipe;
use crate::lab::tools::{cache_directory, find_program};
use crate::packages;
use crate::steps::{output, root, run};

/// Tests the package with `program`, which runs on this machine.
///
/// # Errors
///
/// It is not as it should be, or there is nobody who may `chroot`.
pub(crate) fn test(program: &Path) -> anyhow::Result<()> {
    packages::ensure(&["busybox-static"])?;
    let work = cache_directory().join("openwrt-test");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    let recipe = Recipe::read("mape-rs")?;
    let (here, newer) = (work.join("here"), work.join("newer"));
    let packages = build(&recipe, "x86_64", program, &here)?;
    for (one, other) in packages.iter().zip(build(&recipe, "x86_64", program, &work.join("again"))?)
    {
        ensure!(fs::read(one)? == fs::read(other)?, "two packages of the same files differ");
    }
    let package = packages.first().context("no package")?;
    outside(package)?;
    luci::build(&here)?;
    index(&here)?;
    let list = fs::read_to_string(here.join("Packages"))?;
    let names = ["Package: mape-rs\n", "Package: luci-app-mape\n", "Package: luci-i18n-mape-ja\n"];
    for field in names.into_iter().chain(["Filename: mape-rs_", "SHA256sum: ", "Size: "]) {
        ensure!(list.contains(field), "no {field} in {list}");
    }
    let newer = build(&recipe.raised(), "x86_64", program, &newer)?;
    let busybox = find_program("busybox")?;
    for (package, newer) in packages.iter().zip(newer) {
        let mut test = Command::new("sh");
        test.arg(root().join("tests/packages/packages.sh")).arg(&work).arg(&busybox);
        // The packages of apk are tried with apk itself, those of opkg with a small likeness of it.
        run(test.arg(package).arg(newer).args(apk::tool()))?;
    }
    for tool in [None].into_iter().chain(apk::tool().map(Some)) {
        let mut test = Command::new("sh");
        test.arg(root().join("tests/packages/readme.sh")).arg(&work).arg(&busybox);
        run(test.arg(root().join("README.md")).arg(&here).args(tool))?;
    }
    if apk::tool().is_none() {
        println!("no apk-tools 3 here: no package for apk was made (see openwrt-feed/README.md)");
    }
    fs::remove_dir_all(work)?;
    Ok(())
}

/// Members, owners, permissions and fields.
fn outside(package: &Path) -> anyhow::Result<()> {
    let listed = |inside: &str| {
        let words = "tar -xzOf \"$1\" \"$2\" | tar -tvzf - --numeric-owner";
        output(Command::new("sh").args(["-c", words, "sh"]).arg(package).arg(inside))
    };
    let members = output(Command::new("tar").arg("-tzf").arg(package))?;
    ensure!(members == "./debian-binary\n./data.tar.gz\n./control.tar.gz\n", "it holds {members}");
    let data = listed("./data.tar.gz")?;
    for line in data.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[mode, owner, .., name] = words.as_slice() else { continue };
        ensure!(owner == "0/0", "{name} belongs to {owner}");
        let runs = name.contains("/sbin/")
            || [
                "mape.sh",
                "15-mape-rs",
                "50-mape-rs",
                "user.d/mape-rs",
                "firewall.include",
                "package",
            ]
            .iter()
            .any(|script| name.ends_with(script));
        let expected = match mode.as_bytes().first() {
            Some(b'd') => "drwxr-xr-x",
            _ if runs => "-rwxr-xr-x",
            _ => "-rw-r--r--",
        };
        ensure!(mode == expected || name.ends_with("/sbin/"), "{name} is {mode}");
    }
    for (name, _) in router_files()? {
        ensure!(data.contains(&format!(" ./{name}\n")), "{name} is not in it");
    }
    ensure!(data.contains(" ./usr/sbin/mape-proto\n"), "no program in it");
    ensure!(!data.contains("linux"), "plain Linux's files are in it: {data}");
    let scripts = listed("./control.tar.gz")?;
    for script in ["postinst", "postinst-pkg", "prerm", "prerm-pkg"] {
        let line = scripts.lines().find(|line| line.ends_with(&format!("./{script}")));
        ensure!(line.is_some_and(|line| line.starts_with("-rwxr-xr-x")), "{script}: {scripts}");
    }
    let control = control(package)?;
    for line in ["Package: mape-rs", "Architecture: x86_64", "Section: net", "Conflicts: mape"] {
        ensure!(control.lines().any(|other| other == line), "no {line} in {control}");
    }
    Ok(())
}
