//! The house rules that no compiler checks.

mod clock;
mod links;

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::run;
use crate::workspace::Workspace;

/// A source file with more lines must be split.
const LONGEST: usize = 450;
/// The first command of a new user, which README.md must show.
const COMMANDS: [&str; 2] = ["cargo xtask demo", "cargo xtask test"];
/// The program that the first page shows.
const EXAMPLE: (&str, &str) = ("ringbuf-kernel/examples/embed.rs", "README.md");
/// An example with more lines is no example. The port of a program with two rings must not be
/// longer than the programs that people port.
const EXAMPLE_LINES: usize = 60;
const PORTS: [(&str, usize); 2] =
    [("examples/from_libbpf_rs.rs", 42), ("examples/aya_tokio.rs", 46)];
/// The comparison with other libraries, which names a test for each claim of ours.
const PEERS: &str = "docs/peers.md";
// The needles are put together so that this file does not contain them.
const IGNORED: &str = concat!("#[", "ignore");
const MARKS: [&str; 4] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), STUB];
const STUB: &str = concat!("To be ", "written");

/// A text file of the repository.
#[derive(Debug)]
struct File {
    path: String,
    text: String,
}

impl File {
    /// `path:line: text` of every line for which `test` holds.
    fn lines_where(&self, test: impl Fn(&str) -> bool) -> Vec<String> {
        let hits = self.text.lines().enumerate().filter(|(_, line)| test(line));
        hits.map(|(n, line)| format!("{}:{}: {}", self.path, n + 1, line.trim())).collect()
    }

    /// Whether the file has this test: `#[test]`, and its function in the next line.
    fn has_test(&self, name: &str) -> bool {
        let function = format!("fn {name}(");
        let mut lines = self.text.lines().zip(self.text.lines().skip(1));
        lines.any(|(mark, line)| mark.trim() == "#[test]" && line.trim().starts_with(&function))
    }

    fn is(&self, endings: &[&str]) -> bool {
        endings.iter().any(|end| self.path.ends_with(end))
    }
}

/// Every rule, with the lines that break it. If the list is empty, the rule holds.
pub(crate) fn check(workspace: &Workspace) -> Vec<(&'static str, Vec<String>)> {
    let root = &workspace.root;
    let (files, unreadable) = match files(root) {
        Ok(files) => (files, Vec::new()),
        Err(error) => (Vec::new(), vec![format!("{error:#}")]),
    };
    let every = |test: fn(&File) -> Vec<String>| files.iter().flat_map(test).collect();
    vec![
        ("the files can be listed", unreadable),
        ("ringbuf-core depends on nothing", tree(root, "ringbuf-core", "normal", alone)),
        ("ringbuf-btf depends on nothing", tree(root, "ringbuf-btf", "normal", alone)),
        ("ringbuf-kernel needs no C library", tree(root, "ringbuf-kernel", "normal,build", no_c)),
        ("ringbuf-typed needs core and zerocopy", tree(root, "ringbuf-typed", "normal", typed)),
        ("no source file is longer than 450 lines", every(too_long)),
        ("no test is ignored", every(ignored)),
        ("no test depends on the host's speed", every(clock::unexplained)),
        ("nothing is left unfinished", every(unfinished)),
        ("each example is as short as promised", every(too_long_an_example)),
        ("README.md shows the two commands", readme(&files)),
        ("README.md shows the example that is compiled", example(&files, EXAMPLE)),
        ("documents show the programs that are compiled", links::programs(&files)),
        ("docs/peers.md names tests that exist", named_tests(&files)),
        ("each link in a document leads somewhere", links::broken(&files)),
        ("examples/README.md lists every example", links::unlisted_examples(&files)),
        ("docs/SUMMARY.md lists every page", links::unlisted_pages(&files)),
        ("ringbuf-core is no_std and has no cfg", core(&files)),
    ]
}

/// Files outside of docs/ that pages of the book link to, with their text.
pub(crate) fn beside_the_book(root: &Path) -> Result<Vec<(String, String)>> {
    let all = files(root)?;
    let linked = links::beside_the_book(&all);
    let beside = all.into_iter().filter(|file| linked.contains(&file.path));
    Ok(beside.map(|file| (file.path, file.text)).collect())
}

/// All text files that belong to the repository, also those not yet added.
fn files(root: &Path) -> Result<Vec<File>> {
    let mut git = std::process::Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let list = run::output(&mut git)?;
    // A listed file may be gone, or hold no text. Such files are not checked.
    let read = |path: &str| {
        let text = fs::read_to_string(root.join(path)).ok()?;
        Some(File { path: path.to_owned(), text })
    };
    Ok(list.split_terminator('\0').filter_map(read).collect())
}

