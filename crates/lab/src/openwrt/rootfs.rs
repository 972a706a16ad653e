//! The root under test: a directory, or the contents of a tarball. It is only read.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::bail;

use host_tools::steps::run;
use host_tools::tools::cache_directory;

/// Programs in any directory of the root's PATH.
const PROGRAMS: &[&str] = &[
    "sh",
    "ubusd",
    "ubus",
    "netifd",
    "uci",
    "fw4",
    "nft",
    "ucode",
    "utpl",
    "jshn",
    "jsonfilter",
    "ifup",
    "ifdown",
    "ifstatus",
    "logger",
    "env",
];

/// Files that are used with their full path.
const FILES: &[&str] = &[
    "sbin/hotplug-call",
    "lib/functions.sh",
    "lib/functions/network.sh",
    "lib/netifd/netifd-proto.sh",
    "usr/share/libubox/jshn.sh",
    "usr/share/firewall4/main.uc",
    "usr/share/ucode/fw4.uc",
    "etc/rc.common",
    "etc/init.d/firewall",
    "etc/hotplug.d/iface/20-firewall",
];

/// What a root need not have, one of its files, and the scenarios that need it: `boot` and `reload`
/// compare with OpenWrt's `map`.
const OPTIONAL: [(&str, &str, &[&str]); 2] = [
    ("package map", "lib/netifd/proto/map.sh", &["boot", "reload"]),
    ("uclient-fetch", "bin/uclient-fetch", &["provision"]),
];

const PATH: &[&str] = &["usr/sbin", "usr/bin", "sbin", "bin"];

/// A root directory. An unpacked tarball is removed when the value is dropped.
pub(super) struct RootFs {
    directory: PathBuf,
    unpacked: bool,
}

impl RootFs {
    /// # Errors
    ///
    /// The file does not exist, or `tar` cannot read it.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        if path.is_dir() {
            return Ok(Self { directory: path.to_owned(), unpacked: false });
        }
        if !path.is_file() {
            bail!("--rootfs: there is no {}", path.display());
        }
        let directory = cache_directory().join(format!("rootfs-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let rootfs = Self { directory, unpacked: true };
        let mut tar = Command::new("tar");
        // Creating devices needs root, and the machine has its own.
        tar.args([
            "--extract",
            "--no-same-owner",
            "--exclude=./dev/*",
            "--exclude=dev/*",
            "--file",
        ]);
        run(tar.arg(path).arg("--directory").arg(&rootfs.directory))?;
        Ok(rootfs)
    }

    /// Returns the path of the root on this machine.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the missing files, each with the place where it is expected.
    pub(super) fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for program in PROGRAMS {
            if !PATH.iter().any(|place| self.has(&Path::new(place).join(program))) {
                missing.push(format!("program {program} (in /{})", PATH.join(", /")));
            }
        }
        missing.extend(FILES.iter().filter(|f| !self.has(Path::new(f))).map(|f| format!("/{f}")));
        let netifd = PATH.iter().map(|place| self.place(&Path::new(place).join("netifd")));
        for file in netifd.map(|place| self.directory.join(place)).filter(|file| file.is_file()) {
            // ELF, 64 bits, little endian; the number at 18 is the processor, 62 for x86-64.
            let start = std::fs::read(&file).unwrap_or_default();
            if start.get(..6) != Some(b"\x7fELF\x02\x01") || start.get(18..20) != Some(&[62, 0]) {
                missing.push(format!("a netifd for x86_64 ({} is none)", file.display()));
            }
        }
        missing
    }

    /// Returns what this root need not have and lacks, each with the scenarios that need it.
    pub(super) fn cannot_run(&self) -> Vec<(&'static str, &'static [&'static str])> {
        let lacking = OPTIONAL.iter().filter(|(_, file, _)| !self.has(Path::new(file)));
        lacking.map(|(what, _, scenarios)| (*what, *scenarios)).collect()
    }

    pub(super) fn has(&self, name: &Path) -> bool {
        self.directory.join(self.place(name)).symlink_metadata().is_ok()
    }

    /// Returns the path of `name` relative to the root. Links are followed as a process with this
    /// root directory follows them.
    pub(super) fn place(&self, name: &Path) -> PathBuf {
        let mut rest: Vec<OsString> = words(name);
        rest.reverse();
        let mut place = PathBuf::new();
        // More links than the kernel follows: a loop.
        let mut links = 40;
        while let Some(word) = rest.pop() {
            if word == ".." {
                place.pop();
                continue;
            }
            let next = place.join(&word);
            match std::fs::read_link(self.directory.join(&next)) {
                Ok(target) if links > 0 => {
                    links -= 1;
                    if target.is_absolute() {
                        place = PathBuf::new();
                    }
                    rest.extend(words(&target).into_iter().rev());
                }
                _ => place = next,
            }
        }
        place
    }
}

fn words(path: &Path) -> Vec<OsString> {
    let wanted = path.components().filter_map(|part| match part {
        Component::Normal(_) | Component::ParentDir => Some(part.as_os_str().to_owned()),
        _ => None,
    });
    wanted.collect()
}

impl Drop for RootFs {
    fn drop(&mut self) {
        if self.unpacked {
            // An error cannot be reported from here.
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_stay_inside_and_missing_files_are_named() {
        let directory = std::env::temp_dir().join(format!("mape-rootfs-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("usr/bin")).unwrap();
        symlink("/usr/bin", directory.join("bin")).unwrap();
        symlink("../../../bin/busybox", directory.join("usr/bin/sh")).unwrap();
        std::fs::write(directory.join("usr/bin/busybox"), "").unwrap();
        std::fs::write(directory.join("usr/bin/netifd"), "#!/bin/sh").unwrap();
        symlink("loop", directory.join("loop")).unwrap();
        let root = RootFs::open(&directory).unwrap();
        assert_eq!(root.place(Path::new("bin/sh")), Path::new("usr/bin/busybox"));
        assert_eq!(root.place(Path::new("/bin/new/file")), Path::new("usr/bin/new/file"));
        assert_eq!(root.place(Path::new("loop")), Path::new("loop"));
        let missing = root.missing().join("; ");
        for (text, expected) in [
            ("program ubusd", true),
            ("program sh", false),
            ("/lib/functions.sh", true),
            ("netifd for x86_64", true),
        ] {
            assert_eq!(missing.contains(text), expected, "{text}: {missing}");
        }
        assert_eq!(root.cannot_run().len(), OPTIONAL.len());
        std::fs::write(directory.join("usr/bin/uclient-fetch"), "").unwrap();
        let map: &[&str] = &["boot", "reload"];
        assert_eq!(root.cannot_run(), [("package map", map)]);
        drop(root);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
