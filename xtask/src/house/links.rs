//! The documents: each link leads somewhere, no page or example is missing in its index, and the
//! programs that a page shows are those that are compiled.

use std::collections::BTreeSet;

use super::File;

/// The index of all examples.
const INDEX: &str = "examples/README.md";
/// The contents of the book.
const SUMMARY: &str = "docs/SUMMARY.md";
/// In a page, this comes before a block that is a whole program: `<!-- program: PATH -->`.
const PROGRAM: &str = "<!-- program: ";

/// Links of documents to files of the repository that do not exist, or to headings that the other
/// document does not have.
pub(super) fn broken(files: &[File]) -> Vec<String> {
    let paths: BTreeSet<&str> = files.iter().flat_map(|file| with_folders(&file.path)).collect();
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| file.is(&[".md"])) {
        for link in links(&file.text) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = resolve(&file.path, path);
            let text = || files.iter().find(|file| file.path == target).map(|file| &file.text);
            let lost = !paths.contains(target.as_str());
            let headless = || !heading.is_empty() && !text().is_some_and(|t| has(t, heading));
            if lost || headless() {
                broken.push(format!("{}: no {link}", file.path));
            }
        }
    }
    broken
}

/// Examples that their index does not link to.
pub(super) fn unlisted_examples(files: &[File]) -> Vec<String> {
    let example = |path: &str| path.starts_with("examples/") || path.contains("/examples/");
    unlisted(files, INDEX, |file| file.is(&[".rs"]) && example(&file.path))
}

/// Pages of the book that its contents do not link to.
pub(super) fn unlisted_pages(files: &[File]) -> Vec<String> {
    let page = |file: &File| file.is(&[".md"]) && file.path.starts_with("docs/");
    unlisted(files, SUMMARY, |file| page(file) && file.path != SUMMARY)
}

/// The files for which `wanted` holds and that the document `index` does not link to.
fn unlisted(files: &[File], index: &str, wanted: impl Fn(&File) -> bool) -> Vec<String> {
    let text = files.iter().find(|file| file.path == index).map_or("", |index| &index.text);
    let listed: BTreeSet<String> = links(text).map(|link| resolve(index, link)).collect();
    let missing = files.iter().filter(|file| wanted(file) && !listed.contains(&file.path));
    missing.map(|file| format!("{index}: no {}", file.path)).collect()
}

/// Blocks of documents that differ from the program that they show: each must be the whole file,
/// from its first `use` or `#include` on.
pub(super) fn programs(files: &[File]) -> Vec<String> {
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| file.is(&[".md"])) {
        for shown in file.text.split(PROGRAM).skip(1) {
            let (path, rest) = shown.split_once(" -->\n```").unwrap_or((shown, ""));
            let block = rest.split_once('\n').and_then(|(_, rest)| Some(rest.split_once("```")?.0));
            let program = files.iter().find(|file| file.path == path).map_or("", |f| &f.text);
            let start =
                ["\nuse ", "\n#include "].iter().filter_map(|word| program.find(word)).min();
            if start.is_none_or(|at| block != Some(&program[at + 1..])) {
                let path = path.lines().next().unwrap_or_default();
                broken.push(format!("{}: not the program of {path}", file.path));
            }
        }
    }
    broken
}

/// Files outside of docs/ that pages of the book link to.
pub(super) fn beside_the_book(files: &[File]) -> BTreeSet<String> {
    let pages = files.iter().filter(|file| file.path.starts_with("docs/") && file.is(&[".md"]));
    let linked = pages.flat_map(|page| {
        links(&page.text)
            .map(|link| resolve(&page.path, link.split('#').next().unwrap_or_default()))
    });
    let outside = |path: &String| !path.starts_with("docs/");
    linked.filter(|path| outside(path) && files.iter().any(|file| file.path == *path)).collect()
}

/// The targets of the links of a document, without those to the web.
pub(super) fn links(text: &str) -> impl Iterator<Item = &str> {
    let prose = without_code(text);
    let targets = prose
        .flat_map(|part| part.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)));
    targets.filter(|link| !link.contains("://") && !link.starts_with("mailto:"))
}

