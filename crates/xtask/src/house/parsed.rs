//! A Rust file without its tests: the names it defines, imports and mentions, and its strings.

use proc_macro2::{Delimiter, Ident, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::{Attribute, ImplItem, Item, ItemUse, Lit, UseTree, Visibility};

use super::repository::File;

/// A parsed file.
pub(super) struct Parsed {
    pub(super) path: String,
    /// The module that the file is: `["netifd", "config"]`, empty for the crate's root.
    pub(super) module: Vec<String>,
    /// Lines of the file that belong to no test.
    pub(super) lines: usize,
    /// Modules for tests only that the file declares, from the crate's root.
    pub(super) test_modules: Vec<Vec<String>>,
    /// The modules in the file: itself first, then those within it.
    pub(super) modules: Vec<Module>,
    /// String literals outside attributes, with their lines.
    pub(super) strings: Vec<(String, usize)>,
}

/// A module and the names in it.
#[derive(Default)]
pub(super) struct Module {
    /// From the crate's root.
    pub(super) path: Vec<String>,
    /// Items other than modules and imports.
    pub(super) items: Vec<String>,
    pub(super) imports: Vec<Import>,
    /// Every path that an item mentions, as it is written.
    pub(super) mentions: Vec<Mention>,
}

/// A name that `use` brings into a module.
pub(super) struct Import {
    /// `None` for `*`.
    pub(super) name: Option<String>,
    pub(super) path: Vec<String>,
    /// Whether the name is handed on, as in `pub use`.
    pub(super) public: bool,
    pub(super) line: usize,
}

/// A path in the code.
pub(super) struct Mention {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
}

impl Parsed {
    /// Parses a file; `inner` is its path below `src/`.
    ///
    /// # Errors
    ///
    /// The text is no Rust.
    pub(super) fn new(file: &File, inner: &str) -> syn::Result<Self> {
        let parsed = syn::parse_file(&file.text)?;
        let module: Vec<String> = inner
            .trim_end_matches(".rs")
            .split('/')
            .filter(|part| !["lib", "main", "mod"].contains(part))
            .map(str::to_owned)
            .collect();
        let mut this = Self {
            path: file.path.clone(),
            module: module.clone(),
            lines: file.text.lines().count(),
            test_modules: Vec::new(),
            modules: Vec::new(),
            strings: Vec::new(),
        };
        this.read_module(&module, parsed.items);
        Ok(this)
    }

    fn read_module(&mut self, path: &[String], items: Vec<Item>) {
        let at = self.modules.len();
        self.modules.push(Module { path: path.to_vec(), ..Module::default() });
        for item in items {
            let child = |ident: &Ident| [path, &[ident.to_string()]].concat();
            if is_for_tests(attributes(&item)) {
                self.lines = self.lines.saturating_sub(lines(item.span()));
                if let Item::Mod(module) = &item {
                    self.test_modules.push(child(&module.ident));
                }
                continue;
            }
            match item {
                Item::Mod(module) => {
                    let path = child(&module.ident);
                    if let Some((_, items)) = module.content {
                        self.read_module(&path, items);
                    }
                }
                Item::Impl(mut item) => {
                    for inner in &item.items {
                        if is_for_tests(attributes_of_member(inner)) {
                            self.lines = self.lines.saturating_sub(lines(inner.span()));
                        }
                    }
                    item.items.retain(|inner| !is_for_tests(attributes_of_member(inner)));
                    self.read_tokens(at, item.into_token_stream());
                }
                item => {
                    if let (Some(name), Some(module)) = (name(&item), self.modules.get_mut(at)) {
                        module.items.push(name);
                    }
                    self.read_tokens(at, item.into_token_stream());
                }
            }
        }
    }

    /// Reads the paths, imports and strings of an item, in the bodies of its functions too.
    fn read_tokens(&mut self, at: usize, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        let mut public = false;
        while let [first, after @ ..] = rest {
            rest = after;
            match first {
                // An attribute.
                TokenTree::Punct(mark) if mark.as_char() == '#' => {
                    while let [TokenTree::Punct(_) | TokenTree::Group(_), after @ ..] = rest {
                        let ends = matches!(rest.first(), Some(TokenTree::Group(_)));
                        rest = after;
                        if ends {
                            break;
                        }
                    }
                }
                TokenTree::Punct(mark) if mark.as_char() == '.' => {
                    // A field or a method.
                    if let [TokenTree::Ident(_), after @ ..] = rest {
                        rest = after;
                    }
                }
                TokenTree::Punct(_) => {}
                TokenTree::Literal(literal) => {
                    if let Lit::Str(text) = Lit::new(literal.clone()) {
                        self.strings.push((text.value(), literal.span().start().line));
                    }
                }
                TokenTree::Ident(word) if *word == "pub" => {
                    public = true;
                    // The path of `pub(in crate::a)` is no mention.
                    if let [TokenTree::Group(group), after @ ..] = rest {
                        if group.delimiter() == Delimiter::Parenthesis {
                            rest = after;
                        }
                    }
                    continue;
                }
                TokenTree::Ident(word) if *word == "use" => {
                    let end = rest.iter().position(is_semicolon).map_or(rest.len(), |at| at + 1);
                    let (tree, after) = rest.split_at(end);
                    rest = after;
                    let tokens = std::iter::once(first).chain(tree).cloned().collect();
                    if let Ok(item) = syn::parse2::<ItemUse>(tokens) {
                        self.read_import(at, &item, public, word.span().start().line);
                    }
                }
                TokenTree::Ident(word) => {
                    let (path, after) = path(word, rest);
                    rest = after;
                    let line = word.span().start().line;
                    if let Some(module) = self.modules.get_mut(at) {
                        module.mentions.push(Mention { path, line });
                    }
                }
                TokenTree::Group(group) => self.read_tokens(at, group.stream()),
            }
            public = false;
        }
    }

    fn read_import(&mut self, at: usize, item: &ItemUse, public: bool, line: usize) {
        if item.leading_colon.is_some() {
            return;
        }
        let public = public || !matches!(item.vis, Visibility::Inherited);
        let mut leaves = Vec::new();
        leaves_of(&item.tree, &mut Vec::new(), &mut leaves);
        if let Some(module) = self.modules.get_mut(at) {
            let import = |(name, path)| Import { name, path, public, line };
            module.imports.extend(leaves.into_iter().map(import));
        }
    }

    /// Every path in the file, those of imports written out.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&[String], usize)> {
        self.modules.iter().flat_map(|module| {
            let imports = module.imports.iter().map(|import| (import.path.as_slice(), import.line));
            imports.chain(module.mentions.iter().map(|one| (one.path.as_slice(), one.line)))
        })
    }
}

