//! Tests the package: its archive, and its installation by an imitation of opkg in a separate root.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::ensure;

use super::recipe::Recipe;
use super::{Package, build_as, real, router_files, signing};
use host_tools::packages;
use host_tools::steps::{output, root};
use host_tools::tools::cache_directory;

/// Tests the package with `program`, which runs on this machine.
///
/// # Errors
///
/// The test fails, or the user may not `chroot`.
pub fn test(program: &Path) -> anyhow::Result<()> {
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
    outside(&package, &work)?;
    let feeds = real::feeds(program, &work)?;
    let list = fs::read_to_string(feeds[0].join("opkg/x86_64/Packages"))?;
    let names = [
        "Package: mape-rs\n",
        "Package: luci-app-mape\n",
        "Package: luci-i18n-mape-ja\n",
        "Package: luci-i18n-mape-zh-cn\n",
        "Package: luci-i18n-mape-zh-tw\n",
    ];
    for field in names.into_iter().chain(["Filename: mape-rs_", "SHA256sum: ", "Size: "]) {
        ensure!(list.contains(field), "no {field} in {list}");
    }
    real::by_files(&work, "24.10", "like", &root().join("tests/packages/opkg.sh"), &feeds)?;
    fs::remove_dir_all(work)?;
    Ok(())
}

/// Members, owners, permissions and fields.
fn outside(package: &Package, work: &Path) -> anyhow::Result<()> {
    let [file, _] = package.save(work, work)?;
    let control = &package.ipk.control;
    let listed = |inside: &str| {
        let words = "tar -xzOf \"$1\" \"$2\" | tar -tvzf - --numeric-owner";
        output(Command::new("sh").args(["-c", words, "sh"]).arg(&file).arg(inside))
    };
    let members = output(Command::new("tar").arg("-tzf").arg(&file))?;
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