/// The parts of a text that are neither in a block of code nor between back quotes.
fn without_code(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    let lines = text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    });
    // A link may have code as its text, so the bracket that ends the text begins the next part.
    lines.flat_map(|line| line.split('`').step_by(2))
}

/// The path in the repository that a link of the document `from` means.
pub(super) fn resolve(from: &str, link: &str) -> String {
    if link.is_empty() {
        return from.to_owned();
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// A path and all folders that it is in.
fn with_folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at]).chain([path])
}

/// Returns true if a document has a heading of this name, as links spell it.
fn has(text: &str, heading: &str) -> bool {
    let mut code = false;
    text.lines().any(|line| {
        code ^= line.starts_with("```");
        !code && line.starts_with('#') && spelled(line.trim_start_matches('#').trim()) == heading
    })
}

fn spelled(title: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    title.to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn each_link_leads_to_a_file_or_a_heading() {
        let others = [file("docs/b.md", "# Two rings, `one` set\n"), file("examples/e.rs", "")];
        let broken = |text: &str| {
            let others = others.iter().map(|other| file(&other.path, &other.text));
            super::broken(&others.chain([file("docs/a.md", text)]).collect::<Vec<_>>())
        };
        for good in [
            "[b](b.md), [`b`](b.md#two-rings-one-set)",
            "# Here\n[up](#here), [e](../examples/e.rs), [all](../examples/)",
            "[web](https://a.b/c.md), `[x](y)`\n```\n[x](y)\n```\n",
        ] {
            assert_eq!(broken(good), [""; 0], "{good}");
        }
        for wrong in ["c.md", "b.md#one", "#here", "../b.md", "e.rs", "../examples/e.rs#x"] {
            assert_eq!(broken(&format!("[x]({wrong})")), [format!("docs/a.md: no {wrong}")]);
        }
    }

    #[test]
    fn a_program_that_a_document_shows_otherwise_is_told() {
        let code = "//! x\n\nuse a::b;\nfn main() {}\n";
        let of = |path: &str, block: &str| {
            let page = format!("text\n\n{PROGRAM}{path} -->\n```rust\n{block}```\n");
            programs(&[file("examples/a.rs", code), file("docs/a.md", &page)])
        };
        assert_eq!(of("examples/a.rs", "use a::b;\nfn main() {}\n"), [""; 0]);
        let told = ["docs/a.md: not the program of examples/a.rs"];
        assert_eq!(of("examples/a.rs", "use a::b;\n"), told);
        assert_eq!(of("examples/b.rs", "use a::b;\nfn main() {}\n").len(), 1);
        assert_eq!(programs(&[file("a.md", &format!("{PROGRAM}a.rs"))]).len(), 1);
    }

    #[test]
    fn what_pages_link_to_outside_of_the_book_is_found() {
        let page = file("docs/a/b.md", "[x](../../e.rs#L1) [c](../c.md) [e](../../examples/)");
        let found = beside_the_book(&[page, file("e.rs", ""), file("docs/c.md", "")]);
        assert_eq!(Vec::from_iter(found), ["e.rs"]);
    }

    #[test]
    fn an_example_that_the_index_omits_is_told() {
        let of = |index: &str| {
            let all = ["examples/a.rs", "c/examples/b.rs", "c/src/d.rs"].map(|path| file(path, ""));
            unlisted_examples(&all.into_iter().chain([file(INDEX, index)]).collect::<Vec<_>>())
        };
        assert_eq!(of("[a](a.rs) [b](../c/examples/b.rs)"), [""; 0]);
        assert_eq!(of("[a](a.rs) `c/examples/b.rs`"), ["examples/README.md: no c/examples/b.rs"]);
        assert_eq!(of("").len(), 2);
        let pages = |summary| unlisted_pages(&[file(SUMMARY, summary), file("docs/a/b.md", "")]);
        assert_eq!(pages("- [b](a/b.md)"), [""; 0]);
        assert_eq!(pages("- [c](c.md)"), ["docs/SUMMARY.md: no docs/a/b.md"]);
    }
}