/// Checks the names of the packages that cargo lists for one crate, its own first.
fn tree(root: &Path, package: &str, edges: &str, judge: fn(&[&str]) -> Vec<String>) -> Vec<String> {
    let mut cargo = run::cargo();
    cargo.current_dir(root).args(["tree", "--locked", "--prefix", "none", "-p", package]);
    cargo.args(["-e", edges]);
    match run::output(&mut cargo) {
        Ok(list) => {
            let names: Vec<_> =
                list.lines().filter_map(|line| line.split_whitespace().next()).collect();
            judge(&names)
        }
        Err(error) => vec![format!("{error:#}")],
    }
}

fn alone(names: &[&str]) -> Vec<String> {
    let mut broken: Vec<_> =
        names.iter().skip(1).map(|name| format!("depends on {name}")).collect();
    if names.is_empty() {
        broken.push("cargo lists nothing".to_owned());
    }
    broken
}

/// Typed records are not in core, because core depends on nothing. They need no more than this.
fn typed(names: &[&str]) -> Vec<String> {
    let known = ["ringbuf-typed", "ringbuf-core", "zerocopy"];
    let others = names.iter().filter(|name| !known.contains(name));
    let mut broken: Vec<_> = others.map(|name| format!("depends on {name}")).collect();
    if !known.iter().all(|name| names.contains(name)) {
        broken.push(format!("cargo lists {names:?}"));
    }
    broken
}

fn no_c(names: &[&str]) -> Vec<String> {
    let c = |name: &&&str| {
        let sys = name.ends_with("-sys") && **name != "linux-raw-sys";
        sys || name.starts_with("libbpf") || **name == "cc"
    };
    names.iter().filter(c).map(|name| format!("depends on {name}")).collect()
}

fn too_long_an_example(file: &File) -> Vec<String> {
    if !file.path.starts_with("examples/") && !file.path.contains("/examples/") {
        return Vec::new();
    }
    let port = PORTS.iter().find(|(path, _)| file.path == *path);
    let most = port.map_or(EXAMPLE_LINES, |(_, lines)| *lines);
    let lines = file.text.lines().count();
    if lines <= most {
        Vec::new()
    } else {
        vec![format!("{}: {lines} lines, and not {most}", file.path)]
    }
}

fn too_long(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    if file.is(&[".rs", ".c"]) && lines > LONGEST {
        return vec![format!("{}: {lines} lines", file.path)];
    }
    Vec::new()
}

fn ignored(file: &File) -> Vec<String> {
    if !file.is(&[".rs"]) {
        return Vec::new();
    }
    file.lines_where(|line| line.contains(IGNORED))
}

fn unfinished(file: &File) -> Vec<String> {
    if !file.is(&[".rs", ".c", ".h", ".toml", ".md", ".sh", ".yml", ".ci/run"]) {
        return Vec::new();
    }
    file.lines_where(|line| MARKS.iter().any(|mark| has_word(line, mark)))
}

/// Whether `word` stands in `line` and is not a part of a longer one (`mktemp` likes its X).
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(part) && !line[at + word.len()..].starts_with(part))
}

fn readme(files: &[File]) -> Vec<String> {
    let Some(readme) = files.iter().find(|file| file.path == "README.md") else {
        return vec!["there is no README.md".to_owned()];
    };
    let missing = COMMANDS.iter().filter(|command| !readme.text.contains(**command));
    missing.map(|command| format!("README.md: no `{command}`")).collect()
}

/// The program in the document must equal the one that the compiler sees, from its first `use`
/// on.
fn example(files: &[File], (program, document): (&str, &str)) -> Vec<String> {
    let text = |path: &str| files.iter().find(|file| file.path == path).map(|file| &file.text);
    let source = text(program).and_then(|text| text.find("use ").map(|at| &text[at..]));
    match (source, text(document)) {
        (Some(source), Some(shown)) if shown.contains(source) => Vec::new(),
        _ => vec![format!("{document}: not the program of {program}")],
    }
}

/// Each `path.rs::test` in docs/peers.md must be a test in that file.
fn named_tests(files: &[File]) -> Vec<String> {
    let file = |path: &str| files.iter().find(|file| file.path == path);
    let text = file(PEERS).map_or("", |peers| &peers.text);
    let named: Vec<_> = text.split('`').filter(|word| word.contains(".rs::")).collect();
    if named.is_empty() {
        return vec![format!("{PEERS}: no test is named")];
    }
    let missing = |name: &&str| {
        let found = name.split_once("::").and_then(|(path, test)| Some(file(path)?.has_test(test)));
        found != Some(true)
    };
    named.into_iter().filter(missing).map(|name| format!("{PEERS}: no test {name}")).collect()
}

fn core(files: &[File]) -> Vec<String> {
    let ours = files.iter().filter(|f| f.path.starts_with("ringbuf-core/src/") && f.is(&[".rs"]));
    let mut broken: Vec<_> = ours.flat_map(|file| file.lines_where(has_cfg)).collect();
    let no_std = |f: &File| {
        f.path == "ringbuf-core/src/lib.rs" && f.text.lines().any(|l| l.trim() == "#![no_std]")
    };
    if !files.iter().any(no_std) {
        broken.push("ringbuf-core/src/lib.rs: no #![no_std]".to_owned());
    }
    broken
}

