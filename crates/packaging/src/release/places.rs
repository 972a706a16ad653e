//! Finds every place with the version by the form of its file, so that a new Makefile or page is
//! not forgotten.

use std::ops::Range;

/// A version number in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its position, in bytes.
    pub(super) at: Range<usize>,
    /// The expected number if it is not the version: the number of a package's build.
    pub(super) fixed: Option<&'static str>,
}

/// The names of our packages and programs, as they precede a version.
const NAMES: &[&str] = &[
    "mape-rs",
    "mape-proto",
    "luci-app-mape",
    "luci-i18n-mape-ja",
    "luci-i18n-mape-zh-cn",
    "luci-i18n-mape-zh-tw",
];

/// Returns the places in one file; most files have none.
pub(super) fn of(path: &str, text: &str) -> Vec<Place> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let mut places = match name {
        // The workspace's version. The other Cargo.toml inherit it.
        "Cargo.toml" if path == name => behind(text, "[workspace.package]\nversion = \"", None),
        "Cargo.lock" => locked(text),
        _ if text.contains("\nPKG_NAME:=") && is_makefile(name) => {
            let mut places = behind(text, "PKG_VERSION:=", None);
            places.extend(behind(text, "PKG_RELEASE:=", Some("1")));
            places
        }
        "APKBUILD" => {
            let mut places = behind(text, "pkgver=", None);
            places.extend(behind(text, "pkgrel=", Some("0")));
            places
        }
        // The newest entry is the first line.
        "changelog" => behind(text.lines().next().unwrap_or_default(), "mape-rs (", None),
        // The changelog names all versions.
        "CHANGELOG.md" => Vec::new(),
        // Sources take the version from cargo, and tests have other versions.
        _ if name.rsplit_once('.').is_some_and(|(_, form)| form == "rs") => Vec::new(),
        _ => named(text),
    };
    // `$(PKG_VERSION)` or `@VERSION@` names no number.
    places.retain(|place| !place.at.is_empty());
    places
}

/// The Makefiles for other repositories have another name, because OpenWrt takes every Makefile of
/// this feed for a package.
fn is_makefile(name: &str) -> bool {
    name == "Makefile" || name.rsplit_once('.').is_some_and(|(_, form)| form == "mk")
}

/// Returns the number after each `key` at the beginning of a line.
fn behind(text: &str, key: &str, fixed: Option<&'static str>) -> Vec<Place> {
    let starts =
        text.match_indices(key).filter(|(at, _)| text[..*at].ends_with(['\n']) || *at == 0);
    starts.map(|(at, _)| Place { at: number(text, at + key.len()), fixed }).collect()
}

/// Returns the versions of the workspace's crates in a lock file; crates of a registry have a
/// source. A crate outside of the workspace, such as the fuzz targets, has a version of its own.
fn locked(text: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for (at, _) in text.match_indices("[[package]]\n") {
        let rest = &text[at..];
        let block = rest.split("\n\n").next().unwrap_or(rest);
        let Some(version) = block.find("\nversion = \"") else { continue };
        let range = number(text, at + version + "\nversion = \"".len());
        if !block.contains("\nsource = ") && &text[range.clone()] != "0.0.0" {
            places.push(Place { at: range, fixed: None });
        }
    }
    places
}

/// Returns the versions in prose, commands and file names: `mape-rs_0.1.0-r1_all.ipk`, `mape-proto
/// 0.1.0`.
fn named(text: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for name in NAMES {
        for (at, _) in text.match_indices(name) {
            let rest = &text[at + name.len()..];
            let gap = rest.len() - rest.trim_start_matches(['_', '-', ' ', '=', 'v']).len();
            let range = number(text, at + name.len() + gap);
            if (1..=2).contains(&gap) && text[range.clone()].split('.').count() == 3 {
                places.push(Place { at: range, fixed: None });
            }
        }
    }
    places.sort_by_key(|place| place.at.start);
    places
}

/// Returns the digits at the start of a text, and the dots between them.
fn number(text: &str, start: usize) -> Range<usize> {
    let rest = &text[start..];
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    start..start + rest[..end].trim_end_matches('.').len()
}

