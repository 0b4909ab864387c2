//! Finds every place in a source file that names a memory ordering or a fence.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{
    Attribute, Expr, FnArg, Ident, ImplItemFn, ItemFn, ItemImpl, Macro, Pat, Signature, Type,
};

/// The variants of `Ordering`.
const ORDERINGS: [&str; 5] = ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];
const FENCES: [&str; 2] = ["fence", "compiler_fence"];
/// Replaces a literal if a forwarder passes on its argument.
const FORWARDED: &str = "given";

/// One use of an ordering.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Access {
    /// The path from the root of the repository.
    pub(crate) file: String,
    pub(crate) function: String,
    /// The method or macro that takes the ordering.
    pub(crate) method: String,
    /// A variant, or [`FORWARDED`].
    pub(crate) ordering: String,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, function, method, ordering } = self;
        write!(f, "| {file} | `{function}` | `{method}` | {ordering} |")
    }
}

/// Returns the accesses of all sources below the folder `sources`, in order.
pub(crate) fn in_folder(root: &Path, sources: &str) -> Vec<Access> {
    let mut found = Vec::new();
    let entries = fs::read_dir(root.join(sources)).expect("the sources are there");
    for entry in entries.map(Result::unwrap) {
        let name = format!("{sources}/{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            found.extend(in_folder(root, &name));
        } else if name.ends_with(".rs") {
            found.extend(in_text(&name, &fs::read_to_string(entry.path()).unwrap()));
        }
    }
    found.sort();
    found
}

/// Returns the accesses of one file.
///
/// # Panics
/// If an ordering or a fence has another name, which would hide it. Also if a file
/// with orderings has a type with the name of an ordering.
pub(crate) fn in_text(file: &str, text: &str) -> Vec<Access> {
    let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let types = parsed.items.iter().filter_map(|item| match item {
        syn::Item::Enum(item) => Some(item.ident.to_string()),
        _ => None,
    });
    let other: BTreeSet<_> = types.filter(|name| ORDERINGS.contains(&&**name)).collect();
    let both = !other.is_empty() && text.contains("Ordering");
    assert!(!both, "{file}: an ordering, and a type of its own named {other:?}");
    let mut finder = Finder { file, other, ..Finder::default() };
    finder.visit_file(&parsed);
    finder.found
}

/// Walks over a file and tracks the place.
#[derive(Default)]
struct Finder<'f> {
    file: &'f str,
    /// The type of these methods.
    of: Option<String>,
    function: Option<String>,
    /// The innermost call or macro.
    method: Option<String>,
    /// Parameters of the function that are orderings.
    given: BTreeSet<String>,
    /// Types of the file with the name of an ordering. A file with orderings has
    /// none.
    other: BTreeSet<String>,
    found: Vec<Access>,
}

