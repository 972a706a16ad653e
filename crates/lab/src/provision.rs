//! Tests provisioning on a real kernel with real servers: `tests/vm/provision.sh`, and `fixed.sh`
//! and `registration.sh` for contracts with a fixed IPv4 address.
//!
//! `cargo xtask provision [--kernel NAME]`

use std::path::Path;

use crate::initramfs::Initramfs;
use crate::plane::on_kernels;
use host_tools::packages;
use host_tools::steps::{Steps, root, skip_or_fail};
use host_tools::tools;

const SCRIPTS: [&str; 3] = ["provision.sh", "fixed.sh", "registration.sh"];

const PACKAGES: &[&str] = &["curl", "dnsmasq-base", "lighttpd", "lighttpd-mod-openssl", "openssl"];
const PROGRAMS: &[&str] =
    &["/usr/bin/curl", "/usr/bin/openssl", "/usr/sbin/dnsmasq", "/usr/sbin/lighttpd"];
/// The package of the web server.
const MODULES: &str = "usr/lib/lighttpd";

/// The step of `cargo xtask test`.
pub fn steps(steps: &mut Steps) {
    steps.step("provisioning", || match prepare() {
        Ok(()) => on_kernels(&[crate::usual_one()], &SCRIPTS, &[], &add_files),
        Err(error) => skip_or_fail("VM lab", error),
    });
}

/// `cargo xtask provision`
///
/// # Errors
///
/// An argument is wrong, or the script failed.
pub fn command(words: &[&str]) -> anyhow::Result<()> {
    let kernel = match words {
        [] => crate::usual_one(),
        ["--kernel", name] => name,
        _ => anyhow::bail!("usage: cargo xtask provision [--kernel NAME]"),
    };
    prepare()?;
    on_kernels(&[kernel], &SCRIPTS, &[], &add_files).map(drop)
}

fn prepare() -> anyhow::Result<()> {
    crate::prepare()?;
    prepare_servers()
}

/// Installs the servers' packages.
///
/// # Errors
///
/// They cannot be installed.
pub fn prepare_servers() -> anyhow::Result<()> {
    packages::ensure(PACKAGES)
}

/// Adds the DNS and web servers, and the program that asks them.
///
/// # Errors
///
/// A file cannot be read.
pub fn add_servers(files: &mut Initramfs) -> anyhow::Result<()> {
    for program in PROGRAMS {
        files.add_program(program.trim_start_matches('/'), Path::new(program))?;
    }
    for module in ["mod_openssl.so", "mod_accesslog.so"] {
        let module = format!("{MODULES}/{module}");
        files.add_program(&module, &Path::new("/").join(&module))?;
    }
    Ok(())
}

/// Adds the user whose name servers look up.
pub(crate) fn add_users(files: &mut Initramfs) {
    files.add_bytes("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n");
    files.add_bytes("etc/group", 0o644, b"root:x:0:\n");
}

fn add_files(files: &mut Initramfs) -> anyhow::Result<()> {
    add_servers(files)?;
    add_users(files);
    let stand_in = tools::build_static("netifd-stand-in")?;
    for name in ["netifd-stand-in", "ubus", "ifup", "ifdown"] {
        files.add_file(&format!("usr/bin/{name}"), 0o755, &stand_in)?;
    }
    let shell = root().join("crates/netifd-stand-in/root/lib");
    for name in ["functions.sh", "netifd/netifd-proto.sh"] {
        files.add_file(&format!("lib/{name}"), 0o644, &shell.join(name))?;
    }
    for name in
        ["lib/netifd/proto/mape.sh", "etc/hotplug.d/iface/15-mape-rs", "etc/odhcp6c.user.d/mape-rs"]
    {
        files.add_file(name, 0o755, &root().join("files").join(name))?;
    }
    Ok(())
}
