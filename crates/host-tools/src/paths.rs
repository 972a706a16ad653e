//! Keeps the build machine's paths and user names out of shipped programs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::compiler::Compiler;
use crate::steps::root;
use crate::tools::cache_directory;

/// Returns rustc's flags that replace each path of this machine in the binary.
///
/// # Errors
///
/// The source of std or the home directory is missing.
pub fn remapped(source: &Path) -> anyhow::Result<String> {
    let std = Compiler::newest()?.std()?;
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let pairs = [
        (source.to_owned(), "mape-rs"),
        (home.context("no home directory")?, "cargo"),
        (std, "std"),
    ];
    let flags = pairs.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    Ok(flags.join(" "))
}

/// Searches a program for paths of this machine.
///
/// # Errors
///
/// The program contains such a path, or the file does not exist.
pub fn check(program: &Path) -> anyhow::Result<()> {
    let mut paths: Vec<String> = ["/home/", "/.cargo/", "rustlib"].map(str::to_owned).to_vec();
    paths.extend([root(), cache_directory()].map(|path| path.display().to_string()));
    paths.extend(std::env::var("HOME").map(|home| format!("{home}/")));
    match first_in(&fs::read(program)?, &paths) {
        Some(path) => bail!("{}: the path {path} of this machine is in it", program.display()),
        None => Ok(()),
    }
}

fn first_in<'a>(bytes: &[u8], paths: &'a [String]) -> Option<&'a String> {
    paths.iter().find(|path| bytes.windows(path.len()).any(|part| part == path.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_wherever_it_stands() {
        let paths = ["/home/".to_owned(), "rustlib".to_owned()];
        for (bytes, expected) in [
            (&b"\x7fELF\0/home/me/mape-rs/src/main.rs\0"[..], Some("/home/")),
            (b"\x7fELF\0std/rustlib", Some("rustlib")),
            (b"\x7fELF\0/lib/ld-musl-mipsel-sf.so.1\0mape-rs/crates", None),
            (b"", None),
        ] {
            assert_eq!(first_in(bytes, &paths).map(String::as_str), expected);
        }
    }

    #[test]
    fn this_test_has_the_path_of_its_sources_and_is_refused() {
        let this = std::env::current_exe().unwrap();
        let error = check(&this).unwrap_err().to_string();
        assert!(error.contains("of this machine is in it"), "{error}");
    }
}
