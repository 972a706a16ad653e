//! Paths, programs, variables and the clock come from one `Env` per crate; the floors below have
//! no input or output at all.

use super::Breaches;
use super::parsed::Parsed;
use super::repository::Repository;

pub(super) const ADVICE: &str = "Paths, variables and the clock come from the crate's `Env` (src/env.rs); the pure crates have \
no input or output.";

/// The file of a crate that may ask the machine.
const ENV: &str = "src/env.rs";

/// Functions that ask the machine, by the ends of their paths.
const FUNCTIONS: [&[&str]; 4] =
    [&["env", "var"], &["env", "var_os"], &["SystemTime", "now"], &["Instant", "now"]];

/// How absolute paths begin.
const ROOTS: [&str; 6] = ["/etc/", "/lib/", "/proc/", "/sys/", "/usr/", "/var/"];

/// The crates without input, output, clock and environment.
const PURE: [&str; 4] = ["mape-core", "mape-json", "mape-nft", "mape-provision"];

/// What they do without.
const IMPURE: [&[&str]; 11] = [
    &["std", "env"],
    &["std", "fs"],
    &["std", "io", "stderr"],
    &["std", "io", "stdin"],
    &["std", "io", "stdout"],
    &["std", "net", "TcpListener"],
    &["std", "net", "TcpStream"],
    &["std", "net", "UdpSocket"],
    &["std", "os"],
    &["std", "process"],
    &["std", "thread"],
];

#[expect(clippy::unnecessary_wraps, reason = "every rule has this form")]
pub(super) fn find(repository: &Repository) -> anyhow::Result<Breaches> {
    let mut breaches = Breaches::new();
    for name in repository.shipped() {
        let pure = PURE.contains(&name);
        for source in repository.sources(name) {
            for (line, what) in asked(source, pure) {
                let detail = format!("{}:{line}: {what}", source.path);
                breaches.entry(source.path.clone()).or_default().add(detail);
            }
        }
    }
    Ok(breaches)
}

/// What a file asks the machine, and where.
fn asked(source: &Parsed, pure: bool) -> Vec<(usize, String)> {
    if source.path.ends_with(ENV) && !pure {
        return Vec::new();
    }
    let begins = |path: &[String], words: &[&str]| {
        path.len() >= words.len() && path.iter().zip(words).all(|(one, other)| one == other)
    };
    let ends = |path: &[String], words: &[&str]| {
        path.len() >= words.len() && path.iter().rev().zip(words.iter().rev()).all(|(a, b)| a == b)
    };
    let mut found = Vec::new();
    for (path, line) in source.paths() {
        let function = FUNCTIONS.iter().any(|words| ends(path, words));
        if function || pure && IMPURE.iter().any(|words| begins(path, words)) {
            found.push((line, format!("`{}`", path.join("::"))));
        }
    }
    for (text, line) in &source.strings {
        if ROOTS.iter().any(|root| text.starts_with(root)) {
            found.push((*line, format!("{text:?}")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(name: &str, file: &str, text: &str) -> usize {
        let path = format!("crates/{name}/src/{file}");
        let repository = Repository::of(&[(&path, text)]);
        find(&repository).unwrap().get(&path).map_or(0, |breach| breach.count)
    }

    #[test]
    fn the_machine_is_asked_in_one_file() {
        for planted in [
            "fn f() { std::env::var(\"HOME\"); }",
            "use std::env; fn f() { g(env::var_os(\"HOME\")); }",
            "fn f() { let start = Instant::now(); }",
            "fn f() { format!(\"{:?}\", std::time::SystemTime::now()); }",
            "const HOSTS: &str = \"/etc/hosts\";",
        ] {
            assert_eq!(count("mape-proto", "cli.rs", planted), 1, "{planted}");
            assert_eq!(count("mape-proto", "env.rs", planted), 0, "{planted}");
            assert_eq!(count("xtask", "cli.rs", planted), 0, "{planted}");
        }
        for sound in [
            "/// Reads \"/etc/hosts\".\nfn f() { env.var(); }",
            "#[cfg(test)] mod tests { const HOSTS: &str = \"/etc/hosts\"; }",
            "const HOSTS: &str = \"etc/hosts\";",
            "use std::{env, fs, process::Command};",
        ] {
            assert_eq!(count("mape-proto", "cli.rs", sound), 0, "{sound}");
        }
    }

    #[test]
    fn pure_crates_have_no_input_or_output() {
        assert_eq!(count("mape-nft", "a.rs", "use std::{fs, process::Command, net::Ipv4Addr};"), 2);
        assert_eq!(count("mape-nft", "env.rs", "fn f() { std::fs::read(\"a\"); }"), 1);
        assert_eq!(count("mape-nft", "a.rs", "use std::{fmt, io};"), 0);
    }
}
