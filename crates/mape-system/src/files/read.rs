//! Reading: nothing hangs, and nothing is larger than it may be.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::libc::O_NONBLOCK;

use super::{MAX_SIZE, wrong};

/// The bytes of a regular file of at most [`MAX_SIZE`].
///
/// # Errors
/// Whatever the file system says, or it is no such file.
pub fn bytes(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let bytes = beginning(path, MAX_SIZE + 1)?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(wrong("it is larger than 1 MiB"));
    }
    Ok(bytes)
}

/// The text of a regular file of at most [`MAX_SIZE`].
///
/// # Errors
/// Whatever the file system says, or it is no such file, or not UTF-8.
pub fn text(path: impl AsRef<Path>) -> io::Result<String> {
    String::from_utf8(bytes(path)?).map_err(|_| wrong("it is not UTF-8 text"))
}

/// The first `limit` bytes of a regular file.
///
/// # Errors
/// Whatever the file system says, or it is not a regular file.
pub fn beginning(path: impl AsRef<Path>, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path.as_ref())?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The paths of what is in a directory, in order. There are none if it cannot be read.
#[must_use]
pub fn paths(directory: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        paths.push(entry.path());
    }
    // As text: the order of `Path` compares one component after the other.
    paths.sort_unstable_by(|one, other| one.as_os_str().cmp(other.as_os_str()));
    paths
}

/// Opens a regular file. The type is checked before opening, because opening a device can have an
/// effect (it starts a watchdog), and again afterwards, because another file can take the path in
/// between. `O_NONBLOCK`: opening a pipe would otherwise wait for a writer.
fn open(path: &Path) -> io::Result<File> {
    let regular = |metadata: fs::Metadata| {
        if metadata.is_file() { Ok(()) } else { Err(wrong("it is not a regular file")) }
    };
    regular(fs::metadata(path)?)?;
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path)?;
    regular(file.metadata()?)?;
    Ok(file)
}
