//! Tests a release of a small repository, and the places of this one.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;
use host_tools::tools::cache_directory;

/// A repository with a file of some forms, on `main`.
struct Small(PathBuf);

impl Small {
    fn new(name: &str) -> Self {
        let path = cache_directory().join("release-test").join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("openwrt-feed/mape-rs")).unwrap();
        let small = Self(path);
        for (path, text) in [
            ("Cargo.toml", "[workspace.package]\nversion = \"0.1.0\"\nrust-version = \"1.85\"\n"),
            (
                "openwrt-feed/mape-rs/Makefile",
                "\nPKG_NAME:=mape-rs\nPKG_VERSION:=0.1.0\nPKG_RELEASE:=3\n  DEPENDS:=$(RUST) +nft\n",
            ),
            ("CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n- One.\n"),
        ] {
            small.write(path, text);
        }
        small.git(&["init", "--quiet", "--initial-branch", "main"]);
        small.commit();
        small
    }

    fn tree(&self) -> Tree<'_> {
        Tree { root: &self.0 }
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.0.join(path), text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).unwrap()
    }

    fn git(&self, words: &[&str]) {
        let who = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"];
        self.tree().git(&[&who[..], words].concat()).unwrap();
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "m"]);
    }

    fn missing(&self, version: &str) -> String {
        self.tree().missing(version.parse().unwrap()).unwrap().join("\n")
    }
}

#[test]
fn a_release_sets_every_version_and_leaves_nothing_missing() {
    let small = Small::new("whole");
    let (tree, version) = (small.tree(), "0.2.0".parse().unwrap());
    let said = small.missing("0.2.0");
    for fault in [
        "Cargo.toml:2: 0.1.0 and not 0.2.0",
        "Makefile:3: 0.1.0 and not 0.2.0",
        "Makefile:4: 3 and not 1",
        "CHANGELOG.md: no section 0.2.0",
    ] {
        assert!(said.contains(fault), "{fault} in {said}");
    }
    tree.release(version).unwrap();
    assert!(small.read("Cargo.toml").contains("version = \"0.2.0\""));
    assert!(
        small.read("openwrt-feed/mape-rs/Makefile").contains("VERSION:=0.2.0\nPKG_RELEASE:=1\n")
    );
    assert_eq!(
        small.missing("0.2.0"),
        "not committed: CHANGELOG.md, Cargo.toml, openwrt-feed/mape-rs/Makefile"
    );
    small.commit();
    assert_eq!(small.missing("0.2.0"), "");
    small.git(&["tag", "v0.2.0"]);
    // As in a build for the tag.
    small.git(&["switch", "--quiet", "--detach"]);
    assert_eq!(small.missing("0.2.0"), "");
    assert!(small.missing("0.3.0").contains("the branch is \"\""));
    small.git(&["switch", "--quiet", "main"]);

    let notes = tree.notes(version).unwrap();
    assert!(notes.starts_with("- One.\n\n## For packagers\n\nThe first release"), "{notes}");
    assert!(notes.contains("+ OpenWrt: nft\n"), "{notes}");

    // The next release: only the changes for packagers.
    let log = small.read("CHANGELOG.md");
    small.write("CHANGELOG.md", &log.replace("## [Unreleased]\n", "## [Unreleased]\n\n- Two.\n"));
    let recipe = small.read("openwrt-feed/mape-rs/Makefile");
    small.write("openwrt-feed/mape-rs/Makefile", &recipe.replace("+nft", "+kmod"));
    small.commit();
    tree.release("0.3.0".parse().unwrap()).unwrap();
    small.commit();
    let notes = tree.notes("0.3.0".parse().unwrap()).unwrap();
    assert!(notes.starts_with("- Two.\n\n## For packagers\n\nChanges since 0.2.0:"), "{notes}");
    assert!(notes.contains("+ OpenWrt: kmod\n- OpenWrt: nft\n"), "{notes}");
    assert!(notes.contains("Files: unchanged.") && notes.contains("unchanged."), "{notes}");
}

