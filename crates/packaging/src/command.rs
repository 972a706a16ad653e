//! `cargo xtask package WHAT`: reads the arguments.
//!
//! An unknown architecture is an error that lists all of them.

use std::path::Path;

use anyhow::{bail, ensure};

use crate::{feed, package};
use cross_build::targets;

/// What the arguments request.
#[derive(Debug, PartialEq, Eq)]
enum Asked<'a> {
    /// Static programs and Debian packages.
    Linux(Options<'a>),
    /// Packages for OpenWrt: of these architectures, or of all.
    OpenWrt(Vec<&'a str>, Options<'a>),
    /// The tests of the packages for plain Linux, with a program.
    TestLinux(&'a Path),
    /// The tests of the packages for OpenWrt, with a program.
    TestOpenWrt(&'a Path),
}

/// The options after the names.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Options<'a> {
    /// The directory of the packages.
    out: Option<&'a Path>,
    /// The secret key that signs packages for apk.
    apk_key: Option<&'a Path>,
}

/// `cargo xtask package openwrt | linux | ARCH... [--out DIRECTORY] [--apk-key KEY]`, or
/// `--test PROGRAM`
///
/// # Errors
///
/// An argument is wrong, or a package cannot be made.
pub fn command(words: &[&str]) -> anyhow::Result<()> {
    match asked(words)? {
        Asked::Linux(options) => package::command(options.out),
        Asked::OpenWrt(names, options) => feed::command(&names, options.out, options.apk_key),
        Asked::TestLinux(program) => package::test_packages(program),
        Asked::TestOpenWrt(program) => feed::test(program),
    }
}

fn asked<'a>(words: &[&'a str]) -> anyhow::Result<Asked<'a>> {
    match *words {
        ["linux", "--test", program] => return Ok(Asked::TestLinux(Path::new(program))),
        ["openwrt", "--test", program] => return Ok(Asked::TestOpenWrt(Path::new(program))),
        _ => {}
    }
    let first = words.iter().position(|word| word.starts_with('-'));
    let (names, rest) = words.split_at(first.unwrap_or(words.len()));
    let mut options = Options::default();
    for pair in rest.chunks(2) {
        match *pair {
            ["--out", directory] => options.out = Some(Path::new(directory)),
            ["--apk-key", key] => options.apk_key = Some(Path::new(key)),
            _ => bail!("{pair:?} is no option; `cargo xtask help` lists them"),
        }
    }
    match names {
        ["linux"] => {
            ensure!(options.apk_key.is_none(), "no package of plain Linux is signed by --apk-key");
            Ok(Asked::Linux(options))
        }
        ["openwrt"] => Ok(Asked::OpenWrt(Vec::new(), options)),
        names => {
            ensure!(!names.is_empty(), "nothing named; {}", targets::list(&targets::all()?));
            targets::chosen(names)?;
            Ok(Asked::OpenWrt(names.to_vec(), options))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_a_word_of_its_own() {
        let none = Options::default();
        let dist = Options { out: Some(Path::new("dist")), apk_key: None };
        let both = Options { apk_key: Some(Path::new("key")), ..dist };
        for (words, expected) in [
            (&["linux"][..], Asked::Linux(none)),
            (&["linux", "--out", "dist"], Asked::Linux(dist)),
            (&["linux", "--test", "program"], Asked::TestLinux(Path::new("program"))),
            (&["openwrt"], Asked::OpenWrt(vec![], none)),
            (&["openwrt", "--test", "program"], Asked::TestOpenWrt(Path::new("program"))),
            (
                &["aarch64_cortex-a72", "mipsel_24kc", "--out", "dist"],
                Asked::OpenWrt(vec!["aarch64_cortex-a72", "mipsel_24kc"], dist),
            ),
            (&["openwrt", "--apk-key", "key", "--out", "dist"], Asked::OpenWrt(vec![], both)),
        ] {
            assert_eq!(asked(words).unwrap(), expected);
        }
    }

    #[test]
    fn a_word_that_is_no_architecture_is_refused_with_those_that_are() {
        for words in [
            &["mispel_24kc"][..],
            &["dist"],
            &["--out", "dist"],
            &[],
            &["mipsel_24kc", "linux"],
            &["linux", "--out"],
            &["mipsel_24kc", "--out", "dist", "x86_64"],
            &["linux", "--apk-key", "key"],
        ] {
            assert!(asked(words).is_err(), "{words:?}");
        }
        let error = asked(&["mispel_24kc"]).unwrap_err().to_string();
        for text in ["\"mispel_24kc\"", "aarch64_cortex-a72", "Raspberry Pi 4", "linux"] {
            assert!(error.contains(text), "{error}");
        }
    }
}
