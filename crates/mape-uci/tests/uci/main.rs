//! Our reader of UCI against OpenWrt's own.
//!
//! Each case in `tests/netifd/uci/` is a configuration file `config`, perhaps uncommitted
//! `changes`, and what OpenWrt's `uci -n export` printed for them (`export`; `refused` where it
//! refused). The answers were recorded from the real program: `MAPE_UCI=/path/to/uci` asks it
//! again, and holds both readers against each other on generated files too.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test"
)]

mod crashers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mape_core::Explain as _;
use mape_uci::{Directories, Package, UciError, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

fn cases() -> Vec<PathBuf> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/netifd/uci");
    let mut cases: Vec<_> = fs::read_dir(home).unwrap().map(|it| it.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 8, "{}", cases.len());
    cases
}

/// A root directory with one package, `test`.
struct Root(PathBuf);

impl Root {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("mape-uci-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for directory in ["etc/config", "tmp/.uci", "var/run/uci"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        Self(root)
    }

    fn write(&self, config: &str, changes: &str) {
        fs::write(self.0.join("etc/config/test"), config).unwrap();
        fs::write(self.0.join("tmp/.uci/test"), changes).unwrap();
    }

    fn ours(&self) -> Option<String> {
        let read = Directories::below(&self.0).read("test").ok()?;
        read.map(|package| package.to_string())
    }

