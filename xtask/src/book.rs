//! `cargo xtask book`: makes web pages of docs/.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::tools::MDBOOK;
use crate::workspace::Workspace;
use crate::{house, run};

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

#[cfg(test)]
mod tests {
    use super::*;

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
