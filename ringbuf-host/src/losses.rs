//! [`Losses`]: what rings refuse to programs, counted in the kernel.

use std::collections::HashMap;
use std::error::Error;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::{fmt, fs};

use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::{Func, FuncProto};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{ErrorKind, Link, MapCore, MapFlags, MapHandle, ProgramMut};

use crate::error::{BTF, no_types};
use crate::iterators::quietly;
use crate::programs::refused::RefusedSkelBuilder;

/// The helpers that reserve space in a ring. Only the last one may be missing (Linux 5.19).
const HELPERS: [&str; 3] =
    ["bpf_ringbuf_reserve", "bpf_ringbuf_output", "bpf_ringbuf_reserve_dynptr"];
/// BTF gives a helper five arguments of 64 bits, whatever it takes. The result is behind them.
const ARGUMENTS: usize = 5;

/// Counts the records that the kernel refuses, for every ring, whoever wrote the programs.
///
/// It attaches a program behind each helper that reserves (`fexit`), so that it sees every
/// refusal: ring full, record too big, wrong flags. It counts from
/// [`attach`](Self::attach) on, and until it is dropped. The counts are exact, except for what
/// [`missed`](Self::missed) says.
///
/// Each reservation in the whole system then costs some nanoseconds more: a trampoline and a
/// comparison (128 instructions on x86-64, Linux 6.12).
///
/// ```no_run
/// use ringbuf_host::{Losses, Refused};
///
/// match Losses::attach() {
///     Ok(losses) => {
///         // ... later:
///         for (map, lost) in losses.by_map()? {
///             println!("map {map}: {} records lost, {} bytes", lost.records, lost.bytes);
///         }
///     }
///     // Linux 6.18 and later, for example.
///     Err(why @ Refused::Attach { .. }) => eprintln!("losses: n/a: {why}"),
///     Err(why) => eprintln!("losses: n/a: {why}"),
/// }
/// # Ok::<(), libbpf_rs::Error>(())
/// ```
#[derive(Debug)]
pub struct Losses {
    lost: MapHandle,
    uncounted: MapHandle,
    programs: Vec<OwnedFd>,
    _links: Vec<Link>,
}

/// What a ring has refused.
///
/// ```
/// let lost = ringbuf_host::Lost::default();
/// assert_eq!((lost.records, lost.bytes), (0, 0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// Records.
    pub records: u64,
    /// The space that they would have taken in the ring, in bytes, with headers.
    pub bytes: u64,
}

/// Why losses cannot be counted here.
///
/// See [`Losses`] for an example.
#[non_exhaustive]
pub enum Refused {
    /// Not permitted: it needs `CAP_BPF` and `CAP_PERFMON`. Some machines permit no `fexit`
    /// program at all, to nobody.
    #[non_exhaustive]
    Privilege {
        /// What was refused.
        operation: &'static str,
    },
    /// The kernel has no type information, or none of this helper.
    #[non_exhaustive]
    NoTypes {
        /// The helper.
        helper: &'static str,
    },
    /// The helper has other arguments than this crate knows.
    #[non_exhaustive]
    Signature {
        /// The helper.
        helper: &'static str,
        /// How many arguments it has.
        arguments: usize,
    },
    /// The kernel does not load such programs.
    #[non_exhaustive]
    Load {
        /// What libbpf reported.
        source: libbpf_rs::Error,
        /// The last lines that it had to say about it. May be empty.
        log: String,
    },
    /// The kernel does not let programs attach to this helper. Linux 6.18 and later answer
    /// "busy": their ringbuf.c cannot be traced.
    #[non_exhaustive]
    Attach {
        /// The helper.
        helper: &'static str,
        /// What libbpf reported.
        source: libbpf_rs::Error,
    },
}

impl Losses {
    /// Attaches the counters. It tries, whatever the release of the kernel. libbpf prints
    /// nothing meanwhile, for other threads, too.
    ///
    /// See [`Losses`] for an example.
    ///
    /// # Errors
    /// [`Refused`] says why. Then nothing stays attached.
    pub fn attach() -> Result<Self, Refused> {
        let (mut result, said) = quietly(Self::try_attach);
        if let Err(Refused::Load { log, .. }) = &mut result {
            *log = said;
        }
        result
    }

    fn try_attach() -> Result<Self, Refused> {
        let has_dynptr = check_signatures()?;
        let mut object = MaybeUninit::uninit();
        let load = |source: libbpf_rs::Error| match source.kind() {
            ErrorKind::PermissionDenied => Refused::Privilege { operation: "load them" },
            _ => Refused::Load { source, log: String::new() },
        };
        let mut open = RefusedSkelBuilder::default().open(&mut object).map_err(load)?;
        open.progs.reserve_dynptr.set_autoload(has_dynptr);
        let skeleton = open.load().map_err(load)?;
        let progs = [&skeleton.progs.reserve, &skeleton.progs.output];
        let dynptr = has_dynptr.then_some(&skeleton.progs.reserve_dynptr);
        let progs: Vec<&ProgramMut<'_>> = progs.into_iter().chain(dynptr).collect();
        let attach = |(prog, helper): (&&ProgramMut<'_>, _)| {
            prog.attach().map_err(|source| match source.kind() {
                ErrorKind::PermissionDenied => Refused::Privilege { operation: "attach them" },
                _ => Refused::Attach { helper, source },
            })
        };
        let links = progs.iter().zip(HELPERS).map(attach).collect::<Result<_, _>>()?;
        let fd = |prog: &&ProgramMut<'_>| prog.as_fd().try_clone_to_owned();
        let programs = progs.iter().map(fd).collect::<Result<_, _>>();
        Ok(Self {
            lost: MapHandle::try_from(&skeleton.maps.lost).map_err(load)?,
            uncounted: MapHandle::try_from(&skeleton.maps.uncounted).map_err(load)?,
            programs: programs.map_err(|error| load(error.into()))?,
            _links: links,
        })
    }

