//! Makes the Debian package with `dpkg-deb`: the same program and commit give the same bytes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::{add_busybox, copyright, files, install, lintian, test_in_root};
use crate::feed::source_date;
use host_tools::musl::{Processor, X86_64};
use host_tools::steps::{output, root, run};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Documents in a package.
const DOCUMENTS: &str = "usr/share/doc/mape-rs";
/// The path of the unit, in every release with systemd and a merged /usr.
const UNIT: &str = "usr/lib/systemd/system/mape-rs.service";

/// Files of the repository by their paths in the package. None is a program.
const FILES: &[(&str, &str)] = &[
    ("files/linux/systemd/mape-rs.service", UNIT),
    ("files/linux/mape-rs.conf", "etc/mape-rs.conf"),
    ("files/linux/hooks/dhcpcd", "usr/share/doc/mape-rs/examples/dhcpcd"),
    ("files/linux/hooks/ifupdown", "usr/share/doc/mape-rs/examples/ifupdown"),
    ("files/linux/hooks/networkd-dispatcher", "usr/share/doc/mape-rs/examples/networkd-dispatcher"),
    ("files/linux/hooks/NetworkManager", "usr/share/doc/mape-rs/examples/NetworkManager"),
    ("docs/apu2-alpine.md", "usr/share/doc/mape-rs/apu2-alpine.md"),
    ("files/linux/debian/lintian-overrides", "usr/share/lintian/overrides/mape-rs"),
    ("files/linux/mape-proto.8", "usr/share/man/man8/mape-proto.8"),
    ("files/linux/completion/mape-proto.bash", "usr/share/bash-completion/completions/mape-proto"),
    (
        "files/linux/completion/mape-proto.fish",
        "usr/share/fish/vendor_completions.d/mape-proto.fish",
    ),
    ("files/linux/completion/_mape-proto", "usr/share/zsh/vendor-completions/_mape-proto"),
];

/// Packs the program for a processor into `out`, and returns the package's file.
///
/// # Errors
///
/// A file cannot be read or written, or a tool fails.
pub(super) fn build(program: &Path, processor: &Processor, out: &Path) -> anyhow::Result<PathBuf> {
    let tree = out.join(format!("tree-{}", processor.debian));
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    install(program, &tree.join("usr/sbin/mape-proto"), 0o755)?;
    for (from, to) in FILES {
        install(&root().join(from), &tree.join(to), 0o644)?;
    }
    let documents = tree.join(DOCUMENTS);
    fs::write(documents.join("copyright"), copyright::text()?)?;
    let date = source_date()?;
    let control = files_of_dpkg(&tree, processor)?;
    fs::write(documents.join("changelog"), changelog(&control, &date)?)?;
    // gzip stores neither name nor time, so that two builds give the same file.
    let compress = ["usr/share/doc/mape-rs/changelog", "usr/share/man/man8/mape-proto.8"];
    run(Command::new("gzip").args(["-9", "--no-name"]).args(compress).current_dir(&tree))?;
    let control = control.replace("@SIZE@", &installed_size(&tree)?.to_string());
    fs::write(tree.join("DEBIAN/control"), control)?;
    run(Command::new("sh").args(["-euc", FINISH, "sh", &date]).current_dir(&tree))?;

    let package = out.join(format!("mape-rs_{VERSION}_{}.deb", processor.debian));
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Zxz", "--build"]).arg(&tree).arg(&package);
    // More than one thread would write different blocks.
    output(build.env("SOURCE_DATE_EPOCH", &date).env("DPKG_DEB_THREADS_MAX", "1"))?;
    fs::remove_dir_all(&tree)?;
    Ok(package)
}

/// The shell text that writes the checksums of all files, and sets modes and times that do not
/// depend on the machine.
const FINISH: &str = "\
find . -type f ! -path './DEBIAN/*' -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n' md5sum >DEBIAN/md5sums
find . -type d -exec chmod 755 '{}' +
find . -type f ! -perm -100 -exec chmod 644 '{}' +
find . -exec touch --no-dereference --date=\"@$1\" '{}' +";

/// Writes scripts and lists below `DEBIAN`, and returns the control file but for `@SIZE@`.
fn files_of_dpkg(tree: &Path, processor: &Processor) -> anyhow::Result<String> {
    let source = root().join("files/linux/debian");
    for script in ["postinst", "prerm", "postrm"] {
        install(&source.join(script), &tree.join("DEBIAN").join(script), 0o755)?;
    }
    fs::write(tree.join("DEBIAN/conffiles"), "/etc/mape-rs.conf\n")?;
    let control = fs::read_to_string(source.join("control"))?;
    Ok(control.replace("@VERSION@", VERSION).replace("@ARCHITECTURE@", processor.debian))
}

