//! Stamped records through many rings, on many CPUs, through `shards.bpf.c`.

use std::io;
use std::mem::{MaybeUninit, offset_of};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::time::Duration;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{Link, MapCore, MapFlags, MapImpl, libbpf_sys};
use ringbuf_bpf::shards::types::{bss, produce, stream};
use ringbuf_bpf::shards::{OpenShardsSkel, ShardsSkel, ShardsSkelBuilder};

use crate::{Globals, online_cpus};

/// The programs, and an array of maps for their rings.
pub struct Shards {
    skeleton: ShardsSkel<'static>,
    globals: Globals,
}

/// One record of [`Shards`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its time.
    pub key: u64,
    /// How many records of its stream came before it.
    pub number: u64,
    /// Two times the CPU, and one more if it is of the program that interrupts.
    pub stream: usize,
    /// The slot of its ring.
    pub slot: u32,
    /// If `timed` is set: how long the record before in its stream took, from its time until its
    /// submit was over.
    pub took: Duration,
}

impl std::fmt::Debug for Shards {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shards").finish_non_exhaustive()
    }
}

impl Shards {
    /// Loads the programs. The slots are empty.
    ///
    /// # Errors
    /// If the kernel refuses the programs or the map.
    pub fn load() -> libbpf_rs::Result<Self> {
        Self::load_with(|_| Ok(()))
    }

    /// Loads the programs, after `prepare` has set what it likes.
    ///
    /// # Errors
    /// As [`load`](Self::load), or what `prepare` returns.
    pub fn load_with(
        prepare: impl FnOnce(&mut OpenShardsSkel<'static>) -> libbpf_rs::Result<()>,
    ) -> libbpf_rs::Result<Self> {
        // The skeleton borrows this for as long as it lives; a few bytes per load stay behind.
        let object = Box::leak(Box::new(MaybeUninit::uninit()));
        let mut open = ShardsSkelBuilder::default().open(object)?;
        prepare(&mut open)?;
        let skeleton = open.load()?;
        let globals = Globals::of(&skeleton.maps.bss)?;
        Ok(Self { skeleton, globals })
    }

    /// The array of maps.
    pub fn array(&self) -> &MapImpl<'static> {
        &self.skeleton.maps.shards
    }

    /// Puts a ring into a slot.
    ///
    /// # Errors
    /// As bpf(2) with BPF_MAP_UPDATE_ELEM.
    pub fn put(&self, slot: u32, ring: impl AsFd) -> libbpf_rs::Result<()> {
        let fd = ring.as_fd().as_raw_fd() as u32;
        self.array().update(&slot.to_ne_bytes(), &fd.to_ne_bytes(), MapFlags::ANY)
    }

    /// Runs the program on the calling thread's CPU, and returns its arguments as it leaves them.
    ///
    /// # Errors
    /// As bpf(2) with BPF_PROG_TEST_RUN.
    ///
    /// # Panics
    /// If there is no such size of records.
    pub fn produce(&self, mut arguments: produce) -> io::Result<produce> {
        let mut options = libbpf_sys::bpf_test_run_opts {
            sz: size_of::<libbpf_sys::bpf_test_run_opts>() as libbpf_sys::size_t,
            ctx_in: (&raw mut arguments).cast(),
            ctx_size_in: size_of::<produce>() as u32,
            ..Default::default()
        };
        let program = self.skeleton.progs.produce.as_fd().as_raw_fd();
        // SAFETY: `options` states its size, and points to a context with its size, which is
        // exclusively borrowed: for a syscall program the kernel reads and writes that.
        let ret = unsafe { libbpf_sys::bpf_prog_test_run_opts(program, &raw mut options) };
        if ret < 0 {
            return Err(io::Error::from_raw_os_error(-ret));
        }
        assert_eq!(options.retval, 0, "no records of {} bytes", arguments.size);
        Ok(arguments)
    }

    /// Lets the other program interrupt each CPU so often. It stops when the links are dropped.
    ///
    /// # Errors
    /// As perf_event_open(2) and bpf(2).
    pub fn interrupt(&self, period_ns: u64) -> libbpf_rs::Result<Vec<Link>> {
        let attach = |cpu| {
            let timer = timer(period_ns, cpu)?;
            // The link closes it.
            self.skeleton.progs.tick.attach_perf_event(timer.into_raw_fd())
        };
        online_cpus().into_iter().map(attach).collect()
    }

    /// Attempts and accepted records of a stream so far.
    pub fn stream(&self, number: usize) -> stream {
        let at = offset_of!(bss, streams) + number * size_of::<stream>();
        let word = |field| self.globals.u64_at(at + field).load(Ordering::Acquire);
        let (attempted, accepted) = (offset_of!(stream, attempted), offset_of!(stream, accepted));
        stream { attempted: word(attempted), accepted: word(accepted), ..Default::default() }
    }

    /// Streams that may have records: two for each CPU that is online.
    pub fn streams(&self) -> usize {
        online_cpus().last().map_or(0, |last| 2 * (last + 1))
    }
}

impl Event {
    /// Reads a record.
    ///
    /// # Panics
    /// If it is too short, or its last word is not its number.
    pub fn of(sample: &[u8]) -> Self {
        let word = |at: usize| u64::from_ne_bytes(sample[at..at + 8].try_into().expect("8 bytes"));
        let half = |at: usize| u32::from_ne_bytes(sample[at..at + 4].try_into().expect("4 bytes"));
        let short = |at: usize| u16::from_ne_bytes(sample[at..at + 2].try_into().expect("2 bytes"));
        let event = Self {
            key: word(0),
            number: word(8),
            stream: short(16).into(),
            slot: short(18).into(),
            took: Duration::from_micros(half(20).into()),
        };
        assert_eq!(word(sample.len() - 8), event.number, "the end of a record");
        event
    }
}

/// A timer of the kernel on one CPU (`PERF_COUNT_SW_CPU_CLOCK`), which interrupts whatever runs.
fn timer(period_ns: u64, cpu: usize) -> io::Result<OwnedFd> {
    /// `struct perf_event_attr` in its first version.
    #[repr(C)]
    struct Attributes {
        kind: u32,
        size: u32,
        config: u64,
        sample_period: u64,
        rest: [u64; 5],
    }
    const PERF_TYPE_SOFTWARE: u32 = 1;
    const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 8;
    let attributes = Attributes {
        kind: PERF_TYPE_SOFTWARE,
        size: size_of::<Attributes>() as u32,
        config: 0,
        sample_period: period_ns,
        rest: [0; 5],
    };
    let (every_process, no_group): (libc::pid_t, libc::c_int) = (-1, -1);
    // SAFETY: the kernel reads the attributes, whose size they state; the rest are numbers.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            every_process,
            libc::c_int::try_from(cpu).unwrap_or(-1),
            no_group,
            PERF_FLAG_FD_CLOEXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}
