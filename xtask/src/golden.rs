//! `cargo xtask golden`: compares the optimised code of the hot functions with bench/golden.
//!
//! There are two checks. The accesses to shared memory and the called functions are listed here,
//! and must be the same with every compiler. The exact text is compared only if this compiler wrote
//! it.

mod asm;
mod ir;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::run;
use crate::workspace::Workspace;

use ir::Module;

/// Where the code is kept.
const FOLDER: &str = "bench/golden";
/// The flags of the build. The caller's environment does not change them.
const FLAGS: &str = "-C opt-level=3 -C codegen-units=1 -C debuginfo=0 -C debug-assertions=off \
    -C overflow-checks=off -C target-cpu=x86-64 -C symbol-mangling-version=v0";
/// The only machine whose code is kept.
const HOST: &str = "x86_64-unknown-linux-gnu";
/// The exit code that tells the gate: the text could not be compared.
const NOT_COMPARED: u8 = 77;
/// Parts of names that occur only in code that can panic.
const PANICS: [&str; 5] =
    ["panic", "unwrap_failed", "expect_failed", "slice_index", "len_mismatch"];

/// A function whose code is kept, and what must hold for it.
#[derive(Debug)]
struct Golden {
    /// The last segment of its path; its files are named after it.
    name: &'static str,
    /// Its accesses to shared memory, in the order of the code. Positions have two widths, so each
    /// access to a position is listed twice. On memory that is mapped read-only, Rust requires a
    /// relaxed load with a fence.
    accesses: &'static [&'static str],
    /// The functions that it calls, without the compiler's own operations.
    calls: &'static [&'static str],
}

const GOLDEN: [Golden; 9] = [
    Golden {
        name: "drain_rust",
        accesses: &[
            // The header on the fast path.
            "load i32 relaxed",
            "fence acquire",
        ],
        calls: &["on_sample", "step", "end_batch"],
    },
    Golden {
        name: "each_rust",
        accesses: &[
            // The header, in a run of equal lengths.
            "load i32 relaxed",
            "fence acquire",
            // And where the lengths differ: after a long run, and otherwise.
            "load i32 relaxed",
            "fence acquire",
            "load i32 relaxed",
            "fence acquire",
        ],
        // At the end it arms, and gives back what is left.
        calls: &["on_sample", "step", "end_batch", "arm", "give_back"],
    },
    Golden { name: "end_batch", accesses: &[], calls: &["store_published", "give_back"] },
    Golden { name: "give_back", accesses: &[], calls: &["store_published", "last_two"] },
    Golden {
        name: "last_two",
        accesses: &[
            // The headers that are walked again: the first, and the others.
            "load i32 relaxed",
            "fence acquire",
            "load i32 relaxed",
            "fence acquire",
        ],
        calls: &[],
    },
    Golden {
        name: "store_published",
        accesses: &[
            // The stored consumer position, then the new one.
            "load i64 relaxed",
            "load i32 relaxed",
            "store i64 release",
            "store i32 release",
        ],
        calls: &[],
    },
    Golden {
        name: "step",
        accesses: &[
            // `refresh`: the producer position.
            "load i32 relaxed",
            "load i64 relaxed",
            "fence acquire",
            // The header.
            "load i32 relaxed",
            "fence acquire",
            // `refresh`, if that is out of range: the stored consumer position.
            "load i64 relaxed",
            "load i32 relaxed",
        ],
        calls: &[],
    },
    Golden {
        name: "arm",
        accesses: &[
            // Publish (a call), full fence, and only then look: the stored consumer position, the
            // producer position, the header.
            "fence seq_cst",
            "load i64 relaxed",
            "load i32 relaxed",
            "load i64 relaxed",
            "load i32 relaxed",
            "fence acquire",
            "load i64 relaxed",
            "load i32 relaxed",
            "load i32 relaxed",
            "fence acquire",
        ],
        calls: &["store_published"],
    },
    Golden {
        name: "produce_rust",
        accesses: &[
            // The consumer position.
            "load i64 relaxed",
            "load i32 relaxed",
            "fence acquire",
            // Both words of the header, then the producer position that publishes them.
            "store i32 relaxed",
            "store i32 relaxed",
            "store i64 release",
            "store i32 release",
            // The commit.
            "store i32 release",
        ],
        calls: &[],
    },
];