#[test]
fn what_stands_in_the_way_is_named_and_nothing_is_changed() {
    let small = Small::new("refused");
    let refused = |version: &str| {
        let before = (small.read("Cargo.toml"), small.read("CHANGELOG.md"));
        let error = small.tree().release(version.parse().unwrap()).unwrap_err().to_string();
        assert_eq!((small.read("Cargo.toml"), small.read("CHANGELOG.md")), before);
        error
    };
    small.write("new", "");
    assert!(refused("0.2.0").contains("not committed: new"));
    small.commit();
    small.git(&["switch", "--quiet", "--create", "other"]);
    assert!(refused("0.2.0").contains("the branch is \"other\""));
    assert!(small.missing("0.2.0").contains("the branch is \"other\""));
    small.git(&["switch", "--quiet", "main"]);
    small.git(&["tag", "v0.2.0"]);
    assert!(refused("0.2.0").contains("v0.2.0 is tagged already"));
    small.write("new", "more");
    small.commit();
    assert!(small.missing("0.2.0").contains("the tag v0.2.0 is at another commit"));
    small.git(&["tag", "--delete", "v0.2.0"]);
    small.write(
        "CHANGELOG.md",
        "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-12-01\n\n- One.\n",
    );
    small.commit();
    assert!(refused("0.2.0").contains("no change since the last release"));
    assert!(refused("0.1.0").contains("has 0.1.0, which is not older"));
    small.write(
        "CHANGELOG.md",
        "# Changelog\n\n## [Unreleased]\n\n- Two.\n\n## [0.1.0] - 2026-12-01\n",
    );
    small.commit();
    let said = small.missing("0.1.0");
    assert!(
        said.contains("the section 0.1.0 is empty") && said.contains("under Unreleased"),
        "{said}"
    );
    for word in ["0.2.0-rc1", "v0.2.0"] {
        assert!(command(&[word]).unwrap_err().to_string().contains("X.Y.Z"));
    }
}

/// Each place of this repository, with a stale number in it.
#[test]
fn no_place_of_this_repository_is_forgotten() {
    let root = root();
    let tree = Tree { root: &root };
    let version = env!("CARGO_PKG_VERSION");
    let mut seen = BTreeSet::new();
    for (path, text) in tree.files().unwrap() {
        assert_eq!(places::wrong(&path, &text, version), [], "{path}");
        for place in places::of(&path, &text) {
            let mut stale = text.clone();
            stale.replace_range(place.at.clone(), "0.0.9");
            let found = places::wrong(&path, &stale, version);
            assert!(matches!(found.as_slice(), [(_, "0.0.9", _)]), "{path}: {found:?}");
            seen.insert(path.clone());
        }
    }
    for path in [
        "Cargo.toml",
        "Cargo.lock",
        "tests/fuzz/Cargo.lock",
        "openwrt-feed/mape-rs/Makefile",
        "openwrt-feed/upstream/mape-rs.mk",
        "luci-app-mape/Makefile",
        "files/linux/alpine/APKBUILD",
    ] {
        assert!(seen.contains(path), "{path} names no version; found in {seen:?}");
    }
}

#[test]
fn what_a_package_is_asked_is_read_from_this_repository() {
    let root = root();
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let asked = Asked::of("files/usr/a\ndocs/b\n", read);
    assert_eq!(asked.files.len(), 1);
    for depends in ["OpenWrt: firewall4", "Debian: nftables", "Alpine: nftables"] {
        assert!(asked.depends.contains(depends), "{:?}", asked.depends);
    }
    for option in ["provider", "offset", "update_password", "reserved_ports"] {
        assert!(asked.options.contains(option), "{:?}", asked.options);
    }
    assert!(asked.rust.starts_with("1."), "{}", asked.rust);
    assert!(
        !asked.options.iter().any(|option| option.contains(['$', '\\'])),
        "{:?}",
        asked.options
    );
}
