//! Where type information comes from: programs, files, the kernel.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, anyhow, bail};
use object::{Object, ObjectSection};
use ringbuf_btf::Btf;
use ringbuf_kernel::{Inspector, btf_of_program};

use super::{Parsed, Types};

/// The type information of the kernel, and of its modules.
const KERNEL: &str = "/sys/kernel/btf";

/// No object or BTF that is read has more bytes: the kernel, with debug information, may have 1 GiB,
/// but its types are in /sys.
const LARGEST: u64 = 256 << 20;

/// What `--btf` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BtfFrom {
    /// An object with a section `.BTF`, or raw BTF.
    File(PathBuf),
    Vmlinux,
    Program(u32),
}

impl FromStr for BtfFrom {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let program = text.strip_prefix("prog:").and_then(|id| id.parse().ok());
        Ok(match (text, program) {
            (_, Some(id)) => Self::Program(id),
            ("vmlinux", _) => Self::Vmlinux,
            _ => Self::File(text.into()),
        })
    }
}

/// Raw type information, not read yet.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    all: Vec<Source>,
    /// The kernel's, if a module's continues it.
    base: Option<Vec<u8>>,
    /// Why there is no more.
    pub(crate) problems: Vec<String>,
}

#[derive(Debug)]
struct Source {
    from: String,
    bytes: Vec<u8>,
    of_kernel: bool,
}

impl Sources {
    /// What `--btf` names, or the programs of the map.
    pub(crate) fn new(from: Option<&BtfFrom>, inspector: &Inspector) -> anyhow::Result<Self> {
        match from {
            None => Ok(Self::of_map(inspector)),
            Some(BtfFrom::Program(id)) => {
                let bytes = btf_of_program(*id)?;
                Ok(Self::one(format!("program {id}"), bytes, false))
            }
            Some(BtfFrom::Vmlinux) => {
                let path = Path::new(KERNEL).join("vmlinux");
                Ok(Self::one("vmlinux".to_owned(), read(&path)?, true))
            }
            Some(BtfFrom::File(path)) => Self::of_file(path),
        }
    }

    /// The type information of the programs that use the map. What cannot be read is a problem,
    /// not an error.
    pub(crate) fn of_map(inspector: &Inspector) -> Self {
        let mut this = Self::default();
        let programs = match inspector.programs() {
            Ok(programs) => programs,
            Err(error) => {
                this.problems.push(error.to_string());
                return this;
            }
        };
        if programs.is_empty() {
            this.problems.push("no loaded program uses the map".to_owned());
        }
        for program in programs {
            match btf_of_program(program.id) {
                // The programs of one object share it.
                Ok(bytes) if this.all.iter().any(|one| one.bytes == bytes) => {}
                Ok(bytes) => {
                    let from = format!("program {} ({})", program.id, program.name);
                    if let Err(error) = Btf::parse(&bytes) {
                        this.problems.push(format!("cannot read the types of {from}: {error}"));
                        continue;
                    }
                    this.all.push(Source { from, bytes, of_kernel: false });
                }
                Err(error) => this.problems.push(error.to_string()),
            }
        }
        this
    }

    fn of_file(path: &Path) -> anyhow::Result<Self> {
        let bytes = read(path)?;
        let from = path.display().to_string();
        let bytes = if bytes.starts_with(b"\x7fELF") {
            section(&bytes).with_context(|| format!("cannot read types from {from:?}"))?
        } else {
            bytes
        };
        let of_kernel = path.parent() == Some(Path::new(KERNEL));
        let mut this = Self::one(from, bytes, of_kernel);
        if of_kernel && path.file_name().is_some_and(|name| name != "vmlinux") {
            this.base = Some(read(&Path::new(KERNEL).join("vmlinux"))?);
        }
        Ok(this)
    }

    fn one(from: String, bytes: Vec<u8>, of_kernel: bool) -> Self {
        Self { all: vec![Source { from, bytes, of_kernel }], ..Self::default() }
    }

    /// What a capture of the ring has: what says the type of its records, or what comes first.
    pub(crate) fn into_recorded(mut self, map: &str) -> Option<Vec<u8>> {
        let all = self.parse(None).unwrap_or_default();
        let says = |one: &Parsed<'_>| {
            let types = Types::resolve(std::slice::from_ref(one), &[map], &[]);
            types.is_ok_and(|types| types.is_some())
        };
        let chosen = all.iter().position(says).unwrap_or(0);
        drop(all);
        (chosen < self.all.len()).then(|| self.all.swap_remove(chosen).bytes)
    }

    /// What `parse` needs if it reads a module's.
    pub(crate) fn base(&self) -> anyhow::Result<Option<Btf<'_>>> {
        let base = self.base.as_ref().map(|bytes| Btf::parse(bytes)).transpose();
        base.context("cannot read the types of the kernel")
    }

    /// Reads all of it.
    pub(crate) fn parse<'a>(
        &'a self,
        base: Option<&'a Btf<'a>>,
    ) -> anyhow::Result<Vec<Parsed<'a>>> {
        let parse = |one: &'a Source| {
            let btf = match base {
                Some(base) => Btf::parse_split(&one.bytes, base),
                None => Btf::parse(&one.bytes),
            };
            let btf = btf.with_context(|| format!("cannot read the types of {}", one.from))?;
            Ok(Parsed { from: one.from.clone(), btf, of_kernel: one.of_kernel })
        };
        self.all.iter().map(parse).collect()
    }
}

/// Reads a file that is regular and not too large: a device may have no end.
fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", path.display());
    // A pipe is not opened: that might wait for ever.
    if !fs::metadata(path).with_context(cannot)?.is_file() {
        return Err(anyhow!(NotTypes::NotAFile).context(cannot()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(cannot)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).with_context(cannot)?;
    if bytes.len() as u64 > LARGEST {
        return Err(anyhow!(NotTypes::TooLarge).context(cannot()));
    }
    Ok(bytes)
}

/// Why a file is not read for types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTypes {
    NotAFile,
    TooLarge,
}

impl fmt::Display for NotTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAFile => f.write_str(
                "it is not a regular file: give an object or raw BTF, copied into a file",
            ),
            Self::TooLarge => write!(
                f,
                "it has more than {} MiB, as no type information has: give an object or raw BTF",
                LARGEST >> 20
            ),
        }
    }
}

impl Error for NotTypes {}

/// The section of types of an object.
fn section(elf: &[u8]) -> anyhow::Result<Vec<u8>> {
    let object = object::File::parse(elf).map_err(|error| anyhow!("it is not whole: {error}"))?;
    let Some(section) = object.section_by_name(".BTF") else {
        bail!("it has no section .BTF: build it with `clang -g`");
    };
    let data = section.data().map_err(|error| anyhow!("its section .BTF is broken: {error}"))?;
    Ok(data.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path) -> Option<NotTypes> {
        read(path).unwrap_err().downcast_ref().copied()
    }

    #[test]
    fn only_files_with_an_end_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        let file = File::create(&path).unwrap();
        // It has holes.
        file.set_len(LARGEST + 1).unwrap();
        assert_eq!(refused(&path), Some(NotTypes::TooLarge));
        assert_eq!(refused(folder.path()), Some(NotTypes::NotAFile));
        assert_eq!(refused(Path::new("/dev/zero")), Some(NotTypes::NotAFile));
        file.set_len(5).unwrap();
        assert_eq!(read(&path).unwrap(), [0; 5]);
    }
}