/// Emits the code and checks it. Then compares it or, with `bless`, stores it. Returns the exit
/// code.
pub(crate) fn golden(workspace: &Workspace, bless: bool) -> Result<u8> {
    let compiler = compiler()?;
    let (llvm, assembly) = emit(workspace)?;
    let module = Module::parse(&llvm);
    let mut broken = Vec::new();
    for golden in &GOLDEN {
        let symbol = module.symbol(golden.name);
        let symbol = symbol
            .with_context(|| format!("the code must contain {} exactly once", golden.name))?;
        let (accesses, names) = (module.accesses(symbol), callees(&module, &assembly, symbol));
        run::echo(format!("{}: {}\n", golden.name, accesses.join("; ")).as_bytes());
        broken.extend(golden.judge(&accesses, &names));
    }
    if !broken.is_empty() {
        for what in &broken {
            eprintln!("golden: {what}");
        }
        eprintln!("golden: {} rules are broken; xtask/src/golden.rs lists them", broken.len());
        return Ok(1);
    }
    let folder = workspace.root.join(FOLDER);
    let current: Vec<_> = GOLDEN.iter().flat_map(|g| g.files(&module, &assembly)).collect();
    if bless {
        ensure!(
            compiler.contains(HOST),
            "the stored code is for {HOST}, but this compiler is {compiler}"
        );
        return keep(&folder, &compiler, &current);
    }
    compare(&folder, &compiler, &current)
}

impl Golden {
    /// The faults of a function with these accesses and callees.
    fn judge(&self, accesses: &[String], callees: &[String]) -> Vec<String> {
        let mut broken = Vec::new();
        if accesses != self.accesses {
            let want = self.accesses.join("\n    ");
            let got = accesses.join("\n    ");
            broken.push(format!(
                "{}: accesses to shared memory\n  expected\n    {want}\n  got\n    {got}",
                self.name
            ));
        }
        for callee in callees {
            let name = callee.rsplit("::").next().unwrap_or(callee);
            if PANICS.iter().any(|panic| callee.contains(panic)) {
                broken.push(format!("{}: may panic: {callee}", self.name));
            } else if !self.calls.contains(&name) {
                broken.push(format!("{}: calls {callee}", self.name));
            }
        }
        for call in self.calls {
            if !callees.iter().any(|callee| callee.rsplit("::").next() == Some(call)) {
                broken.push(format!("{}: no longer calls {call}", self.name));
            }
        }
        broken
    }

    /// Name and text of both its files.
    fn files(&self, module: &Module<'_>, assembly: &str) -> [(String, String); 2] {
        let symbol = module.symbol(self.name).unwrap_or_default();
        let name = self.name.trim_end_matches("_rust");
        let code = asm::text(assembly, symbol, module);
        [(format!("{name}.ll"), module.text(symbol)), (format!("{name}.s"), code)]
    }
}

/// The readable names of the functions that a function calls, from the intermediate code and from
/// the assembly.
fn callees(module: &Module<'_>, assembly: &str, symbol: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let named = asm::named(assembly, symbol).into_iter().map(str::to_owned);
    let called = module.calls(symbol).into_iter().map(str::to_owned);
    for name in called.chain(named) {
        let path = module.path(&name);
        if !all.contains(&path) {
            all.push(path);
        }
    }
    all
}

/// Builds the functions; returns the intermediate code and the assembly.
fn emit(workspace: &Workspace) -> Result<(String, String)> {
    let target = workspace.target.join("golden");
    let [llvm, assembly] = ["ll", "s"].map(|end| target.join("ringbuf_bench").with_extension(end));
    // cargo does not know these files: if the crate is already built, it does not emit them again.
    if target.is_dir() {
        let mut clean =
            cargo(workspace, "clean --release --quiet --package ringbuf-bench --locked");
        run::output(clean.arg("--target-dir").arg(&target))?;
    }
    for file in [&llvm, &assembly] {
        let _absent = fs::remove_file(file);
    }
    let mut build =
        cargo(workspace, "rustc --release --quiet --package ringbuf-bench --lib --locked");
    build.arg("--target-dir").arg(&target).arg("--");
    build.arg(format!("--emit=llvm-ir={},asm={}", llvm.display(), assembly.display()));
    run::output(build.args(FLAGS.split_whitespace()))?;
    let read = |file: &Path| {
        fs::read_to_string(file).with_context(|| format!("rustc wrote no {}", file.display()))
    };
    Ok((read(&llvm)?, read(&assembly)?))
}

