//! The attached iterators.

use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Mutex, PoisonError};

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{Iter, Link, MapCore, MapFlags, MapMut, PrintLevel};
use ringbuf_core::Width;

use crate::HostError;
use crate::elements::Element;
use crate::programs::processes::{ProcessesSkel, ProcessesSkelBuilder};
use crate::programs::rings::RingsSkelBuilder;

/// The slots of the map `state` of `processes.bpf.c`.
const OWN_FD: u32 = 0;
const OPERATIONS: u32 = 1;
const LEVEL: u32 = 2;
const LOAD: &str = "load BPF iterators into the kernel";
const ATTACH: &str = "attach a BPF iterator";
const LEARN: &str = "learn how the kernel marks the files of maps";
/// Read at once.
const CHUNK: usize = 64 * 1024;

/// The iterators, attached.
#[derive(Debug)]
pub(crate) struct Iterators {
    pub(crate) rings: Link,
    pub(crate) inner: Link,
    pub(crate) uses: Link,
    pub(crate) holders: Link,
    /// Linux 5.12.
    pub(crate) mapped: Option<Link>,
    /// The kernel shows all processes: this one is in the initial PID namespace.
    pub(crate) all_processes: bool,
}

impl Iterators {
    pub(crate) fn load() -> Result<Self, HostError> {
        if ringbuf_kernel::kernel_width().map_err(HostError::ById)? != Width::Bits64 {
            return Err(HostError::Narrow);
        }
        // A refusal comes back as an error. libbpf would print its own words on standard error.
        let (mut result, said) = quietly(Self::load_all);
        if let Err(HostError::Bpf { log, .. }) = &mut result {
            *log = said;
        }
        result
    }

    fn load_all() -> Result<Self, HostError> {
        let mut object = MaybeUninit::uninit();
        let rings = RingsSkelBuilder::default().open(&mut object).and_then(|open| open.load());
        let rings = rings.map_err(|error| HostError::bpf(LOAD, error))?;
        let attach = |program: &libbpf_rs::ProgramMut<'_>| {
            program.attach().map_err(|error| HostError::bpf(ATTACH, error))
        };
        let mut object = MaybeUninit::uninit();
        let (mut other, mut old) = (MaybeUninit::uninit(), false);
        let processes = match load_processes(&mut object, true) {
            Ok(processes) => processes,
            Err(_) => {
                old = true;
                load_processes(&mut other, false).map_err(|error| HostError::bpf(LOAD, error))?
            }
        };
        let state = &processes.maps.state;
        let learn = attach(&processes.progs.learn)?;
        let level = learned(state, &learn)?;
        Ok(Self {
            rings: attach(&rings.progs.rings)?,
            inner: attach(&rings.progs.inner)?,
            uses: attach(&rings.progs.uses)?,
            holders: attach(&processes.progs.holders)?,
            mapped: if old { None } else { Some(attach(&processes.progs.mapped)?) },
            all_processes: level == 0,
        })
    }
}

/// Before Linux 5.12 there is no iterator over mappings.
fn load_processes(
    object: &mut MaybeUninit<libbpf_rs::OpenObject>,
    mappings: bool,
) -> libbpf_rs::Result<ProcessesSkel<'_>> {
    let mut open = ProcessesSkelBuilder::default().open(object)?;
    open.progs.mapped.set_autoload(mappings);
    open.load()
}

/// Lets `learn` find the operations of maps, and returns the level of our PID namespace.
fn learned(state: &MapMut<'_>, learn: &Link) -> Result<u64, HostError> {
    let failed = |error| HostError::bpf(LEARN, error);
    let own = state.as_fd().as_raw_fd();
    let own = u64::try_from(own).expect("a descriptor is not negative");
    state.update(&OWN_FD.to_ne_bytes(), &own.to_ne_bytes(), MapFlags::ANY).map_err(failed)?;
    read_bytes(learn)?;
    let slot = |number: u32| {
        let value = state.lookup(&number.to_ne_bytes(), MapFlags::ANY).map_err(failed)?;
        let value = value.and_then(|bytes| bytes.try_into().ok()).map(u64::from_ne_bytes);
        Ok(value.unwrap_or(0))
    };
    if slot(OPERATIONS)? == 0 {
        let source = io::Error::new(io::ErrorKind::NotFound, "no file of this process was shown");
        return Err(HostError::Read { source });
    }
    slot(LEVEL)
}

/// All elements of an iterator now.
pub(crate) fn read<E: Element>(link: &Link) -> Result<Vec<E>, HostError> {
    Ok(E::all(&read_bytes(link)?))
}

fn read_bytes(link: &Link) -> Result<Vec<u8>, HostError> {
    let mut iterator =
        Iter::new(link).map_err(|error| HostError::bpf("read an iterator", error))?;
    let (mut bytes, mut read) = (Vec::new(), 0);
    loop {
        bytes.resize(read + CHUNK, 0);
        match iterator.read(&mut bytes[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            // The kernel pauses after a million objects that write nothing.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            Err(source) => return Err(HostError::Read { source }),
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}

/// What libbpf would have printed.
static WARNINGS: Mutex<String> = Mutex::new(String::new());
/// The number of its lines that an error tells. The last ones are the useful ones.
const TOLD: usize = 12;

/// Runs `body` while libbpf prints nothing, in the whole process. Returns the last lines that it
/// would have printed, too.
pub(crate) fn quietly<T>(body: impl FnOnce() -> T) -> (T, String) {
    let warnings = || WARNINGS.lock().unwrap_or_else(PoisonError::into_inner);
    warnings().clear();
    let before = libbpf_rs::set_print(Some((PrintLevel::Warn, remember)));
    let result = body();
    libbpf_rs::set_print(before);
    let all = std::mem::take(&mut *warnings());
    let lines: Vec<&str> = all.lines().collect();
    (result, lines[lines.len().saturating_sub(TOLD)..].join("\n"))
}

fn remember(_: PrintLevel, text: String) {
    WARNINGS.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
}