    /// What OpenWrt's program says, where there is one.
    #[allow(clippy::option_option, reason = "it may be missing, and it may refuse")]
    fn real(&self) -> Option<Option<String>> {
        let program = PathBuf::from(std::env::var_os("MAPE_UCI")?);
        let output = Command::new(&program)
            // Beside the program are its libraries.
            .env("LD_LIBRARY_PATH", program.parent().unwrap())
            .arg("-c")
            .arg(self.0.join("etc/config"))
            .arg("-P")
            .arg(self.0.join("tmp/.uci"))
            .args(["-n", "export", "test"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        Some(output.status.success().then_some(text))
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_case_reads_as_openwrt_reads_it() {
    let root = Root::new("cases");
    for case in cases() {
        let file = |name: &str| fs::read_to_string(case.join(name)).ok();
        root.write(&file("config").unwrap(), &file("changes").unwrap_or_default());
        if let Some(real) = root.real() {
            assert_eq!(real.is_none(), case.join("refused").exists(), "{}", case.display());
            if let (Some(real), Some(_)) = (&real, std::env::var_os("MAPE_BLESS")) {
                fs::write(case.join("export"), real).unwrap();
            }
            assert_eq!(real, file("export"), "recorded for {}", case.display());
        }
        assert_eq!(root.ours(), file("export"), "{}", case.display());
        assert_eq!(file("export").is_none(), case.join("refused").exists());
    }
}

/// A configuration file of mostly good lines, with pieces that break some of them.
fn config() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "config interface 'a'",
        "config interface b",
        "config rule",
        "c rule 'n_1'",
        "config x-y z",
        "option k v",
        "option 'k' \"d\\\"q\"",
        "  option k ''",
        "o b 'two\nlines'",
        "option k",
        "list k 'v'",
        "list k ''",
        "l b \"q u\"",
        "list k w",
        "option b a\\\nb",
        "option k 'x'\"y\"z",
        "package other",
        "# comment",
        "",
        "option b it\\'s",
    ]);
    let broken = prop::sample::select(vec![
        " ",
        "\t",
        "\r",
        "'",
        "\"",
        "\\",
        "#",
        "''",
        "a",
        "\u{b}",
        "é",
        "config ",
        "option c d",
    ]);
    let piece = prop_oneof![
        12 => line.prop_map(|line| format!("{line}\n")),
        1 => broken.prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..16)
        .prop_map(|pieces| format!("config first f\n{}", pieces.concat()))
}

fn changes() -> impl Strategy<Value = String> {
    let command = prop::sample::select(vec!["", "", "", "+", "-", "@", "^", "|", "~"]);
    let section = prop::sample::select(vec!["a", "b", "new", "cfg0292bd", "cfg0192bd", "@rule[0]"]);
    let option = prop::sample::select(vec!["", ".k", ".b", ".new", ".k.k"]);
    let value = prop::sample::select(vec![
        "",
        "='v'",
        "='w'",
        "=''",
        "='0'",
        "='1'",
        "='interface'",
        "='a b'",
        "='it'\\''s'",
        "='two\nlines'",
        "=v w",
        "='x-y'",
    ]);
    let line =
        (command, section, option, value).prop_map(|(c, s, o, v)| format!("{c}test.{s}{o}{v}\n"));
    prop::collection::vec(line, 0..8).prop_map(|lines| lines.concat())
}

/// Where both read a file they read the same, and what is refused by OpenWrt is refused here.
#[test]
fn generated_files_read_as_openwrt_reads_them() {
    let root = Root::new("generated");
    root.write("", "");
    if root.real().is_none() {
        eprintln!("skipped: MAPE_UCI does not name OpenWrt's uci; the recorded cases were read");
        return;
    }
    let cases = std::env::var("MAPE_UCI_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(500);
    let mut runner =
        TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let both = std::cell::Cell::new(0_u32);
    let run = runner.run(&(config(), changes()), |(config, changes)| {
        root.write(&config, &changes);
        let (ours, real) = (root.ours(), root.real().unwrap());
        both.set(both.get() + u32::from(ours.is_some()));
        if ours.is_some() {
            prop_assert_eq!(ours, real, "{:?} {:?}", config, changes);
        } else if let Some(real) = real {
            // Stricter in two things, which no sane file has.
            let package = Package::parse("test", &config);
            let sentence = package.unwrap_err().to_string();
            let stricter = ["a word too many"];
            let known = stricter.iter().any(|known| sentence.contains(known));
            prop_assert!(known, "{} in {:?}, read as {:?}", sentence, config, real);
        }
        Ok(())
    });
    run.unwrap();
    let both = both.get();
    assert!(both > cases / 10, "only {both} of {cases} could be read");
}

fn parsed(text: &str) -> Package {
    Package::parse("network", text).unwrap()
}

#[test]
fn sections_options_and_lists() {
    let text = "config interface 'wan'\n\toption proto 'map'\n\tlist dns '1.1.1.1'\n\tlist dns \
                '9.9.9.9'\nconfig rule\n\toption mark 1\nconfig rule\n\toption up on\n";
    let package = parsed(text);
    let wan = package.section("wan").unwrap();
    assert_eq!(
        (wan.kind(), wan.get("proto"), wan.is_anonymous()),
        ("interface", Some("map"), false)
    );
    assert_eq!(wan.list("dns").collect::<Vec<_>>(), ["1.1.1.1", "9.9.9.9"]);
    assert_eq!((wan.get("dns"), wan.get("none")), (Some("1.1.1.1"), None));
    assert_eq!(
        wan.options().last().unwrap().1,
        Value::List(vec!["1.1.1.1".into(), "9.9.9.9".into()])
    );
    let rules: Vec<_> = package.of_kind("rule").collect();
    assert_eq!(package.path(rules.last().unwrap()), "network.@rule[1]");
    assert_eq!(package.path(wan), "network.wan");
    assert!(rules.last().unwrap().is_on("up") && !rules.first().unwrap().is_on("mark_"));
}

#[test]
fn a_bad_line_is_named() {
    for (text, line, part) in [
        ("config interface 'wan'\n\noption proto 'map\n", 3, "not closed"),
        ("option proto map\n", 1, "before the first section"),
        ("config interface wan\nconfig device wan\n", 2, "another type"),
        ("config interface wan\n\toption a b c\n", 2, "too many"),
        ("config interface w-n\n", 1, "letters, digits"),
        ("interface wan\n", 1, "none of config"),
        ("config interface wan\noption a b;option c d\n", 2, "unquoted ;"),
    ] {
        let error = Package::parse("network", text).unwrap_err();
        let sentence = error.to_string();
        assert!(
            sentence.contains(&format!("line {line} of")) && sentence.contains(part),
            "{sentence}"
        );
        assert_eq!(error.code().as_str(), "MAPE_UCI");
        assert!(error.hint().contains("network"));
    }
}

#[test]
fn a_missing_file_is_no_error_and_a_newer_place_wins() {
    let root = Root::new("places");
    let directories = Directories::below(&root.0);
    assert_eq!(directories.read("network"), Ok(None));
    root.write("config a\n", "");
    fs::write(root.0.join("var/run/uci/test"), "config b\n").unwrap();
    let package = directories.read("test").unwrap().unwrap();
    assert_eq!(package.sections().first().unwrap().kind(), "b");
    assert_eq!(directories.changes("test"), Ok(None));
    fs::create_dir(root.0.join("etc/config/odd")).unwrap();
    let odd = directories.read("odd").unwrap_err();
    assert!(odd.to_string().contains("etc/config/odd"), "{odd}");
    // Root reads it no better.
    assert!(odd.hint().starts_with("put a regular file"), "{}", odd.hint());
    let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let denied = UciError::unreadable(Path::new("/etc/config/network"), &denied);
    assert_eq!(denied.hint(), "run this as root on the router");
}