/// A cargo command that builds by the settings of the workspace, not by the caller's environment.
fn cargo(workspace: &Workspace, line: &str) -> Command {
    let mut cargo = run::cargo();
    cargo.current_dir(&workspace.root).args(line.split_whitespace());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PROFILE_") {
            cargo.env_remove(name);
        }
    }
    cargo.env_remove("CARGO_BUILD_TARGET").env("CARGO_ENCODED_RUSTFLAGS", "");
    cargo
}

/// The compiler in one line: its version, LLVM's, and the machine.
fn compiler() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    describe(&run::output(Command::new(rustc).arg("-vV"))?)
        .context("cannot read the output of `rustc -vV`")
}

fn describe(version: &str) -> Option<String> {
    let field = |name: &str| version.lines().find_map(|line| line.strip_prefix(name));
    let (llvm, host) = (field("LLVM version: ")?, field("host: ")?);
    Some(format!("{}, LLVM {llvm}, {host}", version.lines().next()?))
}

/// The first line of a file: the compiler, as a comment.
fn first_line(name: &str, compiler: &str) -> String {
    let mark = if name.ends_with(".ll") { ';' } else { '#' };
    format!("{mark} {compiler}")
}

fn keep(folder: &Path, compiler: &str, current: &[(String, String)]) -> Result<u8> {
    fs::create_dir_all(folder)?;
    for (name, text) in current {
        fs::write(folder.join(name), format!("{}\n{text}", first_line(name, compiler)))?;
    }
    run::echo(format!("golden: stored {} files in {FOLDER}\n", current.len()).as_bytes());
    Ok(0)
}

fn compare(folder: &Path, compiler: &str, current: &[(String, String)]) -> Result<u8> {
    let mut changed = 0;
    for (name, text) in current {
        let file = folder.join(name);
        let kept = fs::read_to_string(&file);
        let kept =
            kept.with_context(|| format!("{FOLDER}/{name} (`cargo xtask golden --bless`)"))?;
        let (first, kept) = kept.split_once('\n').unwrap_or((&kept, ""));
        if first != first_line(name, compiler) {
            let by = first.get(2..).unwrap_or_default();
            eprintln!(
                "THE TEXT WAS NOT COMPARED, only accesses and calls: the stored text is from {by}, \
                 but this compiler is {compiler}"
            );
            return Ok(NOT_COMPARED);
        }
        if kept != text {
            changed += 1;
            run::echo(diff(name, kept, text)?.as_bytes());
        }
    }
    if changed > 0 {
        eprintln!(
            "golden: {changed} of {} files differ. If you want this change, run `cargo xtask golden \
             --bless`, and state its cost or gain in the commit",
            current.len()
        );
        return Ok(1);
    }
    run::echo(format!("golden: {} files have not changed\n", current.len()).as_bytes());
    Ok(0)
}

/// What changed, as `git diff` shows it.
fn diff(name: &str, kept: &str, now: &str) -> Result<String> {
    let folder = tempfile::tempdir()?;
    for (side, text) in [("kept", kept), ("now", now)] {
        fs::create_dir(folder.path().join(side))?;
        fs::write(folder.path().join(side).join(name), text)?;
    }
    let mut git = Command::new("git");
    git.current_dir(folder.path()).args(["diff", "--no-index", "--no-color", "--no-prefix"]);
    git.arg("--no-ext-diff");
    let out = git.args(["--", &format!("kept/{name}"), &format!("now/{name}")]).output()?;
    if out.status.code() != Some(1) {
        bail!("git diff: {}", String::from_utf8_lossy(&out.stderr));
    }
    let mut text = String::new();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        if !line.starts_with("diff ") && !line.starts_with("index ") {
            writeln!(text, "{line}")?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
