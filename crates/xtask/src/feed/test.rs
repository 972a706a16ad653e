//! The package, looked at from outside and in a root of its own, with a program that is at hand.
//!
//! opkg itself is in no registry; `tests/packages/opkg.sh` does with a package what opkg-lede does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;

use super::recipe::Recipe;
use super::{build_as, index, ipk, luci, router_files, signing};
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
    let key = signing::Key::generate()?;
    let make = |recipe: &Recipe| build_as(recipe, "x86_64", program, &key);
    let (package, again) = (make(&recipe)?, make(&recipe)?);
    let same = package.ipk.bytes == again.ipk.bytes && package.apk.bytes == again.apk.bytes;
    ensure!(same, "two packages of the same files differ");
    let (here, newer) = (work.join("here"), work.join("newer"));
    let packages = package.save(&here, &here)?;
    let [for_opkg, _] = &packages;
    outside(for_opkg, &package.ipk.control)?;
    let pages = luci::build(&key)?;
    for page in &pages {
        page.save(&here, &here)?;
    }
    let all: Vec<&ipk::Package> =
        [&package].into_iter().chain(&pages).map(|package| &package.ipk).collect();
    index::write(&all, &here)?;
    let list = fs::read_to_string(here.join("Packages"))?;
    let names = ["Package: mape-rs\n", "Package: luci-app-mape\n", "Package: luci-i18n-mape-ja\n"];
    for field in names.into_iter().chain(["Filename: mape-rs_", "SHA256sum: ", "Size: "]) {
        ensure!(list.contains(field), "no {field} in {list}");
    }
    let newer = make(&recipe.raised())?.save(&newer, &newer)?;
    let busybox = find_program("busybox")?;
    // Packages for opkg are tried with a small likeness of it, those for apk with apk itself.
    let tools = [Some(None), tool().map(Some)];
    for ((package, newer), tool) in packages.iter().zip(newer).zip(tools) {
        let Some(tool) = tool else {
            println!("no apk-tools 3 (MAPE_APK names it): no package for apk was installed");
            continue;
        };
        for script in ["packages.sh", "readme.sh"] {
            let mut test = Command::new("sh");
            test.arg(root().join("tests/packages").join(script)).arg(&work).arg(&busybox);
            match script {
                "packages.sh" => test.arg(package).arg(&newer),
                _ => test.arg(root().join("README.md")).arg(&here),
            };
            run(test.args(&tool))?;
        }
    }
    fs::remove_dir_all(work)?;
    Ok(())
}

/// apk-tools 3, if it is here; it is in no registry.
fn tool() -> Option<PathBuf> {
    let named = std::env::var_os("MAPE_APK").map(PathBuf::from);
    let tool = named.or_else(|| find_program("apk").ok())?;
    let version = output(Command::new(&tool).arg("--version")).ok()?;
    version.starts_with("apk-tools 3").then_some(tool)
}

/// Members, owners, permissions and fields.
fn outside(package: &Path, control: &str) -> anyhow::Result<()> {
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
    for line in ["Package: mape-rs", "Architecture: x86_64", "Section: net", "Conflicts: mape"] {
        ensure!(control.lines().any(|other| other == line), "no {line} in {control}");
    }
    Ok(())
}
