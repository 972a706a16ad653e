//! The text files of the repository, as a rule reads them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::floors;
use super::parsed::Parsed;
use host_tools::steps::{command, output, root};

/// A text file.
pub(super) struct File {
    /// Below the root of the repository, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

/// What a file is written in, as far as a rule distinguishes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Language {
    Rust,
    /// JavaScript and ucode.
    Script,
    Shell,
    Markdown,
    /// Other files that people write: configuration, makefiles, translations, a manual page.
    Plain,
    /// Test data, lock files, generated files, and what other people wrote.
    Data,
}

impl File {
    pub(super) fn language(&self) -> Language {
        if is_data(&self.path) {
            return Language::Data;
        }
        let path = Path::new(&self.path);
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => Language::Rust,
            Some("js" | "uc") => Language::Script,
            Some("sh") => Language::Shell,
            Some("md") => Language::Markdown,
            Some("toml" | "yml" | "mk" | "po" | "pot" | "conf" | "8") => Language::Plain,
            Some("json" | "tsv" | "txt" | "lock" | "nft" | "rules") => Language::Data,
            _ if self.path.ends_with("/Makefile") => Language::Plain,
            _ => {
                let first = self.text.lines().next().unwrap_or_default();
                let shell = first.starts_with("#!") && first.ends_with("sh");
                if shell { Language::Shell } else { Language::Data }
            }
        }
    }
}

/// Files of which neither the words nor the width are ours to choose.
fn is_data(path: &str) -> bool {
    let others = ["tests/netifd/import/", "tests/fuzz/seeds/", "tests/vectors/"];
    others.iter().any(|folder| path.starts_with(folder)) || path == "README.ja.md"
}

/// The files, sorted by their paths.
pub(super) struct Repository {
    pub(super) files: Vec<File>,
    /// By crate.
    sources: BTreeMap<&'static str, Vec<Parsed>>,
}

impl Repository {
    /// Reads every file that git tracks, and those that it would add.
    ///
    /// # Errors
    ///
    /// git fails, or a file cannot be read.
    pub(super) fn tracked() -> anyhow::Result<Self> {
        let words = ["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate"];
        let listed = output(command("git", &words))?;
        let mut files = Vec::new();
        for path in listed.lines() {
            // git lists files that were removed and not yet committed, too.
            let Ok(bytes) = fs::read(root().join(path)) else { continue };
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(File { path: path.to_owned(), text });
            }
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Self::new(files)
    }

    fn new(files: Vec<File>) -> anyhow::Result<Self> {
        let mut sources = BTreeMap::new();
        for name in floors::names() {
            let parsed = parsed(&files, name)?;
            if !parsed.is_empty() {
                sources.insert(name, parsed);
            }
        }
        Ok(Self { files, sources })
    }

    /// The source files of a crate, without those of tests.
    pub(super) fn sources(&self, name: &str) -> &[Parsed] {
        self.sources.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The crates that there are, of those that the tables of the floors name.
    pub(super) fn crates(&self) -> impl Iterator<Item = &'static str> {
        self.sources.keys().copied()
    }

    /// Those of them that the program is made of.
    pub(super) fn shipped(&self) -> impl Iterator<Item = &'static str> {
        self.crates().filter(|name| floors::is_shipped(name))
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file =
            |(path, text): &(&str, &str)| File { path: (*path).into(), text: (*text).into() };
        Self::new(files.iter().map(file).collect()).unwrap()
    }
}

/// Parses the source files of a crate, without those of tests.
fn parsed(files: &[File], name: &str) -> anyhow::Result<Vec<Parsed>> {
    let folder = format!("crates/{name}/src/");
    let mut sources = Vec::new();
    for file in files {
        let Some(inner) = file.path.strip_prefix(&folder) else { continue };
        if file.language() == Language::Rust && !is_test(inner) {
            let parsed = Parsed::new(file, inner).with_context(|| file.path.clone())?;
            sources.push(parsed);
        }
    }
    // Modules that only tests have, under any name.
    let tests: Vec<Vec<String>> =
        sources.iter().flat_map(|source| source.test_modules.clone()).collect();
    sources.retain(|source| !tests.iter().any(|test| source.module.starts_with(test)));
    Ok(sources)
}

/// Whether a path below `src/` is one of unit tests.
fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages() {
        for (path, text, expected) in [
            ("crates/xtask/src/lint.rs", "", Language::Rust),
            ("files/linux/hooks/s6", "#!/bin/sh\n", Language::Shell),
            ("files/linux/hooks/s6", "#!/usr/bin/env python3\n", Language::Data),
            ("luci-app-mape/Makefile", "", Language::Plain),
            ("tests/netifd/import/a.sh", "#!/bin/sh\n", Language::Data),
            ("README.ja.md", "", Language::Data),
            ("README.md", "", Language::Markdown),
        ] {
            let file = File { path: path.into(), text: text.into() };
            assert_eq!(file.language(), expected, "{path}");
        }
    }

    #[test]
    fn sources_are_those_of_no_test() {
        let repository = Repository::of(&[
            ("crates/mape-nft/src/lib.rs", "mod a;\n#[cfg(test)]\nmod traffic;\n"),
            ("crates/mape-nft/src/a.rs", ""),
            ("crates/mape-nft/src/a/tests.rs", ""),
            ("crates/mape-nft/src/traffic.rs", ""),
            ("crates/mape-nft/src/traffic/lab.rs", ""),
            ("crates/mape-nft/tests/b.rs", ""),
        ]);
        let sources = repository.sources("mape-nft");
        let paths: Vec<&str> = sources.iter().map(|source| source.path.as_str()).collect();
        assert_eq!(paths, ["crates/mape-nft/src/lib.rs", "crates/mape-nft/src/a.rs"]);
    }
}