fn is_semicolon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(mark) if mark.as_char() == ';')
}

/// Reads `:: name` as often as it follows a first name.
fn path<'a>(first: &Ident, mut rest: &'a [TokenTree]) -> (Vec<String>, &'a [TokenTree]) {
    let mut path = vec![first.to_string()];
    while let [TokenTree::Punct(one), TokenTree::Punct(two), TokenTree::Ident(name), after @ ..] =
        rest
    {
        let colons = one.as_char() == ':' && two.as_char() == ':';
        if !colons || one.spacing() != Spacing::Joint {
            break;
        }
        path.push(name.to_string());
        rest = after;
    }
    (path, rest)
}

type Leaf = (Option<String>, Vec<String>);

/// Writes a tree of imports out, one path per name. `use a::{self}` is `use a`.
fn leaves_of(tree: &UseTree, before: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    let mut leaf = |name: &Ident, known_as: &Ident| {
        let mut path = before.clone();
        let mut known_as = known_as.to_string();
        if *name == "self" && !path.is_empty() {
            if known_as == "self" {
                known_as = path.last().cloned().unwrap_or_default();
            }
        } else {
            path.push(name.to_string());
        }
        leaves.push((Some(known_as), path));
    };
    match tree {
        UseTree::Name(one) => leaf(&one.ident, &one.ident),
        UseTree::Rename(one) => leaf(&one.ident, &one.rename),
        UseTree::Glob(_) => leaves.push((None, before.clone())),
        UseTree::Path(one) => {
            before.push(one.ident.to_string());
            leaves_of(&one.tree, before, leaves);
            before.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                leaves_of(tree, before, leaves);
            }
        }
    }
}

fn lines(span: Span) -> usize {
    span.end().line + 1 - span.start().line
}

/// Whether there is `#[cfg(test)]`, `#[cfg(any(test, ...))]` or `#[test]`.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        if path.is_ident("test") {
            return true;
        }
        let words = attribute.to_token_stream().to_string();
        let has = |word| words.split(|c: char| !c.is_alphanumeric()).any(|one| one == word);
        path.is_ident("cfg") && has("test") && !has("not")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn attributes_of_member(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        _ => &[],
    }
}

fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"//! Doc.
use std::fs;
pub(crate) use child::{Door, inner::{self, Window as Pane}};

mod child;

/// Doc "with" a string.
#[must_use]
fn first(door: &Door) -> String {
    use super::other::*;
    let text = format!("{} {}", crate::far::NAME, door.width());
    text + "end"
}

mod inline {
    fn second() -> super::Door {}
}

#[cfg(test)]
mod tests {
    const NOT_SEEN: &str = "not seen";
}

impl Door {
    #[cfg(test)]
    fn not_seen() {}
}
"#;

    #[test]
    fn a_file_is_read_without_its_tests() {
        let file = File { path: "crates/x/src/a/mod.rs".into(), text: TEXT.into() };
        let parsed = Parsed::new(&file, "a/mod.rs").unwrap();
        assert_eq!(parsed.module, ["a"]);
        assert_eq!(parsed.lines, TEXT.lines().count() - 4 - 2);
        assert_eq!(parsed.test_modules, [["a", "tests"]]);
        assert_eq!(parsed.strings, [("{} {}".to_owned(), 11), ("end".to_owned(), 12)]);

        let [outer, inner] = parsed.modules.as_slice() else { panic!("two modules") };
        assert_eq!(outer.items, ["first"]);
        let imports: Vec<(&str, String, bool)> = outer
            .imports
            .iter()
            .map(|one| (one.name.as_deref().unwrap_or("*"), one.path.join("::"), one.public))
            .collect();
        let expected = [
            ("fs", "std::fs", false),
            ("Door", "child::Door", true),
            ("inner", "child::inner", true),
            ("Pane", "child::inner::Window", true),
            ("*", "super::other", false),
        ];
        assert_eq!(imports, expected.map(|(name, path, public)| (name, path.to_owned(), public)));
        let mentions: Vec<String> = outer.mentions.iter().map(|one| one.path.join("::")).collect();
        assert!(mentions.contains(&"crate::far::NAME".to_owned()), "{mentions:?}");
        assert!(!mentions.iter().any(|one| one == "width"), "{mentions:?}");
        assert_eq!(inner.path, ["a", "inline"]);
        assert!(inner.mentions.iter().any(|one| one.path == ["super", "Door"]));
    }
}
