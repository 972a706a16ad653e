//! Packages and indexes of apk-tools 3, the package manager of OpenWrt 25.12 and later.
//!
//! Sources, of apk-tools 3.0.6: `src/apk_adb.h` (numbers and order of fields), `src/app_mkpkg.c`
//! and `src/app_mkndx.c` (steps).

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};

use super::File;
use super::adb::{Container, Database, Value};
use super::signing::Key;

/// The description of a package.
#[derive(Debug, Clone)]
pub(super) struct Info {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) description: String,
    /// OpenWrt's name of the architecture, or `noarch`.
    pub(super) arch: String,
    pub(super) license: String,
    pub(super) origin: String,
    pub(super) maintainer: String,
    pub(super) url: String,
    pub(super) depends: BTreeSet<Dependency>,
    pub(super) provides: BTreeSet<Dependency>,
}

/// A package that another one depends on, provides or conflicts with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// How a dependency names a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Any version.
    Any,
    /// This version, for a name that a package provides.
    Version(String),
    /// No version may be installed.
    Refused,
}

/// Directories by their path (the root's is empty), each with its files by name.
type Tree<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a File>>;

/// When a script of a package runs, by its number in the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    PostInstall = 3,
    PreDeinstall = 4,
    PostUpgrade = 7,
}

/// A finished package and its entry in the index.
#[derive(Debug, Clone)]
pub(super) struct Package {
    pub(super) info: Info,
    pub(super) bytes: Vec<u8>,
    installed_size: u64,
    digest: [u8; 32],
}

impl Package {
    /// Makes and signs a package of `files`, all with the time `date` (seconds of Unix time).
    ///
    /// # Errors
    ///
    /// Two files have the same path, or one is too long for the format.
    pub(super) fn build(
        info: &Info,
        files: &[File],
        scripts: &[(Script, String)],
        date: u64,
        key: &Key,
    ) -> anyhow::Result<Self> {
        let tree = tree(files)?;
        let mut database = Database::new();
        let fields = info.write(&mut database);
        let paths: Vec<Value> =
            tree.iter().map(|(path, files)| directory(&mut database, path, files, date)).collect();
        let size: usize = files.iter().map(|file| file.bytes.len()).sum();
        // 0 means for apk that the package installs nothing.
        let installed_size = u64::try_from(size.max(1))?;
        let size = database.number(installed_size);
        let (unique, place) = database.blank(20);
        let fields: Vec<(usize, Value)> =
            fields.into_iter().chain([(3, unique), (12, size)]).collect();
        let info_value = database.object(&fields);
        let paths = database.array(&paths);
        let texts: Vec<(usize, Value)> = (1..8)
            .filter_map(|number| {
                let (_, text) = scripts.iter().find(|(kind, _)| *kind as usize == number)?;
                Some((number, database.blob(text.as_bytes())))
            })
            .collect();
        let scripts = database.object(&texts);
        let root = database.object(&[(1, info_value), (2, paths), (3, scripts)]);
        let mut database = database.finish(root)?;
        // The package's identity is the digest of the database without the identity.
        let digest = Sha256::digest(&database);
        let identity = database.get_mut(place..place + 20).context("no place for the identity")?;
        identity.iter_mut().zip(digest).for_each(|(to, from)| *to = from);

        let mut container = Container::new(*b"pckg", &database)?;
        container.sign(key)?;
        for (path, files) in (1..).zip(tree.values()) {
            for (number, file) in (1..).zip(files.values()) {
                if !file.bytes.is_empty() {
                    container.data(path, number, &file.bytes)?;
                }
            }
        }
        let digest = Sha256::digest(&database).into();
        Ok(Self { info: info.clone(), bytes: container.compressed()?, installed_size, digest })
    }

    /// Returns the file name in a feed.
    pub(super) fn file_name(&self) -> String {
        format!("{}-{}.apk", self.info.name, self.info.version)
    }
}

