//! Takes the Rust out of the pages of the book: one module for each page, with the blocks as
//! documentation tests. lib.rs says what the comments in the pages mean.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("docs");
    println!("cargo::rerun-if-changed={}", book.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let mut modules = String::new();
    for entry in fs::read_dir(book).expect("the book") {
        let path = entry.expect("a page").path();
        if path.extension().is_none_or(|ending| ending != "md") {
            continue;
        }
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        let name = format!("page_{}", name.replace('-', "_").to_lowercase());
        let blocks = blocks(&fs::read_to_string(&path).expect("a page"));
        fs::write(out.join(format!("{name}.md")), blocks).expect("the blocks");
        let include = format!("include_str!(concat!(env!(\"OUT_DIR\"), \"/{name}.md\"))");
        modules.push_str(&format!("#[doc = {include}]\nmod {name} {{}}\n"));
    }
    fs::write(out.join("pages.rs"), modules).expect("the modules");
}

/// The blocks of Rust of a page, each with its hidden lines.
fn blocks(page: &str) -> String {
    let mut lines = page.lines().enumerate();
    let (mut blocks, mut comment) = (String::new(), Vec::new());
    while let Some((number, line)) = lines.next() {
        if let Some(first) = line.strip_prefix("<!-- ") {
            comment = vec![first];
            let one = first.ends_with("-->");
            let rest = lines.by_ref().map(|(_, line)| line);
            comment.extend(rest.take_while(|line| !one && *line != "-->"));
            continue;
        }
        let fence = line.starts_with("```");
        let body: Vec<_> = if fence {
            lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect()
        } else {
            Vec::new()
        };
        let is = |word| comment.first().is_some_and(|first: &&str| first.starts_with(word));
        if line.starts_with("```rust") && !is("program:") && !is("not compiled:") {
            let hidden = if is("setup") { &comment[1..] } else { &[] };
            blocks.push_str(&format!("Line {}:\n\n{line}\n", number + 1));
            hidden.iter().for_each(|line| blocks.push_str(&format!("# {line}\n")));
            body.iter().for_each(|line| blocks.push_str(&format!("{line}\n")));
            let whole = body.iter().any(|line| line.contains("fn main"));
            if !whole && body.iter().chain(hidden).any(|line| line.contains("?")) {
                blocks.push_str("# Ok::<(), Box<dyn std::error::Error>>(())\n");
            }
            blocks.push_str("```\n\n");
        }
        if fence || !line.is_empty() {
            comment.clear();
        }
    }
    blocks
}
