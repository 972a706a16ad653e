//! Builds the VM's file system: an archive in the kernel's `newc` cpio format, in memory.
//!
//! The program `cpio` is not used: it needs a directory with every file and its owner, and the
//! format takes 60 lines.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::kernel::Kernel;
use host_tools::elf::Image;
use host_tools::steps::output;
use host_tools::tools::find_program;

/// Directories that must exist before the first mount.
const DIRECTORIES: &[&str] = &["dev", "etc", "lab", "proc", "root", "run", "sys", "tmp", "var/run"];

/// The host's programs in the archive, each with its shared libraries.
const PROGRAMS: &[&str] = &["ip", "tc", "ethtool", "nft", "conntrack"];

/// The packages of these programs. `busybox-static` has all other commands.
pub const PACKAGES: &[&str] = &[
    "busybox-static",
    "dash",
    "iproute2",
    "ethtool",
    "nftables",
    "conntrack",
    "xz-utils",
    "libc-bin",
];

enum Entry {
    Directory,
    File { mode: u32, content: Vec<u8> },
    Link(String),
}

/// The files of the VM: content by path, without a leading slash.
pub struct Initramfs {
    // Sorted: the same input gives the same archive, and a directory comes before its files.
    entries: BTreeMap<String, Entry>,
}

impl Initramfs {
    /// Collects shell, network tools and kernel modules, with an `/init` that runs the text in
    /// `/lab/run`.
    ///
    /// # Errors
    ///
    /// A tool is not installed (see [`PACKAGES`]) or the kernel lacks a module.
    pub fn new(kernel: &Kernel) -> anyhow::Result<Self> {
        let mut archive = Self::bare(kernel)?;
        archive.add_program("bin/busybox", &find_program("busybox")?)?;
        // Debian's busybox shell would run its own `ip` instead of the one in PATH.
        archive.add_program("bin/sh", &find_program("dash")?)?;
        for program in PROGRAMS {
            // Before /bin in the VM's PATH, because busybox also has an `ip` and a `tc`.
            archive.add_program(&format!("usr/bin/{program}"), &find_program(program)?)?;
        }
        Ok(archive)
    }