/// Returns the wrong numbers of a file: line, number and expected number.
pub(super) fn wrong<'a>(
    path: &str,
    text: &'a str,
    version: &'a str,
) -> Vec<(usize, &'a str, &'a str)> {
    let places = of(path, text).into_iter();
    let places = places.map(|place| {
        let line = text[..place.at.start].matches('\n').count() + 1;
        (line, &text[place.at], place.fixed.unwrap_or(version))
    });
    places.filter(|(_, found, wanted)| found != wanted).collect()
}

/// Returns the file with `version` in every place.
pub(super) fn set(path: &str, text: &str, version: &str) -> String {
    let mut new = text.to_owned();
    for place in of(path, text).into_iter().rev() {
        new.replace_range(place.at, place.fixed.unwrap_or(version));
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One file of each form, all of version 1.2.3.
    const FILES: &[(&str, &str, usize)] = &[
        ("Cargo.toml", "[workspace.package]\nversion = \"1.2.3\"\n[a]\nversion = \"9.9.9\"\n", 1),
        (
            "tests/fuzz/Cargo.lock",
            "version = 4\n\n[[package]]\nname = \"ipnet\"\nversion = \"2.12.0\"\nsource = \"r\"\n\n\
             [[package]]\nname = \"mape-core\"\nversion = \"1.2.3\"\n\n\
             [[package]]\nname = \"mape-fuzz\"\nversion = \"0.0.0\"\n\n\
             [[package]]\nname = \"xtask\"\nversion = \"1.2.3\"\ndependencies = [\n \"ipnet\",\n]\n",
            2,
        ),
        (
            "openwrt-feed/mape-rs/Makefile",
            "\nPKG_NAME:=mape-rs\nPKG_VERSION:=1.2.3\nPKG_RELEASE:=1\n",
            2,
        ),
        (
            "luci-app-mape/Makefile",
            "\nPKG_NAME:=x\nPKG_PO_VERSION:=$(PKG_VERSION)\nPKG_VERSION:=1.2.3\n",
            1,
        ),
        ("files/linux/alpine/APKBUILD", "pkgname=mape-rs\npkgver=1.2.3\npkgrel=0\n", 2),
        (
            "files/linux/debian/changelog",
            "mape-rs (1.2.3) stable; urgency=low\n\nmape-rs (1.2.0) x\n",
            1,
        ),
        ("files/linux/debian/control", "Package: mape-rs\nVersion: @VERSION@\n", 0),
        (
            "README.md",
            "`dpkg -i mape-rs_1.2.3_amd64.deb`, mape-rs-1.2.3-r1.apk, mape-proto 1.2.3, mape-rs v1.2.3.\n\
             mape-rs 10 times; 1.0.0.1; MAP-E on OpenWrt 24.10.1\n",
            4,
        ),
        ("CHANGELOG.md", "mape-rs 0.0.1\n", 0),
        ("crates/mape-proto/src/main.rs", "// mape-proto 0.0.1\n", 0),
    ];

    #[test]
    fn a_stale_number_in_any_place_is_named_and_mended() {
        for (path, text, count) in FILES {
            assert_eq!(wrong(path, text, "1.2.3"), [], "{path}");
            let places = of(path, text);
            assert_eq!(places.len(), *count, "{path}");
            for place in places {
                let mut stale = (*text).to_owned();
                stale.replace_range(place.at.clone(), "7.7.7");
                let found = wrong(path, &stale, "1.2.3");
                let line = text[..place.at.start].matches('\n').count() + 1;
                let expected = (line, "7.7.7", place.fixed.unwrap_or("1.2.3"));
                assert_eq!(found, [expected], "{path}");
                assert_eq!(set(path, &stale, "1.2.3"), *text, "{path}");
            }
            let raised = set(path, text, "10.0.0");
            assert_eq!(wrong(path, &raised, "10.0.0"), [], "{path}");
            assert_eq!(set(path, &raised, "1.2.3"), *text, "{path}");
        }
    }
}
