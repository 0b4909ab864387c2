//! One set of programs for every kernel. Those of other architectures are linked statically, those
//! of this machine bring their shared libraries.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::run;

/// The tests that can be built for every architecture.
pub(crate) const PORTABLE: &str = "ringbuf-portable";

/// A program for the virtual machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    /// One of the live tests, rather than the command `ringbuf`.
    pub(crate) test: bool,
}

/// Builds `ringbuf` and the live tests, with the BPF programs inside: the same files as those of
/// the suite `live`. They need shared libraries of this machine.
pub(crate) fn build(root: &Path) -> Result<Vec<Program>> {
    let release = |line: &str| {
        let mut cargo = gentle(&run::cargo_path());
        cargo.current_dir(root).args(line.split_whitespace());
        cargo.args(["--quiet", "--release", "--locked"]);
        cargo.args(["--message-format", "json-render-diagnostics"]);
        run::output(&mut cargo)
    };
    let command = release("build -p ringbuf-cli -p ringbuf-capi")?;
    let tests = release(&format!("test --no-run -p ringbuf-tests -p {PORTABLE}"))?;
    let programs = programs(&(command + &tests));
    ensure!(programs.iter().any(|program| !program.test), "cargo built no program called ringbuf");
    ensure!(programs.iter().any(|program| program.test), "cargo built no live tests");
    Ok(programs)
}

/// The shared libraries that a program of this machine needs, with its interpreter.
pub(crate) fn libraries(file: &Path) -> Result<Vec<PathBuf>> {
    let told = run::output(Command::new("ldd").arg(file))?;
    let named = told.lines().filter(|line| !line.contains("linux-vdso"));
    named
        .map(|line| {
            // `NAME => PATH (ADDRESS)`, or `PATH (ADDRESS)`.
            let place = line.rsplit("=> ").next().unwrap_or(line).trim();
            let path = place.split(" (").next().unwrap_or(place);
            let found = path.starts_with('/').then(|| PathBuf::from(path));
            found.with_context(|| format!("{}: a library is missing: {line}", file.display()))
        })
        .collect()
}

/// A cargo with low priority: the virtual machines that run meanwhile must not stand still, but
/// cargo may.
pub(crate) fn gentle(cargo: &Path) -> Command {
    let mut command = Command::new("nice");
    command.args(["-n", "5"]).arg(cargo);
    command
}

/// Makes the programs small: they are copied into memory for every boot, and a backtrace there
/// helps nobody. Packages that run rarely or never there are built quickly, because they took half
/// of the time.
pub(crate) fn small(cargo: &mut Command) {
    cargo.env("CARGO_PROFILE_RELEASE_DEBUG", "false").env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    for package in ["clap_builder", "regex-syntax", "rustix", "serde_json", "zerocopy"] {
        cargo.arg("--config").arg(format!("profile.release.package.{package}.opt-level=0"));
    }
    cargo.args(["--config", "profile.release.package.proptest.opt-level=1"]);
}

/// This test loads libbpf and a library of ours, which the virtual machine does not have.
const LOADS: &str = "capi";

/// The programs for the virtual machine in cargo's list of what it built.
pub(crate) fn programs(messages: &str) -> Vec<Program> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = |message: Value| {
        let file = PathBuf::from(message["executable"].as_str()?);
        let name = message["target"]["name"].as_str()?.to_owned();
        let kind = message["target"]["kind"].as_array()?.first()?.as_str()?.to_owned();
        let package = message["package_id"].as_str()?;
        let live = ["ringbuf-tests", PORTABLE].iter().any(|name| package.contains(name));
        let test = kind == "test" && live && name != LOADS;
        let wanted = test || (kind == "bin" && name == "ringbuf");
        wanted.then_some(Program { name, file, test })
    };
    let mut all: Vec<_> = messages.filter_map(program).collect();
    all.sort_by(|a, b| (a.test, &a.name).cmp(&(b.test, &b.name)));
    all.dedup();
    all
}