    /// Collects the same files for another processor, with the programs and libraries in `tree`.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn foreign(kernel: &Kernel, tree: &Path) -> anyhow::Result<Self> {
        let mut archive = Self::bare(kernel)?;
        let programs = PROGRAMS.iter().map(|program| (format!("usr/bin/{program}"), *program));
        let shells = [("bin/busybox".to_owned(), "busybox"), ("bin/sh".to_owned(), "dash")];
        for (path, program) in programs.chain(shells) {
            let places = ["bin", "sbin", "usr/bin", "usr/sbin"];
            let mut places = places.iter().map(|place| tree.join(place).join(program));
            let file = places.find(|file| file.exists() && !file.is_symlink());
            let file = file.with_context(|| format!("no {program} in {}", tree.display()))?;
            archive.add_file(&path, 0o755, &file)?;
            archive.add_libraries(tree, &file)?;
        }
        Ok(archive)
    }

    /// Adds the libraries that `file` needs, and those that they need, each at its path in `tree`.
    fn add_libraries(&mut self, tree: &Path, file: &Path) -> anyhow::Result<()> {
        let image = Image::read(file)?;
        let mut wanted = image.needed()?;
        wanted.extend(image.interpreter()?);
        for name in wanted {
            let find = ["-path", &format!("*/{}", name.trim_start_matches('/'))];
            let found = output(Command::new("find").args(find).current_dir(tree))?;
            let path = found.lines().next().with_context(|| format!("no library {name}"))?;
            let path = path.trim_start_matches("./");
            if !self.entries.contains_key(path) {
                self.add_file(path, 0o755, &tree.join(path))?;
                self.add_libraries(tree, &tree.join(path))?;
            }
        }
        Ok(())
    }

    /// Adds directories, modules, `/init`, and the links to busybox.
    fn bare(kernel: &Kernel) -> anyhow::Result<Self> {
        let mut archive = Self { entries: BTreeMap::new() };
        for directory in DIRECTORIES {
            archive.insert(directory, Entry::Directory);
        }
        archive.add_bytes("init", 0o755, include_bytes!("init.sh"));
        let names = output(Command::new(find_program("busybox")?).arg("--list"))?;
        // busybox also lists itself.
        for applet in names.lines().filter(|applet| *applet != "busybox") {
            archive.insert(&format!("bin/{applet}"), Entry::Link("busybox".into()));
        }
        let mut order = String::new();
        for (file, content) in kernel.modules()? {
            let path = format!("modules/{file}");
            archive.add_bytes(&path, 0o644, &content);
            order.push('/');
            order.push_str(&path);
            order.push('\n');
        }
        archive.add_bytes("modules/order", 0o644, order.as_bytes());
        Ok(archive)
    }

    /// Adds a file with this content.
    pub fn add_bytes(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.insert(path, Entry::File { mode, content: content.to_vec() });
    }

    /// Adds a copy of a file of the host.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn add_file(&mut self, path: &str, mode: u32, host: &Path) -> anyhow::Result<()> {
        let content =
            std::fs::read(host).with_context(|| format!("cannot read {}", host.display()))?;
        self.insert(path, Entry::File { mode, content });
        Ok(())
    }

    /// Adds a program of the host, and the shared libraries it needs at their own paths.
    ///
    /// # Errors
    ///
    /// The program or a library cannot be read.
    pub fn add_program(&mut self, path: &str, host: &Path) -> anyhow::Result<()> {
        self.add_file(path, 0o755, host)?;
        for library in shared_libraries(host)? {
            let inside = library.to_string_lossy().trim_start_matches('/').to_owned();
            self.add_file(&inside, 0o755, &library)?;
        }
        Ok(())
    }

    /// Adds the contents of `directory` of the host. Links stay links; devices and sockets are left
    /// out.
    ///
    /// # Errors
    ///
    /// A file cannot be read.
    pub fn add_tree(&mut self, path: &str, directory: &Path) -> anyhow::Result<()> {
        self.insert(path, Entry::Directory);
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            let inside = format!("{path}/{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if kind.is_symlink() {
                let target = std::fs::read_link(entry.path())?;
                self.insert(&inside, Entry::Link(target.to_string_lossy().into_owned()));
            } else if kind.is_dir() {
                self.add_tree(&inside, &entry.path())?;
            } else if kind.is_file() {
                let mode = entry.metadata()?.permissions().mode() & 0o7777;
                self.add_file(&inside, mode, &entry.path())?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, path: &str, entry: Entry) {
        let parents = Path::new(path).ancestors().skip(1);
        for parent in parents.filter(|parent| !parent.as_os_str().is_empty()) {
            let parent = parent.to_string_lossy().into_owned();
            self.entries.entry(parent).or_insert(Entry::Directory);
        }
        self.entries.insert(path.to_owned(), entry);
    }

    /// Returns the archive, for `qemu -initrd`.
    #[must_use]
    pub fn archive(&self) -> Vec<u8> {
        let mut archive = Vec::new();
        for (number, (path, entry)) in self.entries.iter().enumerate() {
            let (mode, content): (u32, &[u8]) = match entry {
                Entry::Directory => (0o040_755, &[]),
                Entry::File { mode, content } => (0o100_000 | mode, content),
                Entry::Link(target) => (0o120_777, target.as_bytes()),
            };
            // Members with equal inode numbers would be hard links.
            append(&mut archive, number + 1, path, mode, content);
        }
        append(&mut archive, 0, "TRAILER!!!", 0, &[]);
        archive
    }
}

/// Writes a member: magic, 13 numbers of 8 hexadecimal digits, name, content, each padded to 4
/// bytes.
fn append(archive: &mut Vec<u8>, inode: usize, name: &str, mode: u32, content: &[u8]) {
    let (mode, links, terminated) = (mode as usize, 1, name.len() + 1);
    let numbers = [inode, mode, 0, 0, links, 0, content.len(), 0, 0, 0, 0, terminated, 0];
    archive.extend_from_slice(b"070701");
    for number in numbers {
        archive.extend_from_slice(format!("{number:08x}").as_bytes());
    }
    archive.extend_from_slice(name.as_bytes());
    archive.push(0);
    pad(archive);
    archive.extend_from_slice(content);
    pad(archive);
}

fn pad(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(4), 0);
}

/// Returns the libraries that ldd lists and the dynamic loader; none for a static program.
///
/// # Errors
///
/// ldd is not installed.
pub fn shared_libraries(program: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let result = Command::new("ldd").arg(program).output().context("cannot run ldd")?;
    let text = String::from_utf8_lossy(&result.stdout);
    let words =
        text.lines().filter_map(|line| line.split_whitespace().find(|w| w.starts_with('/')));
    Ok(words.map(PathBuf::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_aligned_and_parents_come_first() {
        let mut files = Initramfs { entries: BTreeMap::new() };
        files.add_bytes("a/b/c", 0o644, b"12345");
        let archive = files.archive();
        let text = String::from_utf8_lossy(&archive);
        // inode, mode, owner, group, links, time, size, 4 device numbers, name length, checksum
        let expected = concat!(
            "070701", "00000001", "000041ed", "00000000", "00000000", "00000001", "00000000",
            "00000000", "00000000", "00000000", "00000000", "00000000", "00000002", "00000000",
            "a\0",
        );
        assert!(text.starts_with(expected), "{text}");
        let places = ["a\0", "a/b\0", "a/b/c\0", "12345\0", "TRAILER!!!\0"];
        let places = places.map(|part| text.find(part));
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
        assert_eq!(archive.len() % 4, 0);
    }
}
