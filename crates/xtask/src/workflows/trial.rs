//! Tests the script `tests/packages/official.sh`, which a release runs on OpenWrt's images, in a
//! root with busybox and stubs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use host_tools::packages;
use host_tools::steps::{output, root, run};
use host_tools::tools::{cache_directory, find_program};

/// The stubs of the router's programs. Each records its arguments.
const STUB: &str = "#!/bin/sh\necho \"${0##*/} $*\" >>/calls\n";

/// Runs the script for both package managers, also with failing ones.
///
/// # Errors
///
/// The script does not run the README's commands, or passes where it has to fail.
pub(crate) fn check() -> anyhow::Result<()> {
    packages::ensure(&["busybox-static", "python3"])?;
    let work = cache_directory().join("official-test");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    let site = work.join("site");
    fs::create_dir_all(&site)?;
    for (kind, key, kept, call) in [
        ("opkg", "mape-rs.pub", "tmp", "opkg install mape-rs luci-app-mape luci-i18n-mape-ja"),
        ("apk", "mape-rs.pem", "etc/apk/keys", "apk add mape-rs luci-app-mape luci-i18n-mape-ja"),
    ] {
        fs::write(site.join(key), "a key\n")?;
        let router = router(&work.join(kind))?;
        stub(&router, kind, "#!/bin/sh\nexit 1\n")?;
        let refused = official(&site, kind, &router).status()?;
        ensure!(!refused.success(), "{kind} has failed, and the trial passes");
        stub(&router, kind, STUB)?;
        run(official(&site, kind, &router))?;
        let calls = fs::read_to_string(router.join("calls"))?;
        for expected in [call, "mape-proto --version", "mape-proto plan 240b:10:3261:6400::/56"] {
            ensure!(calls.lines().any(|line| line == expected), "{kind}: no {expected} in {calls}");
        }
        ensure!(fs::read_to_string(router.join(kept).join(key))? == "a key\n", "another {key}");
    }
    println!("the release's trial: as it should be");
    Ok(())
}

fn official(site: &Path, kind: &str, router: &Path) -> Command {
    let mut script = Command::new(root().join("tests/packages/official.sh"));
    script.arg(site).arg(kind).arg("chroot").arg(router);
    script.env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    script
}

/// Makes a root with a shell and its tools.
fn router(directory: &Path) -> anyhow::Result<PathBuf> {
    for part in
        ["bin", "usr/sbin", "tmp", "var", "etc/opkg", "etc/apk/keys", "etc/apk/repositories.d"]
    {
        fs::create_dir_all(directory.join(part))?;
    }
    fs::copy(find_program("busybox")?, directory.join("bin/busybox"))?;
    let mut links = Command::new("chroot");
    output(links.arg(directory).args(["/bin/busybox", "--install", "-s", "/bin"]))?;
    fs::write(directory.join("etc/openwrt_release"), "DISTRIB_ARCH='x86_64'\n")?;
    for name in ["opkg", "opkg-key", "apk", "mape-proto"] {
        stub(directory, name, STUB)?;
    }
    Ok(directory.to_owned())
}

fn stub(router: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = router.join("usr/sbin").join(name);
    fs::write(&path, text).with_context(|| path.display().to_string())?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}
