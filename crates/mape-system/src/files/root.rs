//! The copy of a router: its links mean files of the copy.

use mape_core::IntoVec as _;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::wrong;

/// As many links as Linux follows.
const MAX_LINKS: u32 = 40;

/// Returns where the router's file `path` is below the directory `root`, which is a copy of the
/// router's root. No link and no `..` leads out of the copy. The file need not exist.
///
/// # Errors
/// Links go round in a circle.
pub fn below(root: &Path, path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref();
    let mut found = root.to_owned();
    if root == Path::new("/") {
        found.push(path);
        return Ok(found);
    }
    let mut ahead = parts(path);
    let (mut depth, mut links) = (0_u32, 0);
    while let Some(part) = ahead.pop() {
        if part == ".." {
            if depth > 0 {
                found.pop();
                depth -= 1;
            }
            continue;
        }
        found.push(&part);
        let Ok(target) = fs::read_link(&found) else {
            depth += 1;
            continue;
        };
        links += 1;
        if links > MAX_LINKS {
            return Err(wrong("its links go round in a circle"));
        }
        found.pop();
        if target.is_absolute() {
            root.clone_into(&mut found);
            depth = 0;
        }
        ahead.extend(parts(&target));
    }
    Ok(found)
}

/// The parts of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let mut parts: Vec<OsString> = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .into_vec();
    parts.reverse();
    parts
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_leads_out_of_a_copy() {
        let root = std::env::temp_dir().join(format!("mape-root-{}", std::process::id()));
        fs::create_dir_all(root.join("tmp/run")).unwrap();
        fs::create_dir_all(root.join("etc")).unwrap();
        let link = |target: &str, name: &str| symlink(target, root.join(name)).unwrap();
        link("/tmp", "var");
        link("../../../../etc", "tmp/up");
        link("/etc/round", "etc/round");
        link("/etc/passwd", "etc/users");
        let at = |path: &str| below(&root, path).unwrap();
        for (path, place) in [
            ("etc/config/network", "etc/config/network"),
            ("/etc/config/network", "etc/config/network"),
            ("/var/run/uci/network", "tmp/run/uci/network"),
            ("../../etc/x", "etc/x"),
            ("/etc/../../../x", "x"),
            ("/tmp/up/x", "etc/x"),
            ("/etc/users", "etc/passwd"),
            ("/var/missing/../../x", "x"),
        ] {
            assert_eq!(at(path), root.join(place), "{path}");
        }
        assert!(below(&root, "/etc/round").is_err());
        assert_eq!(below(Path::new("/"), "etc/x").unwrap(), Path::new("/etc/x"));
        fs::remove_dir_all(&root).unwrap();
    }
}