/// Refuses a program that needs an interpreter and shared libraries.
pub(crate) fn require_static(file: &Path) -> Result<()> {
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    match is_static(&bytes) {
        Some(true) => Ok(()),
        Some(false) => bail!(
            "{} needs shared libraries, which the virtual machine does not have: \
             it was not linked statically",
            file.display()
        ),
        None => bail!("{} is not an ELF program", file.display()),
    }
}

/// Whether a program runs without an interpreter (which is what loads shared libraries): its
/// program headers name none. `None` if this is not an ELF file.
pub(crate) fn is_static(elf: &[u8]) -> Option<bool> {
    const INTERPRETER: usize = 3;
    let [0x7f, b'E', b'L', b'F', class, order, ..] = elf else { return None };
    let number = |at: usize, size: usize| {
        let bytes = elf.get(at..at.checked_add(size)?)?;
        let add = |value: usize, byte: &u8| value << 8 | usize::from(*byte);
        Some(if *order == 1 { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    };
    let (offset, sizes) = match class {
        1 => (number(28, 4)?, 42),
        2 => (number(32, 8)?, 54),
        _ => return None,
    };
    let (size, count) = (number(sizes, 2)?, number(sizes + 2, 2)?);
    let kind = |index: usize| number(offset.checked_add(index.checked_mul(size)?)?, 4);
    let kinds: Option<Vec<_>> = (0..count).map(kind).collect();
    Some(!kinds?.contains(&INTERPRETER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_tells_what_it_built() {
        let message = |package: &str, kind: &str, name: &str, file: &str| {
            format!(
                "{{\"package_id\":\"path+file:///w/{package}#0.1.0\",\"target\":{{\"kind\":\
                 [\"{kind}\"],\"name\":\"{name}\"}},\"executable\":{file}}}\n"
            )
        };
        let text = [
            message("tests#ringbuf-tests@", "test", "vectors", "\"/t/vectors-1\""),
            message("tests#ringbuf-tests@", "test", LOADS, "\"/t/capi-1\""),
            message("ringbuf-cli", "test", "exec", "\"/t/exec-1\""),
            message("ringbuf-cli", "bin", "ringbuf", "\"/t/ringbuf\""),
            message("ringbuf-cli", "bin", "ringbuf", "\"/t/ringbuf\""),
            message("ringbuf-core", "lib", "ringbuf_core", "null"),
            "no json\n".to_owned(),
        ];
        let all = programs(&text.concat());
        let names: Vec<_> = all.iter().map(|p| (p.name.as_str(), p.test)).collect();
        assert_eq!(names, [("ringbuf", false), ("vectors", true)]);
    }

    /// An ELF file with these program headers and nothing else.
    fn elf(kinds: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = u8::try_from(kinds.len()).unwrap();
        for kind in kinds {
            bytes.extend(kind.to_le_bytes());
            bytes.extend([0; 52]);
        }
        bytes
    }

    #[test]
    fn an_interpreter_means_shared_libraries() {
        assert_eq!(is_static(&elf(&[1, 2])), Some(true));
        assert_eq!(is_static(&elf(&[6, 3, 1])), Some(false));
        assert_eq!(is_static(&elf(&[1, 1])[..100]), None, "cut off");
        assert_eq!(is_static(b"#!/bin/sh\n"), None);
    }

    #[test]
    fn other_widths_and_byte_orders_are_read() {
        let mut bytes = vec![0; 84];
        bytes[..6].copy_from_slice(b"\x7fELF\x01\x02");
        (bytes[31], bytes[43], bytes[45], bytes[55]) = (52, 32, 1, 3);
        assert_eq!(is_static(&bytes), Some(false));
        bytes[55] = 1;
        assert_eq!(is_static(&bytes), Some(true));
        bytes[4] = 3;
        assert_eq!(is_static(&bytes), None);
    }

    #[test]
    fn a_shared_program_names_its_libraries() {
        let all = libraries(&std::env::current_exe().unwrap()).unwrap();
        assert!(all.iter().any(|path| path.to_str().unwrap().contains("/libc.so")), "{all:?}");
        assert!(all.iter().any(|path| path.to_str().unwrap().contains("/ld-")), "{all:?}");
        assert!(all.iter().all(|path| path.is_file()), "{all:?}");
    }
}
