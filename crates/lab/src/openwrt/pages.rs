//! Opens the pages for LuCI on a root that runs in a machine, with the kernel's tunnel and a
//! provider, in a browser of the host.
//!
//! `cargo xtask openwrt pages --rootfs DIRECTORY|TARBALL [--kernel NAME] [CASE...]`. The root needs
//! what `tests/openwrt/README.md` and `tests/luci/README.md` list. The browser is a host of the
//! router's LAN. The kernel is an emulated one: a user-mode kernel has no network device.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::rootfs::RootFs;
use super::{add_files, files, inside};
use crate::initramfs::Initramfs;
use crate::kernel::Kernel;
use crate::vm::Vm;
use host_tools::npm::Npm;
use host_tools::packages;
use host_tools::steps::{output, root, run};

/// What a root with LuCI has beside that of the scenarios.
const LUCI: &[&str] = &[
    "sbin/rpcd",
    "usr/sbin/uhttpd",
    "usr/lib/rpcd/file.so",
    "usr/lib/rpcd/ucode.so",
    "usr/share/rpcd/acl.d/luci-base.json",
    "usr/share/ucode/luci/uhttpd.uc",
    "www/luci-static/resources/luci.js",
];

/// The kernel where none is named.
const KERNEL: &str = "6.12";

/// The console line after which LuCI answers.
const READY: &str = "== ready";

/// Ports of the router: LuCI's, and that of the machine's shell (`tests/openwrt/pages.sh`).
const LUCI_PORT: u16 = 80;
const SHELL_PORT: u16 = 8081;

/// More than all cases take. The limit only ends a machine that hangs.
const LIMIT: Duration = Duration::from_secs(3600);

/// Catalogues of the pages, by their name in LuCI.
const LANGUAGES: [(&str, &str); 3] = [("ja", "ja"), ("zh_Hans", "zh-cn"), ("zh_Hant", "zh-tw")];

/// `cargo xtask openwrt pages`
///
/// # Errors
///
/// An argument is wrong, the root lacks something, the machine cannot be started, or a case failed.
pub fn command(words: &[&str]) -> anyhow::Result<()> {
    let (mut path, mut kernel, mut cases) = (None, KERNEL, Vec::new());
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        let mut value = || words.next().copied().with_context(|| format!("{word} what?"));
        match word {
            "--rootfs" => path = Some(value()?),
            "--kernel" => kernel = value()?,
            // For the suite.
            "--pictures" => cases.extend([word.to_owned(), value()?.to_owned()]),
            _ if word.starts_with('-') => bail!("unknown option {word}"),
            _ => cases.push(word.to_owned()),
        }
    }
    let rootfs = RootFs::open(Path::new(path.context("--rootfs DIRECTORY or TARBALL is needed")?))?;
    let mut missing = rootfs.missing();
    missing.extend(LUCI.iter().filter(|f| !rootfs.has(Path::new(f))).map(|f| format!("/{f}")));
    ensure!(missing.is_empty(), "not in the root: {}", missing.join(", "));
    crate::prepare()?;
    packages::ensure(&["chromium", "curl"])?;
    Npm::of("tests/luci/browser").prepare()?;
    let kernel = Kernel::obtain(kernel)?;
    let mut files = files(&kernel, &rootfs)?;
    add_pages(&mut files, &rootfs)?;
    let (luci, shell) = (free_port()?, free_port()?);
    let ports = [(luci, LUCI_PORT), (shell, SHELL_PORT)];
    let commands = "exec sh ./openwrt/pages.sh\n";
    let started = Instant::now();
    let (mut suite, mut answer) = (None::<JoinHandle<anyhow::Result<()>>>, Ok(()));
    let vm = Vm::boot_reachable(&kernel, files, commands, LIMIT, &ports)?;
    let status = vm.finish(|line| {
        println!("{:6.1} {line}", started.elapsed().as_secs_f32());
        if line == READY {
            let cases = cases.clone();
            suite = Some(std::thread::spawn(move || {
                let mut suite = Command::new(root().join("tests/luci/run"));
                suite.args(&cases);
                suite.env("LUCI_URL", format!("http://127.0.0.1:{luci}"));
                suite.env("LUCI_SHELL", format!("http://127.0.0.1:{shell}/cgi-bin/shell"));
                let answer = run(&mut suite);
                end(shell)?;
                answer
            }));
        }
    })?;
    if let Some(suite) = suite {
        answer = suite.join().map_err(|_| anyhow::anyhow!("the suite's thread panicked"))?;
    }
    ensure!(status == 0, "the machine's script ended with {status}");
    answer
}

/// Collects the pages, as the package installs them, with their catalogues.
fn add_pages(files: &mut Initramfs, rootfs: &RootFs) -> anyhow::Result<()> {
    let app = root().join("luci-app-mape");
    add_files(files, rootfs, &app.join("htdocs"), Path::new("www"))?;
    add_files(files, rootfs, &app.join("root"), Path::new(""))?;
    let users = root().join("tests/luci/browser/router/config-rpcd");
    files.add_file(&inside(rootfs, Path::new("etc/config/rpcd")), 0o600, &users)?;
    let script = root().join("tests/luci/browser/router/lmo.js");
    let catalogue_file = std::env::temp_dir().join(format!("mape-{}.lmo", std::process::id()));
    for (language, name) in LANGUAGES {
        let catalogue = app.join("po").join(language).join("mape.po");
        output(Command::new("node").arg(&script).arg(catalogue).arg(&catalogue_file))?;
        let place = format!("usr/lib/lua/luci/i18n/mape.{name}.lmo");
        files.add_file(&inside(rootfs, Path::new(&place)), 0o644, &catalogue_file)?;
    }
    std::fs::remove_file(catalogue_file)?;
    Ok(())
}

/// Returns a TCP port of 127.0.0.1 that nothing listens on.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Lets the machine's script come to its end.
fn end(shell: u16) -> anyhow::Result<()> {
    const TEXT: &str = "touch /tmp/pages-end";
    let mut stream = TcpStream::connect(("127.0.0.1", shell))?;
    let length = TEXT.len();
    write!(stream, "POST /cgi-bin/shell HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{TEXT}")?;
    // The answer comes after the command.
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}
