//! `cargo xtask book`: makes web pages of docs/. `cargo xtask api`: the public items of the crates.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::tools::{MDBOOK, PUBLIC_API};
use crate::workspace::Workspace;
use crate::{house, run};

/// The crates whose items users call. ringbuf-host needs clang, and is left out.
const CRATES: [&str; 8] = [
    "ringbuf-core",
    "ringbuf-kernel",
    "ringbuf-sim",
    "ringbuf-tokio",
    "ringbuf-typed",
    "ringbuf-btf",
    "ringbuf-record",
    "ringbuf-model",
];
/// Where their items are stored, one file for each crate.
const STORED: &str = "docs/api";

/// Builds the pages into target/book, with the files that they link to beside them.
pub(crate) fn book(workspace: &Workspace, no_install: bool) -> Result<u8> {
    let root = &workspace.root;
    let mdbook = MDBOOK.ensure(&workspace.target, no_install)?;
    let to = workspace.target.join("book");
    let mut build = Command::new(mdbook);
    build.current_dir(root).arg("build").arg("--dest-dir").arg(to.join("docs"));
    if !build.status().context("mdbook")?.success() {
        bail!("`{}` failed", run::describe(&build));
    }
    for (path, text) in house::beside_the_book(root)? {
        // mdBook takes each link to Markdown for one to a page.
        let (path, text) = match path.strip_suffix(".md") {
            Some(stem) => (format!("{stem}.html"), page(&text)),
            None => (path, text),
        };
        let path = to.join(path);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    run::echo(format!("{}\n", to.join("docs/index.html").display()).as_bytes());
    Ok(0)
}

fn page(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!("<!doctype html>\n<meta charset=\"utf-8\">\n<pre>\n{text}</pre>\n")
}

/// Compares the public items of each crate with those in docs/api, or stores them. Returns the exit
/// code.
pub(crate) fn api(workspace: &Workspace, bless: bool, no_install: bool) -> Result<u8> {
    let tool = PUBLIC_API.ensure(&workspace.target, no_install)?;
    let stored = workspace.root.join(STORED);
    fs::create_dir_all(&stored)?;
    let mut code = 0;
    for name in CRATES {
        let mut list = Command::new(&tool);
        list.current_dir(&workspace.root).args(["-p", name]);
        list.env("RUSTUP_TOOLCHAIN", "nightly").env_remove("CARGO").env_remove("RUSTC");
        // Without what every type has, and what is derived.
        let now = run::output(list.args(["--all-features", "-sss", "--color", "never"]))?;
        let path = stored.join(format!("{name}.txt"));
        if bless {
            fs::write(&path, now).with_context(|| path.display().to_string())?;
        } else {
            let changes = changes(&fs::read_to_string(&path).unwrap_or_default(), &now);
            run::echo(changes.as_bytes());
            code |= u8::from(!changes.is_empty());
        }
    }
    Ok(code)
}

/// The lines that are in one of two sorted lists only.
fn changes(before: &str, now: &str) -> String {
    let only = |mark: char, one: &str, other: &str| {
        let other: std::collections::BTreeSet<_> = other.lines().collect();
        let lines = one.lines().filter(|line| !other.contains(line));
        lines.map(|line| format!("{mark} {line}\n")).collect::<String>()
    };
    only('-', before, now) + &only('+', now, before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_item_goes_and_comes() {
        let changes = changes("pub fn a()\npub fn b()\n", "pub fn b()\npub fn a(u8)\n");
        assert_eq!(changes, "- pub fn a()\n+ pub fn a(u8)\n");
    }

    #[test]
    fn a_page_shows_the_text_as_it_is() {
        assert!(page("a < b && c").contains("<pre>\na &lt; b &amp;&amp; c</pre>"));
    }

    #[test]
    fn the_book_is_where_its_settings_say() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let settings = fs::read_to_string(root.join("book.toml")).unwrap();
        assert!(settings.contains("build-dir = \"target/book/docs\""));
    }
}