/// Returns a changelog in Debian's form, with one entry that has the package's date. The full
/// changelog is `CHANGELOG.md`.
fn changelog(control: &str, date: &str) -> anyhow::Result<String> {
    let field = |name: &str| {
        let value = control.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.with_context(|| format!("the control file has no {name}"))
    };
    let words = ["--utc", "--rfc-email", &format!("--date=@{date}")];
    let day = output(Command::new("date").args(words))?;
    let (maintainer, home) = (field("Maintainer")?, field("Homepage")?);
    Ok(format!(
        "mape-rs ({VERSION}) unstable; urgency=medium\n\n  * The changes of version {VERSION} are in\n    \
         {home}/blob/v{VERSION}/CHANGELOG.md\n\n -- {maintainer}  {}\n",
        day.trim()
    ))
}

/// Returns the installed size in KiB, as Debian counts: each file in whole KiB, and one for each
/// directory.
fn installed_size(tree: &Path) -> anyhow::Result<u64> {
    let mut find = Command::new("find");
    find.args([".", "!", "-path", "./DEBIAN*", "-printf", "%y %s\\n"]).current_dir(tree);
    let mut size = 0;
    for line in output(find)?.lines() {
        size += match line.strip_prefix("f ") {
            Some(bytes) => bytes.parse::<u64>()?.div_ceil(1024),
            None => 1,
        };
    }
    Ok(size)
}

/// Builds a package twice, checks it with lintian, and tests its installation, upgrade and removal.
///
/// # Errors
///
/// A test fails.
pub(super) fn test(program: &Path, scratch: &Path) -> anyhow::Result<()> {
    let (one, other) = (scratch.join("one"), scratch.join("other"));
    fs::create_dir_all(&one)?;
    fs::create_dir_all(&other)?;
    let package = build(program, &X86_64, &one)?;
    let second = build(program, &X86_64, &other)?;
    ensure!(fs::read(&package)? == fs::read(&second)?, "two builds of the Debian package differ");
    lintian::check(&package)?;
    life(&package, &scratch.join("debian-root"))
}

/// Installs the package into an empty root, uses, upgrades, removes and purges it, and checks that
/// no file is left.
fn life(package: &Path, root: &Path) -> anyhow::Result<()> {
    for directory in
        ["var/lib/dpkg/info", "var/lib/dpkg/updates", "usr/bin", "run/systemd/system", "dev"]
    {
        fs::create_dir_all(root.join(directory))?;
    }
    fs::write(root.join("var/lib/dpkg/status"), "")?;
    // The package's scripts need a shell and systemd's commands, which only record their arguments
    // here.
    add_busybox(root)?;
    symlink("busybox", root.join("bin/rm"))?;
    for name in ["systemctl", "deb-systemd-helper", "deb-systemd-invoke"] {
        let file = root.join("usr/bin").join(name);
        fs::write(&file, "#!/bin/sh\necho \"${0##*/} $*\" >>/calls\n")?;
        run(Command::new("chmod").arg("755").arg(&file))?;
    }
    fs::write(root.join("dev/null"), "")?;
    fs::write(root.join("calls"), "")?;
    let before = files(root)?;
    let path = package.to_str().context("the path is not text")?;
    let dpkg = |words: &[&str]| {
        let mut dpkg = host_tools::packages::as_root("dpkg")?;
        dpkg.arg("--root").arg(root).args(["--force-depends", "--force-confold"]).args(words);
        output(&mut dpkg)?;
        let calls = fs::read_to_string(root.join("calls"))?;
        fs::write(root.join("calls"), "")?;
        anyhow::Ok(calls)
    };
    let calls = dpkg(&["--install", path])?;
    ensure!(
        calls
            == "deb-systemd-helper update-state mape-rs.service\nsystemctl --system daemon-reload\n",
        "an installation asks systemd: {calls}"
    );
    test_in_root(root)?;
    lintian::check_unit(root, UNIT)?;

    let wants = root.join("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants)?;
    symlink(format!("/{UNIT}"), wants.join("mape-rs.service"))?;
    fs::write(root.join("etc/mape-rs.conf"), "uplink br0\n")?;
    let calls = dpkg(&["--install", path])?;
    ensure!(
        calls.ends_with("deb-systemd-invoke try-reload-or-restart mape-rs.service\n")
            && !calls.contains("stop"),
        "an upgrade asks systemd: {calls}"
    );
    let kept = |what: &str| {
        let text = fs::read_to_string(root.join("etc/mape-rs.conf")).unwrap_or_default();
        ensure!(text == "uplink br0\n", "the configuration goes with {what}");
        Ok(())
    };
    kept("an upgrade")?;
    let calls = dpkg(&["--remove", "mape-rs"])?;
    ensure!(
        calls.starts_with("deb-systemd-invoke stop mape-rs.service\n"),
        "a removal asks systemd: {calls}"
    );
    kept("the package")?;
    let calls = dpkg(&["--purge", "mape-rs"])?;
    ensure!(calls.contains("deb-systemd-helper purge"), "a purge asks systemd: {calls}");
    let left: Vec<String> = files(root)?
        .difference(&before)
        .filter(|file| !file.starts_with("var/lib/dpkg"))
        .cloned()
        .collect();
    ensure!(left.is_empty(), "the package leaves {left:?}");
    Ok(())
}
