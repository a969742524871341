//! Modules that stand side by side do not lean on one another in a circle: read off the sources with a parser.
//!
//! What a module leans on are the paths that it names, followed through re-exports. A folder counts as one module among
//! its neighbours. A parent and its child are one thing in two files, and may name each other.

mod sources;

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Path, UseTree, Visibility};

/// Where a module stands: its names from the root of the sources.
type ModulePath = Vec<String>;

/// What a source names.
#[derive(Default)]
struct NamedPaths {
    /// Every path, as it is written.
    paths: Vec<Vec<String>>,
    /// What is exported under which name.
    exports: BTreeMap<String, Vec<String>>,
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .any(|one| one.path().is_ident("cfg") && one.parse_args::<Path>().is_ok_and(|of| of.is_ident("test")))
}

impl NamedPaths {
    fn take_tree(&mut self, exported: bool, before: &[String], tree: &UseTree) {
        let with = |name: &dyn ToString| before.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.take_tree(exported, &with(&path.ident), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.take_tree(exported, before, item)),
            UseTree::Name(name) => self.take(exported, with(&name.ident), name.ident.to_string()),
            UseTree::Rename(renamed) => self.take(exported, with(&renamed.ident), renamed.rename.to_string()),
            UseTree::Glob(_) => self.paths.push(before.to_vec()),
        }
    }

    fn take(&mut self, exported: bool, path: Vec<String>, name: String) {
        if exported {
            self.exports.insert(name, path.clone());
        }
        self.paths.push(path);
    }
}

impl<'a> Visit<'a> for NamedPaths {
    fn visit_item(&mut self, item: &'a Item) {
        let attributes = match item {
            Item::Mod(ItemMod { attrs, .. }) | Item::Use(ItemUse { attrs, .. }) => attrs.as_slice(),
            Item::Fn(function) => &function.attrs,
            Item::Impl(block) => &block.attrs,
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        self.take_tree(!matches!(item.vis, Visibility::Inherited), &[], &item.tree);
    }

    fn visit_path(&mut self, path: &'a Path) {
        self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}

/// All modules, and what they name.
struct ModuleTree(BTreeMap<ModulePath, NamedPaths>);

impl ModuleTree {
    /// Of files, each with its place from the root of the sources and its text.
    fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let modules = files.into_iter().filter(|(name, _)| !["lib.rs", "main.rs"].contains(name));
        Self(
            modules
                .map(|(name, text)| {
                    let mut named = NamedPaths::default();
                    named.visit_file(&syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}")));
                    let place = name.trim_end_matches(".rs").trim_end_matches("/mod");
                    (place.split('/').map(String::from).collect(), named)
                })
                .collect(),
        )
    }

    /// The module that a path leads to, as it is written in this one; `depth` re-exports were followed before.
    fn target(&self, from: &[String], path: &[String], depth: usize) -> Option<ModulePath> {
        let supers = path.iter().take_while(|name| *name == "super").count();
        let (mut place, mut rest) = match path.first()?.as_str() {
            "crate" => (Vec::new(), &path[1..]),
            "self" => (from.to_vec(), &path[1..]),
            "super" => (from[..from.len().checked_sub(supers)?].to_vec(), &path[supers..]),
            child if self.0.contains_key(&[from, &[child.to_owned()]].concat()) => (from.to_vec(), path),
            _ => return None,
        };
        while let Some(name) =
            rest.first().filter(|name| self.0.contains_key(&[&place[..], &[(*name).clone()]].concat()))
        {
            place.push(name.clone());
            rest = &rest[1..];
        }
        let export = rest.first().and_then(|name| self.0.get(&place)?.exports.get(name)).filter(|_| depth < 5);
        export.and_then(|export| self.target(&place, export, depth + 1)).or(Some(place))
    }

    /// For each module what it leans on among those beside it.
    fn leanings(&self) -> BTreeMap<ModulePath, BTreeSet<ModulePath>> {
        let mut leanings: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (module, named) in &self.0 {
            for target in named.paths.iter().filter_map(|path| self.target(module, path, 0)) {
                let shared = module.iter().zip(&target).take_while(|(one, other)| one == other).count();
                if shared < module.len() && shared < target.len() {
                    leanings.entry(module[..=shared].to_vec()).or_default().insert(target[..=shared].to_vec());
                }
            }
        }
        leanings
    }
}

/// Everything that can be reached from a module.
fn reached(from: &ModulePath, leanings: &BTreeMap<ModulePath, BTreeSet<ModulePath>>) -> BTreeSet<ModulePath> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(module) = next.pop() {
        for target in leanings.get(module).into_iter().flatten() {
            if reached.insert(target.clone()) {
                next.push(target);
            }
        }
    }
    reached
}

/// What leans on something that leans back, by whatever way round.
fn circles(leanings: &BTreeMap<ModulePath, BTreeSet<ModulePath>>) -> Vec<String> {
    leanings
        .iter()
        .flat_map(|(module, targets)| targets.iter().map(move |target| (module, target)))
        .filter(|(module, target)| reached(target, leanings).contains(*module))
        .map(|(module, target)| format!("{} -> {}", module.join("/"), target.join("/")))
        .collect()
}

#[test]
fn no_modules_lean_on_one_another_in_a_circle() {
    let sources = sources::all();
    let leanings = ModuleTree::of(sources.iter().map(|(name, text)| (name.as_str(), text.as_str()))).leanings();
    assert!(leanings.values().map(BTreeSet::len).sum::<usize>() > 300, "nothing was read");
    let circles = circles(&leanings);
    assert!(circles.is_empty(), "in a circle:\n{}", circles.join("\n"));
}

#[test]
fn a_circle_is_found() {
    let found = |files: &[(&str, &str)]| circles(&ModuleTree::of(files.iter().copied()).leanings());
    let both = ["a/one -> a/two", "a/two -> a/one"];
    assert_eq!(
        found(&[("a/mod.rs", ""), ("a/one.rs", "use super::two::X;"), ("a/two.rs", "use crate::a::one::Y;")]),
        both
    );
    // Without an import, in a group, or through what the folder exports.
    let called = ("a/one.rs", "fn f() { let x: Vec<u8> = super::two::g(); }");
    assert_eq!(found(&[("a/mod.rs", ""), called, ("a/two.rs", "use crate::{b, a::{one::Y}};")]), both);
    let exports = ("a/mod.rs", "mod one; mod two; pub use one::Y as Z;");
    assert_eq!(found(&[exports, called, ("a/two.rs", "use super::Z;")]), both);
    // The long way round.
    let three = [("a.rs", "use crate::b::X;"), ("b.rs", "use crate::c::Y;"), ("c.rs", "use crate::a::Z;")];
    assert_eq!(found(&three), ["a -> b", "b -> c", "c -> a"]);
    // A folder counts as one: what its files lean on, it leans on.
    let folders = [("a/mod.rs", ""), ("a/one.rs", "use crate::b::two::X;"), ("b/mod.rs", ""), ("b/two.rs", "")];
    assert!(found(&folders).is_empty());
    assert_eq!(found(&[&folders[..], &[("b/other.rs", "use crate::a::one::Y;")]].concat()), ["a -> b", "b -> a"]);
    // Parent and child, and test code, are exempt.
    assert!(found(&[("a.rs", "mod one; use one::X;"), ("a/one.rs", "use super::Y;")]).is_empty());
    let test = ("a/two.rs", "#[cfg(test)] mod tests { use super::super::one::Y; } #[cfg(test)] use super::one::Y;");
    assert!(found(&[("a/mod.rs", ""), called, test]).is_empty());
}