impl Info {
    /// Writes the fields that do not depend on the files.
    fn write(&self, database: &mut Database) -> Vec<(usize, Value)> {
        let texts = [
            (1, &self.name),
            (2, &self.version),
            (4, &self.description),
            (5, &self.arch),
            (6, &self.license),
            (7, &self.origin),
            (8, &self.maintainer),
            (9, &self.url),
        ];
        let mut fields: Vec<(usize, Value)> = texts
            .into_iter()
            .map(|(field, text)| (field, database.blob(text.as_bytes())))
            .collect();
        for (field, packages) in [(15, &self.depends), (16, &self.provides)] {
            let values: Vec<Value> =
                packages.iter().map(|package| package.write(database)).collect();
            fields.push((field, database.array(&values)));
        }
        fields
    }
}

impl Dependency {
    fn write(&self, database: &mut Database) -> Value {
        // Less, equal and greater are 2, 1 and 4, a conflict is 16. Equal is the default.
        let name = database.blob(self.name.as_bytes());
        let (version, relation) = match &self.kind {
            Kind::Any => (Value::NULL, Value::NULL),
            Kind::Version(version) => (database.blob(version.as_bytes()), Value::NULL),
            Kind::Refused => (Value::NULL, database.number(16 | 7)),
        };
        database.object(&[(1, name), (2, version), (3, relation)])
    }
}

/// Sorts files into directories. The package also owns each parent directory.
fn tree(files: &[File]) -> anyhow::Result<Tree<'_>> {
    let mut tree = Tree::from([("", BTreeMap::new())]);
    for file in files {
        let (directory, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        for (end, _) in directory.match_indices('/') {
            tree.entry(directory.get(..end).unwrap_or_default()).or_default();
        }
        let twice = tree.entry(directory).or_default().insert(name, file);
        ensure!(twice.is_none(), "the package has two files {:?}", file.path);
    }
    Ok(tree)
}

fn directory(
    database: &mut Database,
    path: &str,
    files: &BTreeMap<&str, &File>,
    date: u64,
) -> Value {
    let files: Vec<Value> =
        files.iter().map(|(name, file)| entry(database, name, file, date)).collect();
    let path = database.blob(path.as_bytes());
    let owner = owner(database, true);
    let files = database.array(&files);
    database.object(&[(1, path), (2, owner), (3, files)])
}

fn entry(database: &mut Database, name: &str, file: &File, date: u64) -> Value {
    let name = database.blob(name.as_bytes());
    let digest = database.blob(&Sha256::digest(&file.bytes));
    let date = database.number(date);
    let size = database.number(u64::try_from(file.bytes.len()).unwrap_or(u64::MAX));
    let owner = owner(database, file.executable);
    database.object(&[(1, name), (2, owner), (3, size), (4, date), (5, digest)])
}

fn owner(database: &mut Database, executable: bool) -> Value {
    let mode = database.number(if executable { 0o755 } else { 0o644 });
    let root = database.blob(b"root");
    database.object(&[(1, mode), (2, root), (3, root)])
}

/// Writes the index of a feed, `packages.adb`, and signs it.
///
/// # Errors
///
/// The index is too long for the format.
pub(super) fn index(packages: &[&Package], key: &Key) -> anyhow::Result<Vec<u8>> {
    let mut sorted = packages.to_vec();
    sorted.sort_by(|one, other| one.info.name.cmp(&other.info.name));
    let mut database = Database::new();
    let entries: Vec<Value> = sorted
        .into_iter()
        .map(|package| {
            let mut fields = package.info.write(&mut database);
            fields.push((12, database.number(package.installed_size)));
            let length = u64::try_from(package.bytes.len()).unwrap_or(u64::MAX);
            fields.push((13, database.number(length)));
            fields.push((3, database.blob(&package.digest)));
            database.object(&fields)
        })
        .collect();
    let entries = database.array(&entries);
    let root = database.object(&[(2, entries)]);
    let mut container = Container::new(*b"indx", &database.finish(root)?)?;
    container.sign(key)?;
    container.compressed()
}

#[cfg(test)]
mod tests;