    /// Returns what each ring has refused since [`attach`](Self::attach), by the id of its map.
    /// Rings that refused nothing are not in it. Rings that have gone stay in it; the kernel
    /// gives their ids to no other map until it has used all.
    ///
    /// Programs go on meanwhile, so it grows from call to call, and never shrinks.
    ///
    /// # Errors
    /// [`libbpf_rs::Error`] if the kernel refuses to read the counters.
    pub fn by_map(&self) -> Result<HashMap<u32, Lost>, libbpf_rs::Error> {
        let mut all = HashMap::new();
        for key in self.lost.keys() {
            let Ok(id) = key.as_slice().try_into().map(u32::from_ne_bytes) else { continue };
            let values = self.lost.lookup_percpu(&key, MapFlags::ANY)?.unwrap_or_default();
            all.insert(id, values.iter().fold(Lost::default(), |sum, value| sum.plus(value)));
        }
        Ok(all)
    }

    /// Returns how many refusals are not in [`by_map`](Self::by_map), at most: there is room for
    /// 4096 rings; and an interrupt that cannot be masked may come while the counter runs.
    ///
    /// ```no_run
    /// let losses = ringbuf_host::Losses::attach()?;
    /// assert_eq!(losses.missed()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`by_map`](Self::by_map).
    pub fn missed(&self) -> Result<u64, libbpf_rs::Error> {
        let values = self.uncounted.lookup_percpu(&0_u32.to_ne_bytes(), MapFlags::ANY)?;
        let sum: u64 = values.into_iter().flatten().map(|value| word(&value, 0)).sum();
        Ok(sum + self.programs.iter().map(not_run).sum::<u64>())
    }
}

impl Lost {
    /// Adds the `struct lost` of one CPU.
    fn plus(self, value: &[u8]) -> Self {
        Self { records: self.records + word(value, 0), bytes: self.bytes + word(value, 8) }
    }
}

fn word(value: &[u8], at: usize) -> u64 {
    let bytes = value.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u64::from_ne_bytes)
}

/// How often the kernel did not run a program, because it ran already on this CPU. Linux 5.12
/// counts it. Before, it runs it again: the additions are atomic.
fn not_run(program: &OwnedFd) -> u64 {
    let path = format!("/proc/self/fdinfo/{}", program.as_raw_fd());
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("recursion_misses:"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

/// Whether the last helper exists. The programs know where the arguments and the result are.
fn check_signatures() -> Result<bool, Refused> {
    let none = Refused::NoTypes { helper: HELPERS[0] };
    if no_types() {
        return Err(none);
    }
    let btf = Btf::from_vmlinux().map_err(|_| none)?;
    for helper in HELPERS {
        let Some(function) = btf.type_by_name::<Func<'_>>(helper) else {
            if helper == HELPERS[2] {
                return Ok(false);
            }
            return Err(Refused::NoTypes { helper });
        };
        let arguments = function.next_type().and_then(|next| FuncProto::try_from(next).ok());
        let arguments = arguments.map_or(0, |arguments| arguments.iter().count());
        if arguments != ARGUMENTS {
            return Err(Refused::Signature { helper, arguments });
        }
    }
    Ok(true)
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("losses cannot be counted in the kernel: ")?;
        match self {
            Self::Privilege { operation } => write!(
                f,
                "the counters are programs of type fexit, and the kernel does not permit to \
                 {operation}. They need CAP_BPF and CAP_PERFMON. If this process has them, the \
                 machine permits such programs to nobody"
            ),
            Self::NoTypes { helper } => {
                write!(f, "the kernel has no type information of {helper} ({BTF})")
            }
            Self::Signature { helper, arguments } => write!(
                f,
                "{helper} has {arguments} arguments in this kernel, and {ARGUMENTS} are known: use \
                 a newer release of this tool"
            ),
            Self::Load { source, log } => {
                write!(f, "the kernel does not load programs of type fexit: {source:#}")?;
                log.lines().try_for_each(|line| write!(f, "\n    {line}"))
            }
            Self::Attach { helper, source } => write!(
                f,
                "the kernel does not let programs attach to {helper}: {source:#}. Linux 6.18 and \
                 later do not. Programs can count their own losses (ringbuf.bpf.h)"
            ),
        }
    }
}

/// The same text as `Display`, so that a `main` that returns the error prints the advice.
impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text holds that of the cause, so `source` has nothing to add.
impl Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_all_cpus_are_summed() {
        let value =
            |records: u64, bytes: u64| [records.to_ne_bytes(), bytes.to_ne_bytes()].concat();
        let lost = [value(2, 32), value(0, 0), value(5, 80)]
            .iter()
            .fold(Lost::default(), |sum, one| sum.plus(one));
        assert_eq!((lost.records, lost.bytes), (7, 112));
        assert_eq!(Lost::default().plus(&[1]), Lost::default(), "no counter");
    }
}
