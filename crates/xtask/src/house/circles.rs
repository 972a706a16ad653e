//! No circle of files: of two files of a shipped crate, only one may use the other, directly or
//! through further files.
//!
//! A file uses another if it names an item that is defined there. `mod child;` and `pub use` of an
//! item that the file itself does not name are no use: they say where an item is. A parent and a
//! child that name each other's items are a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::Breaches;
use super::parsed::{Import, Module, Parsed};
use super::repository::Repository;

pub(super) const ADVICE: &str =
    "Move the items that both files use into a file of their own, or pass them as arguments.";

#[expect(clippy::unnecessary_wraps, reason = "every rule has this form")]
pub(super) fn find(repository: &Repository) -> anyhow::Result<Breaches> {
    let mut breaches = Breaches::new();
    for name in repository.shipped() {
        circles(repository.sources(name), &mut breaches);
    }
    Ok(breaches)
}

/// Adds one breach per use that is part of a circle.
fn circles(sources: &[Parsed], breaches: &mut Breaches) {
    let graph = Crate::of(sources).uses();
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        graph.keys().map(|file| (*file, reachable(&graph, file))).collect();
    for (file, uses) in &graph {
        for (used, mention) in uses {
            if reached.get(used).is_some_and(|back| back.contains(file)) {
                let detail = format!("{file}:{}: `{}` of {used}", mention.line, mention.path);
                breaches.entry((*file).to_owned()).or_default().add(detail);
            }
        }
    }
}

/// The place where a file uses another one first.
struct Use {
    line: usize,
    path: String,
}

type Graph<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Use>>;

fn reachable<'a>(graph: &Graph<'a>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(file) = next.pop() {
        for used in graph.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(*used) {
                next.push(used);
            }
        }
    }
    reached
}

/// How far one name may stand for another. Only a circle of `use` is longer.
const MAX_REEXPORTS: usize = 16;

/// The modules of a crate by their paths.
struct Crate<'a> {
    modules: BTreeMap<&'a [String], (&'a Parsed, &'a Module)>,
}

impl<'a> Crate<'a> {
    fn of(sources: &'a [Parsed]) -> Self {
        let modules = sources.iter().flat_map(|source| {
            source.modules.iter().map(move |module| (module.path.as_slice(), (source, module)))
        });
        Self { modules: modules.collect() }
    }

    /// What each file uses.
    fn uses(&self) -> Graph<'a> {
        let mut graph = Graph::new();
        for (source, module) in self.modules.values() {
            let file = source.path.as_str();
            let imports = module.imports.iter().filter(|import| !import.public);
            let imports = imports.map(|import| (&import.path, import.line, import.name.is_none()));
            let mentions = module.mentions.iter().map(|one| (&one.path, one.line, false));
            for (path, line, whole) in imports.chain(mentions) {
                let used = match self.place(module, path, MAX_REEXPORTS) {
                    Some(Place::Item(used)) => used,
                    Some(Place::Module(path)) if whole => match self.modules.get(path.as_slice()) {
                        Some((used, _)) => used,
                        None => continue,
                    },
                    _ => continue,
                };
                if used.path != file {
                    let path = path.join("::");
                    let known = graph.entry(file).or_default().entry(used.path.as_str());
                    known.or_insert(Use { line, path });
                }
            }
        }
        graph
    }

    /// Finds what a path in a module means. `None` if it is not of this crate.
    fn place(&self, module: &Module, path: &[String], depth: usize) -> Option<Place<'a>> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.walk(Vec::new(), rest, depth),
            "self" => self.walk(module.path.clone(), rest, depth),
            "super" => {
                let parent = module.path.split_last()?.1.to_vec();
                if rest.first().is_some_and(|next| next == "super") {
                    let (_, parent) = self.modules.get(parent.as_slice())?;
                    return self.place(parent, rest, depth);
                }
                self.walk(parent, rest, depth)
            }
            name => {
                let imported = |import: &Import| {
                    // `*` may bring any name.
                    import.name.as_ref().is_none_or(|own| own == name)
                };
                let is_here = self.is_module(&module.path, name)
                    || module.items.iter().any(|item| item == name)
                    || module.imports.iter().any(imported);
                if is_here { self.walk(module.path.clone(), path, depth) } else { None }
            }
        }
    }

    fn is_module(&self, path: &[String], name: &str) -> bool {
        let child = [path, &[name.to_owned()]].concat();
        self.modules.contains_key(child.as_slice())
    }

    /// Follows a path from a module on, through names that stand for others.
    fn walk(&self, mut at: Vec<String>, path: &[String], depth: usize) -> Option<Place<'a>> {
        let depth = depth.checked_sub(1)?;
        let mut rest = path;
        while let Some((name, after)) = rest.split_first() {
            let (source, module) = self.modules.get(at.as_slice())?;
            if module.items.iter().any(|item| item == name) {
                return Some(Place::Item(source));
            }
            if self.is_module(&at, name) {
                at.push(name.clone());
                rest = after;
                continue;
            }
            let named = |import: &&Import| import.name.as_ref() == Some(name);
            if let Some(import) = module.imports.iter().find(named) {
                // An import of this very name from outside the crate has no place in it.
                let whole = [import.path.as_slice(), after].concat();
                return self.place_of_import(module, &whole, depth);
            }
            let globs = module.imports.iter().filter(|import| import.name.is_none());
            for glob in globs {
                let whole = [glob.path.as_slice(), rest].concat();
                if let Some(Place::Item(found)) = self.place_of_import(module, &whole, depth) {
                    return Some(Place::Item(found));
                }
            }
            return None;
        }
        Some(Place::Module(at))
    }

    /// As [`Self::place`], but a name that is no module of the place is that of a crate: imports do
    /// not see other imports of their own name.
    fn place_of_import(&self, module: &Module, path: &[String], depth: usize) -> Option<Place<'a>> {
        match path.first()?.as_str() {
            "crate" | "self" | "super" => self.place(module, path, depth),
            name if self.is_module(&module.path, name) => {
                self.walk(module.path.clone(), path, depth)
            }
            _ => None,
        }
    }
}