/// Whether a line of code (not of a comment) depends on a configuration other than that of tests.
fn has_cfg(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let code = code.replace("cfg(test)", "").replace("cfg(doctest)", "");
    code.contains("cfg(") || code.contains("cfg!(")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn dependencies() {
        assert!(alone(&["ringbuf-core"]).is_empty());
        assert_eq!(alone(&["ringbuf-core", "libc"]), ["depends on libc"]);
        assert_eq!(alone(&[]).len(), 1);
        assert!(typed(&["ringbuf-typed", "ringbuf-core", "zerocopy"]).is_empty());
        assert_eq!(
            typed(&["ringbuf-typed", "ringbuf-core", "zerocopy", "syn"]),
            ["depends on syn"]
        );
        assert_eq!(typed(&["ringbuf-typed"]).len(), 1);
        assert!(no_c(&["ringbuf-kernel", "libc", "memmap2", "linux-raw-sys"]).is_empty());
        let broken = no_c(&["libbpf-rs", "zstd-sys", "cc", "ccc"]);
        assert_eq!(broken, ["depends on libbpf-rs", "depends on zstd-sys", "depends on cc"]);
    }

    #[test]
    fn length_counts_in_sources_only() {
        let long = "x\n".repeat(LONGEST + 1);
        assert_eq!(too_long(&file("a/b.rs", &long)), ["a/b.rs: 451 lines"]);
        assert_eq!(too_long(&file("exec.bpf.c", &long)).len(), 1);
        assert!(too_long(&file("vmlinux.h", &long)).is_empty());
        assert!(too_long(&file("a.rs", &long[2..])).is_empty());
    }

    #[test]
    fn marks_are_found_as_words() {
        for mark in MARKS {
            assert_eq!(unfinished(&file("a.md", &format!("ok\n {mark}: x\n"))).len(), 1, "{mark}");
            assert!(unfinished(&file("a.md", &format!("A{mark}S_{mark}"))).is_empty(), "{mark}");
            assert!(unfinished(&file("a.bin", mark)).is_empty(), "{mark}");
        }
        let hit = ignored(&file("t.rs", &format!("\n{IGNORED} = \"slow\"]")));
        assert_eq!(hit, [format!("t.rs:2: {IGNORED} = \"slow\"]")]);
    }

    #[test]
    fn the_readme_shows_both_commands() {
        assert_eq!(readme(&[]).len(), 1);
        assert_eq!(readme(&[file("README.md", COMMANDS[0])]).len(), 1);
        assert!(readme(&[file("README.md", &COMMANDS.join("\n"))]).is_empty());
    }

    #[test]
    fn the_readme_shows_the_compiled_program() {
        let program = "//! docs\n\nuse a::b;\n\nfn main() {}\n";
        let shown = file("README.md", "```rust\nuse a::b;\n\nfn main() {}\n```\n");
        assert!(example(&[file(EXAMPLE.0, program), shown], EXAMPLE).is_empty());
        let stale = file("README.md", "```rust\nuse a::c;\n\nfn main() {}\n```\n");
        assert_eq!(example(&[file(EXAMPLE.0, program), stale], EXAMPLE).len(), 1);
        assert_eq!(example(&[], EXAMPLE).len(), 1);
    }

    #[test]
    fn each_test_that_the_comparison_names_exists() {
        let tests = file("a/b.rs", "    #[test]\n    fn holds() {}\nfn helper() {}\n");
        let broken = |text: &str| named_tests(&[file(PEERS, text), file("a/b.rs", &tests.text)]);
        assert!(broken("| `a/b.rs::holds` | `a::b` |").is_empty());
        for wrong in ["a/b.rs::hold", "a/b.rs::helper", "b.rs::holds", "a/c.rs::holds"] {
            let found = broken(&format!("`a/b.rs::holds`, `{wrong}`"));
            assert_eq!(found, [format!("docs/peers.md: no test {wrong}")]);
        }
        assert_eq!((broken("none").len(), named_tests(&[]).len()), (1, 1));
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert_eq!(named_tests(&files(root).unwrap()), [""; 0]);
    }

    #[test]
    fn core_has_no_configuration() {
        assert!(!has_cfg("#[cfg(test)]"));
        assert!(!has_cfg("#[cfg(doctest)]"));
        assert!(!has_cfg("//! no cfg(loom) here"));
        assert!(!has_cfg("#![cfg_attr(docsrs, feature(x))]"));
        assert!(has_cfg("#[cfg(loom)]"));
        assert!(has_cfg("if cfg!(miri) {"));
        let good = file("ringbuf-core/src/lib.rs", "//! x\n#![no_std]\n");
        assert!(core(&[good]).is_empty());
        assert_eq!(core(&[file("ringbuf-core/src/lib.rs", "#[cfg(unix)]\n")]).len(), 2);
    }
}
