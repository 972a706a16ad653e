//! Reading what is no file, and writing over what earlier releases have left.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::*;

/// A directory of the test's own, named as ours are, which others may look into.
fn scratch(test: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("mape-files-{test}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    let path = path.join("mape-rs");
    fs::create_dir_all(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let home = scratch("read");
    mkfifo(&home.join("pipe"), Mode::from_bits_truncate(0o666)).unwrap();
    symlink("pipe", home.join("link")).unwrap();
    let large = fs::File::create(home.join("large")).unwrap();
    large.set_len(1 << 30).unwrap();
    fs::write(home.join("latin"), b"caf\xe9").unwrap();
    fs::write(home.join("full"), "x".repeat(1 << 20)).unwrap();
    for (path, reason) in [
        ("pipe", "it is not a regular file"),
        ("link", "it is not a regular file"),
        (".", "it is not a regular file"),
        ("/dev/zero", "it is not a regular file"),
        ("large", "it is larger than 1 MiB"),
        ("latin", "it is not UTF-8 text"),
    ] {
        assert_eq!(text(home.join(path)).unwrap_err().to_string(), reason, "{path}");
    }
    assert_eq!(text(home.join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(text(home.join("full")).unwrap().len(), 1 << 20);
    assert_eq!(beginning(home.join("large"), 9).unwrap(), [0; 9]);
    assert!(beginning(home.join("pipe"), 9).is_err());
    fs::remove_dir_all(home.parent().unwrap()).unwrap();
}

#[test]
fn the_entries_of_a_directory_are_in_order() {
    let home = scratch("paths");
    for name in ["b", "a-1", "a", "a.b"] {
        fs::write(home.join(name), "").unwrap();
    }
    assert_eq!(paths(&home), ["a", "a-1", "a.b", "b"].map(|name| home.join(name)));
    assert!(paths(&home.join("none")).is_empty());
    assert!(paths(&home.join("a")).is_empty());
    fs::remove_dir_all(home.parent().unwrap()).unwrap();
}

#[test]
fn what_is_written_is_its_owners_alone() {
    let home = scratch("write");
    let (file, unfinished) = (home.join("state"), home.join("state.new"));
    for write in [write, write_synced] {
        // As an earlier release left them, the second one in the middle of a call.
        fs::set_permissions(&home, Permissions::from_mode(0o755)).unwrap();
        for (path, text) in [(&file, "old"), (&unfinished, "half")] {
            fs::write(path, text).unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
        }
        assert!(write(&file, "same").unwrap());
        assert_eq!((mode(&home), mode(&file)), (0o700, 0o600));
        assert!(!unfinished.exists());
        let before = fs::metadata(&file).unwrap().modified().unwrap();
        assert!(!write(&file, "same").unwrap());
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), before);
        assert!(write(&file, "other").unwrap());
        assert_eq!(text(&file).unwrap(), "other");
    }
    let below = home.join("a/b/state");
    assert!(write_synced(&below, "x").unwrap());
    assert_eq!((mode(&home.join("a/b")), mode(&below)), (0o700, 0o600));
    // What would not be read again is not written.
    let long = "x".repeat((1 << 20) + 1);
    assert_eq!(write(&file, &long).unwrap_err().to_string(), "it would be larger than 1 MiB");
    assert_eq!(text(&file).unwrap(), "other");
    fs::remove_dir_all(home.parent().unwrap()).unwrap();
}

/// `/tmp` and `/etc` stay what they are, whatever state directory is named.
#[test]
fn a_directory_that_is_not_ours_stays_as_it_is() {
    let home = scratch("others");
    let other = home.parent().unwrap();
    fs::set_permissions(other, Permissions::from_mode(0o1777)).unwrap();
    fs::write(other.join("theirs"), "x").unwrap();
    fs::set_permissions(other.join("theirs"), Permissions::from_mode(0o644)).unwrap();
    assert!(write(&other.join("state"), "x").unwrap());
    drop(to_lock(&other.join("lock")).unwrap());
    let modes = ["", "theirs", "state", "lock"].map(|file| mode(&other.join(file)));
    assert_eq!(modes, [0o1777, 0o644, 0o600, 0o600]);
    // Nor what a link of our name leads to.
    fs::set_permissions(other, Permissions::from_mode(0o755)).unwrap();
    fs::remove_dir_all(&home).unwrap();
    symlink(other, &home).unwrap();
    assert!(write(&home.join("linked"), "x").unwrap());
    assert_eq!([mode(other), mode(&other.join("theirs"))], [0o755, 0o644]);
    fs::remove_dir_all(other).unwrap();
}

#[test]
fn a_pipe_in_place_of_the_unfinished_file_does_not_block() {
    let home = scratch("pipe");
    let file = home.join("state");
    mkfifo(&home.join("state.new"), Mode::from_bits_truncate(0o666)).unwrap();
    assert!(write(&file, "x").unwrap());
    assert_eq!(mode(&file), 0o600);
    fs::remove_dir_all(home.parent().unwrap()).unwrap();
}