/// What a path means.
enum Place<'a> {
    /// An item that is defined in this file.
    Item(&'a Parsed),
    Module(Vec<String>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<(String, &str)> = files
            .iter()
            .map(|(path, text)| (format!("crates/mape-nft/src/{path}"), *text))
            .collect();
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let breaches = find(&Repository::of(&files)).unwrap();
        breaches.keys().map(|key| key.trim_start_matches("crates/mape-nft/src/").into()).collect()
    }

    const LIB: (&str, &str) = ("lib.rs", "mod a; mod b; mod c;");

    #[test]
    fn files_that_use_each_other_are_a_circle() {
        let a = ("a.rs", "use crate::b::B; pub struct A(B);");
        for back in [
            "pub struct B; use crate::a::A; fn f(_: A) {}",
            "pub struct B; fn f(_: super::a::A) {}",
            "pub struct B; use super::*; fn f() { println!(\"{:?}\", a::A); }",
            "pub struct B; fn f() { use crate::{a::{A}}; }",
            "pub struct B; mod inner { use super::super::a::A; }",
        ] {
            assert_eq!(keys(&[LIB, a, ("b.rs", back)]), ["a.rs", "b.rs"], "{back}");
        }
        for sound in [
            "pub struct B; use crate::c::C;",
            "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }",
            "pub struct B; use std::a::A;",
            "pub struct B; /// [`crate::a::A`]\nstruct C;",
        ] {
            assert!(keys(&[LIB, a, ("b.rs", sound), ("c.rs", "")]).is_empty(), "{sound}");
        }
    }

    #[test]
    fn a_circle_may_be_of_three() {
        let files = [
            LIB,
            ("a.rs", "use crate::b; pub fn a() { b::b(); }"),
            ("b.rs", "pub fn b() { crate::c::c(); }"),
            ("c.rs", "pub fn c() { super::a::a(); }"),
        ];
        assert_eq!(keys(&files), ["a.rs", "b.rs", "c.rs"]);
        assert!(keys(&files[..3]).is_empty());
    }

    #[test]
    fn a_parent_that_names_its_childs_items_is_not_used_by_the_child() {
        let lib = ("lib.rs", "mod a;");
        let parent = "mod child; pub use child::Child; pub struct Shared;";
        let child = ("a/child.rs", "pub struct Child; fn f(_: super::Shared) {}");
        // It says where the child's item is, and names it nowhere.
        assert!(keys(&[lib, ("a.rs", parent), child]).is_empty());
        for user in
            ["fn f(_: Child) {}", "fn f() { child::Child; }", "use self::child::Child as C;"]
        {
            let parent = format!("{parent} {user}");
            assert_eq!(keys(&[lib, ("a.rs", &parent), child]), ["a.rs", "a/child.rs"], "{user}");
        }
        // A sibling's item by the parent's name for it is the sibling's.
        let parent = "mod child; mod one; pub use one::One; fn f() { child::g(); }";
        let child = ("a/child.rs", "use super::One; pub fn g(_: One) {}");
        assert!(keys(&[lib, ("a.rs", parent), child, ("a/one.rs", "pub struct One;")]).is_empty());
    }
}