impl Finder<'_> {
    fn note(&mut self, ordering: &str) {
        let or_none = |name: &Option<String>| name.clone().unwrap_or_else(|| "none".to_owned());
        self.found.push(Access {
            file: self.file.to_owned(),
            function: or_none(&self.function),
            method: or_none(&self.method),
            ordering: ordering.to_owned(),
        });
    }

    /// Handles an identifier in any place.
    fn name(&mut self, name: &str) {
        if ORDERINGS.contains(&name) && !self.other.contains(name) {
            self.note(name);
        } else if self.given.contains(name) {
            self.note(FORWARDED);
        }
    }

    fn in_function(&mut self, signature: &Signature, walk: impl FnOnce(&mut Self)) {
        let name = match &self.of {
            Some(of) => format!("{of}::{}", signature.ident),
            None => signature.ident.to_string(),
        };
        let function = self.function.replace(name);
        let given = std::mem::replace(&mut self.given, given(signature));
        walk(self);
        self.given = given;
        self.function = function;
    }

    /// Handles the arguments of a call. A fence counts with any argument.
    fn in_call(&mut self, name: String, args: impl FnOnce(&mut Self)) {
        let (is_fence, before) = (FENCES.contains(&&*name), self.found.len());
        let method = self.method.replace(name);
        args(self);
        if is_fence && self.found.len() == before {
            self.note(FORWARDED);
        }
        self.method = method;
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    /// Imports are not accesses. A new name would hide one.
    fn visit_use_rename(&mut self, rename: &'ast syn::UseRename) {
        let name = rename.ident.to_string();
        let hidden = name == "Ordering" || [&ORDERINGS[..], &FENCES].concat().contains(&&*name);
        assert!(!hidden, "{}: `{name}` by another name", self.file);
    }

    fn visit_use_name(&mut self, _: &'ast syn::UseName) {}

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let of = self.of.replace(type_name(&item.self_ty));
        visit::visit_item_impl(self, item);
        self.of = of;
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !for_tests(&item.attrs) {
            self.in_function(&item.sig, |this| this.visit_block(&item.block));
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !for_tests(&item.attrs) {
            self.in_function(&item.sig, |this| this.visit_block(&item.block));
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        let walk = |this: &mut Self| item.default.iter().for_each(|block| this.visit_block(block));
        self.in_function(&item.sig, walk);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.visit_expr(&call.receiver);
        let walk = |this: &mut Self| call.args.iter().for_each(|arg| this.visit_expr(arg));
        self.in_call(call.method.to_string(), walk);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        let last = |path: &syn::ExprPath| Some(path.path.segments.last()?.ident.to_string());
        let name = match &*call.func {
            Expr::Path(path) => last(path),
            _ => None,
        };
        self.visit_expr(&call.func);
        let walk = |this: &mut Self| call.args.iter().for_each(|arg| this.visit_expr(arg));
        self.in_call(name.unwrap_or_default(), walk);
    }

    /// Only the words of a macro are known.
    fn visit_macro(&mut self, mac: &'ast Macro) {
        let name = mac.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
        let text = mac.tokens.to_string();
        self.in_call(format!("{name}!"), |this| {
            text.split(|c: char| !c.is_alphanumeric() && c != '_').for_each(|word| this.name(word));
        });
    }

    fn visit_ident(&mut self, ident: &'ast Ident) {
        self.name(&ident.to_string());
    }
}

/// The parameters whose type is `Ordering`.
fn given(signature: &Signature) -> BTreeSet<String> {
    let name = |arg: &FnArg| match arg {
        FnArg::Typed(arg) if type_name(&arg.ty) == "Ordering" => match &*arg.pat {
            Pat::Ident(name) => Some(name.ident.to_string()),
            _ => None,
        },
        _ => None,
    };
    signature.inputs.iter().filter_map(name).collect()
}

/// The last name in the path of a type.
fn type_name(of: &Type) -> String {
    match of {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        _ => None,
    }
    .unwrap_or_default()
}

/// Returns true if an item is compiled only for tests.
fn for_tests(attributes: &[Attribute]) -> bool {
    let test = |attribute: &Attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        meta => meta.path().is_ident("test"),
    };
    attributes.iter().any(test)
}

/// Finds all kinds of accesses, and nothing else.
#[test]
fn accesses_are_found_in_every_place() {
    let text = "
        //! Acquire
        use std::sync::atomic::Ordering::{self, Acquire, fence};
        const ORDER: Ordering = Acquire;
        impl<K> Memory for Mapped<K> {
            unsafe fn load(&self, order: Ordering) -> u64 {
                acquired(self.word.load(Ordering::Relaxed), order)
            }
            fn arm(&self) { fence(SeqCst); self.at(self.place(Release)); self.memory.fence(ORDER); }
        }
        fn acquired(value: u64, order: Ordering) {
            if !matches!(order, Ordering::Relaxed) { std::sync::atomic::fence(order) }
            let f = || value.swap(1, std::sync::atomic::Ordering::AcqRel);
            match order { Acquire => 1, _ => 2 }
        }
        macro_rules! m { () => { x.load(Acquire) } }
        #[cfg(test)]
        mod tests { fn x() { fence(Acquire) } }
    ";
    let found: Vec<_> = in_text("f", text).iter().map(|access| access.to_string()).collect();
    assert_eq!(
        found,
        [
            "| f | `none` | `none` | Acquire |",
            "| f | `Mapped::load` | `load` | Relaxed |",
            "| f | `Mapped::load` | `acquired` | given |",
            "| f | `Mapped::arm` | `fence` | SeqCst |",
            "| f | `Mapped::arm` | `place` | Release |",
            "| f | `Mapped::arm` | `fence` | given |",
            "| f | `acquired` | `matches!` | given |",
            "| f | `acquired` | `matches!` | Relaxed |",
            "| f | `acquired` | `fence` | given |",
            "| f | `acquired` | `swap` | AcqRel |",
            "| f | `acquired` | `none` | given |",
            "| f | `acquired` | `none` | Acquire |",
            "| f | `none` | `macro_rules!` | Acquire |",
        ]
    );
}

#[test]
#[should_panic(expected = "by another name")]
fn another_name_for_an_ordering_is_refused() {
    in_text("f", "use std::sync::atomic::Ordering::{Relaxed as Acquire2};");
}

#[test]
fn a_type_named_like_an_ordering_is_not_one() {
    let text = "enum Release { AtOnce } fn f(x: Release) { Release::AtOnce; g(Acquire) }";
    let found: Vec<_> = in_text("f", text).iter().map(|access| access.to_string()).collect();
    assert_eq!(found, ["| f | `f` | `g` | Acquire |"]);
}

#[test]
#[should_panic(expected = "a type of its own")]
fn a_type_named_like_an_ordering_hides_none() {
    in_text("f", "use std::sync::atomic::Ordering; enum Release { AtOnce }");
}
