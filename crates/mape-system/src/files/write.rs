//! Writing: in one step, for root alone, and only what changes.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::{MAX_SIZE, bytes, wrong};

/// Permissions of a file, and of the directory that it is in.
const FILE: u32 = 0o600;
const DIRECTORY: u32 = 0o700;
/// The name of our directories in `/var/run` and `/etc`.
const OURS: &str = "mape-rs";
/// The permissions of all users but the owner.
const OTHERS: u32 = 0o077;

/// Writes a file in one step, so that no reader sees half of it. Only the owner can read it. The
/// directory is created if it does not exist. Returns whether the content has changed.
///
/// # Errors
/// The file system's error, or the text is longer than [`MAX_SIZE`].
pub fn write(path: &Path, text: &str) -> io::Result<bool> {
    replace(path, text, false)
}

/// Writes a file as [`write()`] does, and waits until it is on the disk, so that it survives a
/// power failure.
///
/// # Errors
/// As [`write()`].
pub fn write_synced(path: &Path, text: &str) -> io::Result<bool> {
    replace(path, text, true)
}

fn replace(path: &Path, text: &str, synced: bool) -> io::Result<bool> {
    if text.len() as u64 > MAX_SIZE {
        return Err(wrong("it would be larger than 1 MiB"));
    }
    let parent = path.parent().unwrap_or(Path::new("/"));
    directory(parent)?;
    if is_there(path, text) {
        return Ok(false);
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    // What a call that was killed has left may have other permissions.
    remove(Path::new(&unfinished))?;
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(FILE).open(&unfinished)?;
    let done = file
        .write_all(text.as_bytes())
        .and_then(|()| if synced { file.sync_all() } else { Ok(()) });
    if let Err(error) = done.and_then(|()| fs::rename(&unfinished, path)) {
        // Leaves no partial file on a full file system.
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    if synced {
        File::open(parent)?.sync_all()?;
    }
    Ok(true)
}

/// Whether the file has this text already, and only the owner can read it.
fn is_there(path: &Path, text: &str) -> bool {
    let own = fs::symlink_metadata(path).is_ok_and(|it| it.permissions().mode() & OTHERS == 0);
    own && bytes(path).is_ok_and(|bytes| bytes == text.as_bytes())
}

/// Creates a directory that only its owner can enter. An existing directory called `mape-rs` gets
/// the same permissions. Any other directory keeps its own, because the user has chosen it:
/// `--state-dir /tmp` must not close `/tmp` to other users.
fn directory(path: &Path) -> io::Result<()> {
    if !path.exists() {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        let made = DirBuilder::new().mode(DIRECTORY).create(path);
        // Another call may have been faster.
        made.or_else(|error| if path.is_dir() { Ok(()) } else { Err(error) })?;
    }
    // The user has chosen a symbolic link, too.
    let is_ours =
        path.file_name().is_some_and(|name| name == OURS) && fs::symlink_metadata(path)?.is_dir();
    if !is_ours || fs::metadata(path)?.permissions().mode() & OTHERS == 0 {
        return Ok(());
    }
    // Earlier releases let other users read the directory and its files.
    for entry in fs::read_dir(path)?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            match fs::set_permissions(entry.path(), Permissions::from_mode(FILE)) {
                // Another call has removed it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => done?,
            }
        }
    }
    fs::set_permissions(path, Permissions::from_mode(DIRECTORY))
}

/// A file of the same kind that is there to be locked.
///
/// # Errors
/// Whatever the file system says.
pub fn to_lock(path: &Path) -> io::Result<File> {
    path.parent().map_or(Ok(()), directory)?;
    OpenOptions::new().create(true).truncate(false).write(true).mode(FILE).open(path)
}

/// Removes a file, if there is one.
///
/// # Errors
/// Whatever the file system says, except that there is none.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
